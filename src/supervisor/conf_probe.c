/* A probe is one of five kinds. An address is taken as it is, never looked up: the answer may take
 * seconds, and the supervisor's only loop would stand still meanwhile. */
#include "supervisor/conf_private.h"

#include "base/num.h"
#include "config/quote.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#define EVERY_MS 10000
#define EVERY_LEAST_MS 10
#define FAILURES 3
#define URL_WANTED "a URL such as \"http://127.0.0.1:8080/health\""
#define ADDRESS_WANTED "an address such as \"127.0.0.1:80\""

struct reading {
    struct probe *probe;
    bool live;
};

static int take_kind(
    struct conf_reader *r, struct conf_item it, struct probe *p, enum probe_kind kind)
{
    if (p->kind != PROBE_NONE)
        return conf_bad(
            r, it, "is a second kind of probe; keep one of tcp, http, exec, notify, log");
    p->kind = kind;
    return 0;
}

/* inet_pton wants a NUL behind its text. */
static bool pton(int family, struct str s, void *ret)
{
    char text[INET6_ADDRSTRLEN];
    if (s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, ret) == 1;
}

static bool address_of(struct str host, uint16_t port, struct probe *p)
{
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
    bool v6 = str_starts(host, STR("[")) && str_ends(host, STR("]"));
    struct str plain = v6 ? str_from_to(host, 1, host.n - 1) : host;
    if (str_eq_nocase(host, STR("localhost")))
        plain = STR("127.0.0.1");
    p->address_n = v6 ? sizeof(in6) : sizeof(in);
    if (v6 ? !pton(AF_INET6, plain, &in6.sin6_addr) : !pton(AF_INET, plain, &in.sin_addr))
        return false;
    memcpy(&p->address, v6 ? (const void *)&in6 : (const void *)&in, p->address_n);
    return true;
}

/* "HOST:PORT"; port 0: it must be there. */
static int endpoint(
    struct conf_reader *r, struct conf_item it, struct str s, uint32_t port, struct probe *p)
{
    struct str host = s;
    size_t colon = str_rfind(s, ':');
    if (colon != STR_NPOS && !str_ends(s, STR("]"))) {
        host = str_from_to(s, 0, colon);
        struct str digits = str_skip(s, colon + 1);
        if (!num_parse_u32(digits, &port) || port == 0 || port > UINT16_MAX)
            return conf_bad(r, it, "%" STR_FMT " is no port; write a number from 1 to 65535",
                STR_ARG(quote_short(r->tmp, digits)));
    }
    if (port == 0)
        return conf_bad(r, it, "names no port; write " ADDRESS_WANTED);
    if (str_has(host, ':') && !str_starts(host, STR("[")))
        return conf_bad(r, it, "needs brackets around an IPv6 address; write \"[::1]:80\"");
    if (!address_of(host, (uint16_t)port, p))
        return conf_bad(r, it,
            "%" STR_FMT
            " is no address, and looking a name up would block the supervisor; write an "
            "IPv4 address, an IPv6 address in brackets or localhost",
            STR_ARG(quote_short(r->tmp, host)));
    return 0;
}

static int set_tcp(struct conf_reader *r, struct conf_item it, void *into)
{
    struct probe *p = ((struct reading *)into)->probe;
    if (take_kind(r, it, p, PROBE_TCP) < 0 || conf_filled(r, it, ADDRESS_WANTED, &p->host) < 0)
        return -1;
    return endpoint(r, it, it.v->string, 0, p);
}

/* What stands in a request's first lines must not break out of them. */
static int check_url(struct conf_reader *r, struct conf_item it, struct str url)
{
    if (str_starts_nocase(url, STR("https://")))
        return conf_bad(r, it,
            "TLS is not spoken here; use exec with a program that does, such as "
            "{ exec = [\"curl\", \"-fs\", \"https://…\"] }");
    if (!str_starts_nocase(url, STR("http://")))
        return conf_bad(r, it, "needs " URL_WANTED);
    for (size_t i = 0; i < url.n; i++) {
        if (url.p[i] <= ' ' || url.p[i] >= 0x7f)
            return conf_bad(r, it,
                "holds a blank, a control or a non-ASCII character; write it "
                "as %%20 and the like");
    }
    if (str_has(url, '#'))
        return conf_bad(r, it, "has a fragment, which is never sent; leave out what begins with #");
    return 0;
}

static int set_http(struct conf_reader *r, struct conf_item it, void *into)
{
    struct probe *p = ((struct reading *)into)->probe;
    const char *url;
    if (take_kind(r, it, p, PROBE_HTTP) < 0 || conf_filled(r, it, URL_WANTED, &url) < 0 ||
        check_url(r, it, it.v->string) < 0)
        return -1;
    struct str rest = str_skip(it.v->string, strlen("http://"));
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    struct str host = str_from_to(rest, 0, n), target = str_skip(rest, n);
    if (str_has(host, '@'))
        return conf_bad(r, it, "holds a user, who is never sent; leave out what is before the @");
    p->host = arena_str(r->keep, host).p;
    p->target = arena_printf(
        r->keep, "%s%" STR_FMT, str_starts(target, STR("/")) ? "" : "/", STR_ARG(target))
                    .p;
    return endpoint(r, it, host, 80, p);
}

static int set_exec(struct conf_reader *r, struct conf_item it, void *into)
{
    struct probe *p = ((struct reading *)into)->probe;
    return take_kind(r, it, p, PROBE_EXEC) < 0 ? -1 : conf_command(r, it, &p->exec);
}

static int set_notify(struct conf_reader *r, struct conf_item it, void *into)
{
    struct probe *p = ((struct reading *)into)->probe;
    if (it.v->type != TOML_BOOL)
        return conf_bad_type(r, it, "true");
    if (!it.v->boolean)
        return conf_bad(r, it, "can only be true; write true, or leave the whole probe out");
    return take_kind(r, it, p, PROBE_NOTIFY);
}

static int set_log(struct conf_reader *r, struct conf_item it, void *into)
{
    struct probe *p = ((struct reading *)into)->probe;
    if (take_kind(r, it, p, PROBE_LOG) < 0 ||
        conf_filled(r, it, "a text that the process prints, such as \"listening\"", &p->text) < 0)
        return -1;
    if (strchr(p->text, '\n'))
        return conf_bad(r, it, "spans lines, but one line at a time is looked at; write one line");
    return 0;
}

static int only_live(struct conf_reader *r, struct conf_item it, const struct reading *reading)
{
    if (reading->live)
        return 0;
    return conf_bad(r, it,
        "belongs to live alone; leave it out, and write \"ready-timeout\" in the "
        "process for how long to try");
}

static int set_every(struct conf_reader *r, struct conf_item it, void *into)
{
    struct reading *reading = into;
    struct probe *p = reading->probe;
    if (only_live(r, it, reading) < 0 || conf_time(r, it, false, "10s", &p->every_ms) < 0)
        return -1;
    if (p->every_ms < EVERY_LEAST_MS)
        return conf_bad(r, it, "is too short to be of use; write \"%dms\" or more", EVERY_LEAST_MS);
    return 0;
}

static int set_failures(struct conf_reader *r, struct conf_item it, void *into)
{
    struct reading *reading = into;
    if (only_live(r, it, reading) < 0)
        return -1;
    return conf_count(r, it, 1, &reading->probe->failures);
}

static const struct conf_key keys[] = {
    { "tcp", set_tcp },
    { "http", set_http },
    { "exec", set_exec },
    { "notify", set_notify },
    { "log", set_log },
    { "every", set_every },
    { "failures", set_failures },
};

int conf_probe(struct conf_reader *r, struct conf_item it, bool live, struct probe *ret)
{
    *ret = (struct probe){ .line = it.v->line, .every_ms = EVERY_MS, .failures = FAILURES };
    struct reading reading = { ret, live };
    if (it.v->type != TOML_TABLE)
        return conf_bad_type(r, it, "a table such as { tcp = \"127.0.0.1:80\" }");
    if (conf_table(r, it, keys, ARRAY_LEN(keys), &reading) < 0)
        return -1;
    if (ret->kind == PROBE_NONE)
        return conf_bad(r, it, "says not what to try; write one of tcp, http, exec, notify, log");
    return 0;
}
