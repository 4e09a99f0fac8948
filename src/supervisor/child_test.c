/* Real forks and real programs: what a child is, it reads from /proc about itself. */
#include "supervisor/child_fixture.h"

static void a_user_has_its_ids_and_no_groups_of_ours(void **state)
{
    struct fixture *f = *state;
    unsigned uid, gid;
    as_nobody(f);
    uid = f->nobody.uid;
    gid = f->nobody.gid;
    go(f, (const char *[]){ "sed", "-En", "s/[ \t]+/ /g; /^(Uid|Gid|Groups|CapPrm|CapAmb):/p",
              "/proc/self/status", NULL });
    ran(f, text("Uid: %u %u %u %u\nGid: %u %u %u %u\nGroups: \nCapPrm: 0000000000000000\n"
                "CapAmb: 0000000000000000\n",
               uid, uid, uid, uid, gid, gid, gid, gid));
}

static void a_user_keeps_the_variables_of_the_supervisor(void **state)
{
    struct fixture *f = *state;
    as_nobody(f);
    go(f, (const char *[]){ "env", NULL });
    ran(f, "PATH=/usr/bin:/bin\nHOME=/root\nCOLOR=blue\n");
}

static void groups_are_the_listed_ones(void **state)
{
    struct fixture *f = *state;
    static const char *names[] = { "adm", "tty", NULL };
    gid_t adm, tty;
    need_root();
    assert_int_equal(userdb_group("/etc/group", STR("adm"), &adm, NULL), 1);
    assert_int_equal(userdb_group("/etc/group", STR("tty"), &tty, NULL), 1);
    f->process.has_groups = true;
    f->process.groups = names;
    f->process.groups_n = 2;
    for (int i = 0; i < 2; i++) {
        f->command.user = i ? "nobody" : NULL;
        go(f, (const char *[]){ "sed", "-n", "s/^Groups:[ \t]*//p", "/proc/self/status", NULL });
        ran(f, text("%u %u \n", adm < tty ? adm : tty, adm < tty ? tty : adm));
    }
}

static void unknown_users_and_groups_are_told_of(void **state)
{
    struct fixture *f = *state;
    static const char *names[] = { "no-such-group", NULL };
    f->command.user = "no-such-user";
    go(f, SH(":"));
    failed(f, "unknown user \"no-such-user\": there is none of that name in /etc/passwd");
    f->command.user = NULL;
    f->process.has_groups = true;
    f->process.groups = names;
    f->process.groups_n = 1;
    go(f, SH(":"));
    failed(f, "unknown group \"no-such-group\": there is none of that name in /etc/group");
}

/* Runs the body as somebody who is not root, in a process of its own, so that the rest of the tests
 * keep their rights. */
static void as_somebody(void (*body)(struct fixture *f), struct fixture *f)
{
    struct user_entry nobody;
    int status;
    need_root();
    assert_int_equal(userdb_user("/etc/passwd", STR("nobody"), &nobody, NULL), 1);
    pid_t pid = fork();
    if (pid == 0) {
        if (setgroups(0, NULL) < 0 || setresgid(nobody.gid, nobody.gid, nobody.gid) < 0 ||
            setresuid(nobody.uid, nobody.uid, nobody.uid) < 0)
            _exit(98);
        f->launch.parent = getpid();
        body(f);
        _exit(str_eq(buf_str(&f->report), STR("")) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void expect(struct fixture *f, struct str want)
{
    if (!str_eq(buf_str(&f->report), want))
        _exit(97);
    buf_clear(&f->report);
}

static void ask_for_rights(struct fixture *f)
{
    f->command.user = "root";
    go(f, SH(":"));
    expect(f, STR("cannot become user \"root\": Operation not permitted"));
    f->command.user = "nobody";
    go(f, SH(":"));
    expect(f, STR("")); /* it is nobody already */
    f->command.user = NULL;
    f->process.has_groups = true;
    go(f, SH(":"));
    expect(f, STR("cannot set the groups: Operation not permitted"));
    f->process.has_groups = false;
    f->process.has_capabilities = true;
    f->process.capabilities = UINT64_C(1) << CAP_NET_RAW;
    go(f, SH(":"));
    expect(f, STR("cannot set the capabilities: Operation not permitted: the supervisor must have "
                  "them itself"));
    f->process.capabilities = 0;
    go(f, SH(":"));
    expect(f, STR(""));
}

static void who_is_not_root_can_give_nothing(void **state)
{
    as_somebody(ask_for_rights, *state);
}

static const char *capability_words[] = { "sed", "-En", "s/[ \t]+/ /g; /^Cap(Inh|Prm|Eff|Amb):/p",
    "/proc/self/status", NULL };

static void capabilities_are_exactly_those_given(void **state)
{
    struct fixture *f = *state;
    as_nobody(f);
    f->process.has_capabilities = true;
    f->process.capabilities = UINT64_C(1) << CAP_NET_BIND_SERVICE | UINT64_C(1) << CAP_SYSLOG;
    go(f, capability_words);
    ran(f, "CapInh: 0000000400000400\nCapPrm: 0000000400000400\nCapEff: 0000000400000400\n"
           "CapAmb: 0000000400000400\n");
}

static void capabilities_of_root_are_exactly_those_given(void **state)
{
    struct fixture *f = *state;
    need_root();
    f->process.has_capabilities = true;
    f->process.capabilities = UINT64_C(1) << CAP_CHOWN;
    go(f, (const char *[]){ "sed", "-En", "s/[ \t]+/ /g; /^(Uid|Cap(Prm|Eff|Bnd)):/p",
              "/proc/self/status", NULL });
    ran(f, "Uid: 0 0 0 0\nCapPrm: 0000000000000001\nCapEff: 0000000000000001\n"
           "CapBnd: 0000000000000001\n");
}

static void no_capabilities_can_be_asked_for(void **state)
{
    struct fixture *f = *state;
    need_root();
    f->process.has_capabilities = true;
    go(f, capability_words);
    ran(f, "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\n"
           "CapAmb: 0000000000000000\n");
}

static void limits_are_set_soft_and_hard(void **state)
{
    struct fixture *f = *state;
    static const struct limit limits[] = { { RLIMIT_NOFILE, 100 }, { RLIMIT_CORE, 0 } };
    f->process.limits = limits;
    f->process.limits_n = 2;
    go(f, SH("ulimit -Sn; ulimit -Hn; ulimit -Sc; ulimit -Hc"));
    ran(f, "100\n100\n0\n0\n");
}

static void root_raises_a_limit_for_another_user_if_it_may(void **state)
{
    struct fixture *f = *state;
    static const struct limit limits[] = { { RLIMIT_MEMLOCK, LIMIT_UNLIMITED } };
    as_nobody(f);
    f->process.limits = limits;
    f->process.limits_n = 1;
    go(f, SH("ulimit -Hl"));
    if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1)
        ran(f, "unlimited\n");
    else /* a container's root */
        failed(f, "cannot set the limit \"memlock\": Operation not permitted");
}

static void a_limit_that_is_refused_is_told_of(void **state)
{
    struct fixture *f = *state;
    static const struct limit limits[] = { { RLIMIT_NOFILE, UINT64_C(1) << 40 } };
    f->process.limits = limits;
    f->process.limits_n = 1;
    go(f, SH(":"));
    failed(f, "cannot set the limit \"nofile\": Operation not permitted");
}

static void umask_and_folder_are_set(void **state)
{
    struct fixture *f = *state;
    mode_t before = umask(022);
    go(f, SH("umask"));
    ran(f, "0022\n");
    (void)umask(before);
    f->process.umask = 027;
    f->process.cwd = "/usr";
    go(f, SH("umask; pwd -P"));
    ran(f, "0027\n/usr\n");
}

static void a_folder_that_cannot_be_entered_is_told_of(void **state)
{
    struct fixture *f = *state;
    AUTO_PLACE struct place p = place("", 0644);
    f->process.cwd = "/no/such";
    go(f, SH(":"));
    failed(f, "cwd \"/no/such\": No such file or directory");
    as_nobody(f);
    assert_int_equal(chmod(p.dir, 0700), 0);
    f->process.cwd = p.dir;
    go(f, SH(":"));
    failed(f, text("cwd \"%s\": Permission denied", p.dir));
}

static void only_the_three_standard_files_are_open(void **state)
{
    struct fixture *f = *state;
    int leak = open("/dev/null", O_RDONLY);
    int far = fcntl(leak, F_DUPFD, 500);
    assert_true(far >= 500);
    go(f, SH("i=0; while [ $i -lt 1000 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done\n"
             "exit 0"));
    ran(f, "0\n1\n2\n");
    (void)close(leak);
    (void)close(far);
}

static void a_command_leads_a_session_of_its_own(void **state)
{
    struct fixture *f = *state;
    go(f, SH("read -r pid name st parent group session rest < /proc/$$/stat\n"
             "test $pid = $group && test $pid = $session && echo leader"));
    ran(f, "leader\n");
}

static void signals_are_as_in_a_new_program(void **state)
{
    struct fixture *f = *state;
    void (*pipe_before)(int) = signal(SIGPIPE, SIG_IGN);
    void (*hup_before)(int) = signal(SIGHUP, SIG_IGN);
    go(f, (const char *[]){
              "sed", "-En", "s/[ \t]+/ /g; /^Sig(Blk|Ign|Cgt):/p", "/proc/self/status", NULL });
    (void)signal(SIGPIPE, pipe_before);
    (void)signal(SIGHUP, hup_before);
    ran(f, "SigBlk: 0000000000000000\nSigIgn: 0000000000000000\nSigCgt: 0000000000000000\n");
}

static void a_child_whose_supervisor_is_gone_does_not_run(void **state)
{
    struct fixture *f = *state;
    f->launch.parent = 1; /* not this process */
    if (getpid() == 1)
        skip();
    go(f, (const char *[]){ "echo", "ran", NULL });
    assert_int_equal(f->out.n, 0);
    assert_int_equal(f->report.n, 0);
    assert_int_equal(WEXITSTATUS(f->status), 127);
}

/* A process in the middle launches and dies; the end of the pipe tells that its child went, too. */
static void dies_with_its_supervisor(struct fixture *f, const char *user)
{
    int out[2], report[2];
    char c;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(report, O_CLOEXEC), 0);
    f->command = (struct command){ .words = SH("echo up; exec sleep 600"), .n = 3, .user = user };
    pid_t middle = fork();
    if (middle == 0) {
        f->launch.parent = getpid();
        if (fork() == 0)
            in_child(f, out[1], report[1]);
        (void)pause();
        _exit(0);
    }
    (void)close(out[1]);
    (void)close(report[1]);
    assert_int_equal(read(out[0], &c, 1), 1);
    assert_int_equal(kill(middle, SIGKILL), 0);
    assert_int_equal(waitpid(middle, NULL, 0), middle);
    read_to_end(out[0], &f->out);
    (void)close(out[0]);
    (void)close(report[0]);
}

static void a_command_ends_with_its_supervisor(void **state)
{
    dies_with_its_supervisor(*state, NULL);
}

static void another_users_command_ends_with_its_supervisor(void **state)
{
    struct fixture *f = *state;
    need_root();
    f->process.has_capabilities = true;
    f->process.capabilities = UINT64_C(1) << CAP_CHOWN;
    dies_with_its_supervisor(f, "nobody");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_user_has_its_ids_and_no_groups_of_ours),
        TEST(a_user_keeps_the_variables_of_the_supervisor),
        TEST(groups_are_the_listed_ones),
        TEST(unknown_users_and_groups_are_told_of),
        TEST(who_is_not_root_can_give_nothing),
        TEST(capabilities_are_exactly_those_given),
        TEST(capabilities_of_root_are_exactly_those_given),
        TEST(no_capabilities_can_be_asked_for),
        TEST(limits_are_set_soft_and_hard),
        TEST(root_raises_a_limit_for_another_user_if_it_may),
        TEST(a_limit_that_is_refused_is_told_of),
        TEST(umask_and_folder_are_set),
        TEST(a_folder_that_cannot_be_entered_is_told_of),
        TEST(only_the_three_standard_files_are_open),
        TEST(a_command_leads_a_session_of_its_own),
        TEST(signals_are_as_in_a_new_program),
        TEST(a_child_whose_supervisor_is_gone_does_not_run),
        TEST(a_command_ends_with_its_supervisor),
        TEST(another_users_command_ends_with_its_supervisor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
