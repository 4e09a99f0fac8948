#include "auth/access.h"

#include "store/meta.h"
#include "support/temp_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1000000
#define ANNA 1 /* owns acme */
#define BOB 2  /* owns nothing; the one whose rights are tried */
#define CI 3   /* no account */

struct fixture {
    struct config config;
    struct access *access;
    char text[TOKEN_LEN + 1]; /* Bob's token 7 */
    struct err e;
};

static void put_principal(struct access *a, uint32_t id, struct str key, bool blocked)
{
    struct access_principal p = { .id = id, .key = key, .blocked = blocked };
    access_put_principal(a, &p);
}

static void load(struct fixture *f)
{
    access_free(f->access);
    f->access = access_new(&f->config);
    put_principal(f->access, ANNA, STR("local:anna"), false);
    put_principal(f->access, BOB, STR("local:bob"), false);
    put_principal(f->access, CI, STR("header:ci"), false);
    access_put_owner(f->access, STR("acme"), ANNA);
    access_put_crate(f->access, STR("orphan"));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->config.accounts = STR("publish");
    token_make(f->text);
    load(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    access_free(f->access);
    free(f);
    return 0;
}

static void put_token(struct fixture *f, unsigned scopes, const char *patterns, int64_t expires)
{
    struct access_token t = { .id = 7,
        .principal = BOB,
        .scopes = scopes,
        .patterns = str_from(patterns),
        .expires = expires };
    token_hash(str_from(f->text), t.hash);
    access_put_token(f->access, &t);
}

static struct caller principal(uint32_t id)
{
    return (struct caller){ .kind = CALLER_PRINCIPAL, .principal = id, .sent_credential = true };
}

static struct caller with_token(uint32_t id)
{
    struct caller c = principal(id);
    c.token = 7;
    return c;
}

/* "" for yes, else the kind of the refusal: "U" unauthorized, "F" forbidden. */
static const char *verdict(struct fixture *f, struct caller c, enum right right, struct str crate)
{
    err_clear(&f->e);
    if (access_may(f->access, &c, right, crate, &f->e) == 0)
        return "";
    assert_true(f->e.text[0] && utf8_valid(str_from(f->e.text)));
    if (f->e.kind == ERR_UNAUTHORIZED)
        return "U";
    assert_int_equal(f->e.kind, ERR_FORBIDDEN);
    return "F";
}

#define ALLOWED(c, right, crate) assert_string_equal(verdict(f, c, right, STR(crate)), "")
#define FORBIDDEN(c, right, crate) assert_string_equal(verdict(f, c, right, STR(crate)), "F")
#define UNAUTHORIZED(c, right, crate) assert_string_equal(verdict(f, c, right, STR(crate)), "U")

static void says(const struct fixture *f, const char *words)
{
    if (!strstr(f->e.text, words))
        fail_msg("\"%s\" is not in: %s", words, f->e.text);
}

/* ---- the decision ---- */

static void each_role_gives_what_the_table_says(void **state)
{
    struct fixture *f = *state;
    for (unsigned role = 0; role < ROLES; role++) {
        f->config.accounts = str_from(role_name((enum role)role));
        load(f);
        for (unsigned i = 0; i < RIGHTS; i++) {
            enum right right = (enum right)i;
            enum extent extent = role_extent((enum role)role, right);
            const char *owner = extent == EXTENT_NONE ? "F" : "";
            const char *other = extent == EXTENT_ANY ? "" : "F";
            assert_string_equal(verdict(f, principal(ANNA), right, STR("acme")), owner);
            assert_string_equal(verdict(f, principal(BOB), right, STR("acme")), other);
            assert_string_equal(verdict(f, principal(BOB), right, STR("orphan")), other);
        }
    }
}

static void an_account_without_a_role_may_nothing(void **state)
{
    struct fixture *f = *state;
    f->config.accounts = STR("none");
    load(f);
    for (unsigned i = 0; i < RIGHTS; i++)
        FORBIDDEN(principal(ANNA), (enum right)i, "acme");
    says(f, "none");
}

static void the_role_of_accounts_is_for_accounts_alone(void **state)
{
    struct fixture *f = *state;
    FORBIDDEN(principal(CI), RIGHT_READ, "acme");
    ALLOWED(principal(BOB), RIGHT_READ, "acme");
}

static void an_admin_of_the_configuration_may_everything(void **state)
{
    struct fixture *f = *state;
    struct str admins[] = { STR("header:ci") };
    f->config.admins = (struct config_list){ admins, 1 };
    load(f);
    for (unsigned i = 0; i < RIGHTS; i++)
        ALLOWED(principal(CI), (enum right)i, "acme");
    FORBIDDEN(principal(BOB), RIGHT_ADMIN, "acme");
}

static void a_grant_counts_for_its_names_and_its_crates(void **state)
{
    struct fixture *f = *state;
    struct str who[] = { STR("header:ci"), STR("local:nobody") }, roles[] = { STR("release") },
               crates[] = { STR("ac*"), STR("tool") };
    struct config_grant grant = {
        .who = { who, 2 }, .roles = { roles, 1 }, .crates = { crates, 2 }
    };
    f->config.grants = &grant;
    f->config.n_grants = 1;
    load(f);
    ALLOWED(principal(CI), RIGHT_PUBLISH_UPDATE, "acme");
    ALLOWED(principal(CI), RIGHT_PUBLISH_UPDATE, "tool");
    FORBIDDEN(principal(CI), RIGHT_PUBLISH_UPDATE, "tools");
    FORBIDDEN(principal(CI), RIGHT_PUBLISH_NEW, "acme2");
    FORBIDDEN(principal(BOB), RIGHT_PUBLISH_UPDATE, "acme");
    ALLOWED(principal(CI), RIGHT_READ, "other"); /* reading is of the whole registry */
}

static void rights_are_the_union_of_all_sources(void **state)
{
    struct fixture *f = *state;
    struct str who[] = { STR("local:bob") }, roles[] = { STR("release"), STR("maintain") },
               crates[] = { STR("acme") };
    struct config_grant grant = {
        .who = { who, 1 }, .roles = { roles, 2 }, .crates = { crates, 1 }
    };
    f->config.grants = &grant;
    f->config.n_grants = 1;
    load(f);
    ALLOWED(principal(BOB), RIGHT_YANK, "acme");
    ALLOWED(principal(BOB), RIGHT_PUBLISH_NEW, "fresh"); /* access.accounts still counts */
    FORBIDDEN(principal(BOB), RIGHT_YANK, "orphan");
}

static void a_void_grant_gives_nothing_and_is_counted(void **state)
{
    struct fixture *f = *state;
    struct str who[] = { STR("header:ci") }, roles[] = { STR("admin") }, crates[] = { STR("*") };
    struct config_grant grant = { .who = { who, 1 },
        .roles = { roles, 1 },
        .crates = { crates, 1 },
        .void_reason = STR("unknown key") };
    f->config.grants = &grant;
    f->config.n_grants = 1;
    load(f);
    FORBIDDEN(principal(CI), RIGHT_READ, "acme");
    assert_int_equal(access_void_grants(f->access), 1);
}

static void ownership_counts_from_when_it_is_given_until_it_is_taken(void **state)
{
    struct fixture *f = *state;
    FORBIDDEN(principal(BOB), RIGHT_YANK, "acme");
    access_put_owner(f->access, STR("acme"), BOB);
    ALLOWED(principal(BOB), RIGHT_YANK, "acme");
    access_drop_owner(f->access, STR("acme"), BOB);
    FORBIDDEN(principal(BOB), RIGHT_YANK, "acme");
    ALLOWED(principal(ANNA), RIGHT_YANK, "acme");
}

static void a_change_needs_a_header(void **state)
{
    struct fixture *f = *state;
    struct caller c = principal(ANNA);
    c.sent_credential = false;
    UNAUTHORIZED(c, RIGHT_YANK, "acme");
    ALLOWED(c, RIGHT_READ, "acme");
}

static void anonymous_reads_where_the_door_says_so_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct caller c = { .kind = CALLER_ANONYMOUS };
    for (unsigned i = 0; i < RIGHTS; i++)
        UNAUTHORIZED(c, (enum right)i, "acme");
    c.door.anonymous_read = true;
    ALLOWED(c, RIGHT_READ, "acme");
    for (unsigned i = RIGHT_READ + 1; i < RIGHTS; i++)
        UNAUTHORIZED(c, (enum right)i, "acme");
}

static void the_admin_socket_may_everything(void **state)
{
    struct fixture *f = *state;
    struct caller c = { .kind = CALLER_ADMIN };
    for (unsigned i = 0; i < RIGHTS; i++)
        ALLOWED(c, (enum right)i, "acme");
}

/* ---- tokens bound what their principal may ---- */

static void a_token_needs_the_scope(void **state)
{
    struct fixture *f = *state;
    struct str admins[] = { STR("local:bob") };
    f->config.admins = (struct config_list){ admins, 1 };
    load(f);
    for (unsigned i = RIGHT_READ + 1; i < RIGHTS; i++) {
        enum right right = (enum right)i;
        put_token(f, SCOPE(right), "*", 0);
        ALLOWED(with_token(BOB), right, "acme");
        put_token(f, SCOPES_ALL & ~SCOPE(right), "*", 0);
        FORBIDDEN(with_token(BOB), right, "acme");
        says(f, "token 7 of local:bob");
        says(f, right_name(right));
    }
}

static void a_token_adds_nothing_to_its_principal(void **state)
{
    struct fixture *f = *state;
    put_token(f, SCOPES_ALL, "*", 0);
    FORBIDDEN(with_token(BOB), RIGHT_YANK, "acme");
    FORBIDDEN(with_token(BOB), RIGHT_ADMIN, "acme");
    ALLOWED(with_token(BOB), RIGHT_PUBLISH_NEW, "fresh");
}

static void a_token_is_for_the_crates_it_names(void **state)
{
    struct fixture *f = *state;
    put_token(f, SCOPES_ALL, "tool  fresh_*", 0);
    ALLOWED(with_token(BOB), RIGHT_PUBLISH_NEW, "tool");
    ALLOWED(with_token(BOB), RIGHT_PUBLISH_NEW, "fresh_one");
    FORBIDDEN(with_token(BOB), RIGHT_PUBLISH_NEW, "fresh");
    says(f, "tool  fresh_*");
    put_token(f, SCOPES_ALL, "", 0);
    FORBIDDEN(with_token(BOB), RIGHT_PUBLISH_NEW, "tool");
}

static void a_token_for_some_crates_cannot_administer(void **state)
{
    struct fixture *f = *state;
    f->config.accounts = STR("admin");
    load(f);
    put_token(f, SCOPES_ALL, "acme*", 0);
    FORBIDDEN(with_token(BOB), RIGHT_ADMIN, "");
    ALLOWED(with_token(BOB), RIGHT_YANK, "acme");
    put_token(f, SCOPES_ALL, "*", 0);
    ALLOWED(with_token(BOB), RIGHT_ADMIN, "");
}

static void every_token_reads_as_far_as_its_principal_may(void **state)
{
    struct fixture *f = *state;
    f->config.accounts = STR("read");
    load(f);
    put_token(f, 0, "", 0);
    ALLOWED(with_token(BOB), RIGHT_READ, "acme");
    FORBIDDEN(with_token(BOB), RIGHT_PUBLISH_NEW, "fresh");
    f->config.accounts = STR("none");
    load(f);
    put_token(f, SCOPES_ALL, "*", 0);
    FORBIDDEN(with_token(BOB), RIGHT_READ, "acme");
}

static void before_the_body_is_known_either_kind_of_publish_will_do(void **state)
{
    struct fixture *f = *state;
    put_token(f, SCOPE(RIGHT_PUBLISH_UPDATE), "acme", 0);
    assert_string_equal(verdict(f, with_token(BOB), RIGHT_PUBLISH_NEW, STR_NONE), "");
    assert_string_equal(verdict(f, with_token(BOB), RIGHT_PUBLISH_UPDATE, STR_NONE), "");
    put_token(f, SCOPE(RIGHT_PUBLISH_NEW), "acme", 0);
    assert_string_equal(verdict(f, with_token(BOB), RIGHT_PUBLISH_UPDATE, STR_NONE), "");
    put_token(f, SCOPE(RIGHT_YANK), "*", 0);
    assert_string_equal(verdict(f, with_token(BOB), RIGHT_PUBLISH_NEW, STR_NONE), "F");
    f->config.accounts = STR("read");
    load(f);
    assert_string_equal(verdict(f, principal(BOB), RIGHT_PUBLISH_NEW, STR_NONE), "F");
}

/* ---- who ---- */

static int identify(struct fixture *f, const char *header, struct caller *c)
{
    const struct access_door door = { 0 };
    err_clear(&f->e);
    return access_identify(f->access, &door, NULL, str_from(header), NOW, c, &f->e);
}

static void a_live_token_is_its_principal(void **state)
{
    struct fixture *f = *state;
    struct caller c;
    put_token(f, SCOPES_DEFAULT, "*", NOW + 1);
    assert_int_equal(identify(f, f->text, &c), 0);
    assert_int_equal(c.kind, CALLER_PRINCIPAL);
    assert_int_equal(c.principal, BOB);
    assert_int_equal(c.token, 7);
    assert_true(c.sent_credential);
    assert_true(str_eq(access_caller_name(f->access, &c), STR("local:bob")));
}

static void without_a_header_the_door_decides(void **state)
{
    struct fixture *f = *state;
    struct caller c;
    struct access_door door = { .anonymous_read = true };
    assert_int_equal(access_identify(f->access, &door, NULL, STR_NONE, NOW, &c, NULL), 0);
    assert_int_equal(c.kind, CALLER_ANONYMOUS);
    assert_true(c.door.anonymous_read);
    assert_false(c.sent_credential);
    assert_int_equal(
        access_identify(f->access, &door, NULL, STR("Bearer placeholder_token"), NOW, &c, NULL), 0);
    assert_false(c.sent_credential);
    door = (struct access_door){ .admin = true };
    assert_int_equal(access_identify(f->access, &door, NULL, STR_NONE, NOW, &c, NULL), 0);
    assert_int_equal(c.kind, CALLER_ADMIN);
    assert_true(str_eq(access_caller_name(f->access, &c), STR("admin")));
}

static void a_bad_credential_never_falls_back(void **state)
{
    struct fixture *f = *state;
    char unknown[TOKEN_LEN + 1];
    struct caller c;
    token_make(unknown);
    const char *const headers[] = { unknown, "nonsense", "", "tailscale", "network", "Basic eDp5" };
    const struct access_door doors[] = { { .anonymous_read = true }, { 0 } };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        for (size_t k = 0; k < ARRAY_LEN(doors); k++) {
            err_clear(&f->e);
            assert_int_equal(
                access_identify(f->access, &doors[k], NULL, str_from(headers[i]), NOW, &c, &f->e),
                -1);
            assert_int_equal(f->e.kind, ERR_UNAUTHORIZED);
            if (headers[i][0])
                assert_null(strstr(f->e.text, unknown));
        }
    }
    const struct access_door admin = { .admin = true };
    assert_int_equal(
        access_identify(f->access, &admin, NULL, str_from(unknown), NOW, &c, NULL), -1);
}

static void the_word_is_refused_with_a_sentence_where_nobody_can_be_asked(void **state)
{
    struct fixture *f = *state;
    struct caller c;
    assert_int_equal(identify(f, "tailscale", &c), -1);
    says(f, "`tailscale`");
    says(f, "superguppy token new");
}

static void a_token_lives_until_its_last_second(void **state)
{
    struct fixture *f = *state;
    struct caller c;
    put_token(f, SCOPES_DEFAULT, "*", NOW + 1);
    assert_int_equal(identify(f, f->text, &c), 0);
    put_token(f, SCOPES_DEFAULT, "*", NOW);
    assert_int_equal(identify(f, f->text, &c), -1);
    says(f, "expired");
    put_token(f, SCOPES_DEFAULT, "*", 0);
    assert_int_equal(identify(f, f->text, &c), 0);
}

static void a_revoked_token_is_dead_at_once(void **state)
{
    struct fixture *f = *state;
    struct caller c;
    put_token(f, SCOPES_DEFAULT, "*", 0);
    assert_int_equal(identify(f, f->text, &c), 0);
    access_drop_token(f->access, 7);
    access_drop_token(f->access, 7);
    assert_int_equal(access_still(f->access, &c, NOW, &f->e), -1);
    assert_int_equal(f->e.kind, ERR_UNAUTHORIZED);
    UNAUTHORIZED(c, RIGHT_READ, "acme");
    assert_int_equal(identify(f, f->text, &c), -1);
}

static void a_token_put_again_replaces_the_old_one(void **state)
{
    struct fixture *f = *state;
    struct caller c;
    char old[TOKEN_LEN + 1];
    put_token(f, SCOPES_DEFAULT, "*", 0);
    memcpy(old, f->text, sizeof(old));
    token_make(f->text);
    put_token(f, SCOPES_DEFAULT, "*", 0);
    assert_int_equal(identify(f, old, &c), -1);
    assert_int_equal(identify(f, f->text, &c), 0);
}

static void a_blocked_principal_is_nobody(void **state)
{
    struct fixture *f = *state;
    struct caller c;
    put_token(f, SCOPES_DEFAULT, "*", 0);
    assert_int_equal(identify(f, f->text, &c), 0);
    put_principal(f->access, BOB, STR("local:bob"), true);
    assert_int_equal(access_still(f->access, &c, NOW, &f->e), -1);
    UNAUTHORIZED(c, RIGHT_READ, "acme");
    UNAUTHORIZED(principal(BOB), RIGHT_READ, "acme");
    assert_int_equal(identify(f, f->text, &c), -1);
    says(f, "blocked");
    put_principal(f->access, BOB, STR("local:bob"), false);
    assert_int_equal(identify(f, f->text, &c), 0);
}

static void a_caller_is_asked_again_before_a_change(void **state)
{
    struct fixture *f = *state;
    struct caller c = with_token(BOB), anonymous = { .kind = CALLER_ANONYMOUS };
    put_token(f, SCOPES_DEFAULT, "*", NOW + 10);
    assert_int_equal(access_still(f->access, &c, NOW, NULL), 0);
    assert_int_equal(access_still(f->access, &c, NOW + 10, NULL), -1);
    assert_int_equal(access_still(f->access, &anonymous, NOW, NULL), 0);
}

/* ---- sentences ---- */

static void who_is_no_owner_is_told_whom_to_ask_and_for_what(void **state)
{
    struct fixture *f = *state;
    FORBIDDEN(principal(BOB), RIGHT_YANK, "acme");
    assert_string_equal(f->e.text, "local:bob may not yank acme: not an owner (owners: "
                                   "local:anna); ask an owner to run `cargo "
                                   "owner --add local:bob acme --registry NAME`");
    FORBIDDEN(principal(BOB), RIGHT_YANK, "orphan");
    says(f, "has none; ask an admin");
}

static void a_sentence_stays_short_however_many_owners_there_are(void **state)
{
    struct fixture *f = *state;
    char key[64];
    for (uint32_t i = 100; i < 200; i++) {
        (void)snprintf(key, sizeof(key), "local:%u-with-a-name-of-more-than-a-few-letters", i);
        put_principal(f->access, i, str_from(key), false);
        access_put_owner(f->access, STR("acme"), i);
    }
    FORBIDDEN(principal(BOB), RIGHT_YANK, "acme");
    assert_true(strlen(f->e.text) < ERR_TEXT_MAX);
    says(f, " …");
    says(f, "cargo owner --add local:bob acme");
}

static void me_shows_each_source(void **state)
{
    struct fixture *f = *state;
    struct str who[] = { STR("local:bob") }, roles[] = { STR("maintain") },
               crates[] = { STR("acme"), STR("tool_*") };
    struct config_grant grant = {
        .who = { who, 1 }, .roles = { roles, 1 }, .crates = { crates, 2 }, .line = 12
    };
    f->config.grants = &grant;
    f->config.n_grants = 1;
    f->config.admins = (struct config_list){ who, 1 };
    load(f);
    put_token(f, SCOPE(RIGHT_READ) | SCOPE(RIGHT_YANK), "acme tool_*", 0);
    struct buf b AUTO_BUF = BUF_INIT(4096);
    struct caller c = with_token(BOB);
    access_describe(f->access, &c, &b);
    buf_add_byte(&b, '\0');
    assert_string_equal(b.p, "token 7: scopes read yank, crates acme tool_*\n"
                             "publish  (access.accounts)\n"
                             "admin  (access.admins)\n"
                             "maintain  crates acme tool_*  (access.grant, line 12)\n");
}

/* ---- memory ---- */

static void principals_are_found_by_key_and_by_id(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(access_principal_id(f->access, STR("local:anna")), ANNA);
    assert_int_equal(access_principal_id(f->access, STR("local:Anna")), 0);
    assert_true(str_eq(access_principal_key(f->access, BOB), STR("local:bob")));
    assert_null(access_principal_key(f->access, 99).p);
}

static void owners_keep_their_order_and_come_once(void **state)
{
    struct fixture *f = *state;
    size_t n;
    access_put_owner(f->access, STR("acme"), CI);
    access_put_owner(f->access, STR("acme"), BOB);
    access_put_owner(f->access, STR("acme"), CI);
    access_drop_owner(f->access, STR("acme"), ANNA);
    access_drop_owner(f->access, STR("acme"), 99);
    const uint32_t *ids = access_owners(f->access, STR("acme"), &n);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], CI);
    assert_int_equal(ids[1], BOB);
    (void)access_owners(f->access, STR("unknown"), &n);
    assert_int_equal(n, 0);
    assert_true(access_has_crate(f->access, STR("orphan")));
    assert_false(access_has_crate(f->access, STR("unknown")));
}

static void what_is_stored_is_loaded(void **state)
{
    struct fixture *f = *state;
    struct temp_store *s = temp_store_new();
    struct crate_row crate = {
        .name = STR("Acme"), .canonical = STR("acme"), .max_version = STR("0.0.0")
    };
    struct token_row t = { .scopes = SCOPES_DEFAULT, .patterns = STR("*") };
    struct access *a = NULL;
    struct caller c;
    const struct access_door door = { 0 };
    int64_t crate_id, token_id;
    token_hash(str_from(f->text), t.hash);
    assert_int_equal(
        meta_principal_ensure(s->db, STR("local:eve"), NOW, &t.principal, NULL, NULL), 0);
    assert_int_equal(meta_token_add(s->db, &t, &token_id, NULL), 0);
    assert_int_equal(meta_crate_add(s->db, &crate, &crate_id, NULL), 0);
    assert_int_equal(meta_owner_add(s->db, crate_id, t.principal, NOW, NULL), 1);
    assert_int_equal(access_load(&f->config, s->db, &a, NULL), 0);
    assert_int_equal(access_identify(a, &door, NULL, str_from(f->text), NOW, &c, NULL), 0);
    assert_int_equal(access_may(a, &c, RIGHT_YANK, STR("acme"), NULL), 0);
    access_free(a);
    assert_int_equal(meta_token_revoke(s->db, token_id, NOW, NULL), 1);
    assert_int_equal(access_load(&f->config, s->db, &a, NULL), 0);
    assert_int_equal(access_identify(a, &door, NULL, str_from(f->text), NOW, &c, NULL), -1);
    access_free(a);
    temp_store_free(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(each_role_gives_what_the_table_says),
        T(an_account_without_a_role_may_nothing),
        T(the_role_of_accounts_is_for_accounts_alone),
        T(an_admin_of_the_configuration_may_everything),
        T(a_grant_counts_for_its_names_and_its_crates),
        T(rights_are_the_union_of_all_sources),
        T(a_void_grant_gives_nothing_and_is_counted),
        T(ownership_counts_from_when_it_is_given_until_it_is_taken),
        T(a_change_needs_a_header),
        T(anonymous_reads_where_the_door_says_so_and_changes_nothing),
        T(the_admin_socket_may_everything),
        T(a_token_needs_the_scope),
        T(a_token_adds_nothing_to_its_principal),
        T(a_token_is_for_the_crates_it_names),
        T(a_token_for_some_crates_cannot_administer),
        T(every_token_reads_as_far_as_its_principal_may),
        T(before_the_body_is_known_either_kind_of_publish_will_do),
        T(a_live_token_is_its_principal),
        T(without_a_header_the_door_decides),
        T(a_bad_credential_never_falls_back),
        T(the_word_is_refused_with_a_sentence_where_nobody_can_be_asked),
        T(a_token_lives_until_its_last_second),
        T(a_revoked_token_is_dead_at_once),
        T(a_token_put_again_replaces_the_old_one),
        T(a_blocked_principal_is_nobody),
        T(a_caller_is_asked_again_before_a_change),
        T(who_is_no_owner_is_told_whom_to_ask_and_for_what),
        T(a_sentence_stays_short_however_many_owners_there_are),
        T(me_shows_each_source),
        T(principals_are_found_by_key_and_by_id),
        T(owners_keep_their_order_and_come_once),
        T(what_is_stored_is_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
