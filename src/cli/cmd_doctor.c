/* doctor: what is wrong here, and what to do about it. */
#include "base/json_write.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/print.h"

#include <stdio.h>

#define OUT_MAX (8u << 20)

static void add_json(const struct doctor_report *r, struct buf *out)
{
    struct json_out j = JSON_OUT(out);
    json_object_begin(&j);
    json_key(&j, STR("findings"));
    json_array_begin(&j);
    for (size_t i = 0; i < r->n; i++) {
        const struct doctor_finding *x = &r->items[i];
        json_object_begin(&j);
        json_key(&j, STR("level"));
        json_put_str(&j, str_from(doctor_level_name(x->level)));
        json_key(&j, STR("check"));
        json_put_str(&j, str_from(x->check));
        json_key(&j, STR("text"));
        json_put_str(&j, x->text);
        json_key(&j, STR("cure"));
        json_put_str_or_null(&j, x->cure);
        json_object_end(&j);
    }
    json_array_end(&j);
    for (int level = DOCTOR_OK; level <= DOCTOR_FAIL; level++) {
        json_key(&j, str_from(doctor_level_name((enum doctor_level)level)));
        json_put_int(&j, (int64_t)r->count[level]);
    }
    json_object_end(&j);
    buf_add_byte(out, '\n');
}

static void add_text(const struct doctor_report *r, struct buf *out)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct doctor_finding *x = &r->items[i];
        buf_addf(out, "%-4s  %-13s  ", doctor_level_name(x->level), x->check);
        print_clean(out, x->text);
        buf_add_byte(out, '\n');
        if (!x->cure.p)
            continue;
        buf_add(out, STR("                     "));
        print_clean(out, x->cure);
        buf_add_byte(out, '\n');
    }
    buf_addf(out, "\n%zu ok, %zu to look at, %zu wrong\n", r->count[DOCTOR_OK],
        r->count[DOCTOR_WARN], r->count[DOCTOR_FAIL]);
}

/* A file that cannot be used is a finding; the environment may still say where tailscaled is. */
static void load_config(struct cli *c, struct doctor_facts *f)
{
    struct err e = ERR_INIT;
    struct config *config;
    struct config_sources no_file = { .file = STR("/dev/null"), .env = environ };
    if (cli_load_config(c, &config, &e) == 0)
        f->config = config;
    else
        f->config_error = arena_str(c->arena, str_from(e.text));
    if (f->config || config_load(c->arena, &no_file, &config, NULL) == 0)
        f->socket = config->tailscale_socket;
}

int cmd_doctor(struct cli *c, struct err *e)
{
    struct doctor_facts f = { 0 };
    struct doctor_report r = { .a = c->arena };
    struct buf out AUTO_BUF = BUF_INIT(OUT_MAX);
    (void)e; /* what fails is a finding */
    load_config(c, &f);
    doctor_gather(c->arena, &f);
    doctor_judge(&f, &r);
    if (args_has(&c->args, "json"))
        add_json(&r, &out);
    else
        add_text(&r, &out);
    (void)fwrite(out.p, 1, out.n, stdout);
    return r.count[DOCTOR_FAIL] > 0 ? 1 : 0;
}
