/* Brings this machine into the tailnet and keeps it there: runs `tailscale up`, says each minute
 * where somebody has to log in, and does so again when the node's key has expired or somebody
 * logged it out. Meant to run beside tailscaled, as its user; never ends by itself. */
#include "base/clock.h"
#include "base/num.h"
#include "cli/cli.h"
#include "cli/join.h"
#include "tailnet/local_api.h"
#include "tailnet/tailnet.h"
#include "tailnet/trouble.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define EVERY_S 60
#define RETRY_FIRST_S 2
#define ASK_S 5

struct join {
    struct arena *arena; /* of the plan */
    struct arena *scratch;
    struct join_plan plan;
    struct str socket;
    unsigned every_s;
};

/* ---- what tailscaled says ---- */

static int connect_socket(struct str path, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (path.n >= sizeof at.sun_path)
        return err_set(e, ERR_USAGE, "the path of tailscaled's socket is too long");
    memcpy(at.sun_path, path.p, path.n);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) < 0) {
        attr_close(&fd);
        return err_sys(e, "reach tailscaled");
    }
    struct timeval limit = { .tv_sec = ASK_S };
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

static int read_answer(int fd, struct buf *out, struct err *e)
{
    const struct str ask =
        STR("GET /localapi/v0/status?peers=false HTTP/1.0\r\nHost: " LOCAL_API_HOST "\r\n\r\n");
    if (send(fd, ask.p, ask.n, MSG_NOSIGNAL) != (ssize_t)ask.n)
        return err_sys(e, "ask tailscaled");
    for (;;) {
        char *room = buf_room(out, 16384);
        ssize_t n = room ? read(fd, room, 16384) : -1;
        if (n < 0)
            return err_sys(e, "read tailscaled's answer");
        if (n == 0)
            return 0;
        buf_grew(out, (size_t)n);
    }
}

static int ask_status(struct join *j, struct tailnet_node *ret, struct err *e)
{
    struct buf text AUTO_BUF = BUF_INIT(LOCAL_API_MAX);
    unsigned status;
    struct str body;
    int fd AUTO_CLOSE = connect_socket(j->socket, e);
    arena_reset(j->scratch);
    if (fd < 0 || read_answer(fd, &text, e) < 0 || local_api_split(&text, &status, &body, e) < 0)
        return -1;
    return tailnet_node_parse(j->scratch, body, ret, e);
}

/* ---- tailscale up ---- */

static void say_login(struct join *j)
{
    struct tailnet_node node;
    struct err e = ERR_INIT;
    if (ask_status(j, &node, &e) < 0 || node.auth_url.n == 0)
        return;
    printf("this registry waits for you to let it into your tailnet; open %" STR_FMT "\n",
        STR_ARG(node.auth_url));
    (void)fflush(stdout);
}

static NORETURN void be_tailscale(const struct join_plan *plan)
{
    char *words[JOIN_WORDS];
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    memcpy(words, plan->words, sizeof words);
    (void)execvp(words[0], words);
    (void)fprintf(stderr, "cannot run %s: %s\n", words[0], strerror(errno));
    _exit(127);
}

/* Waits for the child; says where to log in each `every`. */
static int wait_up(struct join *j, pid_t pid)
{
    int status = 0;
    int fd AUTO_CLOSE = pidfd_open(pid, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    while (waitpid(pid, &status, WNOHANG) == 0)
        if (poll(&p, 1, (int)j->every_s * 1000) == 0)
            say_login(j);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static bool come_up(struct join *j)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        be_tailscale(&j->plan);
    return pid > 0 && wait_up(j, pid) == 0;
}

static void rest(unsigned seconds)
{
    (void)poll(NULL, 0, (int)seconds * 1000);
}

static void join_now(struct join *j)
{
    unsigned pause = RETRY_FIRST_S;
    while (!come_up(j)) {
        printf("`tailscale up` failed, trying again in %u s\n", pause);
        (void)fflush(stdout);
        rest(pause < j->every_s ? pause : j->every_s);
        pause = pause * 2 < EVERY_S ? pause * 2 : EVERY_S;
    }
}

/* ---- and stay ---- */

static void say_joined(struct join *j)
{
    struct tailnet_node node;
    struct err e = ERR_INIT;
    if (ask_status(j, &node, &e) < 0 || !node.running)
        return;
    printf("in the tailnet as http://%" STR_FMT "/\n", STR_ARG(node.name));
    struct str first = node.name;
    first = str_cut(&first, '.');
    if (!str_eq_nocase(first, str_from(j->plan.hostname)))
        printf("the name %s was taken, so the tailnet made it %" STR_FMT
               "; remove the old node in the admin console and rename this one, or keep it\n",
            j->plan.hostname, STR_ARG(first));
    (void)fflush(stdout);
}

/* A tailscaled that is away comes back by itself, with its login. */
static bool is_out(struct join *j)
{
    struct tailnet_node node;
    struct err e = ERR_INIT;
    struct buf why AUTO_BUF = BUF_INIT(1024);
    if (ask_status(j, &node, &e) < 0)
        return false;
    if (!str_eq(node.state, STR("NeedsLogin")) && !node.key_expired)
        return false;
    trouble_of_node(&node, clock_wall_s(), &why);
    printf("%" STR_FMT "\n", STR_ARG(buf_str(&why)));
    return true;
}

static int read_every(struct cli *c, struct join *j, struct err *e)
{
    uint32_t every = EVERY_S;
    struct str given = args_get(&c->args, "every");
    if (given.p && (!num_parse_u32(given, &every) || every == 0 || every > 3600))
        return err_set(e, ERR_USAGE, "--every needs seconds, 1 to 3600");
    j->every_s = every;
    return 0;
}

int cmd_join(struct cli *c, struct err *e)
{
    struct join j = { .arena = c->arena };
    struct config *config;
    if (read_every(c, &j, e) < 0 || cli_load_config(c, &config, e) < 0 ||
        join_plan_make(c->arena, environ, &j.plan, e) < 0)
        return -1;
    if (args_has(&c->args, "print")) {
        for (size_t i = 0; i < j.plan.n; i++)
            printf("%s%s", i ? " " : "", j.plan.words[i]);
        return puts("") < 0;
    }
    if (join_hide(c->arena, &j.plan, e) < 0)
        return -1;
    j.socket = config->tailscale_socket.n ? config->tailscale_socket : tailnet_find_socket();
    struct arena *scratch AUTO_ARENA = arena_new();
    j.scratch = scratch;
    for (;;) {
        join_now(&j);
        say_joined(&j);
        while (!is_out(&j))
            rest(j.every_s);
    }
}
