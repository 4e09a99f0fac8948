/* The tailscaled of this machine, and the node it makes. */
#include "base/clock.h"
#include "base/num.h"
#include "cli/doctor_private.h"
#include "tailnet/trouble.h"

#define DAY_S 86400

void doctor_check_tailscaled(const struct doctor_facts *f, struct doctor_report *r)
{
    if (f->node)
        doctor_ok(r, "answers at %" STR_FMT, STR_ARG(f->socket));
    else if (f->socket.n == 0 && !f->config)
        doctor_ok(r, "none on this machine; whether a listener needs one is not known");
    else if (f->socket.n == 0 && !doctor_wants_tailnet(f))
        doctor_ok(r, "none on this machine, and no listener needs one: people come with tokens");
    else
        doctor_bad(r, doctor_tailnet_level(f),
            "Then run this again: what else there is to check needs tailscaled.", "%" STR_FMT,
            STR_ARG(f->silence));
}

void doctor_check_state(const struct doctor_facts *f, struct doctor_report *r)
{
    struct buf text AUTO_BUF = BUF_INIT(4096);
    if (!f->node)
        return;
    if (f->node->running) {
        doctor_ok(r, "this node is running as %" STR_FMT,
            STR_ARG(f->node->name.n ? f->node->name : f->node->stable_id));
        return;
    }
    trouble_of_node(f->node, f->now, &text);
    doctor_bad(r, doctor_tailnet_level(f),
        "Until then the registry answers health, and 503 to the rest.", "%" STR_FMT,
        STR_ARG(buf_str(&text)));
}

/* "1.102.3-t0123", "1.103.17-dev20261101": the numbers in front. */
static bool read_version(struct str s, uint32_t ret[3])
{
    ret[0] = ret[1] = ret[2] = 0;
    for (int i = 0; i < 3; i++) {
        size_t n = 0;
        while (n < s.n && ascii_is_digit(s.p[n]))
            n++;
        if (!num_parse_u32(str_from_to(s, 0, n), &ret[i]))
            return i >= 2;
        s = str_skip(s, n);
        if (s.n == 0 || s.p[0] != '.')
            return i >= 1;
        s = str_skip(s, 1);
    }
    return true;
}

static bool is_before(const uint32_t v[3], uint32_t major, uint32_t minor, uint32_t patch)
{
    if (v[0] != major)
        return v[0] < major;
    return v[1] != minor ? v[1] < minor : v[2] < patch;
}

void doctor_check_version(const struct doctor_facts *f, struct doctor_report *r)
{
    uint32_t v[3];
    if (!f->node)
        return;
    struct str text = f->node->version;
    if (!read_version(text, v))
        doctor_bad(r, DOCTOR_WARN, "Take tailscaled 1.102.3 or newer.",
            "tailscaled says the version \"%" STR_FMT "\", which is not understood", STR_ARG(text));
    else if (is_before(v, 1, 70, 0))
        doctor_bad(r, doctor_tailnet_level(f),
            "Update it to 1.102.3 or newer: before 1.70 it cannot be asked who is behind a TCP "
            "connection alone.",
            "tailscaled is version %" STR_FMT ", which is too old", STR_ARG(text));
    else if (is_before(v, 1, 102, 3))
        doctor_bad(r, DOCTOR_WARN,
            "Update it to 1.102.3 or newer: older ones let some forwarded connections reach "
            "addresses of this machine that no policy opens, and heed grants of peers that tailnet "
            "lock has not signed.",
            "tailscaled is version %" STR_FMT, STR_ARG(text));
    else
        doctor_ok(r, "tailscaled %" STR_FMT, STR_ARG(text));
}

void doctor_check_mode(const struct doctor_facts *f, struct doctor_report *r)
{
    if (!f->node || !f->node->running)
        return;
    if (f->node->tun)
        doctor_ok(r, "TUN: peers come from their own addresses");
    else
        doctor_ok(r, "userspace: peers come by way of 127.0.0.1, and so does each port that the "
                     "policy opens; open the registry's alone");
}

/* ---- key ---- */

static void format_day(int64_t unix_s, char out[CLOCK_RFC3339_LEN + 1])
{
    clock_format_rfc3339(unix_s, out);
    out[10] = '\0'; /* YYYY-MM-DD */
}

#define TAG_IT                                                                                     \
    "Tag it, and its key does not expire: `tailscale up --force-reauth "                           \
    "--advertise-tags=tag:registry`, which the policy's tagOwners must allow."

void doctor_check_key(const struct doctor_facts *f, struct doctor_report *r)
{
    char day[CLOCK_RFC3339_LEN + 1];
    const struct tailnet_node *node = f->node;
    if (!node || (!node->running && !node->key_expired))
        return;
    int64_t left = node->key_expiry - f->now;
    format_day(node->key_expiry, day);
    if (node->key_expired || (node->key_expiry > 0 && left <= 0)) {
        doctor_bad(r, doctor_tailnet_level(f), TAG_IT,
            "the key of this node has expired: nobody reaches it");
        return;
    }
    if (node->key_expiry > 0 && left <= DOCTOR_KEY_WARN_DAYS * (int64_t)DAY_S)
        doctor_bad(r, DOCTOR_WARN, TAG_IT,
            "the key of this node expires on %s, in %lld days; then nobody reaches it", day,
            (long long)(left / DAY_S));
    else if (node->key_expiry > 0)
        doctor_ok(r, "lasts until %s", day);
    else
        doctor_ok(r, "does not expire");
    if (node->n_tags == 0)
        doctor_bad(r, DOCTOR_WARN,
            TAG_IT " A tagged node also stays when that person leaves the tailnet.",
            "this node belongs to a person, %" STR_FMT ", and not to a tag",
            STR_ARG(node->login.n ? node->login : STR("whom tailscaled does not name")));
}

/* ---- name ---- */

/* "crates-1" for "crates"; the tailnet writes a name in lower case. */
static bool is_numbered(struct str label, struct str wanted)
{
    if (wanted.n == 0 || label.n < wanted.n + 2 ||
        !str_eq_nocase(str_from_to(label, 0, wanted.n), wanted) || label.p[wanted.n] != '-')
        return false;
    for (size_t i = wanted.n + 1; i < label.n; i++) {
        if (!ascii_is_digit(label.p[i]))
            return false;
    }
    return true;
}

static bool has_name_clash(const struct doctor_facts *f, struct doctor_report *r)
{
    struct str rest = f->node->name, wanted = f->wanted_name;
    struct str label = str_cut(&rest, '.');
    if (!is_numbered(label, wanted))
        return false;
    struct str cure = arena_printf(r->a,
        "If the old `%" STR_FMT "` is gone, remove it in the admin console (headscale: `headscale "
        "nodes delete`) and rename this one back to `%" STR_FMT "` (`headscale nodes rename`). "
        "Keep tailscaled's state on a disk that stays, or it happens again.",
        STR_ARG(wanted), STR_ARG(wanted));
    doctor_bad(r, DOCTOR_WARN, cure.p,
        "this node is called %" STR_FMT ", because another has the name %" STR_FMT
        ": projects that ask for that one do not come here",
        STR_ARG(label), STR_ARG(wanted));
    return true;
}

void doctor_check_name(const struct doctor_facts *f, struct doctor_report *r)
{
    if (!f->node || !f->node->running)
        return;
    bool has_url = f->config && f->config->url.n > 0;
    bool has_name = f->node->name.n > 0 && f->node->magic_dns;
    if (!has_name && !has_url)
        doctor_bad(r, doctor_tailnet_level(f),
            "Switch MagicDNS on in the tailnet's DNS settings; or let your own DNS answer a name "
            "with this node's address, and set it: server.url = \"http://crates.corp.test\".",
            "MagicDNS is off: there is no name that all machines know");
    else if (!has_name)
        doctor_ok(r, "MagicDNS is off; server.url is %" STR_FMT, STR_ARG(f->config->url));
    else if (!has_name_clash(f, r))
        doctor_ok(r, "%" STR_FMT, STR_ARG(f->node->name));
}

void doctor_check_health(const struct doctor_facts *f, struct doctor_report *r)
{
    for (size_t i = 0; f->node && i < f->node->n_health; i++)
        doctor_bad(r, DOCTOR_WARN, "`tailscale status` says more.", "tailscaled warns: %" STR_FMT,
            STR_ARG(f->node->health[i]));
    if (f->node && f->node->n_health == 0)
        doctor_ok(r, "tailscaled warns of nothing");
}
