/* principal list, show, link, block, unblock, rebind, remove */
#include "base/json.h"
#include "cli/admin_call.h"
#include "cli/print.h"

#include <stdio.h>

#define REQUEST_MAX (16u << 10)
#define NAME_LINE_MAX 1024

struct param {
    const char *key;
    struct str value;
};

/* {"do":"principal-VERB", …} and its result; the parameters end at the first without a value. */
static int ask(struct cli *c, const char *verb, const struct param *params, size_t n_params,
    json_t **ret, struct err *e)
{
    struct buf request AUTO_BUF = BUF_INIT(REQUEST_MAX);
    struct json_out j = JSON_OUT(&request);
    json_object_begin(&j);
    json_key(&j, STR("do"));
    json_put_str(&j, arena_printf(c->arena, "principal-%s", verb));
    for (size_t i = 0; i < n_params && params[i].value.p; i++) {
        if (params[i].value.n == 0 || !utf8_valid(params[i].value))
            return err_set(e, ERR_USAGE,
                "a name is empty or not UTF-8; `superguppy principal list` shows those known here");
        json_key(&j, str_from(params[i].key));
        json_put_str(&j, params[i].value);
    }
    json_object_end(&j);
    if (!buf_ok(&request))
        return err_set(e, ERR_USAGE, "that is too long for the name of a principal");
    return admin_call(c, buf_str(&request), ret, e);
}

/* A name as the network gave it, so that it fills `width` columns or more. */
static void print_name(const json_t *name, int width)
{
    struct buf b AUTO_BUF = BUF_INIT(NAME_LINE_MAX);
    print_clean(&b, json_str(name));
    printf("%-*" STR_FMT, width, STR_ARG(buf_str(&b)));
}

/* What keeps one from acting as oneself; nothing in most rows. */
static void print_state(const json_t *row)
{
    const json_t *linked = json_object_get(row, "linked_to");
    const json_t *removed = json_object_get(row, "removed");
    if (json_is_true(json_object_get(row, "blocked")))
        (void)fputs("  blocked", stdout);
    if (removed && !json_is_null(removed) && !json_is_false(removed))
        printf("  removed %s", print_text(row, "removed"));
    if (json_is_string(linked)) {
        (void)fputs("  is ", stdout);
        print_name(linked, 0);
    }
}

static long long get_count(const json_t *row, const char *key)
{
    return (long long)json_integer_value(json_object_get(row, key));
}

static void print_principal(const json_t *row)
{
    print_name(json_object_get(row, "name"), 32);
    printf(" %-20s %6lld %6lld", print_text(row, "last_seen"), get_count(row, "crates"),
        get_count(row, "tokens"));
    print_state(row);
    (void)putchar('\n');
}

int cmd_principal_list(struct cli *c, struct err *e)
{
    json_t *result AUTO_JSON = NULL;
    size_t i;
    const json_t *row;
    if (ask(c, "list", NULL, 0, &result, e) < 0)
        return -1;
    if (args_has(&c->args, "json")) {
        print_json(result);
        return 0;
    }
    printf("%-32s %-20s %6s %6s  %s\n", "NAME", "LAST SEEN", "CRATES", "TOKENS", "STATE");
    json_array_foreach(result, i, row) print_principal(row);
    return 0;
}

int cmd_principal_show(struct cli *c, struct err *e)
{
    const struct param name = { "name", c->args.rest[0] };
    json_t *r AUTO_JSON = NULL;
    size_t i;
    const json_t *crate;
    if (ask(c, "show", &name, 1, &r, e) < 0)
        return -1;
    if (args_has(&c->args, "json")) {
        print_json(r);
        return 0;
    }
    print_name(json_object_get(r, "name"), 0);
    if (json_is_true(json_object_get(r, "person")))
        (void)fputs("  a person of the tailnet", stdout);
    print_state(r);
    printf("\n\nfirst seen: %s\nlast seen: %s\ntokens: %lld\n", print_text(r, "created"),
        print_text(r, "last_seen"), get_count(r, "tokens"));
    (void)fputs("owns:", stdout);
    json_array_foreach(json_object_get(r, "owns"), i, crate)
    {
        (void)putchar(' ');
        print_name(crate, 0);
    }
    (void)fputs(i ? "\n" : " nothing\n", stdout);
    return 0;
}

/* One that changes something: done is what to say, with the first name in front. */
static int change(struct cli *c, const char *verb, const struct param *params, size_t n_params,
    const char *done, struct err *e)
{
    json_t *result AUTO_JSON = NULL;
    if (ask(c, verb, params, n_params, &result, e) < 0)
        return -1;
    if (args_has(&c->args, "json")) {
        print_json(result);
        return 0;
    }
    struct buf b AUTO_BUF = BUF_INIT(4 * NAME_LINE_MAX);
    print_clean(&b, params[0].value);
    buf_addf(&b, " %s", done);
    if (n_params > 1 && params[1].value.p) {
        buf_add_byte(&b, ' ');
        print_clean(&b, params[1].value);
    }
    printf("%" STR_FMT "\n", STR_ARG(buf_str(&b)));
    return 0;
}

int cmd_principal_link(struct cli *c, struct err *e)
{
    const struct param params[] = { { "old", c->args.rest[0] }, { "new", c->args.rest[1] } };
    return change(c, "link", params, 2, "is from now on", e);
}

int cmd_principal_block(struct cli *c, struct err *e)
{
    const struct param name = { "name", c->args.rest[0] };
    return change(c, "block", &name, 1, "is blocked: everything is denied to it", e);
}

int cmd_principal_unblock(struct cli *c, struct err *e)
{
    const struct param name = { "name", c->args.rest[0] };
    return change(c, "unblock", &name, 1, "is no longer blocked", e);
}

int cmd_principal_rebind(struct cli *c, struct err *e)
{
    const struct param params[] = { { "name", c->args.rest[0] },
        { "login", c->args.n_rest > 1 ? c->args.rest[1] : STR_NONE } };
    return change(c, "rebind", params, 2,
        params[1].value.p ? "has from now on the login"
                          : "is whoever the tailnet shows next by this login",
        e);
}

int cmd_principal_remove(struct cli *c, struct err *e)
{
    const struct param params[] = { { "name", c->args.rest[0] },
        { "to", args_get(&c->args, "to") } };
    if (!params[1].value.p)
        return err_set(e, ERR_USAGE,
            "say with --to OTHER who gets what it owns; `superguppy principal list` shows who is "
            "known here");
    return change(c, "remove", params, 2, "is removed; what it owned belongs to", e);
}
