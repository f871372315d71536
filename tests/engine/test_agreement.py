"""The compiled engine against the reference, in float64, over everything in the catalogues."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.core.types import Array
from nnlab.data.batches import Part
from nnlab.data.scale import Scaling
from nnlab.engine.compiled import program
from nnlab.engine.compiled.losses import COMPILED_LOSSES
from nnlab.training import Epoch, Failure, Plan, Record, State, Steps, run_training, start

NONE = Scaling("none", np.zeros(()), np.ones(()))
# dense is in all; the others have no compiled form
SKIPPED_LAYERS = {"dense", "dropout", "step", "rescale", "reshape", "batch_norm", "layer_norm"}
SKIPPED_LAYERS |= {"conv2d", "max_pool", "avg_pool", "global_avg_pool"}
HIDDEN = sorted(set(LAYERS) - SKIPPED_LAYERS)


def rows(kind: str, count: int, n: int, m: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(count, n))
    x[rng.random(x.shape) < 0.3] = 0.0
    if kind == "classes":
        return x, np.eye(m)[rng.integers(0, m, count)]
    if kind == "binary":
        return x, (rng.random((count, m)) < 0.5) * 1.0
    return x, rng.normal(size=(count, m))


def plan(
    loss: Any, optimizer: Any, kind: str, count: int = 23, n: int = 5, m: int = 3, **changes: Any
) -> Plan:
    x, t = rows(kind, count, n, m)
    part = Part(x, np.arange(count), NONE, loss.encode(t), np.float64)
    given = {"epochs": 10, "batch_size": 6, "schedule": SCHEDULES["constant"]()} | changes
    return Plan(loss, optimizer, train=part, validation=None, kind=kind, **given)


def network(hidden: str = "tanh", last: str | None = None, n: int = 5, m: int = 3) -> Network:
    layers = [
        LAYERS["dense"](units=7),
        LAYERS[hidden](),
        LAYERS["dense"](units=m, bias=hidden != "relu"),
    ]
    return Network(layers + ([LAYERS[last]()] if last else []), n, seed=3)


def run(what: Plan, net: Network, engine: Any) -> tuple[list[Record], State]:
    net = Network(net.layers, net.inputs, seed=3)
    what = replace(what, engine=engine)
    state = start(what, net)
    return list(run_training(what, state)), state


def compare(what: Plan, net: Network, tolerance: float = 1e-10) -> None:
    """Same records, same weights, slots and average."""
    assert program.why_not(net, what.loss, what.optimizer, what.kind) is None
    expected, reference = run(what, net, "numpy")
    found, state = run(what, net, "compiled")
    epochs = [one for one in expected if isinstance(one, Epoch)]
    others = [one for one in found if isinstance(one, Epoch)]
    assert [e[:3] for e in others] == [e[:3] for e in epochs]
    # Row 1 of a full batch repeats the loss of row 0, and rounding decides whether it is better.
    assert [e.is_best for e in others[2:]] == [e.is_best for e in epochs[2:]]
    for one, other in zip(epochs, others, strict=True):
        assert other.train == pytest.approx(one.train, rel=tolerance, abs=tolerance)
    failures = [one for one in expected if isinstance(one, Failure)]
    assert [one for one in found if isinstance(one, Failure)] == failures
    steps = [one for one in expected if isinstance(one, Steps)]
    if what.record_steps:
        mine = [one for one in found if isinstance(one, Steps)]
        losses = np.concatenate([one.losses for one in mine])
        np.testing.assert_allclose(losses, np.concatenate([o.losses for o in steps]), tolerance)
    close(state.network.theta, reference.network.theta, tolerance)
    close(state.best.values, reference.best.values, tolerance)
    for name, slot in reference.slots.items():
        close(state.slots[name], slot, tolerance)
    if reference.average is not None and state.average is not None:
        close(state.average, reference.average, tolerance)
    assert (state.epoch, state.batch, state.step) == (
        reference.epoch,
        reference.batch,
        reference.step,
    )
    assert state.status == reference.status


def close(found: Array, wanted: Array, tolerance: float) -> None:
    scale = max(float(np.abs(wanted).max()), 1e-30)
    assert float(np.abs(found - wanted).max()) <= tolerance * scale


LOSS_CASES = {
    **{
        f"{name}_{reduction}": (LOSSES[name](reduction=reduction), None, "regression")
        for name in ("mse", "mae", "huber", "log_cosh")
        for reduction in ("mean", "batch_mean", "sum")
    },
    "poisson": (LOSSES["poisson"](), "exp", "regression"),
    "hinge": (LOSSES["hinge"](margin=0.7), None, "classes"),
    "mse_classes": (LOSSES["mse"](), "sigmoid", "classes"),
    "huber_delta": (LOSSES["huber"](delta=0.3), None, "regression"),
    **{
        f"bce_{reduction}": (LOSSES["bce"](reduction=reduction), "sigmoid", "binary")
        for reduction in ("mean", "batch_mean", "sum")
    },
    "bce_weights": (
        LOSSES["bce"](class_weight=(0.5, 2.0), label_smoothing=0.1),
        "sigmoid",
        "binary",
    ),
    **{
        f"ce_{reduction}": (LOSSES["cross_entropy"](reduction=reduction), "softmax", "classes")
        for reduction in ("mean", "batch_mean", "sum")
    },
    "ce_weights": (
        LOSSES["cross_entropy"](class_weight=(0.5, 2.0, 1.0), label_smoothing=0.1),
        "softmax",
        "classes",
    ),
}
OPTIMIZER_CASES = {
    "sgd": OPTIMIZERS["sgd"](lr=0.05),
    "momentum": OPTIMIZERS["sgd"](lr=0.02, momentum=0.6),
    "nesterov": OPTIMIZERS["sgd"](lr=0.02, momentum=0.6, nesterov=True),
    "adagrad": OPTIMIZERS["adagrad"](lr=0.05),
    "rmsprop": OPTIMIZERS["rmsprop"](lr=0.01),
    "rmsprop_centered": OPTIMIZERS["rmsprop"](lr=0.01, centered=True, eps=1e-3),
    "rmsprop_momentum": OPTIMIZERS["rmsprop"](lr=0.003, momentum=0.5),
    "rmsprop_both": OPTIMIZERS["rmsprop"](lr=0.003, momentum=0.5, centered=True, eps=1e-3),
    "adam": OPTIMIZERS["adam"](lr=0.01),
    "adamw": OPTIMIZERS["adamw"](lr=0.01, weight_decay=0.1),
    "l1": OPTIMIZERS["sgd"](lr=0.05, l1=0.01),
    "decay": OPTIMIZERS["sgd"](lr=0.05, weight_decay=0.1),
    "clip_norm": OPTIMIZERS["sgd"](lr=0.05, clip_norm=0.2),
    "clip_value": OPTIMIZERS["adam"](lr=0.01, clip_value=0.05),
    "everything": OPTIMIZERS["adam"](
        lr=0.01, l1=0.01, weight_decay=0.1, clip_norm=0.5, clip_value=0.1
    ),
}
SIZES = {"online": 1, "batch": 6, "full": 23, "odd": 22}


def test_every_loss_and_optimizer_is_compared():
    compiled = {LOSSES[name] for name in COMPILED_LOSSES}
    assert {type(loss) for loss, _, _ in LOSS_CASES.values()} == compiled
    assert set(LOSSES) - set(COMPILED_LOSSES) == {"quantile"}
    compiled = {one for one in OPTIMIZERS.values() if not one.searches}
    assert {type(one) for one in OPTIMIZER_CASES.values()} == compiled


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_every_activation(hidden, size):
    what = plan(LOSSES["mse"](), OPTIMIZERS["sgd"](lr=0.05), "regression", batch_size=SIZES[size])
    compare(replace(what, epochs=200 // what_batches(what)), network(hidden))


def what_batches(what: Plan) -> int:
    return -(-len(what.train) // what.batch_size)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", LOSS_CASES)
def test_every_loss(case, size):
    loss, last, kind = LOSS_CASES[case]
    what = plan(loss, OPTIMIZERS["sgd"](lr=0.02), kind, batch_size=SIZES[size], epochs=8)
    compare(what, network(last=last))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", OPTIMIZER_CASES)
def test_every_optimizer(case, size):
    what = plan(LOSSES["mse"](), OPTIMIZER_CASES[case], "regression", batch_size=SIZES[size])
    compare(replace(what, epochs=200 // what_batches(what), ema=0.9), network("relu"))


@pytest.mark.parametrize("per", ["epoch", "step"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule(name, per):
    if name == "plateau" and per == "step":
        return
    own = {"milestones": (4, 9)} if name == "multistep" else {}
    schedule = SCHEDULES[name](per=per, warmup=3, **own)
    what = plan(LOSSES["mse"](), OPTIMIZERS["sgd"](lr=0.05), "regression", schedule=schedule)
    compare(replace(what, epochs=30), network())


CHANGES = {
    "unshuffled": {"shuffle": False},
    "drop_last": {"drop_last": True},
    "record_steps": {"record_steps": True},
    "average": {"ema": 0.99},
    "long": {"epochs": 300},
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("change", CHANGES)
def test_every_way_to_train(change, size):
    what = plan(LOSSES["mse"](), OPTIMIZERS["adam"](), "regression", batch_size=SIZES[size])
    compare(replace(what, **CHANGES[change]), network())


WIDTHS = {"no hidden": (), "deep": (4, 9, 3, 17, 2), "wide": (40, 33), "blas": (300, 200)}


@pytest.mark.parametrize("size", [1, 2, 3, 17, 64])
@pytest.mark.parametrize("case", WIDTHS)
def test_every_shape(case, size):
    layers: list[Any] = []
    for units in WIDTHS[case]:
        layers += [LAYERS["dense"](units=units), LAYERS["sigmoid"]()]
    net = Network([*layers, LAYERS["dense"](units=2)], 11, seed=3)
    what = plan(LOSSES["mse"](), OPTIMIZERS["adam"](), "regression", 70, 11, 2, batch_size=size)
    compare(replace(what, epochs=2), net)


def test_layers_without_weights_may_stand_anywhere():
    names = ("tanh", "flatten", "dense", "linear", "softmax", "silu", "dense", "elu")
    layers = [LAYERS[name](units=3) if name == "dense" else LAYERS[name]() for name in names]
    what = plan(LOSSES["mse"](), OPTIMIZERS["adam"](), "regression")
    compare(what, Network(layers, 5, seed=3))


@pytest.mark.parametrize("size", SIZES)
def test_channels_of_pixels_between_dense_layers(size):
    """A softmax of each pixel, also where values lie unit by unit."""
    pixels = [LAYERS["dense"](units=4), LAYERS["reshape"](shape=(2, 2)), LAYERS["softmax"]()]
    net = Network([*pixels, LAYERS["flatten"](), LAYERS["dense"](units=3)], 5, seed=3)
    assert program.compose(net, LOSSES["mse"](), 23, 0).by_units
    what = plan(LOSSES["mse"](), OPTIMIZERS["adam"](), "regression", batch_size=SIZES[size])
    compare(what, net)


@pytest.mark.parametrize("size", [1, 4, 23])
def test_pixels(size):
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (40, 9)).astype(np.uint8)
    pixels.flags.writeable = False
    for scaling in (
        Scaling("unit", np.zeros(()), np.array(1 / 255)),
        Scaling("standardize", rng.random(9) * 100, rng.random(9) / 100),
    ):
        chosen = rng.permutation(40)[:23]
        part = Part(pixels, chosen, scaling, rng.normal(size=(23, 3)), np.float64)
        what = plan(LOSSES["mse"](), OPTIMIZERS["sgd"](), "regression", batch_size=size)
        compare(replace(what, train=part), Network(network().layers, 9, seed=3))


@pytest.mark.parametrize("case", LOSS_CASES)
def test_every_pair(case):
    """100 updates of each loss with each optimizer, each loss and each optimizer with each
    activation.

    The sizes of batches and the schedules take turns, so that all meet here.
    """
    schedules = [
        SCHEDULES[name](**({"milestones": (4, 9)} if name == "multistep" else {}))
        for name in SCHEDULES
    ]
    sizes = list(SIZES.values())
    (loss, last, kind), row = LOSS_CASES[case], list(LOSS_CASES).index(case)
    for column, optimizer in enumerate(OPTIMIZER_CASES.values()):
        hidden = HIDDEN[(row + column) % len(HIDDEN)]
        turn = row * len(OPTIMIZER_CASES) + column
        schedule, size = schedules[turn % len(schedules)], sizes[turn % len(sizes)]
        calm = replace(optimizer, lr=optimizer.lr / 20)  # a rate at which rounding does not grow
        what = plan(loss, calm, kind, batch_size=size, schedule=schedule)
        what = replace(what, epochs=-(-100 // what_batches(what)), ema=0.9 if turn % 3 else None)
        # Where a gradient is 0 but for rounding, Adagrad and Adam divide the rounding by itself.
        compare(what, network(hidden, last), 1e-8 if hidden == "square" else 1e-10)


def test_losses_and_optimizers_are_enough_to_meet_every_activation():
    assert len(HIDDEN) <= min(len(LOSS_CASES), len(OPTIMIZER_CASES))
