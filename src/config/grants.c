/* [[access.grant]]. A grant that is not understood whole gives nothing, and the server starts all
 * the same: an unknown key may be a limit that a newer version knows, so to pass over it would give
 * more than was meant, and to refuse to start would lock everyone out for one group's typo. */
#include "config/config_schema.h"
#include "config/quote.h"

#define ROLES "read, publish, release, maintain, admin"
#define PATTERN_MAX 64 /* as a crate's name, the star not counted */

/* Events join the names of a tagged node's principals by commas, and logs and lists separate names
 * by blanks: no name holds either. It must be UTF-8, for it goes into JSON. */
static bool is_writable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c == 0x7f || c == '*' || c == ',')
            return false;
    }
    return utf8_valid(s);
}

const char *config_principal_wrong(struct str s)
{
    static const char *const prefixes[] = { "local", "tag", "header", "shared",
        "ktra-secure-auth" };
    if (!is_writable(s))
        return "is no principal: it holds a blank, a comma, a star, a control character or what is "
               "no UTF-8";
    if (s.n == 0)
        return "is no principal";
    if (!str_has(s, ':'))
        return NULL; /* a login or self */
    struct str rest = s;
    struct str prefix = str_cut(&rest, ':');
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (str_eq(prefix, str_from(prefixes[i])))
            return rest.n > 0 ? NULL : "is no principal: there is no name behind the colon";
    }
    return "is no principal; write a login, tag:NAME, local:NAME, header:NAME, shared:LOGIN or "
           "self";
}

static struct str because(struct arena *a, const char *key, struct str item, const char *why)
{
    struct str q = quote_short(a, item);
    return arena_printf(a, "%s: %" STR_FMT " %s", key, STR_ARG(q), why);
}

/* STR_NONE, or why v is no list of at least one text. */
static struct str read_list(
    struct arena *a, const char *key, const struct toml_value *v, struct config_list *ret)
{
    if (!v)
        return arena_printf(a, "%s is missing", key);
    if (v->type != TOML_ARRAY || v->array.n == 0)
        return arena_printf(a, "%s must be a list of at least one text", key);
    ret->n = v->array.n;
    ret->items = arena_array(a, ret->n, sizeof(*ret->items));
    for (size_t i = 0; i < ret->n; i++) {
        if (v->array.items[i]->type != TOML_STRING)
            return arena_printf(a, "%s must be a list of texts only", key);
        ret->items[i] = v->array.items[i]->string;
    }
    return STR_NONE;
}

static bool is_role(struct str s)
{
    struct str rest = STR(ROLES);
    while (rest.p) {
        if (str_eq(str_trim_ws(str_cut(&rest, ',')), s))
            return true;
    }
    return false;
}

/* Crates are compared by canonical name: lower case, '-' as '_' (crate/name.h has the same rule,
 * which this folder may not include). A pattern may be written in any spelling. */
static bool fold_pattern(struct arena *a, struct str *s)
{
    size_t n_name = s->n - (str_ends(*s, STR("*")) ? 1 : 0);
    char *p = str_cstr(a, *s);
    if (s->n == 0 || n_name > PATTERN_MAX)
        return false;
    for (size_t i = 0; i < n_name; i++) {
        char c = s->p[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '_')
            return false;
        p[i] = c == '-' ? '_' : ascii_lower(c);
    }
    s->p = p;
    return n_name == 0 || ascii_is_alpha(p[0]);
}

struct str config_grant_wrong(
    struct arena *a, struct config_list *roles, struct config_list *crates)
{
    bool needs_all = false;
    if (roles->n == 0 || crates->n == 0)
        return arena_printf(
            a, "%s must be a list of at least one text", roles->n == 0 ? "do" : "crates");
    for (size_t i = 0; i < roles->n; i++) {
        if (!is_role(roles->items[i]))
            return because(a, "do", roles->items[i], "is no role; the roles are " ROLES);
        needs_all = needs_all || str_eq(roles->items[i], STR("read")) ||
                    str_eq(roles->items[i], STR("admin"));
    }
    for (size_t i = 0; i < crates->n; i++) {
        struct str written = crates->items[i];
        if (!fold_pattern(a, &crates->items[i]))
            return because(a, "crates", written,
                "is neither the name of a crate nor the beginning of one with * at its end");
    }
    if (needs_all && (crates->n != 1 || !str_eq(crates->items[0], STR("*"))))
        return STR("crates: read and admin are of the whole registry and take [\"*\"] only; "
                   "write other roles in a grant of their own");
    return STR_NONE;
}

static struct str check_items(struct arena *a, struct config_grant *g)
{
    for (size_t i = 0; i < g->who.n; i++) {
        const char *why = config_principal_wrong(g->who.items[i]);
        if (why)
            return because(a, "who", g->who.items[i], why);
    }
    return config_grant_wrong(a, &g->roles, &g->crates);
}

static struct str read_grant(struct arena *a, const struct toml_value *v, struct config_grant *g)
{
    struct str why;
    if (v->type != TOML_TABLE)
        return STR("it is no table");
    for (const struct toml_pair *p = v->table->first; p; p = p->next) {
        if (!str_eq(p->key, STR("who")) && !str_eq(p->key, STR("do")) &&
            !str_eq(p->key, STR("crates")))
            return because(a, "unknown key", p->key, "(the keys are who, do, crates)");
    }
    why = read_list(a, "who", toml_get(v->table, STR("who")), &g->who);
    if (!why.p)
        why = read_list(a, "do", toml_get(v->table, STR("do")), &g->roles);
    if (!why.p)
        why = read_list(a, "crates", toml_get(v->table, STR("crates")), &g->crates);
    return why.p ? why : check_items(a, g);
}

int grants_parse(struct arena *a, const struct toml_value *v, struct config *c, struct err *e)
{
    if (v->type != TOML_ARRAY) {
        struct config_origin from = setting_from_file(a, c->file, v->line);
        return setting_fail(e, STR("access.grant"), from.where,
            "the value is of type %s; begin each grant with [[access.grant]], in double brackets",
            toml_type_name(v->type));
    }
    c->n_grants = v->array.n;
    c->grants = arena_array(a, c->n_grants, sizeof(*c->grants));
    for (size_t i = 0; i < c->n_grants; i++) {
        struct config_grant *g = &c->grants[i];
        g->line = v->array.items[i]->line;
        g->void_reason = read_grant(a, v->array.items[i], g);
        if (g->void_reason.p) /* nobody can use by mistake what is not there */
            g->who = g->roles = g->crates = (struct config_list){ NULL, 0 };
    }
    return 0;
}
