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
#include <string.h>
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

/* The kernel gives a page at a time. Nobody is reaped meanwhile, so the places in its list stay. */
static void signal_children(int sig)
{
    char path[64], text[4096];
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    int fd AUTO_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
    size_t kept = 0; /* of a number that was cut */
    ssize_t n = 0;
    while (fd >= 0 && (n = read(fd, text + kept, sizeof text - kept)) > 0) {
        struct str pids = { text, kept + (size_t)n };
        size_t whole = str_rfind(pids, ' ') + 1;
        signal_listed(str_from_to(pids, 0, whole), sig);
        kept = pids.n - whole;
        memmove(text, text + whole, kept);
    }
}

void sweep_signal(int sig)
{
    if (getpid() == 1)
        (void)kill(-1, sig);
    else
        signal_children(sig);
}
