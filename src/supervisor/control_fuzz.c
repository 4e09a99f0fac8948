/* Any bytes at the control socket, in two pieces: one answer that begins with ok or error, a name
 * as it was sent, and a server that is idle again afterwards. */
#include "supervisor/control.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

struct asked {
    struct control *control;
    struct str request; /* up to its line feed */
    size_t acts;
    bool refuse;
};

static void status(void *ctx, struct buf *out)
{
    struct asked *a = ctx;
    assert(str_eq(a->request, STR("status")));
    buf_add(out, STR("web up\n"));
}

static int act(struct asked *a, struct str verb, struct str name, uint64_t token, struct err *e)
{
    a->acts++;
    assert(a->acts == 1 && name.n > 0 && !str_has(name, '\n'));
    assert(str_starts(a->request, verb) && str_eq(str_skip(a->request, verb.n), name));
    if (a->refuse)
        return err_set(e, ERR_NOT_FOUND, "no such process");
    control_done(a->control, token, NULL);
    return 0;
}

static int restart(void *ctx, struct str name, uint64_t token, struct err *e)
{
    return act(ctx, STR("restart "), name, token, e);
}

static int stop(void *ctx, struct str name, uint64_t token, struct err *e)
{
    return act(ctx, STR("stop "), name, token, e);
}

static void talk(struct events *ev, const char *path, struct str bytes)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    char answer[1024];
    struct str half = str_from_to(bytes, 0, bytes.n / 2), rest = str_skip(bytes, bytes.n / 2);
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    int ret = connect(fd, (const struct sockaddr *)&name, sizeof(name));
    assert(ret == 0);
    (void)!send(fd, half.p, half.n, MSG_NOSIGNAL);
    for (int i = 0; i < 3; i++)
        events_round(ev, 0);
    (void)!send(fd, rest.p, rest.n, MSG_NOSIGNAL);
    (void)shutdown(fd, SHUT_WR);
    for (int i = 0; i < 4; i++)
        events_round(ev, 0);
    ssize_t n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
    if (bytes.n == 0) {
        assert(n == 0);
        return;
    }
    assert(n > 0 && answer[n - 1] == '\n');
    struct str text = { answer, (size_t)n };
    assert(str_starts(text, STR("ok\n")) || str_starts(text, STR("error: ")));
    n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
    assert(n == 0 || (n < 0 && errno == ECONNRESET));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = { (const char *)data, size < 4096 ? size : 4096 };
    struct str rest = bytes;
    struct asked a = { .request = str_cut(&rest, '\n'), .refuse = size % 2 };
    struct control_calls calls = { &a, status, restart, stop };
    struct events ev;
    char path[64];
    (void)snprintf(path, sizeof(path), "/tmp/control-fuzz-%d", (int)getpid());
    int ret = events_open(&ev, NULL);
    assert(ret == 0);
    ret = control_open(&a.control, &ev, path, &calls, NULL);
    assert(ret == 0);
    talk(&ev, path, bytes);
    assert(ev.timers.next == &ev.timers);
    control_close(a.control);
    events_close(&ev);
    return 0;
}
