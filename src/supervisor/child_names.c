/* The names of limits and capabilities are the kernel's, in lower case and without their prefix:
 * what setrlimit(2) and capabilities(7) list, nothing invented. A name is looked up once for each
 * key of a file, so a plain table that is read from front to back is quick enough. */
#include "supervisor/child_private.h"

#include <linux/capability.h>
#include <sys/resource.h>

struct named {
    const char *name;
    int value;
};

static const struct named limits[] = {
    { "as", RLIMIT_AS },
    { "core", RLIMIT_CORE },
    { "cpu", RLIMIT_CPU },
    { "data", RLIMIT_DATA },
    { "fsize", RLIMIT_FSIZE },
    { "locks", RLIMIT_LOCKS },
    { "memlock", RLIMIT_MEMLOCK },
    { "msgqueue", RLIMIT_MSGQUEUE },
    { "nice", RLIMIT_NICE },
    { "nofile", RLIMIT_NOFILE },
    { "nproc", RLIMIT_NPROC },
    { "rss", RLIMIT_RSS },
    { "rtprio", RLIMIT_RTPRIO },
    { "rttime", RLIMIT_RTTIME },
    { "sigpending", RLIMIT_SIGPENDING },
    { "stack", RLIMIT_STACK },
};

static const struct named capabilities[] = {
    { "audit_control", CAP_AUDIT_CONTROL },
    { "audit_read", CAP_AUDIT_READ },
    { "audit_write", CAP_AUDIT_WRITE },
    { "block_suspend", CAP_BLOCK_SUSPEND },
    { "bpf", CAP_BPF },
    { "checkpoint_restore", CAP_CHECKPOINT_RESTORE },
    { "chown", CAP_CHOWN },
    { "dac_override", CAP_DAC_OVERRIDE },
    { "dac_read_search", CAP_DAC_READ_SEARCH },
    { "fowner", CAP_FOWNER },
    { "fsetid", CAP_FSETID },
    { "ipc_lock", CAP_IPC_LOCK },
    { "ipc_owner", CAP_IPC_OWNER },
    { "kill", CAP_KILL },
    { "lease", CAP_LEASE },
    { "linux_immutable", CAP_LINUX_IMMUTABLE },
    { "mac_admin", CAP_MAC_ADMIN },
    { "mac_override", CAP_MAC_OVERRIDE },
    { "mknod", CAP_MKNOD },
    { "net_admin", CAP_NET_ADMIN },
    { "net_bind_service", CAP_NET_BIND_SERVICE },
    { "net_broadcast", CAP_NET_BROADCAST },
    { "net_raw", CAP_NET_RAW },
    { "perfmon", CAP_PERFMON },
    { "setfcap", CAP_SETFCAP },
    { "setgid", CAP_SETGID },
    { "setpcap", CAP_SETPCAP },
    { "setuid", CAP_SETUID },
    { "sys_admin", CAP_SYS_ADMIN },
    { "sys_boot", CAP_SYS_BOOT },
    { "sys_chroot", CAP_SYS_CHROOT },
    { "sys_module", CAP_SYS_MODULE },
    { "sys_nice", CAP_SYS_NICE },
    { "sys_pacct", CAP_SYS_PACCT },
    { "sys_ptrace", CAP_SYS_PTRACE },
    { "sys_rawio", CAP_SYS_RAWIO },
    { "sys_resource", CAP_SYS_RESOURCE },
    { "sys_time", CAP_SYS_TIME },
    { "sys_tty_config", CAP_SYS_TTY_CONFIG },
    { "syslog", CAP_SYSLOG },
    { "wake_alarm", CAP_WAKE_ALARM },
};

_Static_assert(CAP_LAST_CAP < 64, "a set of capabilities is a uint64_t");

static bool find(const struct named *table, size_t n, struct str name, int *ret)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, str_from(table[i].name))) {
            *ret = table[i].value;
            return true;
        }
    }
    return false;
}

bool child_limit(struct str name, int *ret)
{
    return find(limits, ARRAY_LEN(limits), name, ret);
}

/* In the kernel's own spelling, CAP_NET_RAW, or in ours. A mixture is neither. */
bool child_capability(struct str name, int *ret)
{
    char lower[32];
    if (!str_starts(name, STR("CAP_")))
        return find(capabilities, ARRAY_LEN(capabilities), name, ret);
    name = str_skip(name, 4);
    if (name.n > sizeof lower)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] >= 'a' && name.p[i] <= 'z')
            return false;
        lower[i] = ascii_lower(name.p[i]);
    }
    return find(capabilities, ARRAY_LEN(capabilities), (struct str){ lower, name.n }, ret);
}

const char *child_capability_name(int capability)
{
    for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
        if (capabilities[i].value == capability)
            return capabilities[i].name;
    return "?";
}

const char *child_limit_name(int resource)
{
    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        if (limits[i].value == resource)
            return limits[i].name;
    return "?";
}
