/* Each row changes one fact of a set-up that is in order, and names what has to be found then. */
#include "cli/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define NOW 1764000000
#define DAY 86400
#define LISTENER "http://tailnet:80?identity=tailscale"
#define CAP "superguppy.internal/cap/registry"

struct set_up {
    struct arena *a;
    struct config config;
    struct tailnet_node node;
    struct doctor_facts f;
    struct doctor_report report;
};

static struct str one(struct str **items, size_t *n, struct arena *a, struct str s)
{
    *items = arena_array(a, 1, sizeof(struct str));
    (*items)[0] = s;
    *n = 1;
    return s;
}

static struct set_up *in_order(struct arena *a)
{
    struct set_up *s = ARENA_NEW(a, struct set_up);
    s->a = a;
    s->report.a = a;
    s->config = (struct config){ .data = STR("/srv/superguppy"),
        .members = STR("publish"),
        .tagged = STR("read"),
        .capability = STR(CAP),
        .file = STR("/etc/superguppy/superguppy.toml"),
        .n_listeners = 1 };
    s->config.listeners = ARENA_NEW(a, struct listen_url);
    assert_int_equal(listen_url_parse(a, STR(LISTENER), s->config.listeners, NULL), 0);
    s->node = (struct tailnet_node){ .running = true,
        .tun = true,
        .state = STR("Running"),
        .stable_id = STR("nCNTRL"),
        .name = STR("crates.rig.test"),
        .magic_dns = true,
        .version = STR("1.102.3-t0123456789") };
    one(&s->node.addresses, &s->node.n_addresses, a, STR("100.64.0.1"));
    one(&s->node.tags, &s->node.n_tags, a, STR("tag:registry"));
    s->f = (struct doctor_facts){ .now = NOW,
        .config = &s->config,
        .server = SERVER_READY,
        .server_text = STR("ready"),
        .socket = STR("/run/tailscale/tailscaled.sock"),
        .node = &s->node,
        .wanted_name = STR("crates"),
        .serve_said = STR("null"),
        .n_doors = 1 };
    s->f.doors = ARENA_NEW(a, struct doctor_door);
    s->f.doors[0] = (struct doctor_door){ STR("127.0.0.1:80"), 80, DOOR_OURS, false };
    return s;
}

static struct doctor_peer *add_peer(
    struct set_up *s, const char *name, bool tagged, const char *cap)
{
    struct doctor_peer *more = arena_array(s->a, s->f.n_peers + 1, sizeof(*more));
    if (s->f.n_peers > 0)
        memcpy(more, s->f.peers, s->f.n_peers * sizeof(*more));
    s->f.peers = more;
    struct doctor_peer *p = &more[s->f.n_peers++];
    *p = (struct doctor_peer){ .name = str_from(name), .tagged = tagged };
    capability_parse(s->a, str_from(cap), &p->capability);
    s->f.n_online++;
    return p;
}

/* ---- what can be wrong ---- */

static void no_config(struct set_up *s)
{
    s->f.config = NULL;
    s->f.config_error = STR("server.data (flag --data): is empty");
}
static void void_grant(struct set_up *s)
{
    s->config.grants = ARENA_NEW(s->a, struct config_grant);
    s->config.grants[0] = (struct config_grant){ .line = 12, .void_reason = STR("do is missing") };
    s->config.n_grants = 1;
}
static void no_data(struct set_up *s)
{
    s->f.data = DATA_ABSENT;
}
static void foreign_data(struct set_up *s)
{
    s->f.data = DATA_FOREIGN;
}
static void closed_data(struct set_up *s)
{
    s->f.data = DATA_CLOSED;
}
static void not_ready(struct set_up *s)
{
    s->f.server = SERVER_NOT_READY;
    s->f.server_text = STR("waiting for the tailnet");
}
static void degraded(struct set_up *s)
{
    s->f.server_text = STR("degraded: read-only after a disk failure");
}
static void closed_server(struct set_up *s)
{
    s->f.server = SERVER_CLOSED;
}
static void broken_server(struct set_up *s)
{
    s->f.server = SERVER_BROKEN;
}
static void other_server(struct set_up *s)
{
    s->f.server = SERVER_NONE;
}
static void taken_door(struct set_up *s)
{
    s->f.doors[0].state = DOOR_TAKEN;
}
static void taken_socket(struct set_up *s)
{
    s->f.doors[0] = (struct doctor_door){ STR("/run/x.sock"), 0, DOOR_TAKEN, false };
}
static void forbidden_door(struct set_up *s)
{
    s->f.doors[0].state = DOOR_FORBIDDEN;
}
static void deaf_door(struct set_up *s)
{
    s->f.doors[0].state = DOOR_DEAF;
}
static void foreign_door(struct set_up *s)
{
    s->f.doors[0].state = DOOR_ELSEWHERE;
}
static void other_namespace(struct set_up *s)
{
    s->f.doors[0].state = DOOR_ELSEWHERE;
    s->f.doors[0].tailnet = true;
}
static void no_identity(struct set_up *s)
{
    s->config.listeners[0].identity = LISTEN_NO_IDENTITY;
}
static void no_tailscaled(struct set_up *s)
{
    s->f.node = NULL;
    s->f.socket = STR("");
    s->f.silence = STR("no tailscaled is running on this machine: start it");
}
static void no_tailscaled_no_config(struct set_up *s)
{
    no_tailscaled(s);
    no_config(s);
}
static void silent_tailscaled(struct set_up *s)
{
    no_identity(s);
    s->f.node = NULL;
    s->f.silence = STR("tailscaled does not answer at /run/x: is it running?");
}
static void stopped(struct set_up *s)
{
    s->node.running = false;
    s->node.state = STR("Stopped");
}
static void needs_login(struct set_up *s)
{
    s->node.running = false;
    s->node.state = STR("NeedsLogin");
    s->node.auth_url = STR("https://login.test/a/1");
}
static void needs_login_unused(struct set_up *s)
{
    needs_login(s);
    no_identity(s);
}
static void old_version(struct set_up *s)
{
    s->node.version = STR("1.68.2-tabc");
}
static void aged_version(struct set_up *s)
{
    s->node.version = STR("1.102.2");
}
static void odd_version(struct set_up *s)
{
    s->node.version = STR("devel");
}
static void expired(struct set_up *s)
{
    s->node.key_expiry = NOW - 1;
}
static void said_expired(struct set_up *s)
{
    s->node.key_expired = true;
    s->node.running = false;
    s->node.state = STR("NeedsLogin");
}
static void expires_soon(struct set_up *s)
{
    s->node.key_expiry = NOW + 14 * DAY;
}
static void of_a_person(struct set_up *s)
{
    s->node.n_tags = 0;
    s->node.login = STR("anna@corp.test");
}
static void no_magic_dns(struct set_up *s)
{
    s->node.magic_dns = false;
}
static void no_name(struct set_up *s)
{
    s->node.name = STR("");
}
static void name_clash(struct set_up *s)
{
    s->node.name = STR("crates-12.rig.test");
    s->f.wanted_name = STR("Crates");
}
static void unwell(struct set_up *s)
{
    one(&s->node.health, &s->node.n_health, s->a, STR("no DERP"));
}
static void no_serve_said(struct set_up *s)
{
    s->f.serve_said = STR_NONE;
}
static void funnel(struct set_up *s)
{
    s->f.serve_said =
        STR("{\"TCP\":{\"443\":{\"HTTPS\":true}},\"Web\":{\"crates.rig.test:443\":{\"Handlers\":"
            "{\"/\":{\"Proxy\":\"http://127.0.0.1:80\"}}}},\"AllowFunnel\":"
            "{\"crates.rig.test:443\":true}}");
}
static void serve(struct set_up *s)
{
    s->f.serve_said = STR("{\"TCP\":{\"2222\":{\"TCPForward\":\"localhost:80\"}}}");
}
static void void_object(struct set_up *s)
{
    (void)add_peer(s, "ben-laptop", false, "[{\"do\":[\"read\"],\"crates\":[\"*\"]},{\"do\":1}]");
}
static void void_objects(struct set_up *s)
{
    for (int i = 0; i < 12; i++)
        (void)add_peer(s, "ben-laptop", false, "{}");
}
static void unclear(struct set_up *s)
{
    s->f.n_unclear = 3;
}
static void no_list(struct set_up *s)
{
    s->f.peers_unsaid = true;
}
static void both_in_force(struct set_up *s)
{
    (void)add_peer(s, "ci", true, "[{\"do\":[\"release\"],\"crates\":[\"*\"]}]");
    s->config.members = STR("none");
}
static void no_admin(struct set_up *s)
{
    s->f.nobody_is_admin = true;
}

static const struct {
    void (*change)(struct set_up *s);
    const char *check;
    enum doctor_level level;
    const char *text, *cure;
} ROWS[] = {
    { no_config, "configuration", DOCTOR_FAIL, "server.data", "config check" },
    { void_grant, "grants", DOCTOR_FAIL, "line 12 is void: do is missing", "Mend" },
    { no_data, "data", DOCTOR_WARN, "no data folder /srv/superguppy", "superguppy serve" },
    { foreign_data, "data", DOCTOR_FAIL, "no file named format", "--data" },
    { closed_data, "data", DOCTOR_WARN, "may not look", "as root" },
    { not_ready, "server", DOCTOR_FAIL, "waiting for the tailnet", "log" },
    { degraded, "server", DOCTOR_FAIL, "read-only", "disk" },
    { closed_server, "server", DOCTOR_WARN, "may not ask", "as root" },
    { broken_server, "server", DOCTOR_FAIL, "does not answer", "restart" },
    { other_server, "listeners", DOCTOR_WARN, "another data folder", "flags" },
    { taken_door, "listeners", DOCTOR_FAIL, "127.0.0.1:80 is taken", "ss -ltnp 'sport = :80'" },
    { taken_socket, "listeners", DOCTOR_FAIL, "/run/x.sock is taken", "another path" },
    { forbidden_door, "listeners", DOCTOR_FAIL, "may not listen", "CAP_NET_BIND_SERVICE" },
    { deaf_door, "listeners", DOCTOR_FAIL, "nobody answers", "Restart" },
    { foreign_door, "listeners", DOCTOR_FAIL, "no address of this machine", "server.listen" },
    { other_namespace, "listeners", DOCTOR_FAIL, "no address", "same container" },
    { no_identity, "identity", DOCTOR_WARN, "no listener has identity", "--tailscale" },
    { no_tailscaled, "tailscaled", DOCTOR_FAIL, "start it", "run this again" },
    { silent_tailscaled, "tailscaled", DOCTOR_WARN, "is it running?", "run this again" },
    { stopped, "tailnet", DOCTOR_FAIL, "tailscale up", "503" },
    { needs_login, "tailnet", DOCTOR_FAIL, "https://login.test/a/1", "503" },
    { needs_login_unused, "tailnet", DOCTOR_WARN, "not logged in", "503" },
    { old_version, "version", DOCTOR_FAIL, "too old", "1.102.3 or newer" },
    { aged_version, "version", DOCTOR_WARN, "1.102.2", "1.102.3 or newer" },
    { odd_version, "version", DOCTOR_WARN, "devel", "1.102.3 or newer" },
    { expired, "key", DOCTOR_FAIL, "has expired", "--advertise-tags" },
    { said_expired, "key", DOCTOR_FAIL, "has expired", "--advertise-tags" },
    { expires_soon, "key", DOCTOR_WARN, "2025-12-08, in 14 days", "--advertise-tags" },
    { of_a_person, "key", DOCTOR_WARN, "anna@corp.test", "leaves the tailnet" },
    { no_magic_dns, "name", DOCTOR_FAIL, "MagicDNS is off", "server.url" },
    { no_name, "name", DOCTOR_FAIL, "MagicDNS is off", "server.url" },
    { name_clash, "name", DOCTOR_WARN, "called crates-12", "back to `Crates`" },
    { unwell, "health", DOCTOR_WARN, "no DERP", "tailscale status" },
    { no_serve_said, "serve", DOCTOR_WARN, "does not say", "tailscale serve status" },
    { funnel, "serve", DOCTOR_FAIL, "crates.rig.test:443/ to the internet", "funnel reset" },
    { serve, "serve", DOCTOR_WARN, "port 2222", "serve reset" },
    { void_object, "policy", DOCTOR_WARN, "object 2 of what the policy grants ben-laptop",
        "policy check" },
    { void_objects, "policy", DOCTOR_WARN, "2 more nodes", "first" },
    { unclear, "policy", DOCTOR_WARN, "who 3 of", "again" },
    { no_list, "policy", DOCTOR_WARN, "did not list", "policy check" },
    { both_in_force, "defaults", DOCTOR_WARN, "access.tagged is read", "\"none\"" },
    { no_admin, "admin", DOCTOR_WARN, "nobody is admin", "access.admins" },
};

static void judge(struct set_up *s)
{
    doctor_read_serve(s->a, &s->f);
    doctor_judge(&s->f, &s->report);
}

static bool contains(struct str s, const char *part)
{
    return str_find_str(s, str_from(part)) != STR_NPOS;
}

static void each_thing_wrong_is_found_with_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct set_up *s = in_order(a);
        bool found = false;
        ROWS[i].change(s);
        judge(s);
        for (size_t k = 0; k < s->report.n; k++) {
            const struct doctor_finding *x = &s->report.items[k];
            found = found ||
                    (x->level == ROWS[i].level && contains(x->text, ROWS[i].text) &&
                        contains(x->cure, ROWS[i].cure) && strcmp(x->check, ROWS[i].check) == 0);
        }
        if (!found)
            fail_msg("row %zu: no %s says \"%s\"", i, ROWS[i].check, ROWS[i].text);
    }
}

static void what_is_in_order_is_said_to_be(void **state)
{
    struct arena *a AUTO_ARENA = arena_new();
    struct set_up *s = in_order(a);
    (void)state;
    judge(s);
    assert_int_equal(s->report.count[DOCTOR_WARN] + s->report.count[DOCTOR_FAIL], 0);
    assert_int_equal(s->report.count[DOCTOR_OK], s->report.n);
    for (size_t i = 0; i < s->report.n; i++) {
        assert_null(s->report.items[i].cure.p);
        assert_true(s->report.items[i].text.n > 0);
    }
}

/* ---- what is no trouble ---- */

static void userspace(struct set_up *s)
{
    s->node.tun = false;
}
static void no_server(struct set_up *s)
{
    s->f.server = SERVER_NONE;
    s->f.doors[0].state = DOOR_FREE;
}
static void without_tailnet(struct set_up *s)
{
    no_tailscaled(s);
    no_identity(s);
    s->f.nobody_is_admin = true;
}
static void url_without_magic_dns(struct set_up *s)
{
    s->node.magic_dns = false;
    s->config.url = STR("http://crates.corp.test");
}
static void name_of_its_own(struct set_up *s)
{
    s->node.name = STR("crates-north.rig.test");
}
static void number_of_its_own(struct set_up *s)
{
    s->node.name = STR("crates-2.rig.test");
    s->f.wanted_name = STR("crates-2");
}
static void key_for_long(struct set_up *s)
{
    s->node.key_expiry = NOW + 15 * DAY + 1;
}
static void policy_alone(struct set_up *s)
{
    both_in_force(s);
    s->config.tagged = STR("none");
}
static void admin_by_policy(struct set_up *s)
{
    no_admin(s);
    (void)add_peer(s, "anna-laptop", false, "[{\"do\":[\"admin\"],\"crates\":[\"*\"]}]");
    s->config.members = s->config.tagged = STR("none");
}
static void good_grants(struct set_up *s)
{
    void_grant(s);
    s->config.grants[0].void_reason = STR_NONE;
}
static void dev_version(struct set_up *s)
{
    s->node.version = STR("1.103.17-dev20261101-tabc");
}
static void serves_others(struct set_up *s)
{
    s->f.serve_said =
        STR("{\"TCP\":{\"443\":{\"HTTPS\":true}},\"Web\":{\"crates.rig.test:443\":{\"Handlers\":"
            "{\"/\":{\"Proxy\":\"http://127.0.0.1:3000\"},\"/t\":{\"Text\":\"x\"}}}}}");
}

static void what_is_no_trouble_is_not_called_one(void **state)
{
    static void (*const changes[])(struct set_up * s) = { userspace, no_server, without_tailnet,
        url_without_magic_dns, name_of_its_own, number_of_its_own, key_for_long, policy_alone,
        admin_by_policy, good_grants, dev_version, serves_others };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct set_up *s = in_order(a);
        changes[i](s);
        judge(s);
        for (size_t k = 0; k < s->report.n; k++) {
            const struct doctor_finding *x = &s->report.items[k];
            if (x->level != DOCTOR_OK)
                fail_msg("change %zu: %s: %" STR_FMT, i, x->check, STR_ARG(x->text));
        }
    }
}

static void what_cannot_be_known_is_not_called_good(void **state)
{
    static const struct {
        void (*change)(struct set_up *s);
        const char *check, *claim;
    } rows[] = {
        { no_config, "serve", "" },
        { no_list, "policy", "" },
        { no_tailscaled_no_config, "tailscaled", "no listener needs one" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct set_up *s = in_order(a);
        rows[i].change(s);
        judge(s);
        for (size_t k = 0; k < s->report.n; k++) {
            const struct doctor_finding *x = &s->report.items[k];
            if (x->level == DOCTOR_OK && strcmp(x->check, rows[i].check) == 0 &&
                contains(x->text, rows[i].claim))
                fail_msg("row %zu: %" STR_FMT, i, STR_ARG(x->text));
        }
    }
}

/* ---- serve configurations ---- */

static void only_what_leads_to_the_registry_counts(void **state)
{
    static const struct {
        const char *said;
        size_t n, n_funnel;
        bool known;
    } rows[] = {
        { "null", 0, 0, true },
        { "{}", 0, 0, true },
        { "", 0, 0, false },
        { "[]", 0, 0, false },
        { "{\"TCP\":", 0, 0, false },
        { "{\"TCP\":1,\"Web\":[2],\"AllowFunnel\":\"x\"}", 0, 0, true },
        { "{\"TCP\":{\"80\":{\"HTTP\":true}}}", 1, 0, true },
        { "{\"TCP\":{\"81\":{\"TCPForward\":\"127.0.0.1:80\"}}}", 1, 0, true },
        { "{\"TCP\":{\"81\":{\"TCPForward\":\"10.0.0.1:80\"}}}", 0, 0, true },
        { "{\"TCP\":{\"81\":{\"TCPForward\":\"[::1]:80\"}}}", 1, 0, true },
        { "{\"TCP\":{\"81\":{\"TCPForward\":\"100.64.0.1:80\"}}}", 1, 0, true },
        { "{\"TCP\":{\"81\":{\"TCPForward\":\"unix:/run/x.sock\"}}}", 1, 0, true },
        { "{\"TCP\":{\"81\":{\"TCPForward\":\"unix:/run/y.sock\"}}}", 0, 0, true },
        { "{\"TCP\":{\"81\":{\"TCPForward\":\"localhost:80\"}},\"AllowFunnel\":{\"c:81\":true}}", 1,
            1, true },
        { "{\"Web\":{\"c:81\":{\"Handlers\":{\"/\":{\"Proxy\":\"http://localhost\"}}}}}", 1, 0,
            true },
        { "{\"Web\":{\"c:81\":{\"Handlers\":{\"/\":{\"Proxy\":\"https://localhost\"}}}}}", 0, 0,
            true },
        { "{\"Web\":{\"c:81\":{\"Handlers\":{\"/a\":{\"Proxy\":\"80\"},\"/b\":{\"Proxy\":"
          "\"http://crates.rig.test:80/x\"}}}}}",
            2, 0, true },
        { "{\"AllowFunnel\":{\"c:80\":true}}", 1, 1, true },
        { "{\"AllowFunnel\":{\"c:80\":false,\"c:443\":true}}", 0, 0, true },
        { "{\"Foreground\":{\"s\":{\"TCP\":{\"80\":{\"HTTP\":true}}}}}", 1, 0, true },
        { "{\"Services\":{\"svc:a\":{\"TCP\":{\"80\":{\"HTTP\":true}}}}}", 0, 0, true },
        { "{\"Services\":{\"svc:a\":{\"Web\":{\"a:80\":{\"Handlers\":{\"/\":{\"Proxy\":"
          "\"http://127.0.0.1:80\"}}}}}}}",
            1, 0, true },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *a AUTO_ARENA = arena_new();
        struct set_up *s = in_order(a);
        size_t n_funnel = 0;
        struct doctor_door doors[] = { s->f.doors[0], { STR("/run/x.sock"), 0, DOOR_OURS, false } };
        s->f.doors = doors;
        s->f.n_doors = ARRAY_LEN(doors);
        s->f.serve_said = str_from(rows[i].said);
        doctor_read_serve(a, &s->f);
        for (size_t k = 0; k < s->f.n_serves; k++)
            n_funnel += s->f.serves[k].funnel;
        if (s->f.n_serves != rows[i].n || n_funnel != rows[i].n_funnel ||
            s->f.serve_known != rows[i].known)
            fail_msg("row %zu: %zu, %zu", i, s->f.n_serves, n_funnel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_order_is_said_to_be),
        cmocka_unit_test(each_thing_wrong_is_found_with_what_to_do),
        cmocka_unit_test(what_is_no_trouble_is_not_called_one),
        cmocka_unit_test(what_cannot_be_known_is_not_called_good),
        cmocka_unit_test(only_what_leads_to_the_registry_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
