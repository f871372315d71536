"""Lanes: threads that share a batch compute what one thread does, and the same bits every time."""

import os
from threading import Thread
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from nnlab.core.layers import LAYERS
from nnlab.core.memory import Binding
from nnlab.core.types import Array
from nnlab.engine import blas
from nnlab.engine.images.network import Lanes, TunedNetwork, lanes_for
from nnlab.engine.lanes import BatchInfo, LaneGroup, cut

BATCH = 7  # that neither two nor three lanes share evenly
SHAPE = (6, 6, 2)


def layer(name: str, **settings: Any) -> Any:
    return LAYERS[name](**settings)


NETWORKS = {
    "convolutions": [
        layer("conv2d", filters=3, padding="same"),
        layer("batch_norm"),
        layer("max_pool"),
        layer("relu"),
        layer("conv2d", filters=4, kernel=2, stride=2, padding=1, bias=False),
        layer("layer_norm"),
        layer("tanh"),
        layer("avg_pool"),
        layer("flatten"),
        layer("dropout", rate=0.3),
        layer("dense", units=5),
        layer("batch_norm"),
    ],
    "means": [
        layer("reshape", shape=(6, 4, 3)),
        layer("batch_norm"),
        layer("dropout", rate=0.5),
        layer("conv2d", filters=2),
        layer("global_avg_pool"),
        layer("softmax"),
    ],
}


def lane_count(binding: Binding) -> int:
    return len(binding.lanes) if isinstance(binding, Lanes) else 1


def passes(name: str, lanes: int, batch: int = BATCH, steps: int = 2) -> dict[str, Array]:
    """Outputs, gradients and buffers after some training steps, and an evaluation."""
    network = TunedNetwork(NETWORKS[name], SHAPE, seed=3)
    draw = np.random.default_rng(1)
    g = np.zeros_like(network.theta)
    network.lanes = lanes
    binding = network.bind(batch, gradient=g, generators=network.generators(5))
    assert lane_count(binding) == lanes
    found = {}
    for step in range(steps):
        x = draw.normal(size=(batch, *SHAPE))
        found[f"z {step}"] = binding.forward(x).copy()
        binding.dz[...] = draw.normal(size=binding.z.shape)
        binding.backward(x)
        found[f"g {step}"] = g.copy()
        found[f"buffers {step}"] = network.buffers.copy()
        network.theta[...] -= 0.01 * g
    found["evaluated"] = network.bind(batch).forward(x).copy()
    return found


@pytest.mark.parametrize("lanes", [2, 3, BATCH])
@pytest.mark.parametrize("name", NETWORKS)
def test_any_number_of_lanes_computes_the_same(name, lanes):
    alone, together = passes(name, 1), passes(name, lanes)
    for what, expected in alone.items():
        np.testing.assert_allclose(together[what], expected, rtol=1e-9, atol=1e-12, err_msg=what)
    assert any((together[f"g {step}"] != alone[f"g {step}"]).any() for step in (0, 1))  # rounding


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_lanes_give_the_same_bits(name):
    first = passes(name, 3, steps=20)
    for _ in range(5):
        for what, array in passes(name, 3, steps=20).items():
            np.testing.assert_array_equal(array, first[what], err_msg=what)


def test_all_rows_of_a_layer_can_be_looked_at():
    network = TunedNetwork(NETWORKS["convolutions"], SHAPE, seed=3)
    x = np.random.default_rng(1).normal(size=(BATCH, *SHAPE))
    shown = []
    for lanes in (1, 3):
        network.lanes = lanes
        binding = network.bind(BATCH)
        binding.forward(x)
        shown.append(binding.bound)
    for one, other in zip(*shown, strict=True):
        assert one.y.shape[0] == other.y.shape[0] == BATCH
        np.testing.assert_allclose(one.y, other.y, rtol=1e-12, atol=1e-14)
    assert shown[1][0].x is None
    assert shown[1][3].x is shown[1][2].y


@pytest.mark.parametrize(("batch", "lanes"), [(0, 1), (1, 1), (7, 2), (8, 3), (128, 4), (5, 5)])
def test_every_row_is_in_one_lane(batch, lanes):
    parts = [np.arange(batch)[rows] for rows in cut(batch, lanes)]
    assert len(parts) == lanes
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(batch))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


# --- how many ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("threads", "batch", "lanes"), [(1, 128, 1), (2, 256, 2), (2, 1, 1), (2, 128, 1), (8, 1024, 4)]
)
def test_lanes_of_images_are_as_many_as_threads_where_there_is_enough_to_do(threads, batch, lanes):
    network = TunedNetwork([layer("conv2d", filters=16, padding="same")], (28, 28, 1), seed=1)
    with threadpool_limits(threads):
        assert lanes_for(network, batch) == min(lanes, blas.threads())
        assert lane_count(network.bind(batch)) == min(lanes, blas.threads())


def test_dense_layers_leave_the_threads_to_the_blas():
    network = TunedNetwork([layer("dense", units=500)] * 3, 784)
    with threadpool_limits(2):
        assert lanes_for(network, 4096) == 1


# --- the group ------------------------------------------------------------------------------


def test_lanes_meet_as_often_as_they_like():
    group = LaneGroup(3)
    infos = [BatchInfo(30, lane, group) for lane in range(3)]
    sums: list[list[float]] = [[], [], []]

    def task(lane: int) -> None:
        for turn in range(200):
            values = np.array([10.0**lane * (turn + 1)])
            infos[lane].add_up(values)
            sums[lane].append(values.item())

    group.run([lambda lane=lane: task(lane) for lane in range(3)])
    assert sums == [[111.0 * (turn + 1) for turn in range(200)]] * 3
    assert [info.first for info in infos] == [True, False, False]


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_lane_that_fails_keeps_nobody_waiting(broken):
    group = LaneGroup(3)

    def task(lane: int) -> None:
        if lane == broken:
            raise MemoryError("no room")
        BatchInfo(3, lane, group).add_up(np.ones(1))

    for _ in range(2):
        with pytest.raises(MemoryError, match=r"^no room$"):
            group.run([lambda lane=lane: task(lane) for lane in range(3)])
    values = np.ones((3, 1))
    group.run([lambda k=k: BatchInfo(3, k, group).add_up(values[k]) for k in range(3)])
    np.testing.assert_array_equal(values, 3)


def test_every_lane_has_one_thread_of_the_blas_and_the_silence_of_numpy():
    seen = []

    def task() -> None:
        with np.errstate():
            seen.append((blas.threads(), np.geterr()["over"], float(np.exp(np.array(1e3)))))

    with threadpool_limits(2), np.errstate(over="ignore"):
        before = blas.threads()
        LaneGroup(2).run([task, task])
        assert blas.threads() == before
    assert seen == [(1, "ignore", np.inf)] * 2


def test_a_limit_of_another_thread_is_no_obstacle():
    """Newer threadpoolctl lets one thread alone set limits: the first that did."""
    seen = []
    before = blas.threads()
    limit = threadpool_limits(max(before, 2), user_api="blas")
    try:
        work = [lambda: seen.append(blas.threads())] * 2
        thread = Thread(target=lambda: LaneGroup(2).run(work))
        thread.start()
        thread.join()
    finally:
        limit.restore_original_limits()
    assert (seen, blas.threads()) == ([1, 1], before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    expected = passes("means", 2)["g 1"]
    child = os.fork()
    if child == 0:
        os._exit(int((passes("means", 2)["g 1"] != expected).any()))
    assert os.waitpid(child, 0)[1] == 0
