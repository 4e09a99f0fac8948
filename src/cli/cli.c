#include "cli/cli.h"

#include <stdio.h>

#define DATA                                                                                       \
    {                                                                                              \
        "data", "DIR", false, "the data folder (server.data)"                                      \
    }
#define CONFIG                                                                                     \
    {                                                                                              \
        "config", "FILE", false, "the configuration file"                                          \
    }
#define JSON                                                                                       \
    {                                                                                              \
        "json", NULL, false, "print JSON"                                                          \
    }
#define HELP                                                                                       \
    {                                                                                              \
        "help", NULL, false, "this text"                                                           \
    }

#define TAILSCALE_LISTENER "http://tailnet:80?identity=tailscale"

static const struct args_option SERVE[] = { HELP, DATA, CONFIG,
    { "listen", "URL", true,
        "a listener, such as http://127.0.0.1:8000?anonymous=read; may repeat" },
    { "tailscale", NULL, false,
        "the network is the login: stands for --listen '" TAILSCALE_LISTENER "'" },
    { "ready-fd", "N", false, "write each listener's URL to this descriptor when ready" } };
static const struct args_option TOKEN_NEW[] = { HELP, DATA, CONFIG, JSON,
    { "scope", "SCOPE", true,
        "read, publish-new, publish-update, yank, change-owners or admin; may repeat (default: all "
        "but admin)" },
    { "crate", "PATTERN", true, "a crate's name or a prefix with *; may repeat (default: *)" },
    { "expires", "DAYS", false, "1 to 365, of a person 1 to 90 (default: 90)" },
    { "from", "WHERE", false,
        "own (its principal's own nodes alone), any or tag:NAME (default: any for an account, own "
        "for all others)" } };
static const struct args_option DATA_ONLY[] = { HELP, DATA, CONFIG, JSON };
static const struct args_option PRINCIPAL_REMOVE[] = { HELP, DATA, CONFIG, JSON,
    { "to", "OTHER", false, "who gets what it owns; required" } };
static const struct args_option AUDIT[] = { HELP, DATA, CONFIG, JSON,
    { "by", "WHO", false, "what this principal did, or what came from this node or address" },
    { "crate", "NAME", false, "what was done to this crate" },
    { "since", "WHEN", false, "2026-03-01, 2026-03-01T12:00:00Z (UTC), or an age: 7d, 24h, 30m" } };
static const struct args_option CONFIG_OPTIONS[] = { HELP, CONFIG, DATA, JSON,
    { "sample", NULL, false, "print a commented configuration file" },
    { "markdown", NULL, false, "print docs/configuration.md" } };
static const struct args_option DOCTOR[] = { HELP, DATA, CONFIG, JSON,
    { "listen", "URL", true, "as serve has it" }, { "tailscale", NULL, false, "as serve has it" } };
static const struct args_option HEALTH[] = { HELP, CONFIG, DATA,
    { "ready", NULL, false, "ask for readiness instead" },
    { "url", "URL", false, "of the registry (default: its own first listener)" } };
static const struct args_option REBUILD[] = { HELP, DATA, CONFIG,
    { "check", NULL, false, "change nothing; exit 1 when something differs" } };

static const struct args_option POLICY[] = { HELP, CONFIG, JSON,
    { "as", "WHO", false, "a login or a tag" },
    { "dst", "TAG", false, "the registry's tag (default: tag:registry)" } };

static const struct args_option SUPERVISE[] = { HELP,
    { "check", NULL, false, "read the file and say what is wrong; start nothing" } };
static const struct args_option JOIN[] = { HELP, CONFIG,
    { "every", "SECONDS", false, "between two looks at the node (default: 60)" },
    { "print", NULL, false, "print the `tailscale up` it would run, secrets too, and end" } };
static const struct args_option PREFLIGHT[] = { HELP,
    { "volume", "DIR", false, "where the volume has to be mounted (default: /data)" },
    { "run", "DIR", false, "where tailscaled's socket gets its folder (default: /run)" },
    { "registry", "UID", false, "who owns the data (default: 10001)" },
    { "tailscaled", "UID", false, "who owns the node's state (default: 10003)" } };

#define OPTIONS(table) (table), ARRAY_LEN(table)

static const struct cli_command COMMANDS[] = {
    { "serve", "[--tailscale] [--data DIR] [--listen URL]... [--config FILE]", "run the registry",
        OPTIONS(SERVE), 0, 0, cmd_serve },
    { "token new",
        "NAME [--scope SCOPE]... [--crate PATTERN]... [--expires DAYS] [--from own|any|tag:NAME]",
        "make a token for an account (local:NAME), tag:NAME, header:NAME or a login",
        OPTIONS(TOKEN_NEW), 1, 1, cmd_token_new },
    { "token list", "", "all tokens, without their secrets", OPTIONS(DATA_ONLY), 0, 0,
        cmd_token_list },
    { "token revoke", "ID", "end a token at once", OPTIONS(DATA_ONLY), 1, 1, cmd_token_revoke },
    { "crate list", "", "all crates", OPTIONS(DATA_ONLY), 0, 0, cmd_crate_list },
    { "crate show", "NAME", "versions and owners of a crate", OPTIONS(DATA_ONLY), 1, 1,
        cmd_crate_show },
    { "principal list", "", "everyone known here: accounts, people, machines", OPTIONS(DATA_ONLY),
        0, 0, cmd_principal_list },
    { "principal show", "NAME", "one of them, and what it owns", OPTIONS(DATA_ONLY), 1, 1,
        cmd_principal_show },
    { "principal link", "OLD NEW", "OLD's crates and tokens are NEW's from now on",
        OPTIONS(DATA_ONLY), 2, 2, cmd_principal_link },
    { "principal block", "NAME", "deny one everything, at once and on every listener",
        OPTIONS(DATA_ONLY), 1, 1, cmd_principal_block },
    { "principal unblock", "NAME", "end a block", OPTIONS(DATA_ONLY), 1, 1, cmd_principal_unblock },
    { "principal rebind", "LOGIN [NEW_LOGIN]",
        "the next person with this login is them; or: their login is a new one", OPTIONS(DATA_ONLY),
        1, 2, cmd_principal_rebind },
    { "principal remove", "NAME --to OTHER",
        "hand what one owns to another and let nobody act as them again", OPTIONS(PRINCIPAL_REMOVE),
        1, 1, cmd_principal_remove },
    { "audit", "[--by WHO] [--crate NAME] [--since WHEN] [--json]", "who did what, oldest first",
        OPTIONS(AUDIT), 0, 0, cmd_audit },
    { "policy check", "FILE --as WHO [--dst TAG]",
        "what a tailnet's policy file gives somebody here", OPTIONS(POLICY), 1, 1,
        cmd_policy_check },
    { "config show", "", "every setting and where it came from", OPTIONS(CONFIG_OPTIONS), 0, 0,
        cmd_config_show },
    { "config check", "", "is the configuration good?", OPTIONS(CONFIG_OPTIONS), 0, 0,
        cmd_config_check },
    { "config", "--sample", "print a sample configuration", OPTIONS(CONFIG_OPTIONS), 0, 0,
        cmd_config },
    { "doctor", "[--tailscale] [--listen URL]... [--json]",
        "check the whole set-up and say what to do; exit 1 when something is wrong",
        OPTIONS(DOCTOR), 0, 0, cmd_doctor },
    { "health", "[--ready]", "exit 0 while the server lives (or is ready)", OPTIONS(HEALTH), 0, 0,
        cmd_health },
    { "supervise", "[--check] FILE", "run the processes of a groundcontrol.toml",
        OPTIONS(SUPERVISE), 1, 1, cmd_supervise },
    { "join", "", "bring this container's node into the tailnet, and keep it there", OPTIONS(JOIN),
        0, 0, cmd_join },
    { "preflight", "", "check a container's volume and variables, make its folders",
        OPTIONS(PREFLIGHT), 0, 0, cmd_preflight },
    { "rebuild-index", "[--check]",
        "compute the index anew from the database; the server must be stopped", OPTIONS(REBUILD), 0,
        0, cmd_rebuild_index },
};

/* Those that begin with this word, or all. */
static size_t print_commands(FILE *f, struct str first)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        struct str rest = str_from(COMMANDS[i].words);
        struct str word = str_cut(&rest, ' ');
        if (first.p && (!str_eq(word, first) || rest.n == 0))
            continue;
        (void)fprintf(f, "  superguppy %-17s %s\n", COMMANDS[i].words, COMMANDS[i].help);
        n++;
    }
    return n;
}

static void print_all(FILE *f)
{
    (void)fputs("Super Guppy " SUPERGUPPY_VERSION ", a private Cargo registry\n\n", f);
    (void)print_commands(f, STR_NONE);
    (void)fputs("  superguppy --version\n\nsuperguppy COMMAND --help says more of one. A first "
                "start: superguppy serve; on a tailnet: superguppy serve --tailscale\n",
        f);
}

static void print_one(const struct cli_command *c)
{
    printf("superguppy %s %s\n\n%s\n\n", c->words, c->usage, c->help);
    for (size_t i = 0; i < c->n_options; i++) {
        const struct args_option *o = &c->options[i];
        char left[64];
        (void)snprintf(
            left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("  %-18s %s\n", left, o->help);
    }
}

/* The command whose words stand first in argv; *ret_used of them. */
static const struct cli_command *find_command(int argc, char **argv, int *ret_used)
{
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        struct str words = str_from(COMMANDS[i].words), word;
        int used = 0;
        while (str_next_word(&words, &word) && used < argc && str_eq(word, str_from(argv[used])))
            used++;
        struct str all = str_from(COMMANDS[i].words);
        int wanted = str_has(all, ' ') ? 2 : 1;
        if (used == wanted) {
            *ret_used = used;
            return &COMMANDS[i];
        }
    }
    return NULL;
}

static int fail(const struct err *e)
{
    if (e->cause[0] != '\0' && e->kind != ERR_USAGE)
        (void)fprintf(stderr, "superguppy: %s (%s)\n", e->text, e->cause);
    else
        (void)fprintf(stderr, "superguppy: %s\n", e->text);
    return e->kind == ERR_USAGE ? 2 : 1;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct cli c = { .arena = arena_new() };
    c.args.options = command->options;
    c.args.n_options = command->n_options;
    c.args.found = arena_array(c.arena, command->n_options, sizeof(struct args_found));
    int rc = args_parse(&c.args, argc, argv, &e);
    if (rc == 0 && args_has(&c.args, "help"))
        print_one(command);
    else if (rc == 0 && (c.args.n_rest < command->min_rest || c.args.n_rest > command->max_rest))
        rc = err_set(&e, ERR_USAGE, "use it so: superguppy %s %s", command->words, command->usage);
    else if (rc == 0)
        rc = command->run(&c, &e);
    if (rc < 0)
        rc = fail(&e);
    if (fflush(stdout) != 0 && rc == 0)
        rc = 1;
    arena_free(c.arena);
    return rc;
}

/* Nothing by these words: one line that names what could have been meant. */
static int refuse_command(int argc, char **argv)
{
    struct buf choices AUTO_BUF = BUF_INIT(1024);
    if (argc < 2) {
        print_all(stderr);
        return 2;
    }
    if (argc == 3 && str_eq(str_from(argv[2]), STR("--help")) &&
        print_commands(stdout, str_from(argv[1])) > 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        struct str rest = str_from(COMMANDS[i].words);
        if (str_eq(str_cut(&rest, ' '), str_from(argv[1])) && rest.n > 0)
            buf_addf(&choices, "%s%" STR_FMT, choices.n ? ", " : "", STR_ARG(rest));
    }
    if (choices.n > 0)
        (void)fprintf(stderr, "superguppy: %s needs one of: %" STR_FMT "; --help says more\n",
            argv[1], STR_ARG(buf_str(&choices)));
    else
        (void)fprintf(stderr,
            "superguppy: there is no command `%.60s`; superguppy --help lists them\n", argv[1]);
    return 2;
}

int cli_main(int argc, char **argv)
{
    int used;
    struct str first = argc > 1 ? str_from(argv[1]) : STR_NONE;
    if (str_eq(first, STR("--version"))) {
        (void)puts("superguppy " SUPERGUPPY_VERSION);
        return 0;
    }
    if (str_eq(first, STR("--help")) || str_eq(first, STR("help"))) {
        print_all(stdout);
        return 0;
    }
    const struct cli_command *c = find_command(argc - 1, argv + 1, &used);
    if (!c)
        return refuse_command(argc, argv);
    return run(c, argc - 1 - used, argv + 1 + used);
}

int cli_load_config(struct cli *c, struct config **ret, struct err *e)
{
    static const struct {
        const char *option, *key, *value; /* NULL: the option's own */
    } map[] = { { "data", "server.data", NULL }, { "listen", "server.listen", NULL },
        { "tailscale", "server.listen", TAILSCALE_LISTENER } };
    struct config_flag flags[ARGS_VALUES_MAX + 2];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(map); i++) {
        for (size_t k = 0; k < c->args.n_options; k++) {
            if (!str_eq(str_from(c->args.options[k].name), str_from(map[i].option)))
                continue;
            for (size_t v = 0; v < c->args.found[k].n; v++)
                flags[n++] = (struct config_flag){ str_from(map[i].key),
                    map[i].value ? str_from(map[i].value) : c->args.found[k].values[v] };
        }
    }
    struct config_sources from = {
        .file = args_get(&c->args, "config"), .env = environ, .flags = flags, .n_flags = n
    };
    return config_load(c->arena, &from, ret, e);
}
