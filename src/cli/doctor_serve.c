/* A serve configuration says in one place which port is served how (TCP), in another where its
 * paths lead (Web, by host and port), in a third what the internet may reach (AllowFunnel, the
 * same); all that again for each `tailscale serve` in the foreground and each service. Only what
 * leads to the registry, or takes its port, is of interest here. */
#include "base/json.h"
#include "base/num.h"
#include "cli/doctor.h"

#define SERVES_MAX 32

struct reading {
    struct arena *a;
    struct doctor_facts *f;
    const json_t *funnel; /* AllowFunnel of the section at hand */
    bool own_addresses;   /* else a service's, which has its own */
};

static bool is_our_port(const struct reading *rd, struct str text)
{
    uint32_t port;
    if (!num_parse_u32(text, &port))
        return false;
    for (size_t i = 0; i < rd->f->n_doors; i++) {
        if (rd->f->doors[i].port != 0 && rd->f->doors[i].port == port)
            return true;
    }
    return false;
}

static bool is_this_machine(const struct reading *rd, struct str host)
{
    const struct tailnet_node *node = rd->f->node;
    host = str_trim(host, STR("[]"));
    if (host.n == 0 || str_eq_nocase(host, STR("localhost")) || str_starts(host, STR("127.")) ||
        str_eq(host, STR("::1")) || str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("::")))
        return true;
    if (!node)
        return false;
    for (size_t i = 0; i < node->n_addresses; i++) {
        if (str_eq(host, node->addresses[i]))
            return true;
    }
    return str_eq_nocase(host, node->name);
}

static bool is_our_socket(const struct reading *rd, struct str path)
{
    for (size_t i = 0; i < rd->f->n_doors; i++) {
        if (rd->f->doors[i].port == 0 && str_eq(rd->f->doors[i].where, path))
            return true;
    }
    return false;
}

/* "http://127.0.0.1:80", "https+insecure://localhost:8443/x", "127.0.0.1:80", "3030",
 * "unix:/run/x.sock" */
static bool leads_to_us(const struct reading *rd, struct str target)
{
    if (str_starts(target, STR("unix:")))
        return is_our_socket(rd, str_skip(target, 5));
    struct str port = str_starts(target, STR("http://")) ? STR("80") : STR("443");
    size_t scheme = str_find_str(target, STR("://"));
    struct str rest = scheme == STR_NPOS ? target : str_skip(target, scheme + 3);
    struct str host = str_cut(&rest, '/');
    size_t colon = str_rfind(host, ':');
    if (colon != STR_NPOS && !str_ends(host, STR("]"))) {
        port = str_skip(host, colon + 1);
        host = str_from_to(host, 0, colon);
    } else if (scheme == STR_NPOS) {
        port = host;
        host = STR("");
    }
    return is_our_port(rd, port) && is_this_machine(rd, host);
}

static struct str port_of(struct str host_port)
{
    size_t colon = str_rfind(host_port, ':');
    return colon == STR_NPOS ? STR("") : str_skip(host_port, colon + 1);
}

static bool has_funnel(const struct reading *rd, struct str port)
{
    const char *key;
    json_t *on;
    json_object_foreach((json_t *)(uintptr_t)rd->funnel, key, on)
    {
        if (json_is_true(on) && str_eq(port_of(str_from(key)), port))
            return true;
    }
    return false;
}

static void add(struct reading *rd, struct str where, struct str target, bool funnel)
{
    struct doctor_facts *f = rd->f;
    for (size_t i = 0; i < f->n_serves; i++) {
        if (str_eq(f->serves[i].where, where))
            return;
    }
    if (f->n_serves < SERVES_MAX)
        f->serves[f->n_serves++] =
            (struct doctor_serve){ arena_str(rd->a, where), arena_str(rd->a, target), funnel };
}

static void read_web(struct reading *rd, json_t *web)
{
    const char *host_port, *path;
    json_t *site, *handler;
    json_object_foreach(web, host_port, site)
    {
        json_object_foreach(json_object_get(site, "Handlers"), path, handler)
        {
            struct str target = json_str(json_object_get(handler, "Proxy"));
            struct str where = arena_printf(rd->a, "%s%s", host_port, path);
            if (leads_to_us(rd, target))
                add(rd, where, target, has_funnel(rd, port_of(str_from(host_port))));
        }
    }
}

static void read_tcp(struct reading *rd, json_t *tcp)
{
    const char *port;
    json_t *handler;
    json_object_foreach(tcp, port, handler)
    {
        struct str target = json_str(json_object_get(handler, "TCPForward"));
        struct str where = arena_printf(rd->a, "port %s", port);
        bool funnel = has_funnel(rd, str_from(port));
        if (target.p && leads_to_us(rd, target))
            add(rd, where, target, funnel);
        else if (rd->own_addresses && is_our_port(rd, str_from(port)))
            add(rd, where, STR("it takes the registry's own port"), funnel);
    }
}

static void read_section(struct reading *rd, const json_t *section)
{
    const char *host_port;
    json_t *on;
    json_t *funnel = json_object_get(section, "AllowFunnel");
    rd->funnel = funnel;
    read_web(rd, json_object_get(section, "Web"));
    read_tcp(rd, json_object_get(section, "TCP"));
    json_object_foreach(funnel, host_port, on)
    {
        if (json_is_true(on) && is_our_port(rd, port_of(str_from(host_port))))
            add(rd, str_from(host_port), STR("the registry's own port"), true);
    }
}

void doctor_read_serve(struct arena *a, struct doctor_facts *f)
{
    struct reading rd = { .a = a, .f = f, .own_addresses = true };
    struct str whole = arena_printf(a, "{\"v\":%" STR_FMT "}", STR_ARG(f->serve_said));
    json_t *root AUTO_JSON = NULL, *section;
    const char *key;
    f->n_serves = 0;
    f->serve_known = false;
    if (json_read(whole, &root, NULL) < 0)
        return;
    const json_t *v = json_object_get(root, "v"); /* null: it serves nothing */
    f->serve_known = json_is_object(v) || json_is_null(v);
    f->serves = arena_array(a, SERVES_MAX, sizeof(*f->serves));
    read_section(&rd, v);
    json_object_foreach(json_object_get(v, "Foreground"), key, section) read_section(&rd, section);
    rd.own_addresses = false;
    json_object_foreach(json_object_get(v, "Services"), key, section) read_section(&rd, section);
}
