/* HTTP/1.0, so that the end of the answer is the end of the connection and nothing is kept that a
 * restart of tailscaled could break. Connecting to a unix socket never waits: it succeeds, fails,
 * or finds the backlog full, and then it is tried again a little later, within the deadline. So
 * questions reach tailscaled in the order in which they are put. One timer serves for all: to try
 * again, to tell of a failure that was seen before the caller had the call, and the deadline. */
#include "tailnet/local_api.h"

#include "base/mem.h"
#include "base/num.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define TRY_AGAIN_MS 20
#define READ_STEP 16384
#define READS_A_TURN 16 /* then others have their turn */
#define REQUEST_MAX 2048

struct local_call {
    struct loop *loop;
    struct loop_io io; /* fd -1: not connected */
    struct loop_timer timer;
    int64_t deadline_ms;
    local_call_fn fn;
    void *ctx;
    struct buf out;
    size_t sent;
    struct buf in;
    struct err failure; /* to be told when the timer fires */
    size_t n_socket;
    char socket[]; /* ends with NUL */
};

/* ---- who listens ---- */

/* The folder that the last part of path is in, as a string of its own. */
static char *folder_of(const char *path)
{
    struct str p = str_from(path);
    size_t slash = str_rfind(p, '/');
    if (slash == STR_NPOS)
        return mem_dup(".", 1);
    return mem_dup(path, slash == 0 ? 1 : slash);
}

/* In a folder with the sticky bit only a file's owner (and the folder's) can replace it. Members of
 * root's group are as good as root. */
static int check_folder(const char *path, uid_t *ret_owner, struct err *e)
{
    AUTO_FREE char *folder = folder_of(path);
    struct stat st;
    if (stat(folder, &st) < 0)
        return err_set(e, ERR_BUSY, "the folder of tailscaled's socket is gone");
    bool others = (st.st_mode & S_IWOTH) || ((st.st_mode & S_IWGRP) && st.st_gid != 0);
    if (others && !(st.st_mode & S_ISVTX))
        return err_set(e, ERR_INVALID,
            "others can replace tailscaled's socket: take the right to write to its folder from "
            "them");
    *ret_owner = st.st_uid;
    return 0;
}

int local_api_check_listener(int fd, struct str socket, struct err *e)
{
    struct ucred who;
    socklen_t n = sizeof(who);
    uid_t named, real;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
        return err_set(e, ERR_INVALID, "tailscaled's socket does not say who listens there");
    AUTO_FREE char *path = mem_dup(socket.p ? socket.p : "", socket.n);
    AUTO_FREE char *target = realpath(path, NULL); /* it may be a link: both folders count */
    if (!target)
        return err_set(e, ERR_BUSY, "tailscaled's socket was taken away while it was asked");
    if (check_folder(path, &named, e) < 0 || check_folder(target, &real, e) < 0)
        return -1;
    if (who.uid == 0 || who.uid == geteuid() || who.uid == named || who.uid == real)
        return 0;
    return err_set(e, ERR_INVALID,
        "user %u listens at tailscaled's socket, who is neither root nor the owner of its folder",
        (unsigned)who.uid);
}

/* ---- what it says ---- */

struct framing {
    bool chunked, has_length;
    uint64_t length;
};

static int no_http(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "tailscaled's answer is no HTTP: %s", what);
}

/* Up to CRLF, of visible bytes, blanks and tabs. */
static int next_line(struct str *rest, struct str *ret, bool *ret_cut, struct err *e)
{
    size_t end = str_find_str(*rest, STR("\r\n"));
    if (end == STR_NPOS) {
        *ret_cut = true;
        return no_http(e, "it ends within a line");
    }
    *ret = str_from_to(*rest, 0, end);
    *rest = str_skip(*rest, end + 2);
    for (size_t i = 0; i < ret->n; i++) {
        unsigned char c = (unsigned char)ret->p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return no_http(e, "a line has a control character");
    }
    return 0;
}

static int parse_status(struct str line, unsigned *ret, struct err *e)
{
    uint32_t status;
    struct str code = str_from_to(line, 9, 12), behind = str_skip(line, 12);
    if (!str_starts(line, STR("HTTP/1.")) || line.n < 12 || !ascii_is_digit(line.p[7]) ||
        line.p[8] != ' ' || !num_parse_u32(code, &status) || status < 200 || status > 599 ||
        (behind.n > 0 && behind.p[0] != ' '))
        return no_http(e, "it does not begin with a status");
    *ret = status;
    return 0;
}

static int parse_field(struct str line, struct framing *f, struct err *e)
{
    size_t colon = str_find(line, ':');
    if (colon == STR_NPOS || colon == 0 || line.p[0] == ' ' || line.p[0] == '\t')
        return no_http(e, "a field has no name");
    struct str name = str_from_to(line, 0, colon), value = str_trim_ws(str_skip(line, colon + 1));
    if (str_eq_nocase(name, STR("transfer-encoding"))) {
        if (f->chunked || !str_eq_nocase(value, STR("chunked")))
            return no_http(e, "its transfer coding is unknown");
        f->chunked = true;
    } else if (str_eq_nocase(name, STR("content-length"))) {
        if (f->has_length || !num_parse_u64(value, &f->length))
            return no_http(e, "its length is not clear");
        f->has_length = true;
    }
    return 0;
}

/* Decodes in place; *body begins where its data will. */
static int unchunk(char *to, struct str *body, bool *ret_cut, struct err *e)
{
    struct str rest = *body, line;
    size_t n = 0;
    uint64_t size;
    for (;;) {
        if (next_line(&rest, &line, ret_cut, e) < 0)
            return -1;
        if (!num_parse_hex(str_trim_ws(str_cut(&line, ';')), &size))
            return no_http(e, "a chunk has no size");
        if (size == 0)
            break;
        if (size > rest.n || rest.n - size < 2) {
            *ret_cut = true;
            return no_http(e, "it ends within a chunk");
        }
        memmove(to + n, rest.p, size);
        n += size;
        rest = str_skip(rest, size);
        if (!str_starts(rest, STR("\r\n")))
            return no_http(e, "a chunk is longer than it says");
        rest = str_skip(rest, 2);
    }
    do {
        if (next_line(&rest, &line, ret_cut, e) < 0)
            return -1;
    } while (line.n > 0);
    if (rest.n > 0)
        return no_http(e, "something follows its end");
    *body = (struct str){ to, n };
    return 0;
}

/* *ret_cut: it would be one if more came. */
static int split(
    struct buf *text, unsigned *ret_status, struct str *ret_body, bool *ret_cut, struct err *e)
{
    struct framing f = { 0 };
    struct str rest = buf_str(text), line;
    *ret_cut = false;
    if (next_line(&rest, &line, ret_cut, e) < 0 || parse_status(line, ret_status, e) < 0)
        return -1;
    for (;;) {
        if (next_line(&rest, &line, ret_cut, e) < 0)
            return -1;
        if (line.n == 0)
            break;
        if (parse_field(line, &f, e) < 0)
            return -1;
    }
    if (f.chunked && f.has_length)
        return no_http(e, "it has two lengths");
    *ret_body = rest;
    if (f.chunked)
        return unchunk(text->p + (text->n - rest.n), ret_body, ret_cut, e);
    if (f.has_length && f.length != rest.n) {
        *ret_cut = rest.n < f.length;
        return no_http(e, "it is not as long as it says");
    }
    return 0;
}

int local_api_split(struct buf *text, unsigned *ret_status, struct str *ret_body, struct err *e)
{
    bool cut;
    return split(text, ret_status, ret_body, &cut, e);
}

/* ---- the call ---- */

static void free_call(struct local_call *c)
{
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    free(c);
}

static void release(struct local_call *c)
{
    loop_timer_cancel(c->loop, &c->timer);
    if (c->io.fd < 0)
        return;
    loop_remove(c->loop, &c->io);
    (void)close(c->io.fd);
    c->io.fd = -1;
}

static void finish(struct local_call *c, unsigned status, struct str body, const struct err *e)
{
    release(c);
    c->fn(c->ctx, status, body, e);
    free_call(c);
}

static void fail(struct local_call *c, const struct err *e)
{
    finish(c, 0, STR_NONE, e);
}

/* sys tells callers which it was (tailnet_trouble). */
static void explain(int sys, struct err *e)
{
    const char *text = "tailscaled does not answer; is it running? Try again in a moment";
    if (sys == ENOENT || sys == ENOTDIR || sys == ECONNREFUSED)
        text = "tailscaled is not running; try again when it is";
    else if (sys == EACCES || sys == EPERM)
        text = "the registry has no permission to ask tailscaled";
    else if (sys == ETIMEDOUT)
        text = "tailscaled did not answer in time; try again in a moment";
    else if (sys == EMFILE || sys == ENFILE)
        text = "the registry has no file descriptor left to ask tailscaled; try again in a moment";
    else if (sys == ECONNRESET)
        text = "tailscaled ended the connection before its answer was whole; try again in a moment";
    (void)err_set(e, ERR_BUSY, "%s", text);
    errno = sys;
    err_cause(e, "asking tailscaled: %m");
    e->sys = sys;
}

static void fail_sys(struct local_call *c, int sys)
{
    struct err e = ERR_INIT;
    explain(sys, &e);
    fail(c, &e);
}

static void on_end(struct local_call *c)
{
    struct err e = ERR_INIT;
    unsigned status;
    struct str body;
    bool cut;
    if (split(&c->in, &status, &body, &cut, &e) == 0)
        finish(c, status, body, &e);
    else if (cut)
        fail_sys(c, ECONNRESET);
    else
        fail(c, &e);
}

/* 0 also when there is more to send; else errno. */
static int send_more(struct local_call *c)
{
    while (c->sent < c->out.n) {
        ssize_t n = send(c->io.fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (n > 0)
            c->sent += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            return 0;
        else if (n == 0 || errno != EINTR)
            return ECONNRESET;
    }
    return 0;
}

static void receive(struct local_call *c)
{
    for (int i = 0; i < READS_A_TURN; i++) {
        size_t left = c->in.max - c->in.n, step = left < READ_STEP ? left : READ_STEP;
        char *p = step ? buf_room(&c->in, step) : NULL;
        if (!p) {
            struct err e = ERR_INIT;
            (void)err_set(
                &e, ERR_INVALID, "tailscaled's answer is larger than %u bytes", LOCAL_API_MAX);
            fail(c, &e);
            return;
        }
        ssize_t n = recv(c->io.fd, p, step, 0);
        if (n > 0) {
            buf_grew(&c->in, (size_t)n);
        } else if (n == 0) {
            on_end(c);
            return;
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR) {
            fail_sys(c, ECONNRESET);
            return;
        }
    }
}

static uint32_t wanted(const struct local_call *c)
{
    return c->sent < c->out.n ? EPOLLIN | EPOLLOUT : EPOLLIN;
}

static void on_ready(struct loop_io *io, uint32_t events)
{
    struct local_call *c = CONTAINER_OF(io, struct local_call, io);
    if ((events & EPOLLOUT) && c->sent < c->out.n) {
        int sys = send_more(c);
        if (sys != 0) {
            fail_sys(c, sys);
            return;
        }
        loop_watch(c->loop, io, wanted(c));
    }
    if (events & ~(uint32_t)EPOLLOUT)
        receive(c);
}

/* A path too long for an address goes by its folder's descriptor. -1: errno says why. */
static int connect_to(int fd, const char *path)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    AUTO_FREE char *folder = folder_of(path);
    int folder_fd AUTO_CLOSE = -1;
    size_t n = strlen(path);
    if (n < sizeof(a.sun_path)) {
        memcpy(a.sun_path, path, n);
    } else {
        const char *name = strrchr(path, '/');
        folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
            return -1;
        int room = snprintf(
            a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d%s", folder_fd, name ? name : "");
        if (!name || room < 0 || (size_t)room >= sizeof(a.sun_path)) {
            errno = ENAMETOOLONG;
            return -1;
        }
    }
    return connect(fd, (const struct sockaddr *)&a, sizeof(a));
}

/* 1 connected, 0 to be tried again, -1 failed; the descriptor is the call's when connected. */
static int connect_call(struct local_call *c, struct err *e)
{
    errno = ENOENT;
    int fd AUTO_CLOSE = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || c->n_socket == 0 || connect_to(fd, c->socket) < 0) {
        if (errno == EAGAIN || errno == EINTR)
            return 0;
        explain(errno, e);
        return -1;
    }
    if (local_api_check_listener(fd, (struct str){ c->socket, c->n_socket }, e) < 0)
        return -1;
    c->io.fd = fd;
    int sys = send_more(c);
    if (sys != 0)
        explain(sys, e);
    if (sys != 0 || loop_add(c->loop, &c->io, wanted(c), e) < 0) {
        c->io.fd = -1;
        return -1;
    }
    (void)TAKE_FD(fd);
    return 1;
}

static void begin(struct local_call *c)
{
    int rc = connect_call(c, &c->failure);
    int64_t now = loop_now_ms(c->loop), due = now;
    if (rc == 0)
        due = now + TRY_AGAIN_MS;
    if (rc > 0 || due > c->deadline_ms)
        due = c->deadline_ms;
    loop_timer_set(c->loop, &c->timer, due);
}

static void on_timer(struct loop_timer *timer)
{
    struct local_call *c = CONTAINER_OF(timer, struct local_call, timer);
    if (c->failure.kind != ERR_NONE)
        fail(c, &c->failure);
    else if (loop_now_ms(c->loop) >= c->deadline_ms)
        fail_sys(c, ETIMEDOUT);
    else
        begin(c);
}

struct local_call *local_call_new(struct loop *l, struct str socket, struct str path,
    int64_t deadline_mono_ms, local_call_fn fn, void *ctx)
{
    struct local_call *c = mem_zalloc(sizeof(*c) + socket.n + 1);
    c->loop = l;
    c->io = (struct loop_io){ .fd = -1, .ready = on_ready };
    c->timer.fire = on_timer;
    c->deadline_ms = deadline_mono_ms;
    c->fn = fn;
    c->ctx = ctx;
    c->n_socket = socket.n;
    if (socket.n > 0)
        memcpy(c->socket, socket.p, socket.n);
    c->in = BUF_INIT(LOCAL_API_MAX);
    c->out = BUF_INIT(REQUEST_MAX);
    /* Neither Origin nor Referer: tailscaled refuses what a browser could have been made to send.
     */
    buf_addf(&c->out,
        "GET %" STR_FMT " HTTP/1.0\r\nHost: " LOCAL_API_HOST "\r\nConnection: close\r\n\r\n",
        STR_ARG(path));
    assert(buf_ok(&c->out));
    if (deadline_mono_ms > loop_now_ms(l))
        begin(c);
    else
        loop_timer_set(l, &c->timer, deadline_mono_ms);
    return c;
}

void local_call_cancel(struct local_call *c)
{
    release(c);
    free_call(c);
}
