"""The tests themselves: they can be ended, and no verdict of theirs is the wall's clock."""

import os
import re
from pathlib import Path

import pytest

from tests.process import python

TESTS = Path(__file__).parent
TAKES_IT = """
import os, signal, time
from nnlab.experiment.signals import Terminated, ending

def test_a_command_that_takes_the_signal_for_its_own():
    try:
        with ending():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
    except Terminated:
        pass

def test_the_next():
    pass
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_sigterm_ends_the_tests_also_within_a_command(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TAKES_IT)
    options = ["-q", "-n0", "-p", "no:cacheprovider", "-p", "tests.conftest"]
    done = python("-m", "pytest", *options, "test_it.py", cwd=tmp_path)
    assert done.returncode == 143, done.stdout
    assert "1 passed" in done.stdout


# Seconds that a test waits for: PATIENCE is a net, the rest is what the test is about.
CLOCKS = re.compile(
    r"\btimeout=\d|\.wait\(\d|\bdeadline=\d|\bsleep\(|\bmonotonic\(|\bperf_counter\(|\btime\.time\("
)
ALLOWED = {
    "patience.py": 3,  # the net itself
    "study/sabotage.py": 1,  # a trial that hangs
    "cli/test_signals.py": 3,  # something slow: an hour, unless a signal ends it
    "cluster/test_private.py": 1,  # no answer counts as a refusal, which is what is wanted
    "engine/test_lanes_outside.py": 1,  # lanes that still run while a process is forked
    "engine/test_team.py": 1,  # a thread that comes late, for which another sleeps
    "live/test_server.py": 1,  # news come one after the other, so that clients see some of it
    "data/test_download.py": 1,  # a server that lets eight clients come
    "teaching/test_grade.py": 1,  # a limit that has passed before a training begins
    "test_suite.py": 1,
}


def test_no_verdict_is_a_clock() -> None:
    found = {
        str(path.relative_to(TESTS)): len(CLOCKS.findall(path.read_text("utf-8")))
        for path in TESTS.rglob("*.py")
        if "torture" not in path.parts  # its rounds are killed at random times
    }
    assert {name: count for name, count in found.items() if count} == ALLOWED
