#include "supervisor/userdb.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_user_is_found_by_its_whole_name(void **state)
{
    static const struct {
        const char *text;
        bool found;
        uid_t uid;
        gid_t gid;
    } cases[] = {
        { "app:x:1000:1001:App:/home/app:/bin/sh\n", true, 1000, 1001 },
        { "root:x:0:0::/:\napp:x:7:8::/:", true, 7, 8 },
        { "app:x:1:2", true, 1, 2 },
        { "app::1:2:\n", true, 1, 2 },
        { "app:x:1:2:::\napp:x:3:4:::\n", true, 1, 2 },
        { "app:x:4294967294:2:::", true, 4294967294u, 2 },
        { "\n\n#app:x:1:2:::\napp:x:3:4:::", true, 3, 4 },
        /* not well formed: the next one counts */
        { "app\napp:\napp:x\napp:x:\napp:x:5\napp:x:5:\napp:x:5:6:::\n", true, 5, 6 },
        { "app:x:-1:2:::\napp:x:+1:2:::\napp:x: 1:2:::\napp:x:0x1:2:::", false, 0, 0 },
        { "app:x:4294967295:2:::\napp:x:1:4294967295:::", false, 0, 0 },
        { "app:x:4294967296:2:::", false, 0, 0 },
        { "app:x:1:2\r\n", false, 0, 0 },
        { "", false, 0, 0 },
        { ":x:1:2:::\n", false, 0, 0 },
        { "App:x:1:2:::\napps:x:1:2:::\nap:x:1:2:::\n app:x:1:2:::", false, 0, 0 },
        { "x:app:1:2:::", false, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct user_entry u = { 77, 77 };
        bool found = userdb_find_user(str_from(cases[i].text), STR("app"), &u);
        if (found != cases[i].found || u.uid != (found ? cases[i].uid : 77) ||
            u.gid != (found ? cases[i].gid : 77))
            fail_msg("%s", cases[i].text);
    }
}

static void a_group_is_found_by_its_whole_name(void **state)
{
    static const struct {
        const char *text;
        bool found;
        gid_t gid;
    } cases[] = {
        { "adm:x:4:syslog,app\n", true, 4 },
        { "adm:x:4", true, 4 },
        { "adm:x:\nadm:x:four:\nadm:x:5:\n", true, 5 },
        { "adm:x:4294967295:\n", false, 0 },
        { "wheel:x:4:adm\n", false, 0 },
        { "", false, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        gid_t gid = 77;
        bool found = userdb_find_group(str_from(cases[i].text), STR("adm"), &gid);
        if (found != cases[i].found || gid != (found ? cases[i].gid : 77))
            fail_msg("%s", cases[i].text);
    }
}

static void an_empty_name_is_nobody(void **state)
{
    struct user_entry u;
    gid_t gid;
    (void)state;
    assert_false(userdb_find_user(STR(":x:1:2:::\n"), STR(""), &u));
    assert_false(userdb_find_group(STR(":x:1:\n"), STR(""), &gid));
}

static void a_missing_file_is_an_error(void **state)
{
    struct user_entry u;
    gid_t gid;
    struct err e = ERR_INIT;
    (void)state;
    assert_int_equal(userdb_user("/no/such", STR("app"), &u, &e), -1);
    assert_string_equal(e.text, "cannot read /no/such: No such file or directory");
    assert_int_equal(userdb_group("/tmp", STR("app"), &gid, &e), -1);
    assert_string_equal(e.text, "cannot read /tmp: it is not a plain file");
}

static void the_files_of_this_machine_are_read(void **state)
{
    struct user_entry u = { 77, 77 };
    gid_t gid = 77;
    (void)state;
    assert_int_equal(userdb_user("/etc/passwd", STR("root"), &u, NULL), 1);
    assert_int_equal(u.uid, 0);
    assert_int_equal(userdb_user("/etc/passwd", STR("no such user"), &u, NULL), 0);
    assert_int_equal(userdb_group("/etc/group", STR("root"), &gid, NULL), 1);
    assert_int_equal(gid, 0);
}

/* The bound falls into "app:x:1:23", of which "app:x:1:2" would be left. */
static void a_line_cut_by_the_bound_is_not_looked_at(void **state)
{
    static const char line[] = "app:x:1:23:::\n";
    const off_t bound = 4 << 20, from = bound - 9;
    char file[] = "/tmp/userdb-test-XXXXXX";
    struct user_entry u;
    AUTO_CLOSE int fd = mkstemp(file);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\n", 1, from - 1), 1);
    assert_int_equal(pwrite(fd, line, strlen(line), from), strlen(line));
    assert_int_equal(userdb_user(file, STR("app"), &u, NULL), 0);
    assert_int_equal(pwrite(fd, line, strlen(line), 0), strlen(line));
    assert_int_equal(userdb_user(file, STR("app"), &u, NULL), 1);
    assert_int_equal(u.gid, 23);
    (void)unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_is_found_by_its_whole_name),
        cmocka_unit_test(a_group_is_found_by_its_whole_name),
        cmocka_unit_test(an_empty_name_is_nobody),
        cmocka_unit_test(a_missing_file_is_an_error),
        cmocka_unit_test(the_files_of_this_machine_are_read),
        cmocka_unit_test(a_line_cut_by_the_bound_is_not_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
