/* The command line of the supervisor. */
#include "supervisor/conf.h"
#include "supervisor/control.h"
#include "supervisor/supervise.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "Starts, watches and stops the processes of a groundcontrol.toml.\n"
    "\n"
    "usage: groundcontrol [--check [--strict]] CONFIG_FILE\n"
    "       groundcontrol --control SOCKET status\n"
    "       groundcontrol --control SOCKET restart|stop NAME\n"
    "       groundcontrol --help | --version\n"
    "\n"
    "  --check    read the file, say what this machine lacks for it, start nothing;\n"
    "             exit status 1 when the file is not valid\n"
    "  --strict   with --check: exit status 1 also when something is lacking\n"
    "  --control  ask a running groundcontrol; SOCKET is `control` of its file\n"
    "\n"
    "Signals: TERM, INT and QUIT stop everything, a second one kills; HUP reads the file again.\n"
    "BREAK_GLASS in the environment: nothing is started, a signal ends it.\n"
    "Exit status: 0 after a signal, else that of the process that failed (128 + n when killed by\n"
    "signal n), 1 when the start was aborted or the file is not valid, 2 for a wrong command "
    "line.\n";

static int wrong_usage(const char *what)
{
    (void)fprintf(stderr, "groundcontrol: %s\n\n%s", what, usage);
    return 2;
}

static void lacking(void *ctx, struct str text)
{
    (void)ctx;
    (void)fprintf(stderr, "groundcontrol: %" STR_FMT "\n", STR_ARG(text));
}

static int load(const char *file, struct conf **ret)
{
    struct err e = ERR_INIT;
    if (conf_load(file, ret, &e) == 0)
        return 0;
    (void)fprintf(stderr, "groundcontrol: %s\n", e.text);
    return -1;
}

static int check(const char *file, bool strict)
{
    struct conf *c;
    if (load(file, &c) < 0)
        return 1;
    size_t n = conf_resolve(c, environ, lacking, NULL);
    conf_free(c);
    return strict && n > 0;
}

/* Signals that come from here on wait until there is somebody to take them. */
static void hold_signals(void)
{
    sigset_t all;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
}

static int run(const char *file)
{
    struct conf *c;
    hold_signals();
    if (load(file, &c) < 0)
        return 1;
    return supervise(c, getenv("BREAK_GLASS") != NULL);
}

struct options {
    bool check, strict;
    const char *file;
};

/* -1: an answer has been given, *ret_code is it. */
static int parse(int argc, char **argv, struct options *o, int *ret_code)
{
    *ret_code = 2;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check") == 0)
            o->check = true;
        else if (strcmp(argv[i], "--strict") == 0)
            o->strict = true;
        else if (argv[i][0] == '-' && argv[i][1])
            return (void)fprintf(stderr, "groundcontrol: unknown option %s\n\n%s", argv[i], usage),
                   -1;
        else if (o->file)
            return (void)wrong_usage("one file only"), -1;
        else
            o->file = argv[i];
    }
    if (!o->file)
        return (void)wrong_usage("CONFIG_FILE is missing"), -1;
    if (o->strict && !o->check)
        return (void)wrong_usage("--strict belongs to --check"), -1;
    return 0;
}

static bool is(const char *word, const char *a, const char *b)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int main(int argc, char **argv)
{
    struct options o = { 0 };
    int code;
    if (argc > 1 && is(argv[1], "-h", "--help"))
        return fputs(usage, stdout) < 0;
    if (argc > 1 && is(argv[1], "-V", "--version"))
        return printf("groundcontrol %s\n", SUPERGUPPY_VERSION) < 0;
    if (argc > 1 && strcmp(argv[1], "--control") == 0)
        return argc > 2 ? control_client(argv[2], argc - 3, argv + 3)
                        : wrong_usage("--control needs the path of a socket");
    if (parse(argc, argv, &o, &code) < 0)
        return code;
    return o.check ? check(o.file, o.strict) : run(o.file);
}
