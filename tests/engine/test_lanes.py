"""Lanes: threads that begin together, end together, and leave the BLAS as it was."""

import os
from threading import Thread

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nnlab.engine import blas
from nnlab.engine.lanes import LaneGroup


def begun(group: LaneGroup, lanes: int, turns: int = 1) -> list[int]:
    """How many lanes had come when each of them went on, for each of some runs of the group."""
    seen: list[int] = []
    for _ in range(turns):
        came: list[int] = []

        def task(lane: int, came: list[int] = came) -> None:
            came.append(lane)
            group.begin()
            seen.append(len(came))

        group.run([lambda lane=lane: task(lane) for lane in range(lanes)])
    return seen


def test_lanes_begin_when_all_have_come():
    assert begun(LaneGroup(), 3, turns=100) == [3] * 300


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_lane_that_fails_keeps_nobody_waiting(broken):
    group = LaneGroup()

    def task(lane: int) -> None:
        if lane == broken:
            raise MemoryError("no room")
        group.begin()

    for _ in range(2):
        with pytest.raises(MemoryError, match=r"^no room$"):
            group.run([lambda lane=lane: task(lane) for lane in range(3)])
    assert begun(group, 3) == [3] * 3


def test_every_lane_has_one_thread_of_the_blas_and_the_silence_of_numpy():
    seen = []

    def task() -> None:
        with np.errstate():
            seen.append((blas.threads(), np.geterr()["over"], float(np.exp(np.array(1e3)))))

    with threadpool_limits(2), np.errstate(over="ignore"):
        before = blas.threads()
        LaneGroup().run([task, task])
        assert blas.threads() == before
    assert seen == [(1, "ignore", np.inf)] * 2


def test_a_limit_of_another_thread_is_no_obstacle():
    """Newer threadpoolctl lets one thread alone set limits: the first that did."""
    seen = []
    before = blas.threads()
    limit = threadpool_limits(max(before, 2), user_api="blas")
    try:
        work = [lambda: seen.append(blas.threads())] * 2
        thread = Thread(target=lambda: LaneGroup().run(work))
        thread.start()
        thread.join()
    finally:
        limit.restore_original_limits()
    assert (seen, blas.threads()) == ([1, 1], before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    assert begun(LaneGroup(), 2) == [2, 2]
    child = os.fork()
    if child == 0:
        os._exit(int(begun(LaneGroup(), 2) != [2, 2]))
    assert os.waitpid(child, 0)[1] == 0
