"""What Ground Control never tested of itself: its command line, exit codes, output, users and signals;
and what ours does better on purpose."""

import datetime
import os
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

import supervise
from supervise import CONFIG, append, shell

USER, NOBODY = "nobody", 65534
STOPPING = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]
BY_NAME = {"ids": lambda value: getattr(value, "name", None)}

DAEMON = """
[[processes]]
name = "daemon"
run = ["./daemon.sh", "daemon"]
"""
BROKEN = DAEMON.replace("name =", "nome =")

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root switches users")


@pytest.fixture
def start(tmp_path):
    yield from supervise.factory(tmp_path)


def one(command, more=""):
    """A configuration of one process that is called p."""
    return f"""
[[processes]]
name = "p"
run = {command}
{more}
"""


# -- the command line


@pytest.mark.parametrize("arguments", [(), (CONFIG, CONFIG), ("--no-such-option", CONFIG), ("--check",)])
def test_usage_errors_exit_2(start, arguments):
    s = start(DAEMON, arguments=arguments)
    assert s.wait() == 2, s.everything()
    assert "groundcontrol" in s.errors()
    assert s.raw_lines() == s.results() == []


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_asked_for_so_it_goes_to_stdout(start, option):
    s = start(DAEMON, arguments=[option])
    assert s.wait() == 0, s.everything()
    assert "--check" in s.out.text()
    assert s.errors() == ""


@pytest.mark.parametrize("option", [(), ("--check",)], ids=["run", "check"])
def test_a_file_that_is_not_there_exits_1(start, option):
    s = start(None, arguments=[*option, CONFIG])
    assert s.wait() == 1, s.everything()
    assert CONFIG in s.errors() and "No such file or directory" in s.errors()


@pytest.mark.parametrize("option", [(), ("--check",)], ids=["run", "check"])
@pytest.mark.parametrize("text", ["processes = ", BROKEN, "", "\0", "processes = 1"], ids=range(5))
def test_a_file_that_is_no_configuration_exits_1(start, option, text):
    s = start(text, arguments=[*option, CONFIG])
    assert s.wait() == 1, s.everything()
    assert CONFIG in s.errors()
    assert s.results() == []


def test_check_starts_nothing(start):
    s = start(f"""
[[processes]]
name = "p"
pre = {append("pre")}
run = {append("run")}
post = {append("post")}
""", arguments=["--check", CONFIG])
    assert s.wait() == 0, s.everything()
    assert s.results() == []


LACKING = {
    "no-such-program": '["no-such-program"]',
    "no-such-user": '{ command = "true", user = "no-such-user" }',
    "NO_SUCH_VARIABLE": '{ command = "true", only-env = ["NO_SUCH_VARIABLE"] }',
}


@pytest.mark.parametrize("options, code", [(["--check"], 0), (["--check", "--strict"], 1)], ids=["lenient", "strict"])
@pytest.mark.parametrize("word", LACKING)
def test_check_says_what_this_machine_lacks(start, word, options, code):
    s = start(one(LACKING[word]), arguments=[*options, CONFIG])
    assert s.wait() == code, s.everything()
    assert re.search(rf'{CONFIG}:4: process "p": run: .*"{word}"', s.errors()), s.errors()


def test_no_processes_wait_for_a_signal(start):
    s = start("processes = []")
    s.wait_line("groundcontrol: ")
    assert s.stop() == 0, s.everything()


def test_oneshots_alone_wait_for_a_signal(start):
    s = start(f"""
[[processes]]
name = "a"
pre = {append("a-pre")}
post = {append("a-post")}

[[processes]]
name = "b"
pre = {shell("echo > ready")}
""")
    s.wait_file("ready")
    assert s.process.poll() is None
    assert s.stop() == 0, s.everything()
    assert s.results() == ["a-pre", "a-post"]


# -- exit codes


@pytest.mark.parametrize(
    "command, code",
    [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137), ("kill -TERM $$", 143)],
)
def test_the_first_daemon_to_end_gives_the_exit_code(start, command, code):
    s = start(f"""
[[processes]]
name = "a"
run = ["./daemon.sh", "a"]

[[processes]]
name = "b"
pre = ["./await.sh", "a.pid"]
run = {shell(command)}
""")
    assert s.wait() == code, s.everything()
    assert s.results() == ["a:started", "a:shutdown-requested", "a:stopped"]


def test_a_failure_because_of_the_stop_is_none(start):
    s = start(one(shell("trap \"exit 9\" TERM; echo > ready; while :; do sleep 0.05; done")))
    s.wait_file("ready")
    assert s.stop() == 0, s.everything()
    assert s.says("WARN", '"p"', "exit status 9"), s.everything()


@pytest.mark.parametrize("pre", [shell("exit 7"), shell("kill -9 $$"), '["./no-such-program"]'])
def test_an_aborted_start_exits_1(start, pre):
    s = start(one(append("run"), f"pre = {pre}"))
    assert s.wait() == 1, s.everything()
    assert s.results() == []


@pytest.mark.parametrize(
    "run, words",
    [
        ('["./no-such-program"]', ["cannot run", '"./no-such-program"', "No such file or directory"]),
        ('["./groundcontrol.toml"]', ["cannot run", "Permission denied"]),
        ('["/"]', ["cannot run", "Permission denied"]),
        ('""', ["cannot run", '""']),
        ('" true"', ["cannot run", '""']),
        ('["true", "{{MISSING}}"]', ["expand", '"true"', "unknown variable", '"MISSING"']),
        ('["{{MISSING}}"]', ["unknown variable", '"MISSING"']),
        ('{ command = "true", only-env = ["HOME", "MISSING"] }', ["unknown variable", '"MISSING"']),
        ('{ command = "true", user = "no-such-user" }', ["user", '"no-such-user"']),
    ],
)
def test_a_run_that_cannot_start_aborts_and_has_no_post(start, run, words):
    s = start(f"""
[[processes]]
name = "a"
run = ["./daemon.sh", "a"]
post = {append("a-post")}

[[processes]]
name = "b"
pre = ["./await.sh", "a.pid"]
run = {run}
post = {append("b-post")}

[[processes]]
name = "c"
pre = {append("c-pre")}
""", env={"HOME": "/"})
    assert s.wait() == 1, s.everything()
    assert s.results() == ["a:started", "a:shutdown-requested", "a:stopped", "a-post"]
    assert s.says("ERROR", '"b"', "run", *words), s.everything()


def test_an_error_is_one_line(start):
    s = start(one('["no-such-program"]'))
    assert s.wait() == 1
    assert len([line for line in s.lines() if "no-such-program" in line]) == 1, s.everything()
    assert "\x1b" not in s.out.text() + s.errors()


# -- BREAK_GLASS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], **BY_NAME)
@pytest.mark.parametrize("value", ["1", "", "0", "false"])
def test_break_glass_starts_nothing_and_waits(start, value, number):
    s = start(one(append("run"), f"pre = {append('pre')}\npost = {append('post')}"), env={"BREAK_GLASS": value})
    s.wait_line("BREAK_GLASS")
    assert s.stop(number) == 0, s.everything()
    assert s.results() == []


def test_break_glass_is_not_taken_from_the_file(start):
    s = start('[env]\nBREAK_GLASS = "1"\n' + one(append("run")))
    assert s.wait() == 0, s.everything()
    assert s.results() == ["run"]


# -- output


def test_lines_have_a_timestamp_and_the_name(start):
    s = start(one(shell("echo hello")))
    assert s.wait() == 0
    (line,) = [line for line in s.raw_lines() if line.endswith("hello")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z p: hello", line)
    assert all(supervise.STAMP.match(line) for line in s.raw_lines()), s.everything()


def test_timestamps_can_be_suppressed(start):
    s = start("suppress_timestamps = true\n" + one(shell("echo hello")))
    assert s.wait() == 0
    assert "p: hello" in s.raw_lines()
    assert not any(supervise.STAMP.match(line) for line in s.raw_lines()), s.everything()


def test_timestamps_are_in_utc(start):
    before = datetime.datetime.utcnow() - datetime.timedelta(milliseconds=1)
    s = start(one(shell("echo hello")), env={"TZ": "ABC-14"})
    assert s.wait() == 0
    (line,) = [line for line in s.raw_lines() if line.endswith("hello")]
    stamp = datetime.datetime.strptime(line.split()[0], "%Y-%m-%dT%H:%M:%S.%fZ")
    assert before <= stamp <= datetime.datetime.utcnow()


def test_each_phase_has_its_prefix_and_stderr_its_mark(start):
    def speak(phase):
        return shell(f"echo {phase} out; echo {phase} err >&2")

    stop = shell("echo stop out; echo stop err >&2; kill -TERM $(cat pid)")
    run = shell("trap \"exit 0\" TERM; echo run out; echo run err >&2; echo $$ > tmp; mv tmp pid;"
                " while :; do sleep 0.05; done")
    s = start(one(run, f"pre = {speak('pre')}\nstop = {stop}\npost = {speak('post')}"))
    s.wait_file("pid")
    assert s.stop() == 0, s.everything()
    assert [line for line in s.lines() if line.endswith(" out") and not line.startswith("groundcontrol")] == [
        "p[pre]: pre out",
        "p: run out",
        "p[stop]: stop out",
        "p[post]: post out",
    ]
    assert [line for line in s.lines() if line.endswith(" err") and not line.startswith("groundcontrol")] == [
        "p[pre][stderr]: pre err",
        "p[stderr]: run err",
        "p[stop][stderr]: stop err",
        "p[post][stderr]: post err",
    ]
    assert s.errors() == ""


def test_a_last_line_without_an_end_is_printed(start):
    s = start(one(shell("printf \"one\\r\\ntwo\"")))
    assert s.wait() == 0
    assert s.output("p") == ["one", "two"]


def test_bytes_that_are_no_text_neither_end_the_reader_nor_kill_the_writer(start):
    s = start(one(shell("printf \"a\\377b\\nnext\\n\"; echo again")))
    assert s.wait() == 0, s.everything()
    first, *rest = s.output("p")
    assert first.startswith("a") and first.endswith("b") and "\udcff" not in first
    assert rest == ["next", "again"]


@pytest.mark.parametrize("slow", [False, True], ids=["fast", "slow"])
def test_the_last_of_many_lines_is_not_lost(start, slow):
    s = start(one(["seq", "20000"]), slow=slow)
    assert s.wait() == 0
    assert s.output("p") == [str(n) for n in range(1, 20001)]


def test_two_processes_may_have_one_name(start):
    s = start("""
[[processes]]
name = "p"
pre = ["echo", "one"]

[[processes]]
name = "p"
run = ["echo", "two"]
""")
    assert s.wait() == 0, s.everything()
    assert s.output("p[pre]") == ["one"] and s.output("p") == ["two"]


def test_rust_log_warn_silences_the_children(start):
    s = start(one(shell("echo hello; exit 3")), env={"RUST_LOG": "warn"})
    assert s.wait() == 3
    assert s.output("p") == []


def test_rust_log_is_handed_on_when_it_was_unset(start):
    s = start(one('["sh", "-c", "echo =$RUST_LOG="]'))
    assert s.wait() == 0
    assert s.output("p") == ["=info="]


def test_stdin_is_empty(start):
    s = start(one('"cat"'))
    assert s.wait() == 0, s.everything()


def test_each_command_leads_a_session_with_its_own_signal_state(start):
    look = ("cut -d \" \" -f 1,6 /proc/$$/stat", "grep -E \"^Sig(Blk|Ign)\" /proc/self/status", "ls -l /proc/self/fd")
    s = start(one(shell("; ".join(look))))
    assert s.wait() == 0
    pid_and_sid, blocked, ignored, _, *fds = s.output("p")
    pid, sid = pid_and_sid.split()
    assert pid == sid
    assert [int(line.split()[1], 16) for line in (blocked, ignored)] == [0, 0]
    # The fourth is the one that ls has opened.
    assert sorted(int(line.split(" -> ")[0].split()[-1]) for line in fds) == [0, 1, 2, 3]


# -- users


@root
@pytest.mark.parametrize("phase", ["pre", "run", "post"])
def test_a_user_has_its_ids_and_no_other_groups(start, phase):
    entry = subprocess.run(["getent", "passwd", USER], capture_output=True, text=True, check=True).stdout.split(":")
    ids = f"""{{ command = {shell("echo $(id -u) $(id -g) $(id -G) $HOME")}, user = "{USER}" }}"""
    keys = {"run": '"true"', phase: ids}
    s = start(
        '[[processes]]\nname = "p"\n' + "".join(f"{key} = {value}\n" for key, value in keys.items()),
        env={"HOME": "/root/as/it/was"}, extra_groups=[0, 4, 24],
    )
    assert s.wait() == 0, s.everything()
    prefix = "p" if phase == "run" else f"p[{phase}]"
    assert s.output(prefix) == [f"{entry[2]} {entry[3]} {entry[3]} /root/as/it/was"]


@root
def test_the_stop_command_has_a_user_of_its_own(start):
    stop = f"""{{ command = {shell("id -u >&2; exit 1")}, user = "{USER}" }}"""
    s = start(one('["./daemon.sh", "p"]', f"stop = {stop}\npost = {shell('kill -TERM $(cat p.pid)')}"))
    s.wait_pid("p")
    assert s.stop() == 0, s.everything()
    assert s.output("p[stop][stderr]") == [str(NOBODY)]
    assert s.results()[-1] == "p:stopped"


@root
def test_the_real_the_saved_and_the_file_ids_are_those_of_the_user_too(start):
    s = start(one(f"""{{ command = {shell("grep -E ^[UG]id: /proc/self/status")}, user = "{USER}" }}"""))
    assert s.wait() == 0, s.everything()
    assert [line.split()[1:] for line in s.output("p")] == [[str(NOBODY)] * 4] * 2


@root
def test_a_switched_command_has_no_capabilities(start):
    s = start(one(f"""{{ command = "grep ^Cap /proc/self/status", user = "{USER}" }}"""))
    assert s.wait() == 0, s.everything()
    sets = dict(line.split(":") for line in s.output("p"))
    assert [int(sets[name], 16) for name in ("CapPrm", "CapEff", "CapAmb")] == [0, 0, 0]


@root
def test_the_supervisors_groups_stay_without_a_user(start):
    s = start(one(["id", "-G"]), extra_groups=[4, 24])
    assert s.wait() == 0, s.everything()
    assert set(s.output("p")[0].split()) == {"0", "4", "24"}


@root
def test_a_number_is_no_user(start):
    s = start(one('{ command = "true", user = "65534" }'))
    assert s.wait() == 1, s.everything()
    assert s.says("ERROR", '"p"', "run", '"65534"'), s.everything()


@root
def test_only_root_switches():
    # Where the one may read it as whom the supervisor is started; tmp_path is root's alone.
    folder = tempfile.mkdtemp(prefix="groundcontrol-")
    os.chmod(folder, 0o755)
    try:
        if subprocess.run(["test", "-x", supervise.binary()], user=USER, group=NOBODY, check=False).returncode:
            pytest.skip(f"{USER} may not run {supervise.binary()}")
        s = supervise.Supervisor(
            folder, one('{ command = "true", user = "root" }'), user=USER, group=NOBODY, extra_groups=[]
        )
        try:
            assert s.wait() == 1, s.everything()
            assert s.says("ERROR", '"p"', "run", "Operation not permitted"), s.everything()
        finally:
            s.finish()
    finally:
        shutil.rmtree(folder)


# -- variables and words


@pytest.mark.parametrize("run, result", [
    ("./arguments.sh a b", "<a><b>"),
    ("./arguments.sh a  b", "<a><><b>"),
    ("./arguments.sh a ", "<a><>"),
    ("./arguments.sh a\\tb", "<a\tb>"),
    ("./arguments.sh \\\"a b\\\"", "<\"a><b\">"),
    ("./arguments.sh {{X}} {{ X }} {{  X  }}", "<two words><two words><two words>"),
    ("./arguments.sh --key={{ X }}, end", "<--key=two words,><end>"),
    ("./arguments.sh {{X}}{{ Y }}", "<two words{{X}}>"),
    ("./arguments.sh {{EMPTY}}", "<>"),
    ("./arguments.sh {{A-B}} {{}} {X} }}{{", "<{{A-B}}><{{}}><{X}><}}{{>"),
    ("{{ PROGRAM }} a", "<a>"),
    ("./{{NAME}}.sh a", "<a>"),
])
def test_the_words_of_a_string(start, run, result):
    env = {"X": "two words", "Y": "{{X}}", "EMPTY": "", "PROGRAM": "./arguments.sh", "NAME": "arguments"}
    s = start(one(f'"{run}"'), env=env)
    assert s.wait() == 0, s.everything()
    assert s.results() == [result]


def test_the_words_of_an_array_are_taken_as_they_are(start):
    s = start(one("""["{{ PROGRAM }}", "", " a  b ", "{{ X }}"]"""), env={"PROGRAM": "./arguments.sh", "X": "x y"})
    assert s.wait() == 0, s.everything()
    assert s.results() == ["<>< a  b ><x y>"]


def test_the_program_is_looked_up_along_the_path_the_command_gets(start):
    s = start('[env]\nPATH = "/no/such/folder:.:/usr/bin:/bin"\n' + one('["arguments.sh", "a"]'))
    assert s.wait() == 0, s.everything()
    assert s.results() == ["<a>"]


def test_templates_see_the_env_of_the_file(start):
    s = start('[env]\nX = "x"\n' + one('"./arguments.sh {{X}}"'))
    assert s.wait() == 0, s.everything()
    assert s.results() == ["<x>"]


@pytest.mark.parametrize("phase", ["stop", "post"])
def test_an_unset_variable_at_the_end_is_said_and_passed_over(start, phase):
    end = "post" if phase == "stop" else "stop"
    s = start(one('["./daemon.sh", "p"]', f"""
{phase} = ["echo", "{{{{MISSING}}}}"]
{end} = {shell("echo other >> results.txt; kill -TERM $(cat p.pid)")}"""))
    s.wait_pid("p")
    assert s.stop() == 0, s.everything()
    assert s.says('"p"', phase, "unknown variable", '"MISSING"'), s.everything()
    assert s.results_once() == ["p:started", "other", "p:shutdown-requested", "p:stopped"]


@pytest.mark.parametrize("stop", ["SIGHUP", "sigterm"])
def test_a_stop_that_is_none_of_the_three_signals_is_a_program(start, stop):
    s = start(one('["./daemon.sh", "p"]', f'stop = "{stop}"\npost = {shell("kill -TERM $(cat p.pid)")}'))
    s.wait_pid("p")
    assert s.stop() == 0, s.everything()
    assert s.says('"p"', "stop", f'"{stop}"', "No such file or directory"), s.everything()


def test_a_stop_of_sigquit(start):
    run = shell("trap \"echo quit >> results.txt; exit 0\" QUIT; echo > ready; while :; do sleep 0.05; done")
    s = start(one(run, 'stop = "SIGQUIT"'))
    s.wait_file("ready")
    assert s.stop() == 0, s.everything()
    assert s.results() == ["quit"]


# -- signals to the supervisor


@pytest.mark.parametrize("number", STOPPING, **BY_NAME)
def test_a_signal_while_up_stops_in_reverse(start, number):
    s = start(f"""
[[processes]]
name = "a"
run = ["./daemon.sh", "a"]
post = {append("a-post")}

[[processes]]
name = "b"
pre = ["./await.sh", "a.pid"]
run = ["./daemon.sh", "b"]
post = {append("b-post")}
""")
    s.wait_pid("b")
    assert s.stop(number) == 0, s.everything()
    assert s.results() == [
        "a:started", "b:started", "b:shutdown-requested", "b:stopped", "b-post",
        "a:shutdown-requested", "a:stopped", "a-post",
    ]


@pytest.mark.parametrize("number", STOPPING, **BY_NAME)
def test_a_signal_during_the_start_is_acted_on_at_once(start, number):
    s = start(f"""
[[processes]]
name = "a"
run = ["./daemon.sh", "a"]
post = {append("a-post")}

[[processes]]
name = "b"
pre = {shell("./await.sh a.pid; echo > inside; exec sleep 300")}
run = {append("b")}

[[processes]]
name = "c"
pre = {append("c-pre")}
post = {append("c-post")}
""")
    s.wait_file("inside")
    assert s.stop(number) == 0, s.everything()
    assert s.results() == ["a:started", "a:shutdown-requested", "a:stopped", "a-post"]


def test_a_signal_as_early_as_can_be_leaves_nothing(start):
    # Before the handlers stand it may kill the supervisor, which then has started nothing.
    for _ in range(20):
        s = start(f"""
[[processes]]
name = "a"
pre = {append("a-pre")}
run = ["sleep", "300"]
post = {append("a-post")}
""")
        assert s.stop() in (0, 143), s.everything()
        if s.code == 143:
            assert s.raw_lines() == s.results() == [], s.everything()


@pytest.mark.parametrize("command, code", [("exit 3", 3), ("kill -9 $$", 137)])
def test_a_daemon_that_dies_during_the_start_is_noticed(start, command, code):
    s = start(f"""
[[processes]]
name = "a"
run = {shell("./await.sh inside; " + command)}
post = {append("a-post")}

[[processes]]
name = "b"
pre = {shell("echo > inside; exec sleep 300")}
run = {append("b")}

[[processes]]
name = "c"
pre = {append("c-pre")}
""")
    assert s.wait() == code, s.everything()
    assert s.results() == ["a-post"]


@pytest.mark.parametrize("apart", ["", "setsid "], ids=["group", "session"])
@pytest.mark.parametrize("phase", ["pre", "run", "post"])
def test_what_a_command_leaves_behind_is_gone_in_the_end(start, phase, apart):
    # That it is, is looked at after each test.
    keys = {"run": '"true"', phase: shell(f"{apart}sleep 300 > /dev/null 2>&1 & echo {phase} >> results.txt")}
    s = start('[[processes]]\nname = "p"\n' + "".join(f"{key} = {value}\n" for key, value in keys.items()))
    assert s.wait() == 0, s.everything()
    assert s.results() == [phase]


# -- errors in the file


WEB = '[[processes]]\nname = "web"\n'
MISTAKES = {  # text, line, what must be named
    "key-of-the-file": ("colour = true\nprocesses = []\n", 1, ["colour"]),
    "key-of-a-process": (WEB + 'run = "true"\nrnu = "true"\n', 4, ['"web"', "rnu"]),
    "key-of-a-table": (WEB + '\n[processes.run]\ncommand = "true"\nusr = "x"\n', 6, ['"web"', "run", "usr"]),
    "key-of-an-inline-table": (WEB + 'pre = { command = "true", only_env = [] }\n', 3, ['"web"', "pre", "only_env"]),
    "empty-array": (WEB + "run = []\n", 3, ['"web"', "run", "empty"]),
    "empty-array-in-a-table": (WEB + "run = { command = [] }\n", 3, ['"web"', "command", "empty"]),
    "table-without-command": (WEB + 'run = { user = "x" }\n', 3, ['"web"', "run", "command"]),
    "command-is-a-number": (WEB + "run = 1\n", 3, ['"web"', "run"]),
    "word-is-a-number": (WEB + 'run = ["a", 1]\n', 3, ['"web"', "run"]),
    "stop-is-a-boolean": (WEB + "stop = true\n", 3, ['"web"', "stop"]),
    "no-name": ('[[processes]]\nrun = "true"\n', 1, ["name"]),
    "switch-is-a-string": ('suppress_timestamps = "yes"\nprocesses = []\n', 1, ["suppress_timestamps"]),
    "variable-is-a-number": ("processes = []\n[env]\nA = 1\n", 3, ["env", "A"]),
    "name-twice": (WEB + 'name = "two"\n', 3, ["name"]),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("option", [(), ("--check",)], ids=["run", "check"])
def test_an_error_names_file_line_process_and_key(start, mistake, option):
    text, line, words = MISTAKES[mistake]
    s = start(text, arguments=[*option, CONFIG])
    assert s.wait() == 1, s.everything()
    assert re.search(rf"{re.escape(CONFIG)}:{line}\b", s.errors()), s.errors()
    assert all(word in s.errors() for word in words), s.errors()
    assert s.raw_lines() == []


def test_processes_are_required(start):
    s = start("suppress_timestamps = true\n")
    assert s.wait() == 1, s.everything()
    assert "processes" in s.errors()


def test_inline_dotted_and_expanded_tables_mean_the_same(start):
    s = start("""
[[processes]]
name = "inline"
pre = { command = ["./arguments.sh", "inline"], only-env = [] }

[[processes]]
name = "dotted"
pre.command = "./arguments.sh dotted"
pre.only-env = []

[[processes]]
name = "expanded"
[processes.run]
command = "./arguments.sh expanded"
only-env = []
""")
    assert s.wait() == 0, s.everything()
    assert s.results() == ["<inline>", "<dotted>", "<expanded>"]
