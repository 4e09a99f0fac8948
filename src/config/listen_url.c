#include "config/listen_url.h"

#include "base/num.h"
#include "config/authority.h"
#include "config/quote.h"

#include <sys/un.h>

#define MODE_DEFAULT 0660u
#define PATH_MAX_BYTES (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define TAILNET_PORT 80
#define HEADER_DEFAULT "x-forwarded-user"
#define HEADER_MAX_BYTES 64
#define PEER_MAX_BYTES 255
#define FORMS "http://HOST:PORT or unix:/PATH"
#define KEYS "anonymous=read|none, token_reads=true|false, only=health"
#define HTTP_KEYS KEYS ", identity=tailscale"
#define UNIX_KEYS "mode=0660, " KEYS ", identity=header, header=NAME, peer=USER|UID"

/* What one parse carries; wrong() names the whole text in front of every complaint. */
struct parse {
    struct arena *a;
    struct listen_url *u;
    struct err *e;
    bool any_address; /* 0.0.0.0, [::] and their other spellings */
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

/* A token of RFC 9110, 5.6.2. */
static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_alnum(s.p[i]) && !str_has(STR("!#$%&'*+-.^_`|~"), s.p[i]))
            return false;
    }
    return s.n > 0;
}

/* Fields that clients send themselves, or that say how a message is sent: a proxy passes them on or
 * makes them for another purpose, so none can say who is there. */
static bool has_own_meaning(struct str name)
{
    static const char *const names[] = { "age", "authorization", "connection", "cookie", "date",
        "dnt", "expect", "forwarded", "from", "host", "http2-settings", "keep-alive",
        "max-forwards", "origin", "pragma", "priority", "range", "referer", "set-cookie",
        "tailscale-funnel-request", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
        "via", "warning", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
        "x-forwarded-proto", "x-real-ip", "x-request-id" };
    static const char *const prefixes[] = { "accept", "access-control-", "cache-", "content-",
        "if-", "proxy-", "sec-" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(name, str_from(names[i])))
            return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (str_starts(name, str_from(prefixes[i])))
            return true;
    }
    return false;
}

static int parse_header(const struct parse *p, struct str value)
{
    struct str name = arena_lower(p->a, value);
    if (!is_token(name) || name.n > HEADER_MAX_BYTES)
        return wrong(p, "has a header that is no name of one; write one such as "
                        "header=X-Forwarded-User");
    if (has_own_meaning(name))
        return wrong(p, "has a header that clients send themselves or that means something else; "
                        "name the one that the proxy sets, such as header=X-Forwarded-User");
    p->u->header = name;
    return 0;
}

/* Whether this machine has such a user is known at start; here only that it can be a name. */
static int parse_peer(const struct parse *p, struct str value)
{
    uint32_t uid;
    bool good = value.n > 0 && value.n <= PEER_MAX_BYTES && value.p[0] != '-';
    for (size_t i = 0; i < value.n; i++)
        good = good && value.p[i] != ' ' && value.p[i] != ':' && value.p[i] != '/';
    if (good && ascii_is_digit(value.p[0])) /* useradd(8): a name does not begin with a digit */
        good = num_parse_u32(value, &uid) && uid != UINT32_MAX;
    if (!good)
        return wrong(p, "has a peer that is neither a user's name nor a uid; write one such as "
                        "peer=oauth2-proxy or peer=998");
    p->u->peers[p->u->n_peers++] = value;
    return 0;
}

static int parse_identity(const struct parse *p, struct str value)
{
    bool tailscale = str_eq(value, STR("tailscale"));
    if (!tailscale && !str_eq(value, STR("header")))
        return wrong(p, "has another identity than tailscale or header");
    if (tailscale && p->u->scheme != LISTEN_HTTP)
        return wrong(p, "has identity=tailscale, but nobody comes to a unix socket from a tailnet; "
                        "write http://tailnet:80?identity=tailscale");
    if (!tailscale && p->u->scheme != LISTEN_UNIX)
        return wrong(p, "has identity=header, but anyone who reaches a port can send a header; "
                        "write unix:/PATH?identity=header&peer=USER");
    p->u->identity = tailscale ? LISTEN_TAILSCALE : LISTEN_HEADER;
    return 0;
}

/* The keys that say who is there. 1: it is none of them. */
static int parse_identity_param(const struct parse *p, struct str key, struct str value)
{
    bool header = str_eq(key, STR("header"));
    if (str_eq(key, STR("identity")))
        return parse_identity(p, value);
    if (!header && !str_eq(key, STR("peer")))
        return 1;
    if (p->u->scheme != LISTEN_UNIX)
        return wrong(p, "has header or peer, which belong to a unix socket with identity=header; "
                        "write unix:/PATH?identity=header&peer=USER");
    return header ? parse_header(p, value) : parse_peer(p, value);
}

static int parse_param(const struct parse *p, struct str key, struct str value)
{
    struct listen_url *u = p->u;
    int rc = parse_identity_param(p, key, value);
    if (rc <= 0)
        return rc;
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
    size_t n = 1;
    for (size_t i = 0; i < query.n; i++)
        n += query.p[i] == '&';
    p->u->peers = arena_array(p->a, n, sizeof(*p->u->peers));
    for (struct str rest = query; rest.p;) {
        struct str value = str_cut(&rest, '&');
        struct str key = str_cut(&value, '=');
        if (!str_eq(key, STR("peer")) && has_key_twice(key, rest))
            return wrong(p, "has a key twice");
        if (parse_param(p, key, value) < 0)
            return -1;
    }
    return 0;
}

static int parse_http(struct parse *p, struct str where)
{
    const char *why;
    struct authority au;
    struct str host = where;
    host = str_cut(&host, ':');
    p->u->is_tailnet = str_eq_nocase(host, STR("tailnet"));
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
    if (!au.has_port && !p->u->is_tailnet)
        return wrong(p, "has no port; write it as http://HOST:PORT (0 takes a free one)");
    p->u->host = p->u->is_tailnet ? STR("tailnet") : au.host;
    p->u->port = au.has_port ? au.port : TAILNET_PORT;
    p->any_address = authority_is_any(&au);
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

/* What the keys mean together, once all of them were read. */
static int check_identity(const struct parse *p)
{
    struct listen_url *u = p->u;
    struct str q = quote_short(p->a, u->text);
    if (u->is_tailnet && u->identity != LISTEN_TAILSCALE)
        return wrong(p, "names the tailnet, whose peers are asked for by identity=tailscale; write "
                        "http://tailnet:80?identity=tailscale");
    /* In TUN mode the source address is the credential, and other networks can forge it. */
    if (u->identity == LISTEN_TAILSCALE && p->any_address)
        return err_set(p->e, ERR_USAGE,
            "%" STR_FMT " listens on every network, where a sender may take an address of the "
            "tailnet; write http://tailnet:%u?identity=tailscale",
            STR_ARG(q), u->port);
    if (u->identity != LISTEN_HEADER && (u->header.p || u->n_peers > 0))
        return wrong(p, "has header or peer without identity=header, to which they belong");
    if (u->identity == LISTEN_HEADER && u->n_peers == 0)
        return wrong(p, "has identity=header without peer, so anyone on this machine could name "
                        "anyone; add peer=USER, the user or uid that the proxy runs as");
    if (u->identity == LISTEN_HEADER && !u->header.p)
        u->header = STR(HEADER_DEFAULT);
    if (u->n_peers == 0)
        u->peers = NULL;
    return 0;
}

int listen_url_parse(struct arena *a, struct str text, struct listen_url *ret, struct err *e)
{
    struct listen_url u = { .text = arena_str(a, text) };
    struct parse p = { .a = a, .u = &u, .e = e };
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
    if (rc < 0 || parse_query(&p, query) < 0 || check_identity(&p) < 0)
        return -1;
    *ret = u;
    return 0;
}
