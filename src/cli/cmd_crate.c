/* crate list, show */
#include "base/json.h"
#include "cli/admin_call.h"
#include "cli/print.h"

#include <stdio.h>

int cmd_crate_list(struct cli *c, struct err *e)
{
    json_t *result AUTO_JSON = NULL;
    size_t i;
    const json_t *row;
    if (admin_call(c, STR("{\"do\":\"crate-list\"}"), &result, e) < 0)
        return -1;
    if (args_has(&c->args, "json")) {
        print_json(result);
        return 0;
    }
    json_array_foreach(result, i, row)
    {
        printf("%-40s %-16s ", print_text(row, "name"), print_text(row, "max_version"));
        print_line(row, "description");
    }
    return 0;
}

static void print_crate(const json_t *crate)
{
    size_t i;
    const json_t *row;
    printf("%s %s\n", print_text(crate, "name"), print_text(crate, "max_version"));
    print_line(crate, "description");
    printf("\nowners:");
    json_array_foreach(json_object_get(crate, "owners"), i, row)
        printf(" %s", json_string_value(row));
    printf("\ndownloads: %lld\n\n",
        (long long)json_integer_value(json_object_get(crate, "downloads")));
    json_array_foreach(json_object_get(crate, "versions"), i, row) printf("%-20s %s  %s%s\n",
        print_text(row, "version"), print_text(row, "published"), print_text(row, "cksum"),
        json_is_true(json_object_get(row, "yanked")) ? "  yanked" : "");
}

int cmd_crate_show(struct cli *c, struct err *e)
{
    struct buf request AUTO_BUF = BUF_INIT(4096);
    struct json_out j = JSON_OUT(&request);
    json_t *result AUTO_JSON = NULL;
    if (c->args.rest[0].n > 1000 || !utf8_valid(c->args.rest[0]))
        return err_set(e, ERR_USAGE, "that is not the name of a crate");
    json_object_begin(&j);
    json_key(&j, STR("do"));
    json_put_str(&j, STR("crate-show"));
    json_key(&j, STR("name"));
    json_put_str(&j, c->args.rest[0]);
    json_object_end(&j);
    if (admin_call(c, buf_str(&request), &result, e) < 0)
        return -1;
    if (args_has(&c->args, "json"))
        print_json(result);
    else
        print_crate(result);
    return 0;
}
