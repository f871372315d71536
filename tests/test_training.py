"""Training: its records and its numbers."""

from dataclasses import replace

import numpy as np
import pytest

from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.data import batches
from nnlab.data.batches import Part
from nnlab.data.scale import Scaling
from nnlab.training import Steps, run_training, start
from tests.trainings import (
    PYTORCH,
    TRAININGS,
    assert_weights,
    epochs_of,
    layers,
    noise,
    part,
    plan_for,
    pytorch_network,
    run,
    walk,
)


def test_the_rows_of_a_walk():
    """Row 0 is evaluated; then train is what was before each update, validation what came after."""
    records, state = run(*walk(2.5, validation=0.0, epochs=3))
    rows = [(r.epoch, r.step, r.lr, r.train["loss"], r.validation["loss"]) for r in records]
    assert rows == [
        (0, 0, 1.0, 2.5, 0.0),
        (1, 1, 1.0, 2.5, 1.0),
        (2, 2, 1.0, 1.5, 2.0),
        (3, 3, 1.0, 0.5, 3.0),
    ]
    assert state.network.theta == 3.0
    assert state.status == "completed"


def test_without_epochs_there_is_row_0_alone():
    x, t = noise()
    network = Network(layers(4, "tanh", 2), 3)
    before = network.theta.copy()
    (row,), state = run(plan_for(part(x, t), part(x[:3], t[:3]), epochs=0), network)
    assert (row.epoch, row.step, row.lr, row.is_best) == (0, 0, 0.1, True)
    assert set(row.train) == set(row.validation) == {"loss", "mae", "r2"}
    assert row.train["loss"] == pytest.approx(((network.predict(x) - t) ** 2).mean(), rel=1e-14)
    assert row.validation["loss"] == pytest.approx(
        ((network.predict(x[:3]) - t[:3]) ** 2).mean(), rel=1e-14
    )
    np.testing.assert_array_equal(network.theta, before)
    np.testing.assert_array_equal(state.best.values, before)
    assert state.status == "completed"


# --- numbers from outside ----------------------------------------------------------------------


def test_every_number_equals_a_plain_loop():
    """3-4-2 with tanh, mse over all elements, batches of 4 of 11 shuffled rows, momentum."""
    x, t = noise()
    network = Network(layers(4, "tanh", 2), 3, seed=5)
    w1, b1, w2, b2 = (a.copy() for a in network.parameters.values())
    rule = OPTIMIZERS["sgd"](lr=0.2, momentum=0.5)
    records, state = run(plan_for(part(x, t), optimizer=rule, epochs=4, seed=9), network)
    speed = [np.zeros_like(a) for a in (w1, b1, w2, b2)]
    for epoch in range(4):
        order = np.random.default_rng([9, 1, epoch]).permutation(11)
        losses, errors = [], []
        for rows in (order[:4], order[4:8], order[8:]):
            hidden = np.tanh(x[rows] @ w1 + b1)
            error = hidden @ w2 + b2 - t[rows]
            losses += (error**2).mean(axis=1).tolist()
            errors += np.abs(error).mean(axis=1).tolist()
            dz = 2 * error / error.size
            inner = dz @ w2.T * (1 - hidden**2)
            gradients = (x[rows].T @ inner, inner.sum(0), hidden.T @ dz, dz.sum(0))
            for p, v, g in zip((w1, b1, w2, b2), speed, gradients, strict=True):
                v[...] = 0.5 * v + g
                p -= 0.2 * v
        row = records[epoch + 1]
        assert row.step == 3 * (epoch + 1)
        assert row.train["loss"] == pytest.approx(np.mean(losses), rel=1e-12)
        assert row.train["mae"] == pytest.approx(np.mean(errors), rel=1e-12)
    for parameter, wanted in zip(network.parameters.values(), (w1, b1, w2, b2), strict=True):
        np.testing.assert_allclose(parameter, wanted, rtol=1e-12)
    assert state.step == 12


@pytest.mark.parametrize("name", PYTORCH)
def test_training_equals_pytorch(name):
    """Three updates an epoch: 48 of the 50 stored losses, and the weights after 30."""
    case, (_, loss, rule, kind) = PYTORCH[name], TRAININGS[name]
    network = pytorch_network(name)
    plan = plan_for(
        part(case["inputs"], case["targets"]),
        loss=loss,
        optimizer=rule,
        kind=kind,
        epochs=16,
        batch_size=case["batch_size"],
        shuffle=False,
    )
    rows, sizes = [], np.array([4, 4, 3])
    for record in run_training(plan, start(plan, network)):
        if isinstance(record, Steps):
            continue
        rows.append(record)
        if record.epoch == 10:
            assert_weights(network, case["after"][2])
    stored = np.reshape(case["losses"][:48], (16, 3)) @ sizes / 11
    np.testing.assert_allclose([r.train["loss"] for r in rows[1:]], stored, rtol=1e-12)


# --- batches ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("batch", "drop_last", "updates", "rows"),
    [
        (11, False, 1, 11),
        (1, False, 11, 11),
        (4, False, 3, 11),
        (4, True, 2, 8),
        (100, False, 1, 11),
        (11, True, 1, 11),
        (10, True, 1, 10),
    ],
)
def test_updates_in_an_epoch(batch, drop_last, updates, rows):
    """The loss of an epoch is over the rows that were trained on."""
    x, t = noise()
    still = OPTIMIZERS["sgd"](lr=0.0)
    plan = plan_for(part(x, t), optimizer=still, batch_size=batch, drop_last=drop_last, epochs=2)
    network = Network(layers(2), 3)
    records, state = run(plan, network)
    assert [record.step for record in epochs_of(records)] == [0, updates, 2 * updates]
    chosen = np.random.default_rng([0, 1, 0]).permutation(11)[:rows] if updates > 1 else ...
    if updates == 1 and rows < 11:
        chosen = np.arange(rows)
    error = (network.predict(x) - t)[chosen]
    assert records[1].train["loss"] == pytest.approx((error**2).mean(), rel=1e-13)
    assert state.batch == 0


@pytest.mark.parametrize("per_chunk", [1, 2, 3])
@pytest.mark.parametrize("shuffle", [False, True])
def test_chunks_change_no_bit(monkeypatch, per_chunk, shuffle):
    x, t = noise()
    plan = plan_for(part(x, t), part(x, t), batch_size=2, shuffle=shuffle, ema=0.9)
    whole, state = run(plan, Network([*layers(6), LAYERS["dropout"](), *layers("relu", 2)], 3))
    monkeypatch.setattr(batches, "CHUNK_BATCHES", per_chunk)
    parts, again = run(plan, Network([*layers(6), LAYERS["dropout"](), *layers("relu", 2)], 3))
    np.testing.assert_array_equal(state.network.theta, again.network.theta)
    np.testing.assert_array_equal(state.average, again.average)
    if per_chunk > 1 or not shuffle:  # sums over a chunk's rows may differ in the last bit
        assert [r.train["loss"] for r in epochs_of(parts)] == [r.train["loss"] for r in whole]


def visited(seed, epochs, shuffle=True):
    """The rows in the order of the updates: with lr 0 the loss of an update tells its row."""
    data = part(np.zeros((7, 1)), np.arange(1.0, 8)[:, None])
    plan = plan_for(
        data,
        loss=LOSSES["mae"](),
        optimizer=OPTIMIZERS["sgd"](lr=0.0),
        batch_size=1,
        epochs=epochs,
        seed=seed,
        shuffle=shuffle,
        record_steps=True,
    )
    records, _ = run(plan, Network(layers(1), 1))
    return [[int(v) - 1 for v in r.losses] for r in records if isinstance(r, Steps)]


def test_the_order_is_a_function_of_seed_and_epoch():
    for seed in (0, 1):
        expected = [np.random.default_rng([seed, 1, e]).permutation(7).tolist() for e in range(3)]
        assert visited(seed, 3) == expected
    assert visited(0, 3)[:2] == visited(0, 2)
    assert visited(0, 1) != visited(1, 1)


def test_without_shuffle_rows_come_in_their_order():
    assert visited(0, 2, shuffle=False) == [list(range(7))] * 2


def test_a_full_batch_is_not_shuffled():
    x, t = noise()
    weights = []
    for shuffle in (True, False):
        plan = plan_for(part(x, t), batch_size=11, shuffle=shuffle)
        weights.append(run(plan, Network(layers(4, "tanh", 2), 3))[1].network.theta)
    np.testing.assert_array_equal(*weights)


def test_steps_are_recorded(monkeypatch):
    """Two chunks an epoch: 2 + 1 batches; every update has its rate and its loss before it."""
    monkeypatch.setattr(batches, "CHUNK_BATCHES", 2)
    plan, network = walk(10.0, epochs=1, batch_size=2, record_steps=True, shuffle=False)
    targets = np.array([[10.0], [10.0], [20.0], [30.0], [40.0]])
    plan = replace(plan, train=part(np.ones((5, 1)), targets))
    records, _ = run(plan, network)
    steps = [
        (r.epoch, r.step, r.batch, r.batches, r.rates, r.losses.tolist())
        for r in records
        if isinstance(r, Steps)
    ]
    assert steps == [
        (1, 2, 2, 3, [1.0, 1.0], [10.0, 24.0]),
        (1, 3, 3, 3, [1.0], [38.0]),
    ]
    # (2 * 10 + 2 * 24 + 38) / 5 rows
    assert records[-1].train["loss"] == pytest.approx(21.2, rel=1e-14)


# --- schedules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "rows", "updates"),
    [
        (
            SCHEDULES["exponential"](gamma=0.5),
            [1, 1, 0.5, 0.25],
            [1, 1, 0.5, 0.5, 0.25, 0.25],
        ),
        (
            SCHEDULES["exponential"](gamma=0.5, per="step"),
            [1, 0.5, 0.125, 0.03125],
            [1, 0.5, 0.25, 0.125, 0.0625, 0.03125],
        ),
        (
            SCHEDULES["constant"](warmup=4, per="step"),
            [0.25, 0.5, 1, 1],
            [0.25, 0.5, 0.75, 1, 1, 1],
        ),
        (SCHEDULES["linear"](), [1, 1, 2 / 3, 1 / 3], [1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3]),
        (
            SCHEDULES["linear"](per="step"),
            [1, 5 / 6, 3 / 6, 1 / 6],
            [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6],
        ),
    ],
)
@pytest.mark.parametrize("per_chunk", [1, 1024])
def test_rates(monkeypatch, schedule, rows, updates, per_chunk):
    """Two updates an epoch: a row shows the rate of its last one; the weight walks their sum."""
    monkeypatch.setattr(batches, "CHUNK_BATCHES", per_chunk)
    plan, network = walk(1e6, schedule=schedule, record_steps=True)
    plan = replace(plan, train=part([[1.0], [1.0]], [[1e6], [1e6]]))
    records, state = run(plan, network)
    assert [r.lr for r in epochs_of(records)] == pytest.approx(rows, rel=1e-14)
    rates = [rate for r in records if isinstance(r, Steps) for rate in r.rates]
    assert rates == pytest.approx(updates, rel=1e-14)
    assert state.network.theta[0] == pytest.approx(sum(updates), rel=1e-9)


def test_plateau_lowers_the_rate():
    """The loss falls by less than a ten-thousandth, which is no improvement."""
    schedule = SCHEDULES["plateau"](factor=0.1, patience=1, min=0.01)
    records, _ = run(*walk(1e6, schedule=schedule, epochs=9))
    rates = [r.lr for r in records]
    # epoch 1 is the first best; 2 and 3 are bad, so the rate falls for 4; then after 5, 7, ...
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01])


def test_plateau_looks_at_the_monitored_value():
    """The training loss improves, the validation loss gets worse."""
    schedule = SCHEDULES["plateau"](factor=0.5, patience=0)
    settings = {"schedule": schedule, "validation": -100.0, "epochs": 4}
    assert [r.lr for r in run(*walk(100.0, **settings))[0]] == [1.0] * 5
    other = run(*walk(100.0, monitor="val_loss", **settings))[0]
    assert [r.lr for r in other] == [1.0, 1.0, 1.0, 0.5, 0.25]


# --- dropout ----------------------------------------------------------------------------------


def with_dropout():
    return Network([*layers(6, "relu"), LAYERS["dropout"](0.5), *layers(2)], 3)


def test_dropout_draws_from_its_own_stream_and_evaluation_draws_nothing():
    x, t = noise()
    plan = plan_for(part(x, t), part(x, t), epochs=2, seed=4)
    _, state = run(plan, with_dropout())
    expected = np.random.default_rng([4, 3, 2])  # seed, purpose dropout, layer
    for rows in (4, 4, 3) * 2:
        expected.random((rows, 6), np.float32)
    assert state.generators.keys() == {2}
    assert state.generators[2].bit_generator.state == expected.bit_generator.state


def test_dropout_is_off_in_evaluation():
    x, t = noise()
    network = with_dropout()
    record = next(run_training(plan_for(part(x, t)), start(plan_for(part(x, t)), network)))
    wanted = ((network.predict(x) - t) ** 2).mean()
    assert record.train["loss"] == pytest.approx(wanted, rel=1e-14)


def test_looking_at_a_validation_part_changes_no_weight():
    x, t = noise()
    weights = [
        run(plan_for(part(x, t), validation), with_dropout())[1].network.theta
        for validation in (None, part(x, t))
    ]
    np.testing.assert_array_equal(*weights)


# --- dtype ------------------------------------------------------------------------------------


def test_single_and_double_precision():
    x, t = noise()
    results = {}
    for dtype in (np.float32, np.float64):
        plan = plan_for(part(x, t, dtype), optimizer=OPTIMIZERS["adam"](lr=0.01), ema=0.9)
        records, state = run(plan, Network(layers(4, "tanh", 2), 3, dtype=dtype))
        arrays = [state.network.theta, state.average, state.best.values, *state.slots.values()]
        assert {a.dtype for a in arrays} == {np.dtype(dtype)}
        assert state.sums.dtype == np.float64
        results[dtype] = state.network.theta, [r.train["loss"] for r in records]
    for single, double in zip(results[np.float32], results[np.float64], strict=True):
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-6)
        assert (np.asarray(single) != np.asarray(double)).any()


# --- weights of rows --------------------------------------------------------------------------


@pytest.mark.parametrize("reduction", ["mean", "batch_mean", "sum"])
@pytest.mark.parametrize("name", LOSSES)
def test_a_row_with_weight_3_trains_as_3_rows(name, reduction):
    """In batches of all rows; the losses of both parts count the weights too."""
    x, t = noise(6)
    settings = {"quantiles": (0.5,)} if name == "quantile" else {}  # an output per target
    loss, last = LOSSES[name](reduction=reduction, **settings), LOSSES[name].fuses
    kind = {"softmax": "classes", "sigmoid": "binary"}.get(last or "", "regression")
    t = np.abs(t) if kind == "regression" else np.eye(2)[[0, 1, 1, 0, 1, 0]]
    counts = np.array([1, 3, 2, 1, 0, 4])
    mean_one = counts * (6 / 11) if reduction != "sum" else counts
    none = Scaling("none", np.zeros(()), np.ones(()))
    weighted = Part(x, np.arange(6), none, t, np.float64, weights=mean_one)
    repeated = part(np.repeat(x, counts, axis=0), np.repeat(t, counts, axis=0))
    results = []
    for data in (weighted, repeated):
        settings = {"loss": loss, "kind": kind, "batch_size": len(data), "epochs": 4}
        plan = plan_for(data, validation=data, shuffle=False, **settings)
        names = (4, "tanh", 2) if last is None else (4, "tanh", 2, last)
        records, state = run(plan, Network(layers(*names), 3))
        rows = epochs_of(records)
        results.append(
            (state.network.theta, [(r.train["loss"], r.validation["loss"]) for r in rows])
        )
    (first, losses), (second, expected) = results
    np.testing.assert_allclose(first, second, rtol=1e-11)
    np.testing.assert_allclose(losses, expected, rtol=1e-11)  # per weight, as per row


def test_shuffled_batches_take_their_own_weights():
    """The weights of a batch are those of its rows: 0 takes a row out of its batch."""
    x, t = noise(7)
    none = Scaling("none", np.zeros(()), np.ones(()))
    states = []
    for weights in (np.array([1.0, 0, 1, 1, 1, 1, 1]), np.ones(7)):
        targets = t.copy()
        targets[1] = np.where(weights[1], t[1], 1e6)  # would show at once
        data = Part(x, np.arange(7), none, targets, np.float64, weights=weights)
        states.append(run(plan_for(data, batch_size=3), Network(layers(4, "tanh", 2), 3))[1])
    assert np.abs(states[0].network.theta).max() < 10
    plain = run(plan_for(part(x, t), batch_size=3), Network(layers(4, "tanh", 2), 3))[1]
    np.testing.assert_array_equal(states[1].network.theta, plain.network.theta)
