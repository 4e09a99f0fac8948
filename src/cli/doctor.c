#include "cli/doctor_private.h"

#include <string.h>

#define ROOM_FIRST 32

static const struct {
    const char *name;
    void (*check)(const struct doctor_facts *f, struct doctor_report *r);
} CHECKS[] = {
    { "configuration", doctor_check_config },
    { "grants", doctor_check_grants },
    { "data", doctor_check_data },
    { "server", doctor_check_server },
    { "listeners", doctor_check_doors },
    { "identity", doctor_check_identity },
    { "tailscaled", doctor_check_tailscaled },
    { "tailnet", doctor_check_state },
    { "version", doctor_check_version },
    { "mode", doctor_check_mode },
    { "key", doctor_check_key },
    { "name", doctor_check_name },
    { "health", doctor_check_health },
    { "serve", doctor_check_serve },
    { "policy", doctor_check_policy },
    { "defaults", doctor_check_defaults },
    { "admin", doctor_check_admin },
};

static void add(struct doctor_report *r, enum doctor_level level, struct str text, struct str cure)
{
    if (r->n == r->room) {
        size_t room = r->room ? 2 * r->room : ROOM_FIRST;
        struct doctor_finding *more = arena_array(r->a, room, sizeof(*more));
        if (r->n > 0)
            memcpy(more, r->items, r->n * sizeof(*more));
        r->items = more;
        r->room = room;
    }
    r->items[r->n++] = (struct doctor_finding){ level, r->check, text, cure };
    r->count[level]++;
}

void doctor_ok(struct doctor_report *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(r, DOCTOR_OK, arena_vprintf(r->a, fmt, ap), STR_NONE);
    va_end(ap);
}

void doctor_bad(
    struct doctor_report *r, enum doctor_level level, const char *cure, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct str text = arena_vprintf(r->a, fmt, ap);
    va_end(ap);
    add(r, level, text, arena_str(r->a, str_from(cure)));
}

bool doctor_wants_tailnet(const struct doctor_facts *f)
{
    for (size_t i = 0; f->config && i < f->config->n_listeners; i++) {
        if (f->config->listeners[i].identity == LISTEN_TAILSCALE)
            return true;
    }
    return false;
}

enum doctor_level doctor_tailnet_level(const struct doctor_facts *f)
{
    return doctor_wants_tailnet(f) ? DOCTOR_FAIL : DOCTOR_WARN;
}

const char *doctor_level_name(enum doctor_level level)
{
    static const char *const names[] = { "ok", "warn", "fail" };
    return names[level];
}

void doctor_judge(const struct doctor_facts *f, struct doctor_report *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++) {
        ret->check = CHECKS[i].name;
        CHECKS[i].check(f, ret);
    }
}
