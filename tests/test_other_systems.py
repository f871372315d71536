"""nnlab where the system lacks what Unix alone has: simulated, as no other system is here.

A process imports nnlab's modules with an `os` and a `signal` without the names that Windows lacks,
and without the modules of Unix. Libraries keep theirs: they ask for the real system.
"""

from pathlib import Path

import pytest

from tests.process import python

LACKING = """
import builtins, sys, types

MISSING = {
    "os": '''fork forkpty getuid geteuid getgid setsid setpgid getpgid killpg sched_getaffinity
        sched_setscheduler sched_param SCHED_IDLE getpriority setpriority PRIO_PROCESS statvfs
        register_at_fork O_NOFOLLOW O_NONBLOCK O_DIRECTORY O_CLOEXEC O_SYNC O_PATH mkfifo uname
        getloadavg chown fchown fchmod wait4 nice sync fdatasync pread pwrite sendfile''',
    "signal": '''SIGKILL SIGALRM SIGHUP SIGUSR1 SIGUSR2 SIGPIPE SIGCHLD SIGSTOP SIGCONT SIGQUIT
        SIGXFSZ SIGXCPU SIGWINCH alarm setitimer pthread_sigmask pthread_kill sigwait''',
}
ABSENT = "fcntl resource termios pwd grp tty pty posix".split()
used = set()

def without(name):
    module, names = __import__(name), set(MISSING[name].split())
    copy = types.ModuleType(name)
    copy.__dict__.update({k: v for k, v in vars(module).items() if k not in names})
    return copy

whole, less = builtins.__import__, {name: without(name) for name in MISSING}

def of_others(name, globals=None, locals=None, fromlist=(), level=0):
    if (globals or {}).get("__name__", "").partition(".")[0] == "nnlab" and not level:
        if name in ABSENT:
            raise ImportError(name)
        if name in less:
            used.add(name)
            return less[name]
    return whole(name, globals, locals, fromlist, level)

builtins.__import__ = of_others
from nnlab.cli import main

for line in sys.stdin.read().splitlines():
    try:
        main(line.split())
    except SystemExit as stop:
        print("exit code", stop.code, "of", line)
print("without", *sorted(used))
"""
LINES = """\
train xor --set epochs=30 --no-plots
train digits_conv --set epochs=1 --set training.engine=numpy --no-plots
verify latest
sweep lr=0.1,0.2 xor --set epochs=5 --no-plots --jobs 1
evaluate latest
data list
descend landscape --no-plots
runs
"""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("elsewhere")
    done = python("-c", LACKING, cwd=folder, stdin=LINES)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("line", LINES.splitlines())
def test_a_command_needs_nothing_that_unix_alone_has(output: str, line: str) -> None:
    assert f"exit code 0 of {line}\n" in output


def test_the_modules_were_really_exchanged(output: str) -> None:
    assert output.endswith("without os signal\n")
