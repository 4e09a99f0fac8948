/* policy check FILE --as WHO: what a tailnet's policy file gives somebody at the registry. */
#include "auth/policy.h"
#include "auth/right.h"
#include "base/file.h"
#include "base/hujson.h"
#include "base/json_write.h"
#include "cli/cli.h"
#include "cli/print.h"

#include <fcntl.h>
#include <stdio.h>

#define POLICY_MAX (4u << 20)

static int read_policy(
    struct cli *c, struct str path, struct buf *json, json_t **ret, struct err *e)
{
    struct buf text AUTO_BUF = BUF_INIT(POLICY_MAX);
    AUTO_CLOSE int fd = open(str_cstr(c->arena, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, ERR_INVALID, "cannot open %" STR_FMT ": %m", STR_ARG(path));
    for (;;) {
        char *room = buf_room(&text, 65536);
        ssize_t n = room ? read(fd, room, 65536) : 0;
        if (!room)
            return err_set(e, ERR_TOO_LARGE, "the policy file has more than 4 MiB");
        if (n < 0)
            return err_set(e, ERR_INVALID, "cannot read %" STR_FMT ": %m", STR_ARG(path));
        if (n == 0)
            break;
        buf_grew(&text, (size_t)n);
    }
    if (hujson_to_json(buf_str(&text), json, e) < 0)
        return -1;
    return json_read(buf_str(json), ret, e);
}

static void add_roles(unsigned roles, struct buf *out)
{
    for (unsigned i = 0; i < ROLES; i++) {
        if (roles >> i & 1)
            buf_addf(out, "%s%s", out->n ? ", " : "", role_name((enum role)i));
    }
}

static void add_list(const struct config_list *list, const char *between, struct buf *out)
{
    for (size_t i = 0; i < list->n; i++)
        buf_addf(out, "%s%" STR_FMT, i ? between : "", STR_ARG(list->items[i]));
}

/* ---- as text ---- */

static void print_rule(const struct policy_rule *r)
{
    struct buf roles AUTO_BUF = BUF_INIT(256), crates AUTO_BUF = BUF_INIT(65536),
                     why AUTO_BUF = BUF_INIT(1024);
    if (r->rule.void_reason.p) {
        print_clean(&why, r->rule.void_reason);
        printf("  VOID: %" STR_FMT "  (grant %zu, line %d, object %zu%s)\n", STR_ARG(buf_str(&why)),
            r->grant, r->line, r->object, r->for_them ? "" : ", for others");
        return;
    }
    add_roles(r->rule.roles, &roles);
    add_list(&r->rule.crates, " ", &crates);
    printf("  %" STR_FMT "  crates %" STR_FMT "  (grant %zu, line %d, object %zu)\n",
        STR_ARG(buf_str(&roles)), STR_ARG(buf_str(&crates)), r->grant, r->line, r->object);
}

static void print_ports(const struct policy_query *q, const struct policy_result *r)
{
    struct buf ports AUTO_BUF = BUF_INIT(65536), clean AUTO_BUF = BUF_INIT(65536);
    const char *hint = "";
    add_list(&r->ports, ", ", &ports);
    print_clean(&clean, buf_str(&ports));
    if (r->port == POLICY_PORT_CLOSED)
        hint = ": they do not reach the registry";
    else if (r->port == POLICY_PORT_NOT_JUDGED)
        hint = " for sure";
    if (hint[0] == '\0')
        printf("ports: %" STR_FMT "\n", STR_ARG(buf_str(&clean)));
    else
        printf("ports: %" STR_FMT "%snothing opens tcp:%u%s\n", STR_ARG(buf_str(&clean)),
            clean.n > 0 ? "; " : "", q->port, hint);
}

static void print_result(const struct policy_query *q, const struct policy_result *r)
{
    size_t theirs = 0;
    for (size_t i = 0; i < r->n_rules; i++)
        theirs += r->rules[i].for_them && !r->rules[i].rule.void_reason.p;
    printf("%" STR_FMT " at %" STR_FMT ", by %" STR_FMT ":\n", STR_ARG(q->as), STR_ARG(q->dst),
        STR_ARG(q->capability));
    if (theirs == 0)
        (void)puts("  nothing");
    for (size_t i = 0; i < r->n_rules; i++)
        print_rule(&r->rules[i]);
    print_ports(q, r);
    for (size_t i = 0; i < r->notes.n; i++) {
        struct buf line AUTO_BUF = BUF_INIT(1024);
        print_clean(&line, r->notes.items[i]);
        printf("note: %" STR_FMT "\n", STR_ARG(buf_str(&line)));
    }
}

/* ---- as JSON ---- */

static void put_list(struct json_out *j, const char *key, const struct config_list *list)
{
    json_key(j, str_from(key));
    json_array_begin(j);
    for (size_t i = 0; i < list->n; i++)
        json_put_str(j, list->items[i]);
    json_array_end(j);
}

static void put_rule(struct json_out *j, const struct policy_rule *r)
{
    json_object_begin(j);
    json_key(j, STR("grant"));
    json_put_int(j, (int64_t)r->grant);
    json_key(j, STR("line"));
    json_put_int(j, r->line);
    json_key(j, STR("object"));
    json_put_int(j, (int64_t)r->object);
    json_key(j, STR("for_them"));
    json_put_bool(j, r->for_them);
    json_key(j, STR("do"));
    json_array_begin(j);
    for (unsigned i = 0; i < ROLES; i++) {
        if (r->rule.roles >> i & 1)
            json_put_str(j, str_from(role_name((enum role)i)));
    }
    json_array_end(j);
    put_list(j, "crates", &r->rule.crates);
    json_key(j, STR("void"));
    json_put_str_or_null(j, r->rule.void_reason);
    json_object_end(j);
}

static void print_as_json(const struct policy_query *q, const struct policy_result *r)
{
    struct buf out AUTO_BUF = BUF_INIT(POLICY_MAX);
    struct json_out j = JSON_OUT(&out);
    json_object_begin(&j);
    json_key(&j, STR("as"));
    json_put_str(&j, q->as);
    json_key(&j, STR("dst"));
    json_put_str(&j, q->dst);
    json_key(&j, STR("rights"));
    json_array_begin(&j);
    for (size_t i = 0; i < r->n_rules; i++)
        put_rule(&j, &r->rules[i]);
    json_array_end(&j);
    put_list(&j, "ports", &r->ports);
    json_key(&j, STR("reaches_port"));
    if (r->port == POLICY_PORT_NOT_JUDGED)
        json_put_null(&j);
    else
        json_put_bool(&j, r->port == POLICY_PORT_OPEN);
    put_list(&j, "notes", &r->notes);
    json_object_end(&j);
    printf("%" STR_FMT "\n", STR_ARG(buf_str(&out)));
}

/* That of the listener on the tailnet. */
static uint16_t port_of(const struct config *c)
{
    for (size_t i = 0; i < c->n_listeners; i++) {
        if (c->listeners[i].identity == LISTEN_TAILSCALE && c->listeners[i].port != 0)
            return c->listeners[i].port;
    }
    return 80;
}

/* What a policy knows: a login (headscale also writes anna@) or a tag. */
static bool is_login_or_tag(struct str s)
{
    return s.p && !config_principal_wrong(s) &&
           (str_starts(s, STR("tag:")) || (str_has(s, '@') && !str_has(s, ':')));
}

int cmd_policy_check(struct cli *c, struct err *e)
{
    struct config *config;
    json_t *policy AUTO_JSON = NULL;
    struct policy_result r;
    struct policy_query q = { .as = args_get(&c->args, "as"), .dst = args_get(&c->args, "dst") };
    struct buf json AUTO_BUF = BUF_INIT(POLICY_MAX);
    if (!is_login_or_tag(q.as))
        return err_set(
            e, ERR_USAGE, "--as needs a login or a tag, such as anna@corp.test or tag:ci");
    if (!q.dst.p)
        q.dst = STR("tag:registry");
    if (!is_login_or_tag(q.dst))
        return err_set(e, ERR_USAGE, "--dst needs the registry's tag, such as tag:registry");
    if (cli_load_config(c, &config, e) < 0 ||
        read_policy(c, c->args.rest[0], &json, &policy, e) < 0)
        return -1;
    q.capability = config->capability;
    q.port = port_of(config);
    q.json = buf_str(&json);
    if (policy_check(c->arena, policy, &q, &r, e) < 0)
        return -1;
    if (args_has(&c->args, "json"))
        print_as_json(&q, &r);
    else
        print_result(&q, &r);
    return r.n_void > 0 ? 1 : 0;
}
