"""Lanes and what goes on around them: other threads, an interrupt, the end of the program."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]

SHARED = """
import os, signal, sys, threading, time
import numpy as np
from nnlab.engine import blas
from nnlab.engine.lanes import LaneGroup
from nnlab.engine.compiled.engine import team_size

def passes(lanes, count):
    group, g = LaneGroup(), np.zeros((lanes, 40))
    x = np.random.default_rng(0).normal(size=(12, 300, 40))
    def task(lane):
        group.begin()
        g[lane] = sum(np.tanh(rows).sum(axis=0) for rows in x[lane::lanes])
    for _ in range(count):
        group.run([lambda lane=lane: task(lane) for lane in range(lanes)])
        yield g.sum(axis=0)

def last(lanes, count):
    return [g.copy() for g in passes(lanes, count)][-1]
"""

SEVERAL = """
# Each has lanes of its own, as the trials of a user's thread pool do.
before, expected, found = blas.threads(), last(3, 50), []
threads = [threading.Thread(target=lambda: found.append(last(3, 50))) for _ in range(4)]
[one.start() for one in threads]
[one.join() for one in threads]
assert len(found) == 4 and all((one == expected).all() for one in found)
assert blas.threads() == before, (before, blas.threads())
print("done")
"""

COUNTED = """
# A team has as many threads, whatever another thread does meanwhile.
rounds, seen = [], set()
expected = team_size(256, 10**9)
def work():
    for number in range(40):
        rounds.append(last(2, 5))
thread = threading.Thread(target=work)
thread.start()
while len(rounds) < 40:
    seen.add(team_size(256, 10**9))
thread.join()
assert seen == {expected} == {2}, (seen, expected)
print("done")
"""

INTERRUPTED = """
expected = last(3, 1)
signal.signal(signal.SIGALRM, signal.default_int_handler)
def train():
    for _ in passes(3, 10**6):
        pass
for number in range(200):
    signal.setitimer(signal.ITIMER_REAL, 0.002 + 0.00001 * number)
    try:
        train()
    except KeyboardInterrupt:
        assert (last(3, 1) == expected).all()
print("done")
"""

FORKED = """
# A process that is forked while lanes run does not keep their limit.
before, running = blas.threads(), threading.Event()
def task():
    running.set()
    time.sleep(0.2)
thread = threading.Thread(target=lambda: LaneGroup().run([task, task]))
thread.start()
running.wait()
child = os.fork()
if child == 0:
    os._exit(blas.threads() != before)
assert os.waitpid(child, 0)[1] == 0
thread.join()
print("done")
"""

ENDING = """
def work():
    threading.main_thread().join()
    last(2, 5)
    print("done")
threading.Thread(target=work).start()
"""


@pytest.mark.parametrize(
    ("way", "rounds"),
    [
        ("threads", 6),
        pytest.param(
            *("forks", 6),
            marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork"),
        ),
        ("spawned", 2),  # nothing is shared there, and each starts Python
    ],
)
def test_trainings_at_the_same_time_end_as_alone(way, rounds, monkeypatch):
    """L8, images included; where the BLAS has two threads, as its sums depend on their number."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    program = [sys.executable, "-W", "ignore", "-m", "tests.engine.alone", way, str(rounds)]
    done = subprocess.run(program, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, f"0 of {rounds} differ\n"), done.stderr


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(SEVERAL, id="threads that train at the same time"),
        pytest.param(COUNTED, id="a thread that binds while another trains"),
        pytest.param(
            INTERRUPTED,
            id="interrupts",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="a system without SIGALRM"),
        ),
        pytest.param(
            FORKED,
            id="forks",
            marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork"),
        ),
        pytest.param(ENDING, id="a thread that goes on after the main one"),
    ],
)
def test_lanes_keep_nobody_waiting_and_lose_nothing(script, monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    program = [sys.executable, "-W", "ignore", "-c", SHARED + textwrap.dedent(script)]
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=PATIENCE, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
