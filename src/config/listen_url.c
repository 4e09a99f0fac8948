#include "config/listen_url.h"

#include "base/num.h"
#include "config/authority.h"
#include "config/quote.h"

#include <sys/un.h>

#define MODE_DEFAULT 0660u
#define PATH_MAX_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define FORMS "http://HOST:PORT or unix:/PATH"
#define HTTP_KEYS "anonymous=read|none, token_reads=true|false, only=health"
#define UNIX_KEYS "mode=0660, " HTTP_KEYS

/* What one parse carries; wrong() names the whole text in front of every complaint. */
struct parse {
    struct arena *a;
    struct listen_url *u;
    struct err *e;
};

static int wrong(const struct parse *p, const char *what)
{
    struct str q = quote_short(p->a, p->u->text);
    return err_set(p->e, ERR_USAGE, "%" STR_FMT " %s", STR_ARG(q), what);
}

static int not_yet(const struct parse *p, const char *what)
{
    struct str q = quote_short(p->a, p->u->text);
    return err_set(p->e, ERR_USAGE,
        "%" STR_FMT " asks for %s, which this version does not have yet; listen at " FORMS,
        STR_ARG(q), what);
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return true;
    }
    return false;
}

static int parse_mode(const struct parse *p, struct str value)
{
    unsigned mode = 0;
    for (size_t i = 0; i < value.n && i < 4; i++) {
        if (value.p[i] < '0' || value.p[i] > '7')
            return wrong(p, "has a mode that is not octal; write one such as mode=0660");
        mode = mode * 8 + (unsigned)(value.p[i] - '0');
    }
    if (value.n < 3 || value.n > 4 || mode > 0777)
        return wrong(p, "has a mode outside 000 to 0777; write one such as mode=0660");
    p->u->mode = mode;
    return 0;
}

static int parse_param(const struct parse *p, struct str key, struct str value)
{
    struct listen_url *u = p->u;
    if (str_eq(key, STR("anonymous"))) {
        u->anonymous_read = str_eq(value, STR("read"));
        if (!u->anonymous_read && !str_eq(value, STR("none")))
            return wrong(p, "has another anonymous than read or none");
    } else if (str_eq(key, STR("token_reads"))) {
        u->token_reads = str_eq(value, STR("true"));
        if (!u->token_reads && !str_eq(value, STR("false")))
            return wrong(p, "has another token_reads than true or false");
    } else if (str_eq(key, STR("only"))) {
        u->only_health = str_eq(value, STR("health"));
        if (!u->only_health)
            return wrong(p, "has another only than health");
    } else if (str_eq(key, STR("mode")) && u->scheme == LISTEN_UNIX) {
        return parse_mode(p, value);
    } else if (str_eq(key, STR("identity"))) {
        return not_yet(p, "identity=");
    } else if (str_eq(key, STR("cert")) || str_eq(key, STR("key"))) {
        return not_yet(p, "TLS (cert=, key=)");
    } else {
        struct str k = quote_short(p->a, key), q = quote_short(p->a, u->text);
        return err_set(p->e, ERR_USAGE, "%" STR_FMT " has an unknown key %" STR_FMT "; it takes %s",
            STR_ARG(q), STR_ARG(k), u->scheme == LISTEN_UNIX ? UNIX_KEYS : HTTP_KEYS);
    }
    return 0;
}

static bool has_key_twice(struct str key, struct str rest)
{
    while (rest.p) {
        struct str pair = str_cut(&rest, '&');
        if (str_eq(str_cut(&pair, '='), key))
            return true;
    }
    return false;
}

static int parse_query(const struct parse *p, struct str query)
{
    for (struct str rest = query; rest.p;) {
        struct str value = str_cut(&rest, '&');
        struct str key = str_cut(&value, '=');
        if (has_key_twice(key, rest))
            return wrong(p, "has a key twice");
        if (parse_param(p, key, value) < 0)
            return -1;
    }
    return 0;
}

static int parse_http(const struct parse *p, struct str where)
{
    const char *why;
    struct authority au;
    struct str host = where;
    host = str_cut(&host, ':');
    if (str_eq_nocase(host, STR("tailnet")))
        return not_yet(p, "the tailnet");
    if (str_eq(host, STR("*")) || (str_starts(where, STR(":")) && !str_starts(where, STR("::"))))
        return wrong(p, "names no address; 0.0.0.0 or [::] as the host stands for all");
    if (str_has(where, '@'))
        return wrong(p, "has user information, which a listener does not take");
    if (str_has(where, '/'))
        return wrong(p, "has a path, which a listener does not take; end it behind the port");
    if (!authority_parse(where, &au, &why)) {
        struct str q = quote_short(p->a, p->u->text);
        return err_set(p->e, ERR_USAGE, "%" STR_FMT " %s; write it as " FORMS, STR_ARG(q), why);
    }
    if (!au.has_port)
        return wrong(p, "has no port; write it as http://HOST:PORT (0 takes a free one)");
    p->u->host = au.host;
    p->u->port = au.port;
    p->u->is_loopback = authority_is_loopback(&au);
    return 0;
}

static int parse_unix(const struct parse *p, struct str path)
{
    if (str_starts(path, STR("///"))) /* unix:///run/x.sock, as docker and curl write it */
        path = str_skip(path, 2);
    if (path.n < 2 || path.p[0] != '/' || path.p[1] == '/')
        return wrong(p, "has no absolute path; write it as unix:/PATH");
    if (path.n > PATH_MAX_BYTES)
        return wrong(p, "has a path of more than 107 bytes, the most that a socket can have");
    p->u->path = path;
    p->u->mode = MODE_DEFAULT;
    return 0;
}

int listen_url_parse(struct arena *a, struct str text, struct listen_url *ret, struct err *e)
{
    struct listen_url u = { .text = arena_str(a, text) };
    struct parse p = { a, &u, e };
    struct str query = u.text;
    struct str head = str_cut(&query, '?');
    int rc;

    if (has_control(text) || !utf8_valid(text))
        return wrong(&p, "has control characters or is not UTF-8");
    if (str_has(text, '#'))
        return wrong(&p, "has a #, which a listener does not take");
    if (str_starts_nocase(head, STR("https://")))
        return not_yet(&p, "TLS (https://)");
    if (str_starts_nocase(head, STR("http://"))) {
        u.scheme = LISTEN_HTTP;
        rc = parse_http(&p, str_skip(head, sizeof("http://") - 1));
    } else if (str_starts_nocase(head, STR("unix:"))) {
        u.scheme = LISTEN_UNIX;
        rc = parse_unix(&p, str_skip(head, sizeof("unix:") - 1));
    } else {
        return wrong(&p, "is no listener; write it as " FORMS);
    }
    if (rc < 0 || parse_query(&p, query) < 0)
        return -1;
    *ret = u;
    return 0;
}
