/* token new, list, revoke */
#include "base/json.h"
#include "base/num.h"
#include "cli/admin_call.h"
#include "cli/print.h"

#include <stdio.h>

static void put_list(struct json_out *j, const char *key, const struct args_found *f)
{
    json_key(j, str_from(key));
    json_array_begin(j);
    for (size_t i = 0; i < f->n; i++)
        json_put_str(j, f->values[i]);
    json_array_end(j);
}

static int write_request(struct cli *c, struct buf *b, struct err *e)
{
    uint32_t days = 0;
    struct str expires = args_get(&c->args, "expires"), from = args_get(&c->args, "from");
    struct json_out j = JSON_OUT(b);
    if (expires.p && !num_parse_u32(expires, &days))
        return err_set(e, ERR_USAGE, "--expires needs a number of days, 1 to 365");
    if (!utf8_valid(c->args.rest[0]))
        return err_set(e, ERR_USAGE, "the name is not UTF-8");
    if ((from.p && from.n == 0) || !utf8_valid(from))
        return err_set(e, ERR_USAGE, "--from takes own, any or tag:NAME");
    json_object_begin(&j);
    json_key(&j, STR("do"));
    json_put_str(&j, STR("token-new"));
    json_key(&j, STR("name"));
    json_put_str(&j, c->args.rest[0]);
    put_list(&j, "scopes", args_all(&c->args, "scope"));
    put_list(&j, "crates", args_all(&c->args, "crate"));
    if (expires.p) {
        json_key(&j, STR("days"));
        json_put_int(&j, days);
    }
    if (from.p) {
        json_key(&j, STR("from"));
        json_put_str(&j, from);
    }
    json_object_end(&j);
    return 0;
}

int cmd_token_new(struct cli *c, struct err *e)
{
    struct buf request AUTO_BUF = BUF_INIT(64u << 10);
    json_t *result AUTO_JSON = NULL;
    if (write_request(c, &request, e) < 0 || admin_call(c, buf_str(&request), &result, e) < 0)
        return -1;
    if (args_has(&c->args, "json"))
        print_json(result);
    else
        printf("%s\n", json_string_value(json_object_get(result, "token")));
    return 0;
}

static void print_token(const json_t *row)
{
    struct buf name AUTO_BUF = BUF_INIT(1024);
    print_clean(&name, json_str(json_object_get(row, "account")));
    printf("%-5lld %-24" STR_FMT " %-10s %-20s %-20s %-20s",
        (long long)json_integer_value(json_object_get(row, "id")), STR_ARG(buf_str(&name)),
        print_text(row, "from"), print_text(row, "expires"), print_text(row, "last_used"),
        print_text(row, "revoked"));
    size_t i;
    const json_t *scope;
    json_array_foreach(json_object_get(row, "scopes"), i, scope)
        printf("%s%s", i ? "," : " ", json_string_value(scope));
    printf("  %s  ", print_text(row, "crates"));
    print_line(row, "name");
}

int cmd_token_list(struct cli *c, struct err *e)
{
    json_t *result AUTO_JSON = NULL;
    size_t i;
    const json_t *row;
    if (admin_call(c, STR("{\"do\":\"token-list\"}"), &result, e) < 0)
        return -1;
    if (args_has(&c->args, "json")) {
        print_json(result);
        return 0;
    }
    printf("%-5s %-24s %-10s %-20s %-20s %-20s %s\n", "ID", "PRINCIPAL", "FROM", "EXPIRES",
        "LAST USED", "REVOKED", "SCOPES  CRATES  NAME");
    json_array_foreach(result, i, row) print_token(row);
    return 0;
}

int cmd_token_revoke(struct cli *c, struct err *e)
{
    uint32_t id;
    json_t *result AUTO_JSON = NULL;
    if (!num_parse_u32(c->args.rest[0], &id))
        return err_set(
            e, ERR_USAGE, "a token is named by its number; `superguppy token list` shows them");
    struct str request = arena_printf(c->arena, "{\"do\":\"token-revoke\",\"id\":%u}", id);
    if (admin_call(c, request, &result, e) < 0)
        return -1;
    if (args_has(&c->args, "json"))
        print_json(result);
    else
        printf("token %u is revoked\n", id);
    return 0;
}
