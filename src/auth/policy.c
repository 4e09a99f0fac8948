#include "auth/policy.h"

#include <string.h>

#define LIST_MAX 4096 /* of each of the lists; a policy has at most a few hundred grants */

enum match { MATCH_NO, MATCH_YES, MATCH_UNKNOWN };

struct check {
    struct arena *a;
    const json_t *policy;
    const struct policy_query *q;
    struct policy_result *out;
    size_t grant; /* at hand, from 1 */
};

static bool is_tag(struct str s)
{
    return str_starts(s, STR("tag:"));
}

static void add(struct arena *a, struct config_list *list, struct str item)
{
    if (!list->items)
        list->items = arena_array(a, LIST_MAX, sizeof(struct str));
    for (size_t i = 0; i < list->n; i++) {
        if (str_eq(list->items[i], item))
            return;
    }
    if (list->n < LIST_MAX)
        list->items[list->n++] = item;
}

static void note(struct check *c, const char *what, struct str name, const char *why)
{
    add(c->a, &c->out->notes,
        arena_printf(c->a, "grant %zu: %s `%" STR_FMT "` is not judged: %s", c->grant, what,
            STR_ARG(utf8_clip(name, 100)), why));
}

/* ---- sources and destinations ---- */

static enum match in_group(struct check *c, struct str group)
{
    const json_t *members =
        json_object_get(json_object_get(c->policy, "groups"), str_cstr(c->a, group));
    size_t i;
    const json_t *member;
    if (!json_is_array(members)) {
        note(c, "source", group, "the file has no such group");
        return MATCH_UNKNOWN;
    }
    json_array_foreach(members, i, member)
    {
        if (str_eq(json_str(member), c->q->as))
            return MATCH_YES;
    }
    return MATCH_NO;
}

static enum match in_autogroup(struct check *c, struct str name)
{
    bool tag = is_tag(c->q->as);
    if (str_eq(name, STR("autogroup:danger-all")))
        return MATCH_YES;
    if (str_eq(name, STR("autogroup:member")))
        return tag ? MATCH_NO : MATCH_YES;
    if (str_eq(name, STR("autogroup:tagged")))
        return tag ? MATCH_YES : MATCH_NO;
    if (tag) /* all others are of people */
        return MATCH_NO;
    note(c, "source", name, "only the control server knows who is in it");
    return MATCH_UNKNOWN;
}

static bool is_host_alias(const struct check *c, struct str s)
{
    return json_object_get(json_object_get(c->policy, "hosts"), str_cstr(c->a, s)) != NULL;
}

static bool is_address(struct str s)
{
    bool digits = s.n > 0;
    for (size_t i = 0; i < s.n; i++)
        digits = digits && (ascii_is_xdigit(s.p[i]) || str_has(STR(".:/-"), s.p[i]));
    return digits && (str_has(s, '.') || str_has(s, ':'));
}

static enum match source_matches(struct check *c, struct str src)
{
    if (str_eq(src, STR("*")) || str_eq(src, c->q->as))
        return MATCH_YES;
    if (str_starts(src, STR("group:")))
        return is_tag(c->q->as) ? MATCH_NO : in_group(c, src);
    if (str_starts(src, STR("autogroup:")))
        return in_autogroup(c, src);
    if (is_tag(src))
        return MATCH_NO;
    if (is_address(src) || is_host_alias(c, src) || str_starts(src, STR("ipset:"))) {
        note(c, "source", src, "it is of addresses, not of people and tags");
        return MATCH_UNKNOWN;
    }
    if (str_has(src, '@') && !str_has(src, '*'))
        return MATCH_NO; /* another login */
    note(c, "source", src, "this program does not know its form");
    return MATCH_UNKNOWN;
}

static enum match dst_matches(struct check *c, struct str dst)
{
    if (str_eq(dst, STR("*")) || str_eq(dst, c->q->dst) ||
        str_eq(dst, STR("autogroup:danger-all")) ||
        (is_tag(c->q->dst) && str_eq(dst, STR("autogroup:tagged"))))
        return MATCH_YES;
    if (is_address(dst) || is_host_alias(c, dst) || str_starts(dst, STR("ipset:")) ||
        str_starts(dst, STR("svc:"))) {
        note(c, "destination", dst, "name the registry by its tag");
        return MATCH_UNKNOWN;
    }
    return MATCH_NO;
}

static enum match any_matches(
    struct check *c, const json_t *list, enum match (*matches)(struct check *c, struct str item))
{
    enum match found = MATCH_NO;
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        enum match m = matches(c, json_str(item));
        if (m == MATCH_YES)
            return MATCH_YES;
        if (m == MATCH_UNKNOWN)
            found = m;
    }
    return found;
}

/* ---- grants ---- */

static void add_rule(struct check *c, size_t object, const struct capability_rule *r, bool theirs)
{
    struct policy_result *out = c->out;
    if (!out->rules)
        out->rules = arena_array(c->a, LIST_MAX, sizeof(*out->rules));
    if (out->n_rules == LIST_MAX)
        return;
    out->rules[out->n_rules++] =
        (struct policy_rule){ .grant = c->grant, .object = object, .rule = *r, .for_them = theirs };
    out->n_void += r->void_reason.p != NULL;
}

static void read_capability(struct check *c, const json_t *value, bool theirs)
{
    struct capability cap;
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return;
    capability_parse(c->a, str_from(text), &cap);
    free(text);
    for (size_t i = 0; i < cap.n; i++) {
        if (theirs || cap.rules[i].void_reason.p)
            add_rule(c, i + 1, &cap.rules[i], theirs);
    }
    if (theirs && cap.n == 0)
        add(c->a, &c->out->notes,
            arena_printf(c->a, "grant %zu: the capability is empty and gives nothing", c->grant));
}

static void add_ports(struct check *c, const json_t *ip)
{
    size_t i;
    const json_t *port;
    json_array_foreach(ip, i, port)
    {
        if (json_is_string(port))
            add(c->a, &c->out->ports, arena_str(c->a, json_str(port)));
    }
}

static enum match grant_matches(struct check *c, const json_t *grant)
{
    enum match dst = any_matches(c, json_object_get(grant, "dst"), dst_matches);
    if (dst == MATCH_NO)
        return MATCH_NO;
    enum match src = any_matches(c, json_object_get(grant, "src"), source_matches);
    if (src == MATCH_NO)
        return MATCH_NO;
    if (json_object_get(grant, "srcPosture")) {
        note(c, "condition", STR("srcPosture"),
            "only the control server knows the devices' posture");
        return MATCH_UNKNOWN;
    }
    return src == MATCH_YES && dst == MATCH_YES ? MATCH_YES : MATCH_UNKNOWN;
}

static void check_grant(struct check *c, const json_t *grant)
{
    const json_t *value =
        json_object_get(json_object_get(grant, "app"), str_cstr(c->a, c->q->capability));
    bool theirs = grant_matches(c, grant) == MATCH_YES;
    if (theirs)
        add_ports(c, json_object_get(grant, "ip"));
    if (value)
        read_capability(c, value, theirs);
}

int policy_check(struct arena *a, const json_t *policy, const struct policy_query *q,
    struct policy_result *ret, struct err *e)
{
    struct check c = { .a = a, .policy = policy, .q = q, .out = ret };
    const json_t *grants = json_object_get(policy, "grants");
    size_t i;
    const json_t *grant;
    *ret = (struct policy_result){ 0 };
    if (!json_is_object(policy))
        return err_set(e, ERR_INVALID, "a policy is an object: { \"grants\": [...] }");
    if (grants && !json_is_array(grants))
        return err_set(e, ERR_INVALID, "\"grants\" has to be a list");
    if (!grants && json_object_get(policy, "acls"))
        add(a, &ret->notes,
            STR("the file has \"acls\" alone: these open ports and carry no rights; write grants"));
    json_array_foreach(grants, i, grant)
    {
        c.grant = i + 1;
        check_grant(&c, grant);
    }
    return 0;
}
