/* --reset makes the environment the whole truth: without it `tailscale up` refuses to run when a
 * flag of last time is not given again. */
#include "cli/join.h"

#include <string.h>
#include <sys/mman.h>

static const struct {
    const char *variable, *flag;
    bool secret;     /* may also be file:PATH, which `tailscale` reads itself */
    bool credential; /* makes a login needless */
} FLAGS[] = {
    { "TS_AUTHKEY", "--auth-key", true, true },
    { "TS_CLIENT_ID", "--client-id", false, true },
    { "TS_CLIENT_SECRET", "--client-secret", true, true },
    { "TS_ID_TOKEN", "--id-token", true, true },
    { "TS_AUDIENCE", "--audience", false, true },
};

static struct str lookup(char **env, const char *name)
{
    struct str wanted = str_from(name);
    for (char **at = env; *at; at++) {
        struct str rest = str_from(*at);
        if (str_starts(rest, wanted) && rest.n > wanted.n && rest.p[wanted.n] == '=')
            return str_skip(rest, wanted.n + 1);
    }
    return STR_NONE;
}

static bool is_set(char **env, const char *name)
{
    return lookup(env, name).p != NULL;
}

static int add(struct join_plan *plan, struct str word, bool secret, struct err *e)
{
    if (plan->n + 1 >= JOIN_WORDS)
        return err_set(e, ERR_USAGE, "TS_EXTRA_ARGS has too many words");
    plan->secret[plan->n] = secret;
    plan->words[plan->n++] = word.p;
    return 0;
}

/* One label of a DNS name (RFC 1123), as it becomes the first one of the node's. */
static bool is_label(struct str s)
{
    bool good = s.n > 0 && s.n <= 63 && s.p[0] != '-' && s.p[s.n - 1] != '-';
    for (size_t i = 0; i < s.n && good; i++)
        good = ascii_is_alnum(s.p[i]) || s.p[i] == '-';
    return good;
}

static int add_hostname(struct arena *a, char **env, struct join_plan *plan, struct err *e)
{
    const char *variable = "PRIVATE_REPO_HOSTNAME";
    struct str name = lookup(env, variable), other = lookup(env, "TS_HOSTNAME");
    if (name.n > 0 && other.n > 0 && !str_eq(name, other))
        return err_set(e, ERR_USAGE,
            "PRIVATE_REPO_HOSTNAME and TS_HOSTNAME say different names; set one of them");
    if (name.n == 0) {
        variable = "TS_HOSTNAME";
        name = other;
    }
    if (name.n == 0)
        return err_set(e, ERR_USAGE,
            "PRIVATE_REPO_HOSTNAME is not set: the name of this registry on your tailnet, for "
            "example PRIVATE_REPO_HOSTNAME=crates");
    if (!is_label(name))
        return err_set(e, ERR_USAGE,
            "%s has to be a name of letters, digits and hyphens without dots, for example crates; "
            "the tailnet adds the rest",
            variable);
    plan->hostname = str_cstr(a, name);
    return add(plan, arena_printf(a, "--hostname=%" STR_FMT, STR_ARG(name)), false, e);
}

static int add_credentials(struct arena *a, char **env, struct join_plan *plan, struct err *e)
{
    if (lookup(env, "TS_AUTHKEY").n > 0 && lookup(env, "TS_CLIENT_ID").n > 0)
        return err_set(e, ERR_USAGE, "TS_AUTHKEY and TS_CLIENT_ID are two ways to join; set one");
    for (size_t i = 0; i < ARRAY_LEN(FLAGS); i++) {
        struct str value = lookup(env, FLAGS[i].variable);
        if (value.n == 0)
            continue;
        bool secret = FLAGS[i].secret && !str_starts(value, STR("file:"));
        struct str word = arena_printf(a, "%s=%" STR_FMT, FLAGS[i].flag, STR_ARG(value));
        if (add(plan, word, secret, e) < 0)
            return -1;
        plan->unattended = true;
    }
    return 0;
}

static int check_tags(struct str tags, struct err *e)
{
    while (tags.n > 0) {
        struct str tag = str_cut(&tags, ',');
        if (!str_starts(tag, STR("tag:")) || tag.n == 4)
            return err_set(e, ERR_USAGE,
                "TS_TAGS has to be tags with commas between, for example tag:registry");
    }
    return 0;
}

/* A person who logs in may not own the tag, so then it has to be asked for. */
static int add_tags(struct arena *a, char **env, struct join_plan *plan, struct err *e)
{
    struct str tags = lookup(env, "TS_TAGS");
    if (!is_set(env, "TS_TAGS") && plan->unattended)
        tags = STR("tag:registry");
    if (tags.n == 0)
        return 0;
    if (check_tags(tags, e) < 0)
        return -1;
    return add(plan, arena_printf(a, "--advertise-tags=%" STR_FMT, STR_ARG(tags)), false, e);
}

static int add_extra(struct arena *a, char **env, struct join_plan *plan, struct err *e)
{
    struct str rest = lookup(env, "TS_EXTRA_ARGS");
    while (rest.n > 0) {
        struct str word = str_cut(&rest, ' ');
        if (word.n > 0 && add(plan, arena_str(a, word), false, e) < 0)
            return -1;
    }
    return 0;
}

int join_plan_make(struct arena *a, char **env, struct join_plan *ret, struct err *e)
{
    *ret = (struct join_plan){ .words = { "tailscale" }, .n = 1 };
    struct str socket = lookup(env, "SUPERGUPPY_TAILSCALE__SOCKET");
    if (socket.n > 0 &&
        add(ret, arena_printf(a, "--socket=%" STR_FMT, STR_ARG(socket)), false, e) < 0)
        return -1;
    if (add(ret, STR("up"), false, e) < 0 || add(ret, STR("--reset"), false, e) < 0 ||
        add(ret, STR("--accept-dns=false"), false, e) < 0 || add_hostname(a, env, ret, e) < 0 ||
        add_credentials(a, env, ret, e) < 0 || add_tags(a, env, ret, e) < 0)
        return -1;
    return add_extra(a, env, ret, e);
}

static int hide(struct arena *a, const char **word, struct err *e)
{
    struct str flag = str_from(*word), secret = flag;
    flag = str_cut(&secret, '=');
    int fd = memfd_create("secret", 0); /* inherited: `tailscale` opens it by name */
    if (fd < 0 || write(fd, secret.p, secret.n) != (ssize_t)secret.n)
        return err_sys(e, "keep a secret in memory");
    *word = str_cstr(a, arena_printf(a, "%" STR_FMT "=file:/proc/self/fd/%d", STR_ARG(flag), fd));
    return 0;
}

int join_hide(struct arena *a, struct join_plan *plan, struct err *e)
{
    for (size_t i = 0; i < plan->n; i++)
        if (plan->secret[i] && hide(a, &plan->words[i], e) < 0)
            return -1;
    return 0;
}
