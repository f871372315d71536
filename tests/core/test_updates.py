"""Whole updates by the NumPy engine: trainings against PyTorch, and the average of the weights."""

from typing import Any

import numpy as np
import pytest

from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.types import Array
from nnlab.engine.numpy_engine import NumpyEngine
from tests.trainings import PYTORCH, TRAININGS, assert_weights, pytorch_network


def engine(
    network: Network, loss: Any, optimizer: Any, sizes: dict[int, int], average: Array, decay: float
) -> NumpyEngine:
    slots = optimizer.new_slots(network.theta)
    return NumpyEngine(network, loss, optimizer, slots, average, decay, {}, sizes)


def test_every_reference_is_used():
    assert set(TRAININGS) == set(PYTORCH)


@pytest.mark.parametrize("name", TRAININGS)
def test_training_equals_pytorch(name):
    case, (_, loss, optimizer, _) = PYTORCH[name], TRAININGS[name]
    x, t, size = np.array(case["inputs"]), np.array(case["targets"]), case["batch_size"]
    network = pytorch_network(name)
    average = network.theta.copy()
    bench = engine(network, loss, optimizer, {size: 1, len(x) % size: 1}, average, 0.5)
    for step in range(50):
        start = size * (step % 3)  # batches of 4, 4 and 3 rows
        rows = slice(start, start + size)
        batch = len(x[rows])
        assert bench.run(batch, [x[rows]], [t[rows]], [optimizer.lr], step) == 1
        value = float(loss.per_sample(bench.outputs(batch, 1), t[rows]).mean())
        assert value == pytest.approx(case["losses"][step], rel=1e-12), step
        if step % 10 == 9:
            assert_weights(network, case["after"][step // 10])


# --- the moving average of the weights -----------------------------------------------------------


def climbing(decay: float, updates: int, chunk: int) -> list[Array]:
    """The average after each chunk, of a weight that goes 0, 1, 2, ...: mae pulls it by 1."""
    network = Network([LAYERS["dense"](units=1, bias=False, weight=((0.0,),))], 1)
    average = network.theta.copy()
    run = engine(
        network, LOSSES["mae"](), OPTIMIZERS["sgd"](lr=1.0), {1: chunk}, average, decay
    ).run
    x, t, found = np.ones((1, 1)), np.full((1, 1), 1e6), []
    for step in range(0, updates, chunk):
        assert run(1, [x] * chunk, [t] * chunk, [1.0] * chunk, step) == chunk
        found.append(average.copy())
    assert network.theta == updates
    return found


@pytest.mark.parametrize(
    ("decay", "wanted"),
    [
        # d = (1 + t) / (10 + t) = 2/11, 3/12, 4/13 while that is less than the decay asked for
        (0.999, [9 / 11, 75 / 44, 372 / 143]),
        (0.2, [9 / 11, 97 / 55, 757 / 275]),
        (0.0, [1, 2, 3]),
    ],
)
def test_average(decay, wanted):
    np.testing.assert_allclose(np.ravel(climbing(decay, 3, 1)), wanted, rtol=1e-14)


def test_the_average_does_not_depend_on_chunks():
    np.testing.assert_array_equal(climbing(0.9, 12, 1)[-1], climbing(0.9, 12, 4)[-1])


def test_a_long_average_lags_by_its_memory():
    # Behind a weight that climbs by 1, the lag tends to d / (1 - d): 9 for d = 0.9.
    assert climbing(0.9, 500, 500)[-1] == pytest.approx(500 - 9, rel=1e-9)


# --- divergence -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "t", "what"),
    [
        (np.nan, 1.0, "output of layer 0 (dense)"),
        (np.inf, 1.0, "output of layer 0 (dense)"),
        (1e308, 1.0, "loss on the output of layer 1 (dense)"),
        (2.0, np.nan, "loss on the output of layer 1 (dense)"),
    ],
)
def test_the_last_finite_weights_are_kept(x, t, what):
    """The first update is fine; the second would use a number that is not finite."""
    bench, good = two_layers(), two_layers()
    rows = [np.ones((1, 1)), np.full((1, 1), x)]
    assert good.run(1, rows[:1], [np.ones((1, 1))], [0.01], 0) == 1
    with np.errstate(all="ignore"):
        assert bench.run(1, rows, [np.ones((1, 1)), np.full((1, 1), t)], [0.01, 0.1], 0) == 1
    np.testing.assert_array_equal(bench.o.theta, good.o.theta)
    assert str(bench.failure) == what
    assert good.failure is None


def test_an_update_that_would_make_weights_infinite_is_not_kept():
    bench = two_layers()
    rows = [np.full((1, 1), 10.0)] * 2
    with np.errstate(all="ignore"):
        bench.run(1, rows, [np.ones((1, 1))] * 2, [0.01, 1e308], 0)
    assert np.isfinite(bench.o.theta).all()
    assert bench.failure is not None


def two_layers() -> NumpyEngine:
    """y = (x + 1/2) + 1/2, trained by plain gradient descent."""
    dense = LAYERS["dense"](1, (0.5,), weight=((1.0,),))
    network = Network([dense, dense], 1)
    average = network.theta.copy()
    return engine(network, LOSSES["mse"](), OPTIMIZERS["sgd"](), {1: 2}, average, 0.5)
