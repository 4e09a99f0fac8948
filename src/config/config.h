/* Settings: the schema is config.def; each value knows where it came from.
 * Order: flags > SUPERGUPPY_SECTION__KEY > file (--config, else SUPERGUPPY_CONFIG, else
 * /etc/superguppy/superguppy.toml if it exists) > default. Immutable once loaded; any thread. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/listen_url.h"

enum config_source { CONFIG_DEFAULT, CONFIG_FILE, CONFIG_ENV, CONFIG_FLAG };

struct config_origin {
    enum config_source source;
    struct str where; /* "FILE:LINE", the variable's or the flag's name; empty for a default */
};

struct config_list {
    struct str *items;
    size_t n;
};

/* One [[access.grant]]: who, do (roles by name), crates (canonical names or prefixes with '*').
 * A grant with an unknown key, role or type is void: kept with its reason and empty lists. */
struct config_grant {
    struct config_list who, roles, crates;
    struct str void_reason; /* p NULL when the grant counts */
    int line;
};

struct config {
#define CFG_STR(id, key, def, doc) struct str id;
#define CFG_LIST(id, key, def, doc) struct config_list id;
#define CFG_SIZE(id, key, def, min, max, doc) uint64_t id;
#define CFG_NUM(id, key, def, min, max, doc) uint64_t id;
#define CFG_SECONDS(id, key, def, min, max, doc) uint64_t id;
#define CFG_ENUM(id, key, def, words, doc) struct str id;
#define CFG_BOOL(id, key, def, doc) bool id;
#include "config/config.def"
#include "config/config_undef.h"
    struct listen_url *listeners; /* from server.listen, or the built-in one */
    size_t n_listeners;
    struct config_grant *grants;
    size_t n_grants;
    struct str file;               /* path read; p NULL when none */
    struct config_origin *origins; /* of each setting, in the order of config.def */
};

/* NULL, or why s is no principal as grants and access.admins write them: LOGIN, tag:X, local:X,
 * header:X, shared:LOGIN, self, ktra-secure-auth:X. */
const char *config_principal_wrong(struct str s);
/* The one check of what a grant lists, from the configuration or from the tailnet's policy: roles
 * known, patterns good (each is folded to canonical form, in a), read and admin for ["*"] alone.
 * STR_NONE, or why it is void. */
struct str config_grant_wrong(
    struct arena *a, struct config_list *roles, struct config_list *crates);

/* A setting given on the command line, e.g. {"server.data", "/srv"}. In messages it is called by
 * the last part of its key: --data. A list's flag is one item and may come again; of others the
 * last one counts. */
struct config_flag {
    struct str key, value;
};

/* Where settings are looked for. */
struct config_sources {
    struct str file;  /* --config, or p NULL */
    char *const *env; /* "NAME=value" and a NULL at the end (environ); NULL: none */
    const struct config_flag *flags;
    size_t n_flags;
};

/* Everything lives in the arena. Errors are ERR_USAGE, one line: which setting, from where, what is
 * allowed. The built-in listener is open for reading; whoever finds a tailscaled socket closes it.
 */
int config_load(struct arena *a, const struct config_sources *from, struct config **ret,
    struct err *e) MUST_CHECK;

/* `config show`: every setting, its value, where it came from. json: one object. */
void config_show(const struct config *c, bool json, struct buf *out);
/* `config --sample`: a commented file with every setting at its default. */
void config_sample(struct buf *out);
/* docs/configuration.md, made from the schema (`superguppy config --markdown`). */
void config_markdown(struct buf *out);
