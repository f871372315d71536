"""How training ends: the best weights, stopping early, numbers that blow up."""

import re

import numpy as np
import pytest

from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.data import batches
from nnlab.training import (
    Epoch,
    Failure,
    Steps,
    Stopping,
    final_weights,
    restores_best,
    run_training,
    start,
)
from tests.trainings import classes, layers, noise, part, plan_for, run, walk

# --- best and early stopping --------------------------------------------------------------------


def test_of_equal_epochs_the_earlier_is_best():
    """The losses are 2.5, 2.5, 1.5, 0.5, 0.5, 0.5; the weight is 0, 1, 2, 3, 2, 3."""
    records, state = run(*walk(2.5, epochs=5))
    assert [r.epoch for r in records if r.is_best] == [0, 2, 3]
    assert (state.best.epoch, state.best.value, state.best.values[0]) == (3, 0.5, 3.0)
    assert state.network.theta == 3.0
    assert state.status == "completed"


@pytest.mark.parametrize(
    ("patience", "last", "weight"),
    [(1, 1, 1.0), (2, 5, 3.0), (3, 6, 2.0), (4, 7, 3.0), (100, 8, 2.0)],
)
@pytest.mark.parametrize("restore", [True, False])
def test_patience(patience, last, weight, restore):
    """As above, the best being epoch 3; epoch 1 is no better than epoch 0, so patience 1 ends."""
    stopping = Stopping(patience, restore_best=restore)
    plan, network = walk(2.5, epochs=8, stopping=stopping)
    records, state = run(plan, network)
    assert records[-1].epoch == last
    assert state.status == ("early_stopped" if last < 8 else "completed")
    best = 0.0 if patience == 1 else 3.0
    assert final_weights(plan, state) == (best if restore else weight)
    assert state.network.theta == weight  # to go on from


@pytest.mark.parametrize(
    ("min_delta", "patience", "last"),
    [
        (2.5, 3, 3),  # 10.5, 10.5, 9.5, 8.5: not yet below 8
        (2.5, 4, 8),  # 7.5 is below 8, 4.5 below 5
        (3.0, 4, 4),  # 7.5 is not below 7.5
        (3.0, 5, 8),
        (0.0, 2, 8),
    ],
)
def test_min_delta_is_about_stopping_and_not_about_what_is_best(min_delta, patience, last):
    stopping = Stopping(patience, min_delta)
    records, state = run(*walk(10.5, epochs=8, stopping=stopping))
    assert records[-1].epoch == last
    assert [r.epoch for r in records if r.is_best] == [0, *range(2, last + 1)]
    assert state.best.epoch == last


def test_a_training_that_diverged_is_not_restored():
    """The best weights stay in `best`; the final ones are the last finite ones."""
    settings = {"optimizer": OPTIMIZERS["sgd"](lr=3.0), "loss": LOSSES["mse"](), "epochs": 999}
    plan, network = walk(2.5, stopping=Stopping(998), **settings)
    records, state = run(plan, network)
    assert isinstance(records[-1], Failure)
    assert np.abs(state.weights) > 1e100
    assert np.abs(state.best.values) < 10
    assert not restores_best(plan, state)
    assert final_weights(plan, state) is state.weights


@pytest.mark.parametrize("monitor", ["train_loss", "val_loss", "train_accuracy", "val_accuracy"])
def test_best_is_the_first_of_the_best(monitor):
    """A training that gets better and worse; whether a number should grow follows from its name."""
    (x, t), (vx, vt) = classes(), classes(40, seed=1)
    grows = monitor.endswith("accuracy")
    plan = plan_for(
        part(x, t),
        part(vx, vt),
        loss=LOSSES["cross_entropy"](),
        optimizer=OPTIMIZERS["sgd"](lr=0.5),
        kind="classes",
        epochs=12,
        monitor=monitor,
    )
    network = Network(layers(8, "tanh", 2, "softmax"), 3, seed=24)
    state = start(plan, network)
    values, thetas, flags = [], [], []
    which, _, name = monitor.partition("_")
    for record in run_training(plan, state):
        if isinstance(record, Steps):
            continue
        values.append((record.train if which == "train" else record.validation)[name])
        thetas.append(network.theta.copy())
        flags.append(record.is_best)
    values = np.array(values) * (-1 if grows else 1)
    assert flags == [i == 0 or v < values[:i].min() for i, v in enumerate(values)]
    assert state.best.epoch == values.argmin()
    assert 0 < state.best.epoch < 12  # else the case shows nothing
    np.testing.assert_array_equal(state.best.values, thetas[state.best.epoch])


def test_early_stopping_looks_at_the_validation_part():
    """The validation loss is best after one epoch, the training loss gets better for ever."""
    stopping = Stopping(2)
    settings = {"validation": 1.25, "epochs": 9, "stopping": stopping, "monitor": "val_loss"}
    records, state = run(*walk(100.0, **settings))
    assert records[-1].epoch == 3
    assert state.best.values == 1.0


# --- the average of the weights ----------------------------------------------------------------


@pytest.mark.parametrize("decay", [0.5, 0.999])
def test_the_average_is_what_is_evaluated(monkeypatch, decay):
    monkeypatch.setattr(batches, "CHUNK_BATCHES", 1)
    (x, t), (vx, vt) = noise(), noise(5, seed=1)
    plan = plan_for(part(x, t), part(vx, vt), ema=decay, epochs=4, record_steps=True)
    network, stand_in = (Network(layers(4, "tanh", 2), 3) for _ in range(2))
    state = start(plan, network)
    average, averages = network.theta.copy(), []
    for record in run_training(plan, state):
        if isinstance(record, Steps):
            d = min(decay, (1 + record.step) / (10 + record.step))
            average = d * average + (1 - d) * network.theta
            continue
        np.testing.assert_allclose(state.average, average, rtol=1e-12)
        stand_in.theta[...] = average
        error = stand_in.predict(vx) - vt
        assert record.validation["loss"] == pytest.approx((error**2).mean(), rel=1e-12)
        averages.append(average.copy())
    assert state.weights is state.average
    assert (state.average != network.theta).any()
    np.testing.assert_allclose(state.best.values, averages[state.best.epoch], rtol=1e-12)
    assert state.best.epoch > 0


def test_the_average_changes_nothing_in_training():
    x, t = noise()
    thetas = [
        run(plan_for(part(x, t), ema=ema), Network(layers(4, "tanh", 2), 3))[1].network.theta
        for ema in (None, 0.9)
    ]
    np.testing.assert_array_equal(*thetas)


# --- divergence -------------------------------------------------------------------------------

BLOW_UPS = [
    (loss, dtype, optimizer, lr)
    for loss in LOSSES
    for dtype in ("float32", "float64")
    for optimizer in ("sgd", "adam", "rmsprop")
    for lr in (1e4, 1e20, 1e38, 1e150, 1e308)
]
LAST = {"bce": "sigmoid", "cross_entropy": "softmax"}
KINDS = {"bce": "binary", "cross_entropy": "classes"}
SETTINGS = {"quantile": {"quantiles": (0.5,)}}  # an output per target
PLACE = re.compile(
    r"(output|weight( v| square)?|bias|weight gradient|bias gradient|loss[a-z ]*) of layer [0-3] "
    r"\((dense|relu|linear|softmax|sigmoid|exp)\)|(training|validation) (loss|mae|r2)"
)


def blow_up(loss, dtype, optimizer, lr):
    """The records of a training with this rate, the weights after each update, and the state."""
    x, t = classes() if loss in LAST else noise(60)
    t = np.abs(t) if loss == "poisson" else t
    last = LOSSES[loss].fuses or "linear"
    network = Network(layers(5, "relu", 2, last), 3, dtype=dtype)
    plan = plan_for(
        part(x, t, dtype),
        part(x[:7], t[:7], dtype),
        loss=LOSSES[loss](**SETTINGS.get(loss, {})),
        optimizer=OPTIMIZERS[optimizer](lr=lr),
        kind=KINDS.get(loss, "regression"),
        epochs=8,
        record_steps=True,
    )
    state, records, thetas = start(plan, network), [], {0: network.theta.copy()}
    for record in run_training(plan, state):
        records.append(record)
        thetas[record.step] = network.theta.copy()
    return records, thetas, state


def numbers_of(record):
    if isinstance(record, Steps):
        return [*record.rates, *record.losses]
    if isinstance(record, Epoch):
        return [record.lr, *record.train.values(), *(record.validation or {}).values()]
    return []


@pytest.mark.parametrize(("loss", "dtype", "optimizer", "lr"), BLOW_UPS)
def test_a_huge_rate_ends_in_finite_numbers(monkeypatch, loss, dtype, optimizer, lr):
    """Finite to the end, or ended at once; no warning either (they are errors here)."""
    monkeypatch.setattr(batches, "CHUNK_BATCHES", 1)
    records, thetas, state = blow_up(loss, dtype, optimizer, lr)
    for record in records:
        assert np.isfinite(numbers_of(record)).all(), record
    for step, theta in thetas.items():
        assert np.isfinite(theta).all(), step
    assert np.isfinite(state.best.values).all()
    failures = [r for r in records if isinstance(r, Failure)]
    assert [type(r) for r in records[:-1]].count(Failure) == 0
    assert state.status == ("diverged" if failures else "completed")
    for failure in failures:
        assert PLACE.fullmatch(failure.what)
        broken_update = "layer" in failure.what
        np.testing.assert_array_equal(state.network.theta, thetas[failure.step - broken_update])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_squared_error_that_grows_diverges(monkeypatch, dtype):
    """Gradient descent on mse overshoots more each time: the first number too large is named."""
    monkeypatch.setattr(batches, "CHUNK_BATCHES", 4)
    records, _, state = blow_up("mse", dtype, "sgd", 1e4)
    failure = records[-1]
    assert isinstance(failure, Failure)
    assert "layer" in failure.what
    assert failure.epoch == 1 + state.step // 15
    assert failure.step == state.step + 1 > 1
    # The same training, one update a chunk, up to the one that broke: the same weights.
    monkeypatch.setattr(batches, "CHUNK_BATCHES", 1)
    again, thetas, _ = blow_up("mse", dtype, "sgd", 1e4)
    assert again[-1] == failure
    np.testing.assert_array_equal(state.network.theta, thetas[state.step])


@pytest.mark.parametrize(
    ("x", "t", "vx", "what"),
    [
        (np.nan, 1.0, 1.0, "training loss"),
        (np.inf, 1.0, 1.0, "training loss"),
        (1.0, np.nan, 1.0, "training loss"),
        (1.0, 1.0, np.nan, "validation loss"),
    ],
)
def test_data_that_is_not_finite_ends_in_row_0(x, t, vx, what):
    plan = plan_for(part([[x]], [[t]]), part([[vx]], [[1.0]]))
    records, state = run(plan, Network(layers(1), 1))
    assert records == [Failure(0, 0, what)]
    assert state.status == "diverged"
    assert np.isfinite(state.network.theta).all()


def test_a_validation_loss_that_overflows_is_of_the_epoch_just_done():
    plan = plan_for(part([[1.0]], [[1.0]]), part([[1e200]], [[0.0]]), batch_size=1)
    network = Network([LAYERS["dense"](1, bias=False, weight=((0.0,),))], 1)
    records, state = run(plan, network)
    assert [r.epoch for r in records] == [0, 1]
    assert records[-1] == Failure(1, 1, "validation loss")
    assert state.status == "diverged"
