"""Threads that share a batch in compiled code."""

import time
from dataclasses import replace
from threading import Thread
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")

from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.engine import lanes
from nnlab.engine.compiled import engine as compiled
from nnlab.engine.compiled import program
from nnlab.engine.lanes import LaneGroup
from tests.engine.test_agreement import compare, network, plan, run
from tests.engine.test_promises import stopped

ADAM = OPTIMIZERS["adam"](lr=0.01)
SHAPED = OPTIMIZERS["sgd"](lr=0.05, momentum=0.7, clip_norm=0.1, weight_decay=0.01, l1=0.001)


@pytest.fixture(params=[2, 3, 5])
def threads(request: Any, monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of threads in a team, however small its work and however few the processors."""
    monkeypatch.setattr(compiled, "team_size", lambda batch, flops: min(request.param, batch))
    return int(request.param)


@pytest.mark.parametrize("optimizer", [ADAM, SHAPED], ids=["adam", "clipped"])
@pytest.mark.parametrize("by_blas", [False, True])
def test_a_team_does_the_same_updates(optimizer, by_blas, threads, monkeypatch):
    """Shares differ by a row, and of the short batch of 3 rows some threads get none."""
    if by_blas:
        monkeypatch.setattr(program, "BLAS_FROM", 1)
    for settings in ({"batch_size": 4}, {"batch_size": 23, "ema": 0.9}, {"record_steps": True}):
        what = plan(LOSSES["mse"](), optimizer, "regression", **settings)
        compare(what, network("tanh"))


def test_the_same_threads_the_same_bits(threads):
    """Each time, and after a stop at any record."""
    what = replace(plan(LOSSES["mse"](), SHAPED, "regression", ema=0.9), engine="compiled")
    records, state = run(what, network(), "compiled")
    for after in (0, 3, len(records) - 2):
        found = stopped(what, after)
        np.testing.assert_array_equal(found["theta"], state.network.theta)


def test_all_threads_stop_before_what_is_not_finite(threads):
    """The failing row is that of one thread alone."""
    what = plan(LOSSES["mse"](), OPTIMIZERS["sgd"](lr=0.01), "regression", batch_size=23)
    what.train.inputs[-1] = np.inf
    compare(what, network())


def test_who_waits_sleeps(monkeypatch):
    """Another program that keeps a thread from running does not make the others spin."""
    used: list[float] = []

    def run_late(group: LaneGroup, tasks: Any) -> None:
        first = Thread(target=tasks[0])
        before = time.process_time()
        first.start()
        time.sleep(0.5)
        used.append(time.process_time() - before)
        tasks[1]()
        first.join()

    monkeypatch.setattr(compiled, "team_size", lambda batch, flops: 2)
    monkeypatch.setattr(LaneGroup, "run", run_late)
    monkeypatch.setattr(LaneGroup, "begin", lambda group: None)
    what = plan(LOSSES["mse"](), ADAM, "regression", epochs=1, batch_size=23)
    run(what, network(), "compiled")
    assert used[0] < 0.03  # a spinning thread takes that, too, where it has to share a processor


class Interrupted:
    """A lane that Ctrl-C keeps from getting its task."""

    def put(self, task: Any) -> None:
        raise KeyboardInterrupt

    def empty(self) -> bool:
        return True


def test_an_interrupt_before_all_have_begun(monkeypatch):
    """No thread waits in compiled code for another that never comes."""
    real = lanes._inbox
    monkeypatch.setattr(compiled, "team_size", lambda batch, flops: 2)
    what = plan(LOSSES["mse"](), ADAM, "regression", epochs=1, batch_size=23)
    with monkeypatch.context() as patched:
        first = real(0, 0)
        patched.setattr(lanes, "_inbox", lambda process, lane: Interrupted() if lane else first)
        with pytest.raises(KeyboardInterrupt):
            run(what, network(), "compiled")
    run(what, network(), "compiled")


def test_how_many_threads_a_batch_is_worth(monkeypatch):
    """By its rows and its work alone, at most as many as the BLAS may use."""
    monkeypatch.setattr("nnlab.engine.blas.threads", lambda: 8)
    assert compiled.team_size(128, 186_000_000) == 8
    assert compiled.team_size(64, 186_000_000) == 4  # rows
    assert compiled.team_size(128, 25_000_000) == 2  # operations
    assert compiled.team_size(10, 700_000) == 1
    layers = [LAYERS["dense"](units=64), LAYERS["dense"](units=3)]
    assert program.compose(Network(layers, 5), LOSSES["mse"](), 64, 0).flops == 6 * 64 * 8 * 64
