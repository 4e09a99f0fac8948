#include "auth/policy.h"

#include "auth/policy_scan.h"

#include <string.h>

#define PORT_DEFAULT 80
#define LIST_MAX 4096 /* of each of the lists; a policy has at most a few hundred grants */

enum match { MATCH_NO, MATCH_YES, MATCH_UNKNOWN };

struct check {
    struct arena *a;
    const json_t *policy;
    const struct policy_query *q;
    struct policy_result *out;
    const char *what; /* "grant" or "acl" */
    size_t grant;     /* at hand, from 1 */
    int line;
    size_t bytes; /* of all that is theirs */
    bool too_many;
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

/* "grant 3 (line 41)" */
static struct str place(struct check *c)
{
    if (c->line == 0)
        return arena_printf(c->a, "%s %zu", c->what, c->grant);
    return arena_printf(c->a, "%s %zu (line %d)", c->what, c->grant, c->line);
}

static void note(struct check *c, const char *what, struct str name, const char *why)
{
    struct str at = place(c);
    add(c->a, &c->out->notes,
        arena_printf(c->a, "%" STR_FMT ": %s `%" STR_FMT "` is not judged: %s", STR_ARG(at), what,
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

/* ---- rights ---- */

static void add_rule(struct check *c, size_t object, const struct capability_rule *r, bool theirs)
{
    struct policy_result *out = c->out;
    if (!out->rules)
        out->rules = arena_array(c->a, LIST_MAX, sizeof(*out->rules));
    c->too_many = c->too_many || out->n_rules == LIST_MAX;
    if (c->too_many)
        return;
    out->rules[out->n_rules++] = (struct policy_rule){
        .grant = c->grant, .object = object, .line = c->line, .rule = *r, .for_them = theirs
    };
    out->n_void += r->void_reason.p != NULL;
}

static void read_capability(struct check *c, const json_t *value, bool theirs)
{
    struct capability cap;
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return;
    capability_parse(c->a, str_from(text), &cap);
    c->bytes += theirs ? strlen(text) : 0;
    free(text);
    for (size_t i = 0; i < cap.n; i++) {
        if (theirs || cap.rules[i].void_reason.p)
            add_rule(c, i + 1, &cap.rules[i], theirs);
    }
    struct str at = place(c);
    if (theirs && cap.n == 0)
        add(c->a, &c->out->notes,
            arena_printf(
                c->a, "%" STR_FMT ": the capability is empty and gives nothing", STR_ARG(at)));
}

/* ---- ports ---- */

static void open_port(struct check *c, enum match m)
{
    if (m == MATCH_YES)
        c->out->port = POLICY_PORT_OPEN;
    else if (m == MATCH_UNKNOWN && c->out->port == POLICY_PORT_CLOSED)
        c->out->port = POLICY_PORT_NOT_JUDGED;
}

static bool opens_port(const struct check *c, const json_t *ip)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(ip, i, entry)
    {
        if (policy_ip_covers(json_str(entry), c->q->port ? c->q->port : PORT_DEFAULT))
            return true;
    }
    return false;
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

/* The older form, which carries no rights: {"src":[...],"dst":["tag:registry:80,443"]}. */
static void check_acl(struct check *c, json_t *acl)
{
    const json_t *proto = json_object_get(acl, "proto"), *list = json_object_get(acl, "dst"), *dst;
    size_t i;
    if (proto && !policy_is_tcp(json_str(proto)))
        return;
    json_array_foreach(list, i, dst)
    {
        struct str s = json_str(dst);
        size_t colon = str_rfind(s, ':'), n_notes = c->out->notes.n;
        if (colon == STR_NPOS ||
            !policy_ports_cover(str_skip(s, colon + 1), c->q->port ? c->q->port : PORT_DEFAULT))
            continue;
        enum match m = dst_matches(c, str_from_to(s, 0, colon));
        if (m != MATCH_NO) {
            enum match src = any_matches(c, json_object_get(acl, "src"), source_matches);
            m = src == MATCH_YES ? m : src;
        }
        if (m == MATCH_YES)
            add(c->a, &c->out->ports, arena_str(c->a, str_skip(s, colon + 1)));
        if (m != MATCH_UNKNOWN)
            c->out->notes.n = n_notes; /* it was judged after all */
        open_port(c, m);
    }
}

/* ---- grants ---- */

/* What narrows a grant by something that the file does not tell. */
static bool is_narrowed(struct check *c, json_t *grant)
{
    static const char *const known[] = { "src", "dst", "ip", "app", "srcPosture", "via" };
    bool narrowed = false;
    const char *key;
    const json_t *value;
    json_object_foreach(grant, key, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            is_known = is_known || strcmp(key, known[i]) == 0;
        bool empty = json_is_array(value) && json_array_size(value) == 0;
        if (!is_known)
            note(c, "key", str_from(key), "this program does not know it");
        else if (strcmp(key, "srcPosture") == 0 && !empty)
            note(c, "condition", STR("srcPosture"),
                "only the control server knows the devices' posture");
        else if (strcmp(key, "via") == 0 && !empty)
            note(c, "condition", STR("via"), "it leads by way of other machines");
        else
            continue;
        narrowed = true;
    }
    return narrowed;
}

static enum match grant_matches(struct check *c, json_t *grant)
{
    size_t n_notes = c->out->notes.n;
    enum match src = MATCH_NO;
    enum match m = any_matches(c, json_object_get(grant, "dst"), dst_matches);
    if (m != MATCH_NO)
        src = any_matches(c, json_object_get(grant, "src"), source_matches);
    if (src != MATCH_YES)
        m = src;
    if (m != MATCH_NO && is_narrowed(c, grant))
        m = MATCH_UNKNOWN;
    if (m != MATCH_UNKNOWN)
        c->out->notes.n = n_notes; /* one entry that is not judged hides no other that is */
    return m;
}

static void check_grant(struct check *c, json_t *grant)
{
    const json_t *ip = json_object_get(grant, "ip");
    const json_t *value =
        json_object_get(json_object_get(grant, "app"), str_cstr(c->a, c->q->capability));
    bool opens = opens_port(c, ip);
    if (!value && json_array_size(ip) == 0)
        return; /* nor is it of interest what of it is not judged */
    size_t n_notes = c->out->notes.n;
    enum match m = grant_matches(c, grant);
    if (m == MATCH_YES)
        add_ports(c, ip);
    if (opens)
        open_port(c, m);
    if (!value && !opens)
        c->out->notes.n = n_notes;
    if (value)
        read_capability(c, value, m == MATCH_YES);
}

/* ---- the file ---- */

static int check_groups(const json_t *policy, struct err *e)
{
    const char *name;
    json_t *members, *member, *groups = json_object_get(policy, "groups");
    size_t i;
    json_object_foreach(groups, name, members)
    {
        json_array_foreach(members, i, member)
        {
            struct str s = json_str(member);
            if (!str_has(s, '@') || str_has(s, ':'))
                return err_set(e, ERR_INVALID,
                    "%.80s has the member \"%" STR_FMT "\", which is no login; a group holds "
                    "logins alone",
                    name, STR_ARG(utf8_clip(s, 80)));
        }
    }
    return 0;
}

/* At the registry all that is theirs is one list, with the bounds of one. */
static void check_bounds(struct check *c)
{
    size_t theirs = 0;
    for (size_t i = 0; i < c->out->n_rules; i++)
        theirs += c->out->rules[i].for_them;
    if (theirs <= CAPABILITY_OBJECTS_MAX && c->bytes <= CAPABILITY_BYTES_MAX)
        return;
    for (size_t i = 0; i < c->out->n_rules; i++) {
        struct policy_rule *r = &c->out->rules[i];
        if (!r->for_them || r->rule.void_reason.p)
            continue;
        r->rule = (struct capability_rule){ .void_reason =
                                                STR("all that is theirs is more than 64 objects or "
                                                    "64 KiB together, and so void together") };
        c->out->n_void++;
    }
}

static int check_all(struct check *c, const char *key, const char *what,
    void (*check_one)(struct check *c, json_t *item), struct err *e)
{
    const json_t *list = json_object_get(c->policy, key);
    size_t i, n = json_array_size(list);
    json_t *item;
    int *lines = arena_array(c->a, n + 1, sizeof(int));
    if (list && !json_is_array(list))
        return err_set(e, ERR_INVALID, "\"%s\" has to be a list", key);
    policy_lines(c->q->json, str_from(key), lines, n);
    c->what = what;
    json_array_foreach(list, i, item)
    {
        c->grant = i + 1;
        c->line = lines[i];
        if (!json_is_object(item)) {
            struct str at = place(c);
            return err_set(e, ERR_INVALID, "%" STR_FMT " is no object", STR_ARG(at));
        }
        check_one(c, item);
    }
    return 0;
}

int policy_check(struct arena *a, const json_t *policy, const struct policy_query *q,
    struct policy_result *ret, struct err *e)
{
    struct check c = { .a = a, .policy = policy, .q = q, .out = ret };
    *ret = (struct policy_result){ 0 };
    if (!json_is_object(policy))
        return err_set(e, ERR_INVALID, "a policy is an object: { \"grants\": [...] }");
    if (check_groups(policy, e) < 0 || check_all(&c, "grants", "grant", check_grant, e) < 0 ||
        check_all(&c, "acls", "acl", check_acl, e) < 0)
        return -1;
    if (c.too_many)
        return err_set(e, ERR_TOO_LARGE, "the policy grants more than %d objects", LIST_MAX);
    if (!json_object_get(policy, "grants") && json_object_get(policy, "acls"))
        add(a, &ret->notes,
            STR("the file has \"acls\" alone: these open ports and carry no rights; write grants"));
    check_bounds(&c);
    return 0;
}
