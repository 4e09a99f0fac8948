/* A daemon that put itself into a session of its own is nobody's group. As process 1 we see all
 * there is; elsewhere it was handed to us as the nearest subreaper when its parent died. The
 * children of those are handed on in their turn, so looking again until nobody is left finds
 * everyone. */
#include "supervisor/supervise_private.h"

#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

bool sweep_anybody_left(void)
{
    siginfo_t info = { .si_pid = 0 };
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

static void signal_listed(struct str pids, int sig)
{
    struct str word;
    uint32_t pid;
    while (str_next_word(&pids, &word))
        if (num_parse_u32(word, &pid) && pid > 1)
            (void)kill((pid_t)pid, sig);
}

/* More than a page of numbers is cut; the next look finds the rest. */
static void signal_children(int sig)
{
    char path[64], text[4096];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    ssize_t n = read(fd, text, sizeof text);
    if (n <= 0)
        return;
    struct str pids = { text, (size_t)n };
    if (pids.n == sizeof text)
        pids.n = str_rfind(pids, ' ') + 1;
    signal_listed(pids, sig);
}

void sweep_signal(int sig)
{
    if (getpid() == 1)
        (void)kill(-1, sig);
    else
        signal_children(sig);
}
