/* What the control socket asks. A restart or stop is told to the process at once; its client gets
 * the answer when the process has come to rest. */
#include "supervisor/supervise_private.h"

static void add_name(struct buf *out, const char *name)
{
    for (const char *p = name; *p; p++)
        buf_add_byte(out, (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p);
}

static void add_times(struct buf *out, const struct unit *u)
{
    if (u->run.pid)
        buf_addf(out, "  pid %d", (int)u->run.pid);
    if (u->state == UNIT_UP)
        buf_addf(
            out, "  since %lld s", (long long)((u->host->ev->now_ms() - u->up_since_ms) / 1000));
    if (u->starts > 1)
        buf_addf(out, "  starts %d", u->starts);
}

/* What may hold anything is shown as text: the note comes from the process. */
static void add_note(struct buf *out, const struct unit *u)
{
    bool failed =
        !u->asked && u->state != UNIT_UP && u->state != UNIT_DONE && u->outcome != OUTCOME_NONE;
    const char *note = failed ? u->why : u->note;
    if (!note[0])
        return;
    buf_add(out, STR("  "));
    add_name(out, note);
}

static void status(void *ctx, struct buf *out)
{
    const struct supervise *s = ctx;
    size_t widest = 4;
    for (size_t i = 0; i < s->n; i++) {
        size_t n = str_from(unit_process(s->units[i])->name).n;
        widest = n > widest && n <= 32 ? n : widest;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct unit *u = s->units[s->conf->order[i]];
        size_t from = out->n;
        add_name(out, unit_process(u)->name);
        while (out->n - from < widest)
            buf_add_byte(out, ' ');
        buf_addf(out, "  %-8s", unit_state_name(u->state));
        add_times(out, u);
        add_note(out, u);
        while (out->n > from && out->p[out->n - 1] == ' ')
            out->n--;
        buf_add_byte(out, '\n');
    }
}

static int pick(struct supervise *s, struct str name, struct unit **ret, struct err *e)
{
    size_t count;
    *ret = supervise_find(s, name, &count);
    if (s->mode >= MODE_STOPPING)
        return err_set(e, ERR_BUSY, "groundcontrol is shutting down");
    if (s->mode == MODE_UNLOADING)
        return err_set(e, ERR_BUSY, "a reload is under way; try again when it is done");
    if (count == 0)
        return err_set(e, ERR_NOT_FOUND,
            "there is no process \"%" STR_FMT "\"; `status` lists them", STR_ARG(name));
    if (count > 1)
        return err_set(
            e, ERR_CONFLICT, "%zu processes have the name \"%" STR_FMT "\"", count, STR_ARG(name));
    return 0;
}

static struct request *free_request(struct supervise *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->requests); i++)
        if (s->requests[i].token == 0)
            return &s->requests[i];
    return NULL;
}

static void answer(struct supervise *s, struct request *r, const char *error)
{
    uint64_t token = r->token;
    r->token = 0;
    control_done(s->control, token, error);
}

/* What was asked before of the same process can no longer come true as it was meant. */
static void supersede(struct supervise *s, const struct unit *u)
{
    for (size_t i = 0; i < ARRAY_LEN(s->requests); i++)
        if (s->requests[i].token && s->requests[i].unit == u)
            answer(s, &s->requests[i], "another request for it came meanwhile");
}

static int take(struct supervise *s, struct str name, uint64_t token, bool up, struct err *e)
{
    struct unit *u;
    if (pick(s, name, &u, e) < 0)
        return -1;
    supersede(s, u);
    struct request *r = free_request(s);
    if (!r)
        return err_set(e, ERR_BUSY, "too many requests wait; try again");
    *r = (struct request){ token, u, up };
    if (up)
        unit_restart(u);
    else
        unit_stop(u);
    s->host.changed = true;
    return 0;
}

static int restart(void *ctx, struct str name, uint64_t token, struct err *e)
{
    return take(ctx, name, token, true, e);
}

static int stop(void *ctx, struct str name, uint64_t token, struct err *e)
{
    return take(ctx, name, token, false, e);
}

int requests_open(struct supervise *s, struct err *e)
{
    const struct control_calls calls = { s, status, restart, stop };
    return control_open(&s->control, &s->ev, s->conf->control, &calls, e);
}

static void look(struct supervise *s, struct request *r)
{
    const struct unit *u = r->unit;
    bool down = unit_settled_down(u);
    if (!down && !(r->up && unit_settled_up(u)))
        return;
    const char *error = NULL;
    if (down && r->up)
        error = u->why[0] ? u->why : "it was stopped meanwhile";
    else if (u->state == UNIT_LEFT)
        error = "it could not be killed";
    answer(s, r, error);
}

void requests_step(struct supervise *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->requests); i++)
        if (s->requests[i].token)
            look(s, &s->requests[i]);
}

void requests_forget(struct supervise *s, const struct unit *u)
{
    for (size_t i = 0; i < ARRAY_LEN(s->requests); i++)
        if (s->requests[i].token && s->requests[i].unit == u)
            answer(s, &s->requests[i],
                "a reload has replaced or removed it; `status` shows what there is");
}
