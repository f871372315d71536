"""Epochs done at once are the same to the last bit, and stop where the caller must act."""

from dataclasses import replace

import numpy as np
import pytest

from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.training import Failure, Steps, run_bursts, start
from tests.trainings import classes, layers, noise, part, plan_for

CASES = {
    "regression": {},
    "by step": {"schedule": SCHEDULES["cosine"](per="step")},
    "by epoch": {"schedule": SCHEDULES["exponential"](warmup=3)},
    "average": {"ema": 0.9},
    "momentum": {"optimizer": OPTIMIZERS["adam"](lr=0.01)},
    "one batch": {"batch_size": 12},
    "lbfgs": {"optimizer": OPTIMIZERS["lbfgs"](), "batch_size": 12},
    "float32": {"dtype": "float32"},
    "compiled": {"engine": "compiled"},
    "compiled, shuffled": {"engine": "compiled", "shuffle": True},
    "compiled, average": {"engine": "compiled", "ema": 0.9},
}


def trained(burst, epochs=23, **settings):
    dtype = settings.pop("dtype", "float64")
    x, t = noise(12)
    settings = {"batch_size": 4, "shuffle": False, **settings}
    plan = replace(plan_for(part(x, t, dtype), epochs=epochs, **settings), burst=burst)
    network = Network(layers(4, "tanh", 2), 3, dtype=dtype)
    state = start(plan, network)
    return list(run_bursts(plan, state)), network, state


def without_steps(bursts):
    return [record for records in bursts for record in records if not isinstance(record, Steps)]


@pytest.mark.parametrize("case", CASES)
def test_a_burst_changes_nothing(case):
    single, network, state = trained(1, **CASES[case])
    many, again, end = trained(100, **CASES[case])
    assert [len(records) for records in single] != [len(records) for records in many]
    assert without_steps(many) == without_steps(single)
    np.testing.assert_array_equal(again.theta, network.theta)
    np.testing.assert_array_equal(end.best.values, state.best.values)
    np.testing.assert_array_equal(end.weights, state.weights)
    for name, slot in state.slots.items():
        np.testing.assert_array_equal(end.slots[name], slot)
    counters = ("epoch", "batch", "step", "lr", "status")
    assert [getattr(end, c) for c in counters] == [getattr(state, c) for c in counters]


@pytest.mark.parametrize(
    ("settings", "ends"),
    [
        ({}, [0, 23]),
        ({"marks": (0, 1, 2, 9)}, [0, 1, 2, 9, 23]),
        ({"mark_every": 10}, [0, 10, 20, 23]),
        ({"marks": (4, 11), "mark_every": 10}, [0, 4, 10, 11, 20, 23]),
    ],
)
def test_a_burst_ends_where_somebody_looks(settings, ends):
    bursts, _, _ = trained(100, batch_size=12, **settings)
    assert [records[-1].epoch for records in bursts] == ends


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("rate", [30.0, 1e200])
def test_a_burst_that_breaks_keeps_what_was_finite(rate, engine):
    settings = {"optimizer": OPTIMIZERS["sgd"](lr=rate), "epochs": 100, "engine": engine}
    single, network, state = trained(1, **settings)
    many, again, end = trained(100, **settings)
    assert isinstance(single[-1][-1], Failure)
    assert without_steps(many) == without_steps(single)
    np.testing.assert_array_equal(again.theta, network.theta)
    assert np.isfinite(again.theta).all()
    assert (end.step, end.epoch, end.status) == (state.step, state.epoch, "diverged")


def test_classes_and_several_binary_outputs_are_counted_by_epoch():
    x, t = classes()
    for kind in ("classes", "binary"):
        ends = []
        for burst in (1, 100):
            plan = plan_for(part(x, t), kind=kind, epochs=9, batch_size=len(x), shuffle=False)
            network = Network(layers(4, "tanh", t.shape[1]), x.shape[1])
            bursts = run_bursts(replace(plan, burst=burst), start(plan, network))
            ends.append(without_steps(bursts))
        assert ends[0] == ends[1]
        assert len({r.train["accuracy"] for r in ends[0]}) > 1
