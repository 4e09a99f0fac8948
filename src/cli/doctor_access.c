/* Who gets in and what they may do. */
#include "auth/right.h"
#include "cli/doctor_private.h"

#define VOID_SHOWN_MAX 10

void doctor_check_identity(const struct doctor_facts *f, struct doctor_report *r)
{
    if (!f->config)
        return;
    if (doctor_wants_tailnet(f))
        doctor_ok(r, "the tailnet says who is there");
    else if (f->node)
        doctor_bad(r, DOCTOR_WARN,
            "`superguppy serve --tailscale`, or server.listen = "
            "[\"http://tailnet:80?identity=tailscale\"]. If it is served so by flags, give them to "
            "this command too.",
            "this machine is on a tailnet, but no listener has identity=tailscale: nobody is known "
            "without a token");
    else
        doctor_ok(r, "tokens say who is there: no listener has identity=tailscale");
}

void doctor_check_serve(const struct doctor_facts *f, struct doctor_report *r)
{
    if (!f->node || !f->node->running || !f->config) /* without it our ports are not known */
        return;
    if (!f->serve_known)
        doctor_bad(r, DOCTOR_WARN,
            "Look yourself: `tailscale serve status` and `tailscale funnel status` should not name "
            "the registry's port.",
            "tailscaled does not say what it serves");
    for (size_t i = 0; i < f->n_serves; i++) {
        const struct doctor_serve *s = &f->serves[i];
        if (s->funnel)
            doctor_bad(r, DOCTOR_FAIL,
                "Take it away: `tailscale funnel reset`. Nobody on the internet can be told apart "
                "there.",
                "Funnel opens %" STR_FMT " to the internet and leads to the registry (%" STR_FMT
                ")",
                STR_ARG(s->where), STR_ARG(s->target));
        else
            doctor_bad(r, DOCTOR_WARN,
                "Take it away: `tailscale serve reset`. The registry listens on the tailnet "
                "itself.",
                "tailscale serve answers %" STR_FMT " and leads to the registry (%" STR_FMT
                "): it hides who asks",
                STR_ARG(s->where), STR_ARG(s->target));
    }
    if (f->serve_known && f->n_serves == 0)
        doctor_ok(r, "neither tailscale serve nor Funnel stands before the registry");
}

/* ---- what the policy gives ---- */

static bool gets_something(const struct doctor_peer *p)
{
    return p->capability.n > p->capability.n_void;
}

static bool gets_admin(const struct doctor_peer *p)
{
    for (size_t i = 0; i < p->capability.n; i++) {
        if (p->capability.rules[i].roles & (1u << ROLE_ADMIN))
            return true;
    }
    return false;
}

static bool warn_void(const struct doctor_peer *p, struct doctor_report *r)
{
    for (size_t i = 0; i < p->capability.n; i++) {
        const struct capability_rule *rule = &p->capability.rules[i];
        if (!rule->void_reason.p)
            continue;
        doctor_bad(r, DOCTOR_WARN,
            "Mend it in the tailnet's policy; `superguppy policy check FILE --as WHO` says when it "
            "is good. Until then it gives nothing.",
            "object %zu of what the policy grants %" STR_FMT " is void: %" STR_FMT, i + 1,
            STR_ARG(p->name), STR_ARG(rule->void_reason));
        return true; /* one of each node: the rest shows up when that is mended */
    }
    return false;
}

void doctor_check_policy(const struct doctor_facts *f, struct doctor_report *r)
{
    size_t n_granted = 0, n_void = 0, n_shown = 0;
    if (!f->node || !f->node->running || !f->config)
        return;
    if (f->peers_unsaid) {
        doctor_bad(r, DOCTOR_WARN,
            "Run this again. `superguppy policy check FILE --as WHO` tells what the policy gives "
            "without asking the nodes.",
            "tailscaled did not list the nodes in time, or they are too many for one answer: what "
            "the policy grants them was not looked at");
        return;
    }
    for (size_t i = 0; i < f->n_peers; i++) {
        const struct doctor_peer *p = &f->peers[i];
        n_granted += gets_something(p);
        n_void += p->capability.n_void > 0;
        if (p->capability.n_void > 0 && n_shown < VOID_SHOWN_MAX)
            n_shown += warn_void(p, r);
    }
    if (n_void > n_shown)
        doctor_bad(r, DOCTOR_WARN, "Mend those above first.", "the same is true of %zu more nodes",
            n_void - n_shown);
    doctor_ok(r, "of %zu nodes online now, %zu were asked about and %zu have a grant for %" STR_FMT,
        f->n_online, f->n_peers, n_granted, STR_ARG(f->config->capability));
    if (f->n_unclear > 0)
        doctor_bad(r, DOCTOR_WARN, "Run this again; `tailscale status` says how they are.",
            "tailscaled did not say clearly who %zu of the nodes online now are", f->n_unclear);
}

/* Rights are a union, so a policy that grants less than the defaults changes nothing. */
void doctor_check_defaults(const struct doctor_facts *f, struct doctor_report *r)
{
    bool persons = false, tagged = false;
    if (!f->config || !doctor_wants_tailnet(f))
        return;
    struct str members = f->config->members, machines = f->config->tagged;
    for (size_t i = 0; i < f->n_peers; i++) {
        persons = persons || (gets_something(&f->peers[i]) && !f->peers[i].tagged);
        tagged = tagged || (gets_something(&f->peers[i]) && f->peers[i].tagged);
    }
    bool both_none = str_eq(members, STR("none")) && str_eq(machines, STR("none"));
    if ((persons || tagged) && !both_none)
        doctor_bad(r, DOCTOR_WARN,
            "Who wants the policy alone to decide sets access.members = \"none\" and access.tagged "
            "= \"none\".",
            "defaults are in force beside the policy's grants, which can only add to them: "
            "access.members is %" STR_FMT ", access.tagged is %" STR_FMT,
            STR_ARG(members), STR_ARG(machines));
    else if (both_none)
        doctor_ok(r, "none: grants alone decide");
    else
        doctor_ok(r, "people of the tailnet: %" STR_FMT ", tagged nodes: %" STR_FMT,
            STR_ARG(members), STR_ARG(machines));
}

void doctor_check_admin(const struct doctor_facts *f, struct doctor_report *r)
{
    if (!f->config)
        return;
    for (size_t i = 0; i < f->n_peers; i++) {
        if (!gets_admin(&f->peers[i]))
            continue;
        doctor_ok(r, "the policy grants it, as to %" STR_FMT, STR_ARG(f->peers[i].name));
        return;
    }
    if (!f->nobody_is_admin)
        doctor_ok(r, "the configuration names somebody");
    else if (doctor_wants_tailnet(f))
        doctor_bad(r, DOCTOR_WARN,
            "Name yourself: access.admins = [\"you@example.com\"], or grant the role admin in the "
            "policy. Root on this machine is admin by the superguppy command in any case.",
            "nobody is admin, as far as the configuration and the nodes online now tell");
    else
        doctor_ok(r, "root and the server's user on this machine, by the superguppy command");
}
