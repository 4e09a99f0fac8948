/* Setting one value. Whatever the source, a value is checked where it is read, so that a mistake is
 * reported with its own file and line even if another source overrides it. */
#include "base/num.h"
#include "config/authority.h"
#include "config/config_schema.h"
#include "config/quote.h"

#include <sys/un.h>

#define URL_EXAMPLE "; write one such as https://crates.example.com"

/* One assignment under way. */
struct target {
    struct arena *a;
    const struct setting *s;
    struct config *c;
    struct config_origin from;
    struct err *e;
};

static void *member(const struct target *t)
{
    return (char *)t->c + t->s->offset;
}

static int refuse(const struct target *t, struct str value)
{
    AUTO_BUF struct buf allowed = BUF_INIT(512);
    struct str q = quote_short(t->a, value);
    setting_allowed(t->s, &allowed);
    return setting_fail(t->e, str_from(t->s->key), t->from.where,
        "%" STR_FMT " is not allowed; give %" STR_FMT, STR_ARG(q), STR_ARG(buf_str(&allowed)));
}

static int refuse_text(const struct target *t, struct str value, const char *why)
{
    struct str q = quote_short(t->a, value);
    return setting_fail(
        t->e, str_from(t->s->key), t->from.where, "%" STR_FMT " %s", STR_ARG(q), why);
}

/* server.url: clients get it with a path put behind, so it ends behind the port. */
static const char *base_url_wrong(struct str s)
{
    struct authority au;
    const char *why;
    if (str_starts(s, STR("http://")))
        s = str_skip(s, sizeof("http://") - 1);
    else if (str_starts(s, STR("https://")))
        s = str_skip(s, sizeof("https://") - 1);
    else
        return "is no http:// or https:// URL" URL_EXAMPLE;
    if (str_has(s, '@'))
        return "has user information, which everyone would see" URL_EXAMPLE;
    if (str_ends(s, STR("/")))
        return "has a slash at the end; leave it out";
    if (str_has(s, '/') || str_has(s, '?') || str_has(s, '#'))
        return "has something behind host and port, where the registry's own paths "
               "begin" URL_EXAMPLE;
    if (!authority_parse(s, &au, &why))
        return "has no valid HOST or HOST:PORT" URL_EXAMPLE;
    if (au.has_port && au.port == 0)
        return "has port 0, which nobody can reach" URL_EXAMPLE;
    return NULL;
}

static const char *index_url_wrong(struct str s)
{
    if (str_find_str(s, STR("://")) == STR_NPOS || !ascii_is_alpha(s.p[0]) || str_has(s, ' '))
        return "is no index URL; write one such as sparse+https://crates.example.com/index/";
    return NULL;
}

static const char *host_wrong(struct str s)
{
    struct authority au;
    const char *why;
    if (!authority_parse(s, &au, &why))
        return "is no host; write HOST or HOST:PORT, such as crates.example.com";
    return NULL;
}

/* DOMAIN/PATH, as Tailscale's policies take them: a domain that someone can own, so with a dot, and
 * none of Tailscale's own. */
static const char *capability_wrong(struct str s)
{
    struct authority au;
    const char *why;
    struct str path = s, own = STR("tailscale.com");
    struct str domain = str_cut(&path, '/');
    if (str_find_str(s, STR("://")) != STR_NPOS)
        return "has a scheme; write it without, such as superguppy.internal/cap/registry";
    if (!authority_parse(domain, &au, &why) || au.kind != AUTHORITY_NAME || au.has_port ||
        !str_has(domain, '.') || path.n == 0)
        return "is no DOMAIN/PATH; write one such as superguppy.internal/cap/registry";
    for (size_t i = 0; i < path.n; i++) {
        if (!ascii_is_alnum(path.p[i]) && !str_has(STR("-_./"), path.p[i]))
            return "has a path of other than letters, digits and - _ . /";
    }
    struct str tail = domain.n > own.n ? str_skip(domain, domain.n - own.n - 1) : domain;
    if (str_eq_nocase(domain, own) || (tail.p[0] == '.' && str_eq_nocase(str_skip(tail, 1), own)))
        return "is under tailscale.com, whose names are Tailscale's own; take a domain of yours";
    return NULL;
}

static const char *socket_wrong(struct str s)
{
    if (s.p[0] != '/')
        return "is no absolute path; write one such as /run/tailscale/tailscaled.sock";
    if (s.n >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return "has more than 107 bytes, the most that a socket's path can have";
    return NULL;
}

static const char *plain_text_wrong(struct str s)
{
    if (!utf8_valid(s))
        return "is not UTF-8";
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return "holds control characters";
    }
    return NULL;
}

/* One text or list item; the rules that a kind cannot say. */
static int check_text(const struct target *t, struct str s)
{
    const char *why = plain_text_wrong(s);
    bool may_be_empty = t->s->kind == SETTING_STR && t->s->def_text[0] == '\0';
    if (!why && s.n == 0 && !may_be_empty)
        why = "is empty";
    if (why)
        return refuse_text(t, s, why);
    if (s.n == 0)
        return 0;
    switch ((enum setting_id)(t->s - settings)) {
    case SETTING_ID_url:
        why = base_url_wrong(s);
        break;
    case SETTING_ID_hosts:
        why = host_wrong(s);
        break;
    case SETTING_ID_aliases:
    case SETTING_ID_registries:
        why = index_url_wrong(s);
        break;
    case SETTING_ID_admins:
        why = config_principal_wrong(s);
        break;
    case SETTING_ID_capability:
        why = capability_wrong(s);
        break;
    case SETTING_ID_tailscale_socket:
        why = socket_wrong(s);
        break;
    case SETTING_ID_listen: {
        struct listen_url u;
        struct err e = ERR_INIT;
        if (listen_url_parse(t->a, s, &u, &e) < 0)
            return setting_fail(t->e, str_from(t->s->key), t->from.where, "%s", e.text);
        break;
    }
    default:
        break;
    }
    return why ? refuse_text(t, s, why) : 0;
}

static int set_str(const struct target *t, struct str s)
{
    if (check_text(t, s) < 0)
        return -1;
    *(struct str *)member(t) = arena_str(t->a, s);
    return 0;
}

static int set_word(const struct target *t, struct str s)
{
    struct str rest = str_from(t->s->words), word;
    while (str_next_word(&rest, &word)) {
        if (str_eq(word, s)) {
            *(struct str *)member(t) = word;
            return 0;
        }
    }
    return refuse(t, s);
}

static int set_number(const struct target *t, uint64_t v, struct str text)
{
    if (v < t->s->min || v > t->s->max)
        return refuse(t, text);
    *(uint64_t *)member(t) = v;
    return 0;
}

/* A list from one text: its words, or the text itself behind what earlier flags gave. */
static int set_list(const struct target *t, struct str text)
{
    struct config_list *list = member(t);
    struct str rest = text, word;
    size_t n = 0;
    bool is_flag = t->from.source == CONFIG_FLAG;
    bool more = is_flag && t->c->origins[t->s - settings].source == CONFIG_FLAG;
    struct config_list new = { .n = more ? list->n : 0 };

    while (!is_flag && str_next_word(&rest, &word))
        n++;
    new.items = arena_array(t->a, new.n + n + 1, sizeof(*new.items));
    for (size_t i = 0; i < new.n; i++)
        new.items[i] = list->items[i];
    if (is_flag)
        new.items[new.n++] = arena_str(t->a, text);
    for (rest = text; !is_flag && str_next_word(&rest, &word);)
        new.items[new.n++] = arena_str(t->a, word);
    for (size_t i = 0; i < new.n; i++) {
        if (check_text(t, new.items[i]) < 0)
            return -1;
    }
    *list = new;
    return 0;
}

static int set_text(const struct target *t, struct str text)
{
    uint64_t v;
    switch (t->s->kind) {
    case SETTING_STR:
        return set_str(t, text);
    case SETTING_ENUM:
        return set_word(t, text);
    case SETTING_LIST:
        return set_list(t, text);
    case SETTING_SIZE:
        return num_parse_size(text, &v) ? set_number(t, v, text) : refuse(t, text);
    case SETTING_NUM:
    case SETTING_SECONDS:
        return num_parse_u64(text, &v) ? set_number(t, v, text) : refuse(t, text);
    case SETTING_BOOL:
        break;
    }
    if (!str_eq(text, STR("true")) && !str_eq(text, STR("false")))
        return refuse(t, text);
    *(bool *)member(t) = str_eq(text, STR("true"));
    return 0;
}

static int refuse_type(const struct target *t, const struct toml_value *v)
{
    AUTO_BUF struct buf allowed = BUF_INIT(512);
    setting_allowed(t->s, &allowed);
    return setting_fail(t->e, str_from(t->s->key), t->from.where,
        "the value is of type %s; give %" STR_FMT "%s", toml_type_name(v->type),
        STR_ARG(buf_str(&allowed)), t->s->kind == SETTING_LIST ? ", such as [\"...\"]" : "");
}

static int set_toml_list(const struct target *t, const struct toml_value *v, struct str file)
{
    struct config_list new = { .n = v->array.n };
    struct target item = *t;
    new.items = arena_array(t->a, new.n + 1, sizeof(*new.items));
    for (size_t i = 0; i < new.n; i++) {
        item.from = setting_from_file(t->a, file, v->array.items[i]->line);
        if (v->array.items[i]->type != TOML_STRING)
            return refuse_type(&item, v->array.items[i]);
        new.items[i] = v->array.items[i]->string;
        if (check_text(&item, new.items[i]) < 0)
            return -1;
    }
    *(struct config_list *)member(t) = new;
    return 0;
}

static int set_toml(const struct target *t, const struct toml_value *v)
{
    enum setting_kind kind = t->s->kind;
    bool is_number = kind == SETTING_NUM || kind == SETTING_SECONDS || kind == SETTING_SIZE;
    if (v->type == TOML_ARRAY && kind == SETTING_LIST)
        return set_toml_list(t, v, t->c->file);
    if (v->type == TOML_STRING && kind != SETTING_LIST && kind != SETTING_BOOL &&
        (!is_number || kind == SETTING_SIZE))
        return set_text(t, v->string);
    if (v->type == TOML_INT && is_number) {
        struct str text = arena_printf(t->a, "%jd", (intmax_t)v->integer);
        return v->integer < 0 ? refuse(t, text) : set_number(t, (uint64_t)v->integer, text);
    }
    if (v->type == TOML_BOOL && kind == SETTING_BOOL) {
        *(bool *)member(t) = v->boolean;
        return 0;
    }
    return refuse_type(t, v);
}

int setting_set_default(struct arena *a, const struct setting *s, struct config *c, struct err *e)
{
    struct target t = { a, s, c, { CONFIG_DEFAULT, STR_NONE }, e };
    if (s->kind == SETTING_BOOL)
        *(bool *)member(&t) = s->def_num != 0;
    else if (s->kind == SETTING_STR || s->kind == SETTING_ENUM || s->kind == SETTING_LIST)
        return set_text(&t, str_from(s->def_text));
    else
        return set_number(&t, s->def_num, STR("the default"));
    return 0;
}

int setting_set_text(struct arena *a, const struct setting *s, struct config *c, struct str text,
    struct config_origin from, struct err *e)
{
    struct target t = { a, s, c, from, e };
    if (set_text(&t, text) < 0)
        return -1;
    c->origins[s - settings] = from;
    return 0;
}

int setting_set_toml(struct arena *a, const struct setting *s, struct config *c,
    const struct toml_value *v, struct config_origin from, struct err *e)
{
    struct target t = { a, s, c, from, e };
    if (set_toml(&t, v) < 0)
        return -1;
    c->origins[s - settings] = from;
    return 0;
}
