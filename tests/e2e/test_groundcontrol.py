"""What Ground Control 1.0.0 tests of itself, one for one and under the same names, asked of ours.

Where it hands back a chain of errors, ours prints a line; where it only says that the shutdown was
abnormal, ours exits with the code of the process that failed. An end that it calls good is 0."""

import os
import signal

import pytest

import supervise
from supervise import append


@pytest.fixture
def start(tmp_path):
    yield from supervise.factory(tmp_path)


# -- startup


def test_startup_single_daemon_success(start):
    s = start(f"""
[[processes]]
name = "daemon"
run = {append("daemon")}
""")
    assert s.wait() == 0, s.everything()
    assert s.results() == ["daemon"]


def test_startup_single_daemon_graceful_shutdown(start):
    s = start("""
[[processes]]
name = "daemon"
run = ["./daemon.sh", "daemon"]
""")
    s.wait_pid("daemon")
    assert s.stop() == 0, s.everything()
    assert s.results() == ["daemon:started", "daemon:shutdown-requested", "daemon:stopped"]


def test_startup_single_daemon_failure(start):
    s = start("""
[[processes]]
name = "daemon"
run = ["./daemon.sh"]
""")
    assert s.wait() == 3, s.everything()
    assert s.results() == []


# -- env


TWO_VARIABLES = {"FIRST": "one", "SECOND": "two words"}
SHOW_PATH_AND_TWO = """["sh", "-c", 'echo "$PATH,$FIRST,$SECOND" >> results.txt']"""


def test_env_all_vars_by_default(start):
    s = start(f"""
[[processes]]
name = "daemon"
run = {SHOW_PATH_AND_TWO}
""", env=TWO_VARIABLES)
    assert s.wait() == 0, s.everything()
    assert s.results() == [f"{os.environ['PATH']},one,two words"]


def test_env_add_more_vars(start):
    s = start("""
[env]
THIRD = "three"
FOURTH = "{{FIRST}} stays as it is"

[[processes]]
name = "daemon"
run = ["sh", "-c", 'printf "%s\\n" "$FIRST" "$SECOND" "$THIRD" "$FOURTH" >> results.txt']
""", env=TWO_VARIABLES)
    assert s.wait() == 0, s.everything()
    assert s.results() == ["one", "two words", "three", "{{FIRST}} stays as it is"]


def test_env_additional_vars_override_existing_vars(start):
    s = start("""
[env]
SECOND = "new"

[[processes]]
name = "daemon"
run = ["sh", "-c", 'echo "$FIRST,$SECOND" >> results.txt']
""", env=TWO_VARIABLES)
    assert s.wait() == 0, s.everything()
    assert s.results() == ["one,new"]


def test_env_template_expansion(start):
    s = start("""
[[processes]]
name = "daemon"
run = ["sh", "-c", 'echo "{{A}},$B,{{ C }},$D" >> results.txt']
""", env={"A": "a", "B": "b", "C": "c", "D": "d"})
    assert s.wait() == 0, s.everything()
    assert s.results() == ["a,b,c,d"]


def test_env_only_path_by_default(start):
    s = start("""
[[processes]]
name = "daemon"
run = { command = "env", only-env = [] }
""", env=TWO_VARIABLES)
    assert s.wait() == 0, s.everything()
    assert s.output("daemon") == [f"PATH={os.environ['PATH']}"]


def test_env_allow_additional_vars(start):
    s = start("""
[env]
THIRD = "three"

[[processes]]
name = "daemon"
pre = { command = "env", only-env = [] }
run = { command = "env", only-env = ["FIRST", "THIRD"] }
""", env=TWO_VARIABLES)
    assert s.wait() == 0, s.everything()
    path = f"PATH={os.environ['PATH']}"
    assert s.output("daemon[pre]") == [path]
    assert sorted(s.output("daemon")) == ["FIRST=one", path, "THIRD=three"]


def test_env_allowed_vars_requires_variable_to_exist(start):
    s = start(f"""
[[processes]]
name = "daemon"
run = {{ command = {append("daemon")}, only-env = ["MISSING"] }}
""")
    assert s.wait() == 1, s.everything()
    assert s.results() == []
    assert s.says("ERROR", '"daemon"', "run", "unknown variable", '"MISSING"'), s.everything()


def test_env_template_expansion_bypasses_allowed_vars(start):
    s = start("""
[[processes]]
name = "daemon"
run = { command = ["sh", "-c", 'echo "$FIRST,{{SECOND}}" >> results.txt'], only-env = [] }
""", env=TWO_VARIABLES)
    assert s.wait() == 0, s.everything()
    assert s.results() == [",two words"]


def test_env_template_expansion_and_allowed_vars(start):
    s = start("""
[env]
THIRD = "three"

[[processes]]
name = "daemon"
pre = { command = ["sh", "-c", 'echo "$FIRST,{{SECOND}},$THIRD" >> results.txt'], only-env = ["FIRST"] }
run = { command = ["sh", "-c", 'echo "{{FIRST}},$SECOND,$THIRD" >> results.txt'], only-env = ["THIRD"] }
""", env=TWO_VARIABLES)
    assert s.wait() == 0, s.everything()
    assert s.results() == ["one,two words,", "one,,three"]


def test_env_template_expansion_requires_variable_to_exist(start):
    s = start("""
[[processes]]
name = "daemon"
run = ["sh", "-c", "echo {{MISSING}} >> results.txt"]
""")
    assert s.wait() == 1, s.everything()
    assert s.results() == []
    assert s.says("ERROR", '"daemon"', "run", "expand", '"sh"', "unknown variable", '"MISSING"'), s.everything()


# -- lifecycle


TWO_DAEMONS = f"""
[[processes]]
name = "daemon1"
run = ["./daemon.sh", "daemon1"]
post = {append("daemon1-post")}

[[processes]]
name = "daemon2"
pre = ["./await.sh", "daemon1.pid"]
run = ["./daemon.sh", "daemon2"]
post = {append("daemon2-post")}
"""


def test_lifecycle_oneshot_then_daemon(start):
    s = start(f"""
[[processes]]
name = "oneshot"
pre = {append("oneshot-pre")}
post = {append("oneshot-post")}

[[processes]]
name = "daemon"
pre = {append("daemon-pre")}
run = {append("daemon")}
post = {append("daemon-post")}
""")
    assert s.wait() == 0, s.everything()
    assert s.results() == ["oneshot-pre", "daemon-pre", "daemon", "daemon-post", "oneshot-post"]


def test_lifecycle_multiple_daemons_graceful_shutdown(start):
    s = start(TWO_DAEMONS)
    s.wait_pid("daemon2")
    assert s.stop() == 0, s.everything()
    assert s.results() == [
        "daemon1:started",
        "daemon2:started",
        "daemon2:shutdown-requested",
        "daemon2:stopped",
        "daemon2-post",
        "daemon1:shutdown-requested",
        "daemon1:stopped",
        "daemon1-post",
    ]


def test_lifecycle_multiple_daemons_first_one_exits(start):
    s = start(TWO_DAEMONS)
    s.wait_pid("daemon2")
    os.kill(s.wait_pid("daemon1"), signal.SIGTERM)
    assert s.wait() == 0, s.everything()
    assert s.results() == [
        "daemon1:started",
        "daemon2:started",
        "daemon1:shutdown-requested",
        "daemon1:stopped",
        "daemon2:shutdown-requested",
        "daemon2:stopped",
        "daemon2-post",
        "daemon1-post",
    ]


# -- post


def posts(post_of_b):
    return f"""
[[processes]]
name = "a"
run = ["./daemon.sh", "a"]
post = {append("a-post")}

[[processes]]
name = "b"
pre = ["./await.sh", "a.pid"]
run = ["./daemon.sh", "b"]
post = {post_of_b}
"""


STARTED_AND_B_ENDED = ["a:started", "b:started", "b:shutdown-requested", "b:stopped"]
A_ENDED = ["a:shutdown-requested", "a:stopped", "a-post"]


def test_post_post_during_shutdown(start):
    s = start(f"""
[[processes]]
name = "a"
post = {append("a-post")}

[[processes]]
name = "b"
post = {append("b-post")}

[[processes]]
name = "c"
run = {append("c")}
post = {append("c-post")}
""")
    assert s.wait() == 0, s.everything()
    assert s.results() == ["c", "c-post", "b-post", "a-post"]


def test_post_failed_post_continues_shutdown(start):
    s = start(posts(supervise.shell("exit 1")))
    s.wait_pid("b")
    assert s.stop() == 0, s.everything()
    assert s.results() == STARTED_AND_B_ENDED + A_ENDED
    assert s.says('"b"', "post", "exit status 1"), s.everything()


def test_post_killed_post_continues_shutdown(start):
    s = start(posts(supervise.shell("kill -9 $$")))
    s.wait_pid("b")
    assert s.stop() == 0, s.everything()
    assert s.results() == STARTED_AND_B_ENDED + A_ENDED
    assert s.says('"b"', "post", "killed by signal 9"), s.everything()


def test_post_not_found_post_continues_shutdown(start):
    s = start(posts('["no-such-program"]'))
    s.wait_pid("b")
    assert s.stop() == 0, s.everything()
    assert s.results() == STARTED_AND_B_ENDED + A_ENDED
    assert s.says('"b"', "post", '"no-such-program"', "No such file or directory"), s.everything()


# -- pre


def pres(pre_of_b):
    return f"""
[[processes]]
name = "a"
pre = {append("a-pre")}
post = {append("a-post")}

[[processes]]
name = "b"
pre = {pre_of_b}
run = {append("b")}
post = {append("b-post")}

[[processes]]
name = "c"
pre = {append("c-pre")}
run = {append("c")}
post = {append("c-post")}
"""


def test_pre_pre_before_run(start):
    s = start(f"""
[[processes]]
name = "daemon"
pre = {append("daemon-pre")}
run = {append("daemon")}
""")
    assert s.wait() == 0, s.everything()
    assert s.results() == ["daemon-pre", "daemon"]


def test_pre_failed_pre_aborts_startup(start):
    s = start(pres(supervise.shell("exit 1")))
    assert s.wait() == 1, s.everything()
    assert s.results() == ["a-pre", "a-post"]
    assert s.says("ERROR", '"b"', "pre", "exit status 1"), s.everything()


def test_pre_killed_pre_aborts_startup(start):
    s = start(pres(supervise.shell("kill -9 $$")))
    assert s.wait() == 1, s.everything()
    assert s.results() == ["a-pre", "a-post"]
    assert s.says("ERROR", '"b"', "pre", "killed by signal 9"), s.everything()


def test_pre_not_found_pre_aborts_startup(start):
    s = start(pres('["no-such-program"]'))
    assert s.wait() == 1, s.everything()
    assert s.results() == ["a-pre", "a-post"]
    assert s.says("ERROR", '"b"', "pre", '"no-such-program"', "No such file or directory"), s.everything()


def test_pre_failed_pre_shuts_down_earlier_processes(start):
    s = start(f"""
[[processes]]
name = "a"
run = ["./daemon.sh", "a"]
post = {append("a-post")}

[[processes]]
name = "b"
pre = {supervise.shell("./await.sh a.pid; exit 1")}
run = {append("b")}
post = {append("b-post")}
""")
    assert s.wait() == 1, s.everything()
    assert s.results() == ["a:started"] + A_ENDED
    assert s.says("ERROR", '"b"', "pre", "exit status 1"), s.everything()


# -- stop


def stops(stop_of_2):
    """The stop of the second fails, so it ends only when the post of the first ends it."""
    return f"""
[[processes]]
name = "daemon1"
run = ["./daemon.sh", "daemon1"]
post = ["sh", "-c", "echo daemon1-post >> results.txt; kill -TERM $(cat daemon2.pid)"]

[[processes]]
name = "daemon2"
pre = ["./await.sh", "daemon1.pid"]
run = ["./daemon.sh", "daemon2"]
stop = {stop_of_2}
post = {append("daemon2-post")}
"""


SECOND_ENDS_LAST = [
    "daemon1:started",
    "daemon2:started",
    "daemon2-post",
    "daemon1:shutdown-requested",
    "daemon1:stopped",
    "daemon1-post",
    "daemon2:shutdown-requested",
    "daemon2:stopped",
]


def test_stop_stop_defaults_to_sigterm(start):
    s = start(f"""
[[processes]]
name = "daemon"
run = ["./daemon.sh", "daemon"]
post = {append("daemon-post")}
""")
    s.wait_pid("daemon")
    assert s.stop() == 0, s.everything()
    assert s.results() == ["daemon:started", "daemon:shutdown-requested", "daemon:stopped", "daemon-post"]


def test_stop_stop_supports_other_signals(start):
    s = start(f"""
[[processes]]
name = "daemon"
run = ["./daemon.sh", "daemon"]
stop = "SIGINT"
post = {append("daemon-post")}
""")
    s.wait_pid("daemon")
    assert s.stop() == 0, s.everything()
    assert s.results() == ["daemon:started", "daemon-post"]


def test_stop_stop_command(start):
    s = start(f"""
[[processes]]
name = "daemon"
run = ["./daemon.sh", "daemon"]
stop = {supervise.shell("echo daemon-stop >> results.txt; kill -TERM $(cat daemon.pid)")}
post = {append("daemon-post")}
""")
    s.wait_pid("daemon")
    assert s.stop() == 0, s.everything()
    assert s.results() == [
        "daemon:started",
        "daemon-stop",
        "daemon:shutdown-requested",
        "daemon:stopped",
        "daemon-post",
    ]


def test_stop_failed_stop_command_continues_shutdown(start):
    s = start(stops(supervise.shell("exit 1")))
    s.wait_pid("daemon2")
    assert s.stop() == 0, s.everything()
    assert s.results_once() == SECOND_ENDS_LAST
    assert s.says('"daemon2"', "stop", "exit status 1"), s.everything()


def test_stop_killed_stop_command_continues_shutdown(start):
    s = start(stops(supervise.shell("kill -9 $$")))
    s.wait_pid("daemon2")
    assert s.stop() == 0, s.everything()
    assert s.results_once() == SECOND_ENDS_LAST
    assert s.says('"daemon2"', "stop", "killed by signal 9"), s.everything()


def test_stop_not_found_stop_command_continues_shutdown(start):
    s = start(stops('["no-such-program"]'))
    s.wait_pid("daemon2")
    assert s.stop() == 0, s.everything()
    assert s.results_once() == SECOND_ENDS_LAST
    assert s.says('"daemon2"', "stop", '"no-such-program"', "No such file or directory"), s.everything()
