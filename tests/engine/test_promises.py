"""What the compiled engine promises beside the right numbers."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.data.batches import Part
from nnlab.engine.numpy_engine import WILD_RATE
from nnlab.experiment.state import freeze, thaw
from nnlab.training import Epoch, Failure, Plan, Record, Stopping, run_training, start
from tests.engine.test_agreement import network, plan, run

MOMENTUM = OPTIMIZERS["sgd"](lr=0.05, momentum=0.7)
CASES: dict[str, Plan] = {
    "many epochs a call": plan(LOSSES["mse"](), OPTIMIZERS["adam"](), "regression", epochs=40),
    "average": plan(LOSSES["mse"](), MOMENTUM, "regression", epochs=9, ema=0.9),
    "every step": plan(LOSSES["mse"](), MOMENTUM, "regression", epochs=9, record_steps=True),
    "online": plan(LOSSES["mse"](), OPTIMIZERS["sgd"](), "regression", epochs=9, batch_size=1),
    "plateau": plan(
        LOSSES["mse"](), MOMENTUM, "regression", epochs=9, schedule=SCHEDULES["plateau"](patience=1)
    ),
    "per step": plan(
        LOSSES["mse"](), MOMENTUM, "regression", epochs=9, schedule=SCHEDULES["one_cycle"]()
    ),
    # at such a rate every update is handed to the reference
    "handed over": plan(
        LOSSES["mae"](), OPTIMIZERS["sgd"](lr=2 * WILD_RATE), "regression", epochs=5
    ),
}


def stopped(what: Plan, after: int) -> dict[str, Any]:
    """Train until record `after`, save, and go on in a new state; everything at the end."""
    net = Network(network().layers, 5, seed=3)
    state = start(what, net)
    for number, _ in enumerate(run_training(what, state)):
        if number == after:
            break
    values, meta = freeze(state)
    values = {name: array.copy() for name, array in values.items()}
    fresh = Network(network().layers, 5, seed=3)
    again = start(what, fresh)
    thaw(again, values, meta)
    for _ in run_training(what, again):
        pass
    return freeze(again)[0] | {"meta": freeze(again)[1]}


@pytest.mark.parametrize("few", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_stop_at_any_record_and_go_on(case, few, monkeypatch):
    """Bit for bit, also where a call cannot do a whole epoch."""
    if few:
        monkeypatch.setattr("nnlab.engine.compiled.engine.WORK", 8_000)
    what = replace(CASES[case], engine="compiled")
    records, state = run(what, network(), "compiled")
    values, meta = freeze(state)
    for after in range(0, len(records), max(1, len(records) // 12)):
        found = stopped(what, after)
        assert found.pop("meta") == meta, after
        for name, array in values.items():
            np.testing.assert_array_equal(found[name], array, err_msg=f"{name} after {after}")


def test_weights_at_every_record_are_those_of_that_epoch():
    what = replace(CASES["many epochs a call"], engine="compiled")
    alone = replace(what, record_steps=True)  # which does one epoch a call
    seen = []
    for case in (what, alone):
        state = start(case, Network(network().layers, 5, seed=3))
        numbers = epochs(list(run_training(case, state)))
        state = start(case, Network(network().layers, 5, seed=3))
        weights = [state.weights.copy() for r in run_training(case, state) if isinstance(r, Epoch)]
        seen.append((numbers, weights))
    assert seen[0][0] == seen[1][0]
    np.testing.assert_array_equal(seen[0][1], seen[1][1])


def epochs(records: list[Record]) -> list[Epoch]:
    return [one for one in records if isinstance(one, Epoch)]


@pytest.mark.parametrize("restore", [True, False])
def test_early_stopping_inside_a_call(restore):
    loss = LOSSES["mse"]()
    stopping = Stopping(patience=2, min_delta=1e-3, restore_best=restore)
    what = plan(loss, OPTIMIZERS["sgd"](lr=0.5), "regression", epochs=60, stopping=stopping)
    found, state = run(what, network(), "compiled")
    expected, reference = run(what, network(), "numpy")
    assert state.status == reference.status == "early_stopped"
    assert [r[:3] for r in epochs(found)] == [r[:3] for r in epochs(expected)]
    np.testing.assert_allclose(state.network.theta, reference.network.theta, rtol=1e-9)


def test_a_validation_part():
    what = plan(LOSSES["mse"](), OPTIMIZERS["adam"](), "regression", epochs=12)
    what = replace(what, validation=plan(LOSSES["mse"](), MOMENTUM, "regression", 9).train)
    what = replace(what, monitor="val_loss")
    found, state = run(what, network(), "compiled")
    expected, reference = run(what, network(), "numpy")
    for one, other in zip(epochs(found), epochs(expected), strict=True):
        assert one.validation == pytest.approx(other.validation, rel=1e-9)
        assert one.is_best == other.is_best
    np.testing.assert_allclose(state.best.values, reference.best.values, rtol=1e-9)


@pytest.mark.parametrize("size", [1, 6, 23])
@pytest.mark.parametrize("hidden", ["relu", "softplus", "linear"])
@pytest.mark.parametrize("lr", [3.0, 1e3, 1e5, 1e200])
def test_divergence_is_found_where_the_reference_finds_it(hidden, size, lr):
    for optimizer in (OPTIMIZERS["sgd"](lr=lr), OPTIMIZERS["sgd"](lr=lr, momentum=0.9)):
        loss = LOSSES["mse"](reduction="sum")
        what = plan(loss, optimizer, "regression", batch_size=size, epochs=300)
        with np.errstate(all="ignore"):
            found, state = run(what, network(hidden), "compiled")
            expected, reference = run(what, network(hidden), "numpy")
        assert state.status == reference.status
        assert isinstance(found[-1], Failure) == isinstance(expected[-1], Failure)
        if isinstance(found[-1], Failure):
            assert found[-1] == expected[-1]
        assert np.isfinite(state.network.theta).all()
        assert state.step == reference.step


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200, 1e308])
@pytest.mark.parametrize("size", [1, 6, 23])
def test_a_bad_row(value, size):
    what = plan(LOSSES["mse"](), OPTIMIZERS["sgd"](lr=0.01), "regression", batch_size=size)
    inputs = what.train.inputs.copy()
    inputs[17, 2] = value
    part = Part(inputs, what.train.rows, what.train.scaling, what.train.targets, np.float64)
    what = replace(what, train=part, epochs=3)
    with np.errstate(all="ignore"):
        found, state = run(what, network("relu"), "compiled")
        expected, reference = run(what, network("relu"), "numpy")
    assert isinstance(expected[-1], Failure)
    assert found[-1] == expected[-1]
    np.testing.assert_allclose(state.network.theta, reference.network.theta, rtol=1e-10)


@pytest.mark.parametrize("size", [1, 6, 23])
def test_the_gradient_of_a_frozen_layer_is_not_finite(size):
    """Though the outputs, the loss and the gradient of what is trained are."""
    what = plan(LOSSES["mse"](), OPTIMIZERS["sgd"](lr=1e-250), "regression", batch_size=size)
    layers = [LAYERS["dense"](units=4, bias=False), LAYERS["dense"](units=3, freeze=True)]
    last = []
    for engine in ("numpy", "compiled"):
        net = Network(layers, 5, seed=3)
        net.parameters["0.dense.weight"][...] = 1e200
        net.parameters["1.dense.weight"][...] = 1e-50
        given = replace(what, engine=engine)
        with np.errstate(all="ignore"):
            last.append(list(run_training(given, start(given, net)))[-1])
    assert last[0] == last[1]
    assert isinstance(last[0], Failure)
    assert "weight gradient of layer 1" in last[0].what


@pytest.mark.parametrize("hidden", ["sigmoid", "relu", "tanh", "gelu"])
def test_drift_over_1000_updates(hidden):
    """At most 100 times that of the reference when it sums its batches in another order."""
    loss = LOSSES["mse"]()
    what = plan(loss, OPTIMIZERS["adam"](lr=0.01), "regression", batch_size=23, epochs=1000)
    part = what.train
    turned = Part(
        part.inputs[::-1], part.rows, part.scaling, np.array(part.targets)[::-1], np.float64
    )
    reference = run(what, network(hidden), "numpy")[1].network.theta
    other = run(replace(what, train=turned), network(hidden), "numpy")[1].network.theta
    found = run(what, network(hidden), "compiled")[1].network.theta
    drift = max(float(np.abs(other - reference).max()), 1e-14)
    assert float(np.abs(found - reference).max()) <= 100 * drift


def test_float32_agrees_too():
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(50, 20)), np.eye(4)[rng.integers(0, 4, 50)]
    none = plan(LOSSES["mse"](), MOMENTUM, "regression").train.scaling
    layers = [
        LAYERS["dense"](units=40),
        LAYERS["relu"](),
        LAYERS["dense"](units=4),
        LAYERS["softmax"](),
    ]
    thetas = []
    for engine in ("numpy", "compiled"):
        what = replace(
            plan(LOSSES["cross_entropy"](), OPTIMIZERS["adam"](), "classes"),
            train=Part(x, np.arange(50), none, t, np.float32),
            engine=engine,
        )
        net = Network(layers, 20, seed=1, dtype=np.float32)
        list(run_training(what, start(what, net)))
        thetas.append(net.theta)
    np.testing.assert_allclose(*thetas, rtol=1e-3, atol=1e-5)
