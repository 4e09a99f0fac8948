/* docs/configuration.md: the prose is here, what each setting is comes from config.def. */
#include "config/config_schema.h"

static void put_row(struct arena *a, const struct setting *s, struct buf *out)
{
    struct str env = setting_env_name(a, s);
    buf_addf(out, "| `%s`<br>`%" STR_FMT "` | `", s->key, STR_ARG(env));
    setting_put_default(s, out);
    buf_add(out, STR("` | "));
    setting_allowed(s, out);
    buf_addf(out, " | %s |\n", s->doc);
}

static const char head[] =
    "<!-- Made by `superguppy config --markdown` from src/config/config.def; do not edit. -->\n"
    "# Configuration\n\n"
    "Nothing needs to be configured to try Super Guppy. A setting comes from the first of these\n"
    "that has it:\n\n"
    "1. the command line: `--data DIR` is `server.data`, `--listen URL` (any number of times) is\n"
    "   `server.listen`;\n"
    "2. the environment: `SUPERGUPPY_SECTION__NAME`, with two underscores between section and\n"
    "   name, such as `SUPERGUPPY_SERVER__URL`;\n"
    "3. the file: the one of `--config FILE`, else of `SUPERGUPPY_CONFIG`, else\n"
    "   `/etc/superguppy/superguppy.toml` if it is there; never one in the working directory;\n"
    "4. the default.\n\n"
    "The file is TOML. Anything in it that is no setting is an error, and so is a variable of the\n"
    "environment that begins with `SUPERGUPPY_`, holds `__` and is no setting; other variables "
    "are\n"
    "ignored. `superguppy config check` says whether all is well, `superguppy config show` prints\n"
    "each value with where it came from, `superguppy config --sample` prints a file to start "
    "from.\n\n"
    "Lists are split at white space when they come from the environment. Sizes are bytes, or a\n"
    "text with `K`, `M` or `G` (powers of 1024), such as `\"10M\"`. Times are whole seconds.\n\n"
    "## Settings\n";

static const char tail[] =
    "\n"
    "## Listeners\n"
    "\n"
    "`server.listen` is a list of URLs; several listeners may serve at once:\n"
    "\n"
    "| URL | listens at |\n"
    "|---|---|\n"
    "| `http://HOST:PORT` | a TCP port. HOST is an IPv4 address, an IPv6 address in brackets or a "
    "name; `0.0.0.0` and `[::]` stand for all addresses; port 0 takes a free one |\n"
    "| `http://tailnet:PORT` | wherever this machine is reached on its tailnet and nowhere else, "
    "with `identity=tailscale`; port 80 may be left out |\n"
    "| `unix:/PATH` | a unix socket |\n"
    "\n"
    "Behind a `?`, separated by `&`:\n"
    "\n"
    "| key | meaning |\n"
    "|---|---|\n"
    "| `identity=tailscale` | of `http://`: the machine's tailscaled says who a peer is. Not on "
    "all addresses, where a peer's address proves nothing |\n"
    "| `identity=header` | of `unix:/PATH`: a program in front of the registry, such as "
    "oauth2-proxy, says who a caller is |\n"
    "| `header=NAME` | with `identity=header`: the header field in which it says so; the default "
    "is `X-Forwarded-User` |\n"
    "| `peer=USER` | with `identity=header`, required: the user, by name or number, as whom that "
    "program runs; others are not believed; may repeat |\n"
    "| `anonymous=read` | who shows no token may read; `anonymous=none`, the default: may do "
    "nothing |\n"
    "| `token_reads=true` | where a listener knows its peers by the network, an unknown one is "
    "asked for a token (401) instead of being refused (403); elsewhere that is always so |\n"
    "| `only=health` | serves `/healthz` and `/readyz` alone |\n"
    "| `mode=0660` | rights of a unix socket, in octal; this is the default |\n"
    "\n"
    "For example:\n"
    "\n"
    "```toml\n"
    "[server]\n"
    "listen = [\n"
    "    \"http://tailnet:80?identity=tailscale\",\n"
    "    \"unix:/run/superguppy/web.sock?identity=header&peer=oauth2-proxy\",\n"
    "    \"http://127.0.0.1:8001?only=health\",\n"
    "]\n"
    "```\n"
    "\n"
    "`superguppy serve --tailscale` is short for `--listen "
    "'http://tailnet:80?identity=tailscale'`.\n"
    "[tailscale.md](tailscale.md) tells what a tailnet brings, [security.md](security.md) what to "
    "mind\n"
    "when a program in front says who is there.\n"
    "\n"
    "Without `server.listen` there is one built-in listener, `http://127.0.0.1:8000`. It is open\n"
    "for reading unless a tailscaled socket is found on the machine.\n"
    "\n"
    "A TCP listener beyond loopback needs `server.url` or `identity=tailscale`, for clients are "
    "told\n"
    "where archives are and the Host header is not to be trusted with that; so does a server that "
    "has\n"
    "unix sockets only. Listeners with `only=health` do not count.\n"
    "\n"
    "## Grants\n"
    "\n"
    "```toml\n"
    "[[access.grant]]\n"
    "who = [\"anna@corp.test\", \"tag:ci-release\", \"local:ci\"]\n"
    "do = [\"release\"]\n"
    "crates = [\"acme-*\", \"tools\"]\n"
    "```\n"
    "\n"
    "A grant gives rights beyond the defaults; nothing takes rights away. It is set in the file\n"
    "only. All three keys are required:\n"
    "\n"
    "- `who`: principals: a login of the tailnet, such as `anna@corp.test`; `tag:NAME`, a machine "
    "with\n"
    "  that tag; `local:NAME`, an account; `header:NAME`, whom a program in front names;\n"
    "  `shared:LOGIN`, a person of another tailnet by a machine shared with yours; `self`, the\n"
    "  registry's own machine. `access.admins` takes the same.\n"
    "- `do`: roles: `read`, `publish`, `release`, `maintain`, `admin`.\n"
    "- `crates`: names of crates, or the beginning of names with `*` at the end. Capitals and `-`\n"
    "  make no difference: `Acme-*` and `acme_*` are the same. `read` and `admin` are of the "
    "whole\n"
    "  registry and take `[\"*\"]` only.\n"
    "\n"
    "The tailnet's policy grants the same way, in objects with `do` and `crates` under the name\n"
    "`access.capability`.\n"
    "\n"
    "A grant with an unknown key, role or type is void: it gives nothing, the server starts all "
    "the\n"
    "same, and `superguppy config show` and the log say which and why.\n";

void config_markdown(struct buf *out)
{
    AUTO_ARENA struct arena *a = arena_new();
    buf_add(out, str_from(head));
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        struct str section = setting_section(&settings[i]);
        if (setting_begins_section(i))
            buf_addf(out,
                "\n### [%" STR_FMT "]\n\n| Setting, variable | Default | Takes | Meaning "
                "|\n|---|---|---|---|\n",
                STR_ARG(section));
        put_row(a, &settings[i], out);
    }
    buf_add(out, str_from(tail));
}
