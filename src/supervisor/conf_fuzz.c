/* Any bytes: what loads is within its bounds, starts what is depended on first, and is the same as
 * itself loaded again; what does not says where in the file. */
#include "base/buf.h"
#include "supervisor/conf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_command(const struct command *c)
{
    if (!c || c->n == 0)
        return;
    assert(c->line > 0 && !c->words[c->n]);
    for (size_t i = 0; i < c->n; i++)
        assert(utf8_valid(str_from(c->words[i])));
    assert(c->filter || c->only_env_n == 0);
    for (size_t i = 0; i < c->only_env_n; i++)
        assert(c->only_env[i][0] && !strchr(c->only_env[i], '='));
}

static void check_probe(const struct process *p, const struct probe *probe)
{
    if (probe->kind == PROBE_NONE)
        return;
    assert(p->run && probe->every_ms > 0 && probe->failures > 0);
    assert((probe->kind == PROBE_EXEC) == (probe->exec.n > 0));
    assert((probe->kind == PROBE_LOG) == (probe->text && probe->text[0]));
    assert((probe->kind == PROBE_TCP || probe->kind == PROBE_HTTP) == (probe->address_n > 0));
    if (probe->kind == PROBE_HTTP) {
        assert(probe->target[0] == '/');
        assert(!strpbrk(probe->target, " \r\n") && !strpbrk(probe->host, " \r\n"));
    }
    check_command(&probe->exec);
}

static void check_process(const struct conf *c, const struct process *p, const size_t *place)
{
    size_t self = (size_t)(p - c->processes);
    assert(p->name && p->line > 0);
    check_command(p->pre);
    check_command(p->run);
    check_command(p->post);
    check_command(p->stop_command);
    check_probe(p, &p->ready);
    check_probe(p, &p->live);
    assert(p->stop_timeout_ms >= TIME_FOREVER && p->ready_timeout_ms >= TIME_FOREVER);
    assert(p->restart_limit >= -1 && p->restart_window_ms > 0);
    assert(p->umask >= -1 && p->umask <= 0777);
    for (size_t i = 0; i < p->env_n; i++)
        assert(p->env[i].name[0] && !strchr(p->env[i].name, '=') && p->env[i].value);
    for (size_t i = 0; i < p->depends_n; i++)
        assert(p->depends[i] < c->n && place[p->depends[i]] < place[self]);
}

static void check(const struct conf *c)
{
    assert(c->n <= PROCESS_MAX);
    size_t *place = calloc(c->n + 1, sizeof(*place));
    assert(place);
    for (size_t i = 0; i < c->n; i++) {
        assert(c->order[i] < c->n && place[c->order[i]] == 0);
        place[c->order[i]] = i + 1;
    }
    for (size_t i = 0; i < c->n; i++) {
        check_process(c, &c->processes[i], place);
        (void)conf_process_uses(&c->processes[i], "PATH");
    }
    free(place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = { (const char *)data, size };
    struct conf *c = NULL, *again = NULL;
    struct err e = ERR_INIT;
    if (conf_parse("f", text, &c, &e) < 0) {
        assert(!c && e.kind == ERR_USAGE && e.text[0] == 'f' && e.text[1] == ':');
        assert(utf8_valid(str_from(e.text)) && !strpbrk(e.text, "\r\n\x1b"));
        return 0;
    }
    check(c);
    assert(arena_used(c->arena) <= size * 64 + 65536);
    int ret = conf_parse("f", text, &again, NULL);
    assert(ret == 0 && again->n == c->n);
    for (size_t i = 0; i < c->n; i++)
        assert(conf_process_same(c, i, again, i));
    conf_free(c);
    conf_free(again);
    return 0;
}
