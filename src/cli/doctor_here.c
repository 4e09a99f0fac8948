/* What this machine has without any network: configuration, data, the server and its doors. */
#include "cli/doctor_private.h"

void doctor_check_config(const struct doctor_facts *f, struct doctor_report *r)
{
    if (!f->config)
        doctor_bad(r, DOCTOR_FAIL,
            "Mend that; `superguppy config check` says when it is good, `superguppy config show` "
            "where each value comes from.",
            "%" STR_FMT, STR_ARG(f->config_error));
    else if (f->config->file.p)
        doctor_ok(r, "%" STR_FMT, STR_ARG(f->config->file));
    else
        doctor_ok(r, "no file: flags, environment and defaults");
}

/* In our own file, for this version: what is void there is a mistake. */
void doctor_check_grants(const struct doctor_facts *f, struct doctor_report *r)
{
    size_t n_void = 0;
    for (size_t i = 0; f->config && i < f->config->n_grants; i++) {
        const struct config_grant *g = &f->config->grants[i];
        if (!g->void_reason.p)
            continue;
        n_void++;
        doctor_bad(r, DOCTOR_FAIL, "Mend it and restart the server; until then it gives nothing.",
            "the [[access.grant]] in line %d is void: %" STR_FMT, g->line, STR_ARG(g->void_reason));
    }
    if (f->config && f->config->n_grants > 0 && n_void == 0)
        doctor_ok(r, "%zu [[access.grant]], none void", f->config->n_grants);
}

void doctor_check_data(const struct doctor_facts *f, struct doctor_report *r)
{
    if (!f->config)
        return;
    struct str data = f->config->data;
    switch (f->data) {
    case DATA_GOOD:
        doctor_ok(r, "%" STR_FMT, STR_ARG(data));
        break;
    case DATA_ABSENT:
        doctor_bad(r, DOCTOR_WARN,
            "`superguppy serve` makes it. If there is one elsewhere, name it: server.data, or "
            "--data DIR.",
            "there is no data folder %" STR_FMT, STR_ARG(data));
        break;
    case DATA_FOREIGN:
        doctor_bad(r, DOCTOR_FAIL,
            "Name another folder (server.data, or --data DIR), or let `superguppy serve` finish "
            "making this one.",
            "%" STR_FMT " is no data folder: it has no file named format", STR_ARG(data));
        break;
    case DATA_CLOSED:
        doctor_bad(r, DOCTOR_WARN, "Run this as the server's user or as root.",
            "this user may not look into the data folder %" STR_FMT, STR_ARG(data));
        break;
    }
}

void doctor_check_server(const struct doctor_facts *f, struct doctor_report *r)
{
    struct str said = f->server_text;
    if (!f->config)
        return;
    switch (f->server) {
    case SERVER_READY:
        if (str_starts(said, STR("degraded")))
            doctor_bad(r, DOCTOR_FAIL, "Look at the disk, then restart the server.",
                "the server runs, %" STR_FMT, STR_ARG(said));
        else
            doctor_ok(r, "runs%s", said.n > 0 ? " and is ready" : "");
        break;
    case SERVER_NOT_READY:
        doctor_bad(r, DOCTOR_FAIL,
            "Its log says why, and so does what is found below about tailscaled.",
            "the server runs and is not ready: %" STR_FMT, STR_ARG(said));
        break;
    case SERVER_CLOSED:
        doctor_bad(r, DOCTOR_WARN, "Run this as the server's user or as root.",
            "this user may not ask the server: %" STR_FMT, STR_ARG(said));
        break;
    case SERVER_BROKEN:
        doctor_bad(r, DOCTOR_FAIL, "Look at its log; restart it if it hangs.",
            "the server does not answer on its admin socket: %" STR_FMT, STR_ARG(said));
        break;
    case SERVER_NONE:
        doctor_ok(r, "none runs on this data folder");
        break;
    }
}

static void judge_door(
    const struct doctor_facts *f, const struct doctor_door *d, struct doctor_report *r)
{
    struct str cure;
    switch (d->state) {
    case DOOR_FREE:
        doctor_ok(r, "%" STR_FMT " is free", STR_ARG(d->where));
        break;
    case DOOR_OURS:
        if (f->server == SERVER_NONE)
            doctor_bad(r, DOCTOR_WARN,
                "Give this command the flags of the server (--data, --config), or stop that one.",
                "a Super Guppy with another data folder answers at %" STR_FMT, STR_ARG(d->where));
        else
            doctor_ok(r, "%" STR_FMT " answers", STR_ARG(d->where));
        break;
    case DOOR_TAKEN:
        cure = d->port ? arena_printf(r->a,
                             "`ss -ltnp 'sport = :%u'` names it. Stop it, or listen on another "
                             "port, such as 'http://tailnet:8000?identity=tailscale'.",
                             d->port)
                       : STR("Stop it, or name another path.");
        doctor_bad(
            r, DOCTOR_FAIL, cure.p, "%" STR_FMT " is taken by another program", STR_ARG(d->where));
        break;
    case DOOR_FORBIDDEN:
        doctor_bad(r, DOCTOR_FAIL,
            "Ports below 1024 need a right: AmbientCapabilities=CAP_NET_BIND_SERVICE in the "
            "systemd unit; or listen on a port from 1024 on.",
            "this user may not listen on %" STR_FMT, STR_ARG(d->where));
        break;
    case DOOR_DEAF:
        doctor_bad(r, DOCTOR_FAIL,
            "Restart the server if the configuration has changed since its start, and give this "
            "command the flags of the server.",
            "the server runs, but nobody answers at %" STR_FMT, STR_ARG(d->where));
        break;
    case DOOR_ELSEWHERE:
        doctor_bad(r, DOCTOR_FAIL,
            d->tailnet ? "tailscaled has this address in another network namespace: run the "
                         "registry in the same container or pod as tailscaled."
                       : "Name an address of this machine in server.listen.",
            "%" STR_FMT " is no address of this machine", STR_ARG(d->where));
        break;
    }
}

void doctor_check_doors(const struct doctor_facts *f, struct doctor_report *r)
{
    for (size_t i = 0; i < f->n_doors; i++)
        judge_door(f, &f->doors[i], r);
}
