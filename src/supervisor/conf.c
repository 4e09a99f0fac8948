/* The file as a whole. The document is parsed into an arena of its own, dozens of times its size,
 * that goes at the end; what stays is a copy of the values. */
#include "supervisor/conf.h"

#include "config/quote.h"
#include "supervisor/conf_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_STEP 16384
#define SHUTDOWN_TIMEOUT_MS (5 * 1000)
#define CONTROL_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

struct top {
    struct conf *c;
    const struct toml_value *processes;
};

static int set_suppress(struct conf_reader *r, struct conf_item it, void *into)
{
    if (it.v->type != TOML_BOOL)
        return conf_bad_type(r, it, "true or false");
    ((struct top *)into)->c->suppress_timestamps = it.v->boolean;
    return 0;
}

static int set_env(struct conf_reader *r, struct conf_item it, void *into)
{
    struct conf *c = ((struct top *)into)->c;
    return conf_env(r, it, &c->env, &c->env_n);
}

static int set_shutdown_timeout(struct conf_reader *r, struct conf_item it, void *into)
{
    return conf_time(r, it, true, "5s", &((struct top *)into)->c->shutdown_timeout_ms);
}

static int set_log_format(struct conf_reader *r, struct conf_item it, void *into)
{
    if (it.v->type != TOML_STRING)
        return conf_bad_type(r, it, "\"text\" or \"json\"");
    bool json = str_eq(it.v->string, STR("json"));
    if (!json && !str_eq(it.v->string, STR("text")))
        return conf_bad(r, it, "%" STR_FMT " is not known; write \"text\" or \"json\" instead",
            STR_ARG(quote_short(r->tmp, it.v->string)));
    ((struct top *)into)->c->log_json = json;
    return 0;
}

static int set_control(struct conf_reader *r, struct conf_item it, void *into)
{
    struct conf *c = ((struct top *)into)->c;
    if (conf_filled(r, it, "the path of a socket, such as \"/run/x.sock\"", &c->control) < 0)
        return -1;
    if (it.v->string.n > CONTROL_MAX)
        return conf_bad(r, it,
            "is longer than a socket's path may be; write one of up to %zu bytes", CONTROL_MAX);
    return 0;
}

static int set_processes(struct conf_reader *r, struct conf_item it, void *into)
{
    if (it.v->type != TOML_ARRAY)
        return conf_bad_type(r, it, "an array of tables; write [[processes]] above each process");
    if (it.v->array.n > PROCESS_MAX)
        return conf_bad(r, it, "has %zu processes; write at most %d, or use several supervisors",
            it.v->array.n, PROCESS_MAX);
    ((struct top *)into)->processes = it.v;
    return 0;
}

static const struct conf_key keys[] = {
    { "suppress_timestamps", set_suppress },
    { "env", set_env },
    { "processes", set_processes },
    { "shutdown-timeout", set_shutdown_timeout },
    { "log-format", set_log_format },
    { "control", set_control },
};

static int read_processes(struct conf_reader *r, const struct toml_value *list, struct conf *c)
{
    size_t n = list->array.n;
    struct process *ps = arena_array(r->keep, n, sizeof(*ps));
    const struct toml_value **depends = arena_array(r->tmp, n, sizeof(void *));
    for (size_t i = 0; i < n; i++) {
        r->where = conf_where(r, list->array.items[i], i + 1);
        if (conf_process(r, list->array.items[i], &ps[i], &depends[i]) < 0)
            return -1;
    }
    r->where = "";
    c->processes = ps;
    c->n = n;
    return conf_order(r, ps, n, depends, &c->order);
}

/* "line 3: what" becomes "FILE:3: what". */
static int bad_toml(struct conf_reader *r, struct str text)
{
    struct str rest = str_skip(text, strlen("line "));
    struct str digits = str_cut(&rest, ':');
    uint64_t line = 0;
    for (size_t i = 0; i < digits.n && ascii_is_digit(digits.p[i]) && line < INT32_MAX / 10; i++)
        line = line * 10 + (uint64_t)(digits.p[i] - '0');
    return conf_bad_at(r, (int)line, "this is no TOML: %" STR_FMT, STR_ARG(str_trim_ws(rest)));
}

static int read_document(struct conf_reader *r, struct str text, struct conf *c)
{
    struct toml_value root = { .type = TOML_TABLE, .line = 1 };
    struct err e = ERR_INIT;
    if (text.n > CONF_SIZE_MAX)
        return err_set(r->e, ERR_USAGE,
            "%s: is larger than %u bytes; write less into it, for "
            "instance keep scripts in files of their own",
            r->file, CONF_SIZE_MAX);
    if (toml_parse(r->tmp, text, &root.table, &e) < 0)
        return bad_toml(r, str_from(e.text));
    struct top top = { c, NULL };
    struct conf_item it = { "", &root };
    if (conf_table(r, it, keys, ARRAY_LEN(keys), &top) < 0)
        return -1;
    if (!top.processes)
        return conf_bad_at(r, 1,
            "key \"processes\": is missing; write [[processes]] above each "
            "process, or processes = [] for none");
    return read_processes(r, top.processes, c);
}

int conf_parse(const char *file, struct str text, struct conf **ret, struct err *e)
{
    AUTO_ARENA struct arena *tmp = arena_new();
    struct arena *keep = arena_new();
    struct conf *c = ARENA_NEW(keep, struct conf);
    c->arena = keep;
    c->file = arena_str(keep, str_from(file)).p;
    c->shutdown_timeout_ms = SHUTDOWN_TIMEOUT_MS;
    struct conf_reader r = {
        .keep = keep, .tmp = tmp, .file = conf_file_end(c->file), .where = "", .e = e
    };
    if (read_document(&r, text, c) < 0) {
        conf_free(c);
        return -1;
    }
    *ret = c;
    return 0;
}

static int bad_file(const char *file, struct err *e)
{
    return err_set(e, ERR_USAGE, "%s: cannot be read: %s", conf_file_end(file), strerror(errno));
}

/* Not a pipe: at a reload nobody may stand at its other end, and everything would wait. */
static int read_file(const char *file, struct buf *b, struct err *e)
{
    struct stat st;
    AUTO_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return bad_file(file, e);
    if (!S_ISREG(st.st_mode))
        return err_set(
            e, ERR_USAGE, "%s: is no ordinary file; name one that is", conf_file_end(file));
    for (;;) {
        char *room = buf_room(b, READ_STEP);
        ssize_t n = room ? read(fd, room, READ_STEP) : 0;
        if (n < 0)
            return bad_file(file, e);
        if (n == 0)
            return 0;
        buf_grew(b, (size_t)n);
    }
}

int conf_load(const char *file, struct conf **ret, struct err *e)
{
    /* Room for more than is taken, for conf_parse to see that there is more. */
    AUTO_BUF struct buf b = BUF_INIT(CONF_SIZE_MAX + 2 * READ_STEP);
    return read_file(file, &b, e) < 0 ? -1 : conf_parse(file, buf_str(&b), ret, e);
}

void conf_free(struct conf *c)
{
    if (c)
        arena_free(c->arena);
}
