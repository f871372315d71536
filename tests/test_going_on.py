"""Stopped between any two records, training goes on to the same bits."""

import copy
import json

import numpy as np
import pytest

from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.data import batches
from nnlab.errors import RunUnreadable
from nnlab.experiment.state import freeze, thaw
from nnlab.training import Steps, Stopping, run_training, start
from tests.trainings import classes, epochs_of, layers, noise, part, plan_for, run


def everything(seed=3):
    """Dropout, Adam, shuffle, plateau, average, early stopping with the best weights restored."""
    (x, t), (vx, vt) = classes(22), classes(9, seed=1)
    network = Network(
        [*layers(8, "relu"), LAYERS["dropout"](0.3), *layers(2, "softmax")], 3, seed=seed
    )
    plan = plan_for(
        part(x, t),
        part(vx, vt),
        loss=LOSSES["cross_entropy"](),
        optimizer=OPTIMIZERS["adam"](lr=0.05),
        schedule=SCHEDULES["plateau"](patience=0, factor=0.5),
        kind="classes",
        epochs=7,
        seed=seed,
        monitor="val_loss",
        stopping=Stopping(3),
        ema=0.9,
        record_steps=True,
    )
    return plan, network


def by_step():
    """A schedule per update, single precision, l1 and decay, the last batch dropped."""
    x, t = noise(22)
    rule = OPTIMIZERS["rmsprop"](lr=0.02, momentum=0.5, centered=True, l1=1e-3, weight_decay=0.01)
    plan = plan_for(
        part(x, t, np.float32),
        optimizer=rule,
        schedule=SCHEDULES["one_cycle"](warmup=2),
        drop_last=True,
        epochs=4,
    )
    return plan, Network([*layers(8), LAYERS["dropout"](), *layers(2)], 3, dtype=np.float32)


def plain():
    """In order, all batches in one chunk that stays in memory."""
    x, t = noise(20)
    return plan_for(part(x, t), shuffle=False, record_steps=True), Network(layers(4, "tanh", 2), 3)


def searching():
    """Line searches of more than one trial, and pairs that are replaced."""
    x, t = noise(9)
    rule = OPTIMIZERS["lbfgs"](lr=30.0, history=3, weight_decay=0.01)
    network = Network([*layers(4), LAYERS["layer_norm"](), *layers("tanh", 2)], 3)
    return plan_for(part(x, t), optimizer=rule, batch_size=9, epochs=20), network


def seen(record):
    """A record without arrays, to compare."""
    if isinstance(record, Steps):
        return record._replace(losses=record.losses.tolist())
    return record


def saved(state):
    """What a checkpoint would hold, through JSON."""
    values, meta = freeze(state)
    return {name: array.copy() for name, array in values.items()}, json.dumps(meta)


@pytest.mark.parametrize("case", [everything, by_step, plain, searching])
@pytest.mark.parametrize("per_chunk", [1, 2, 1024])
def test_stopped_anywhere_it_goes_on_to_the_same_bits(monkeypatch, case, per_chunk):
    monkeypatch.setattr(batches, "CHUNK_BATCHES", per_chunk)
    plan, network = case()
    state = start(plan, network)
    whole = [seen(record) for record in run_training(plan, state)]
    end = saved(state)
    for stop in range(1, len(whole) + 1):
        plan, network = case()
        state = start(plan, network)
        training = run_training(plan, state)
        before = [seen(next(training)) for _ in range(stop)]
        values, meta = saved(state)
        training.close()

        plan, network = case()
        network.theta[...] = np.nan  # what is not restored will show
        state = start(plan, network)
        state.best.values[...] = np.nan
        thaw(state, values, json.loads(meta))
        after = [seen(record) for record in run_training(plan, state)]
        assert before + after == whole, stop
        final = saved(state)
        assert final[1] == end[1], stop
        for name, array in end[0].items():
            np.testing.assert_array_equal(final[0][name], array, err_msg=f"{name} after {stop}")


def test_the_case_with_everything_stops_early_and_lowers_its_rate():
    """Else the test above would not see them."""
    records, state = run(*everything())
    assert state.status == "early_stopped"
    assert state.best.epoch > 0
    assert len({r.lr for r in epochs_of(records)}) > 2


def test_looking_at_the_state_changes_nothing():
    plan, network = everything()
    state = start(plan, network)
    for _ in run_training(plan, state):
        thaw(state, *copy.deepcopy(freeze(state)))
    _, other = run(*everything())
    np.testing.assert_array_equal(state.network.theta, other.network.theta)


def test_a_finished_training_has_nothing_to_do():
    plan, network = everything()
    _, state = run(plan, network)
    before = network.theta.copy()
    assert list(run_training(plan, state)) == []
    np.testing.assert_array_equal(network.theta, before)


@pytest.mark.parametrize("missing", ["theta", "slot.m", "best", "average", "sums"])
def test_a_state_without_an_array_is_refused(missing):
    plan, network = everything()
    values, meta = freeze(start(plan, network))
    del values[missing]
    with pytest.raises(RunUnreadable, match=missing):
        thaw(start(plan, network), values, meta)


def test_a_state_of_another_network_is_refused():
    plan, network = everything()
    values, meta = freeze(start(plan, network))
    with pytest.raises(RunUnreadable, match="does not fit the config beside it"):
        thaw(start(plan, network), {**values, "theta": np.zeros(3)}, meta)
