"""Trainings by L-BFGS: what is evaluated and saved, what is refused, and what it meets."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.optimize import minimize

import nnlab
from docs.lbfgs import by_nnlab, by_scipy, landscape, quadratic, training
from nnlab.build import build
from nnlab.config.dump import dump
from nnlab.config.load import parse_config
from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS, length
from nnlab.data.batches import Part
from nnlab.errors import ConfigError
from nnlab.play.session import SteppedTraining
from nnlab.status import Status
from nnlab.training import Failure, Stopping, final_weights
from nnlab.training.evaluation import Evaluation
from tests.trainings import NONE, epochs_of, layers, noise, part, plan_for, run

XOR: dict[str, Any] = {
    "data": "xor",
    "network": [{"dense": 4}, "tanh", {"dense": 1}, "sigmoid"],
    "loss": "bce",
    "optimizer": "lbfgs",
    "training": {"epochs": 25, "batch_size": "full", "dtype": "float64"},
}


def planned(*names, lr=1.0, rows=11, **settings):
    train = settings.pop("train", part(*noise(rows)))
    own = {key: settings.pop(key) for key in ("weight_decay", "history") if key in settings}
    defaults = {"optimizer": OPTIMIZERS["lbfgs"](lr=lr, **own), "epochs": 30, "batch_size": rows}
    network = Network(layers(*(names or (5, "tanh", 2))), 3)
    return plan_for(train, **{**defaults, **settings}), network


def evaluated(plan, state):
    return Evaluation(plan.kind, plan.loss, state.network, plan.train)(final_weights(plan, state))


@pytest.mark.parametrize("epochs", range(1, 31))
def test_what_is_saved_is_the_best_point_of_all(epochs):
    """Wherever training ends, also in the middle of a search: lr 30 makes long ones."""
    plan, network = planned(lr=30.0, epochs=epochs)
    records, state = run(plan, network)
    losses = [record.train["loss"] for record in epochs_of(records)[1:]]
    assert evaluated(plan, state)["loss"] == pytest.approx(min(losses), rel=1e-14)
    assert state.best.value == min(record.train["loss"] for record in epochs_of(records))
    np.testing.assert_array_equal(state.best.values, state.weights)


def test_some_of_these_trainings_end_at_a_worse_point():
    """Else the test above would see nothing."""
    records, state = run(*planned(lr=30.0, epochs=30))
    losses = [record.train["loss"] for record in epochs_of(records)[1:]]
    assert sum(new > old for old, new in pairwise(losses)) > 3
    assert not np.array_equal(state.network.theta, state.weights)


def test_validation_never_sees_a_trial():
    """It is measured at the best point, so it stands still while a search goes on."""
    x, t = noise(11)
    plan, network = planned(lr=30.0, validation=part(x, t))
    records, _ = run(plan, network)
    seen = [record.validation["loss"] for record in epochs_of(records)]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) < len(seen)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_minimum_is_scipys(decay, reduction):
    """A linear network has a single one: loss and penalty are those of the gradient."""
    plan, network = planned(2, loss=LOSSES["mse"](reduction=reduction), weight_decay=decay)
    _, state = run(plan, network)
    x, t = noise(11)
    scale = {"mean": 1 / t.size, "sum": 1.0}[reduction]

    def objective(theta):
        w, b = theta[:6].reshape(3, 2), theta[6:]
        return scale * ((x @ w + b - t) ** 2).sum() + decay / 2 * (w**2).sum()

    wanted = minimize(objective, np.zeros(8), method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(state.weights, wanted.x, atol=1e-6)


def test_it_is_as_good_as_scipys():
    """Some rows of docs/lbfgs.md, where both end in the same minimum."""
    problems = [landscape("rosenbrock"), quadratic(50, 1e3), training("digits_binary", "seed=1")]
    for problem in problems:
        ours, other = by_nnlab(problem), by_scipy(problem)
        assert ours.evaluations <= 1.1 * other.evaluations, problem.name
        assert ours.value <= other.value + 1e-6, problem.name


def test_weights_of_rows_count():
    """A row with weight 3 is like three rows."""
    (x, t), times = noise(6), [3, 1, 1, 1, 1, 1]
    given = Part(x, np.arange(6), NONE, t, np.float64, weights=np.array(times) * (6 / 8))
    rows = part(np.repeat(x, times, axis=0), np.repeat(t, times, axis=0))
    pairs = (part(x, t), 6), (given, 6), (rows, 8)
    plans = [planned(2, rows=count, train=train)[0] for train, count in pairs]
    plain, weighted, repeated = (run(p, Network(layers(2), 3))[1].weights for p in plans)
    np.testing.assert_allclose(weighted, repeated, atol=1e-7)
    assert np.abs(weighted - plain).max() > 0.01


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_trial_that_overflows_is_repeated_nearer(dtype):
    """exp overflows far away. All epochs are finite, and each counts one update."""
    x, t = noise(11)
    train = part(x, np.abs(t), dtype)
    ends = []
    for lr in (1.0, 900.0):
        plan, _ = planned(lr=lr, train=train, epochs=150)
        records, state = run(plan, Network(layers(2, "exp"), 3, dtype=dtype))
        assert not [record for record in records if isinstance(record, Failure)]
        assert (state.step, state.status) == (150, Status.COMPLETED)
        ends.append(state.best.value)
    assert ends[1] < 1.05 * ends[0]


def test_inputs_that_are_not_finite_still_diverge():
    plan, network = planned(2)
    plan.train.inputs[0, 0] = np.inf
    assert run(plan, network)[1].status == Status.DIVERGED


def test_early_stopping_waits_for_a_better_point():
    plan, network = planned(2, epochs=500, stopping=Stopping(12))
    _, state = run(plan, network)
    assert state.status == Status.EARLY_STOPPED
    assert state.epoch == state.improved + 12


def test_single_precision_learns_too():
    single, double = (
        run(planned(2, train=part(*noise(11), dtype))[0], Network(layers(2), 3, dtype=dtype))[1]
        for dtype in (np.float32, np.float64)
    )
    assert single.weights.dtype == np.float32
    np.testing.assert_allclose(single.weights, double.weights, rtol=1e-3)


# --- what is refused ----------------------------------------------------------------------------

REFUSED = {
    "training.batch_size=8": "lbfgs compares losses, so training.batch_size must be full.",
    "network=[{dense: 4}, dropout, {dense: 1}, sigmoid]":
        "lbfgs compares losses, and dropout draws anew in each update.",
    "network=[{dense: 4}, batch_norm, {dense: 1}, sigmoid]":
        "compares losses, and the running statistics of batch_norm would follow its trials.",
    "training.ema=0.9":
        "lbfgs compares losses, and saves the best weights: training.ema must be null.",
    "training.swa=2":
        "lbfgs compares losses, and saves the best weights: training.swa must be null.",
    "optimizer.l1=0.1": "lbfgs needs the gradient of a smooth loss, without l1",
    "optimizer.clip_norm=1": "lbfgs needs the gradient of a smooth loss, without clip_norm",
    "optimizer.clip_value=1": "lbfgs needs the gradient of a smooth loss, without clip_value",
    "training.engine=compiled": "the optimizer lbfgs has no compiled form",
}  # fmt: skip


@pytest.mark.parametrize("setting", REFUSED)
def test_a_config_that_it_cannot_train(setting):
    with pytest.raises(ConfigError) as error:
        build(parse_config(yaml.safe_dump(XOR), overrides=[setting]))
    assert REFUSED[setting] in str(error.value)


def test_changed_images_are_refused():
    text = (Path("configs") / "lenet_mnist.yaml").read_text(encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        parse_config(text, overrides=["optimizer=lbfgs", "training.batch_size=full"])
    assert "training.augment changes the images in each update" in str(error.value)


def test_fit_refuses_likewise():
    x, t = noise(40)
    dropped = Network([*layers(4), LAYERS["dropout"](), *layers(2)], 3)
    with pytest.raises(ValueError, match="so training\\.batch_size must be full"):
        nnlab.fit(Network(layers(2), 3), x, t, "mse", "lbfgs")
    with pytest.raises(ValueError, match="and dropout draws anew in each update"):
        nnlab.fit(dropped, x, t, "mse", "lbfgs", batch_size="full")
    history = nnlab.fit(Network(layers(2), 3), x, t, "mse", "lbfgs", batch_size="full")
    assert history.loss[-1] < history.loss[0]


def test_other_programs_have_no_such_search(tmp_path):
    trained = nnlab.train(XOR, runs=tmp_path)
    with pytest.raises(nnlab.NnlabError, match="has no formula, so the training has no script"):
        nnlab.export(trained, "script")
    with pytest.raises(nnlab.NnlabError, match="scikit-learn cannot express this config"):
        nnlab.crosscheck(XOR, against="sklearn")


# --- what works ---------------------------------------------------------------------------------


def test_from_config_to_more_epochs(tmp_path):
    trained = nnlab.train(XOR, runs=tmp_path)
    losses = trained.metrics["train_loss"]
    assert nnlab.evaluate(trained, part="train")["loss"] == pytest.approx(
        min(losses[1:]), rel=1e-12
    )
    assert not nnlab.verify(trained).problems
    longer = nnlab.resume(trained, epochs=30)
    at_once = nnlab.train(XOR, runs=tmp_path, epochs=30)
    np.testing.assert_array_equal(longer.metrics["train_loss"], at_once.metrics["train_loss"])


@pytest.mark.parametrize("epoch", [0, 3, 4, 5, 25])
def test_explain_shows_the_update_that_follows(tmp_path, epoch):
    config = {**XOR, "optimizer": {"lbfgs": 30.0}}
    trained = nnlab.train(config, runs=tmp_path)
    (explained,) = nnlab.explain(trained, 1, epoch)
    assert "lbfgs has no formulas here: its result is shown." in str(explained)
    after = nnlab.train(config, runs=tmp_path, epochs=epoch + 1).checkpoint.arrays["theta"]
    np.testing.assert_allclose(explained.passage.new_theta, after, rtol=1e-9)


def test_explain_with_a_frozen_layer_shows_rows_of_all_parts(tmp_path):
    """A row that no update uses is its own batch, and its search is a new one."""
    moons = {"name": "moons", "samples": 12, "test": 0.5}
    network = [{"name": "dense", "units": 4, "freeze": True}, *XOR["network"][1:]]
    trained = nnlab.train({**XOR, "data": moons, "network": network}, runs=tmp_path)
    alone = ["The batch is this row" in str(nnlab.explain(trained, row)) for row in range(1, 13)]
    assert sum(alone) == 6


def test_explain_names_the_weights_that_are_evaluated(tmp_path):
    settings = {**XOR, "optimizer": {"lbfgs": 30.0}}
    trained = nnlab.train(settings, runs=tmp_path)
    texts = [str(explained) for explained in nnlab.explain(trained, 1, [3, 4, 5, 6, 7, 8])]
    words = "evaluations, figures and final.npz use the best that were tried."
    assert all(words in " ".join(text.split()) for text in texts)


def test_the_playground_changes_settings_between_updates():
    config = parse_config(yaml.safe_dump(XOR), overrides=["epochs=1000"])
    played = SteppedTraining(config)
    for setting in ("optimizer.lr=3", "optimizer.history=2", "optimizer.weight_decay=0.01"):
        for _ in range(7):
            played.step()
        config = parse_config(dump(played.config), overrides=[setting])
        played.change(config)
    assert played.state.slots["steps"].shape[0] == 2
    for _ in range(300):
        played.step()
    state = played.state
    # At rest, at a minimum of the last objective; the losses of the first were lower.
    np.testing.assert_allclose(state.weights, state.network.theta, atol=1e-6)
    assert length(state.slots["gradient"]) < 1e-6


def test_other_data_in_the_playground_begins_the_search_anew():
    """The losses so far are those of other rows."""
    config = parse_config(yaml.safe_dump({**XOR, "data": {"name": "moons", "noise": 0.05}}))
    played = SteppedTraining(config)
    for _ in range(9):
        played.step()
    before = played.state.slots["counts"].copy()
    played.change(parse_config(dump(config), overrides=["data.noise=0.4"]))
    assert before[3] > 0  # pairs
    assert not played.state.slots["counts"].any()


def test_explain_gives_a_row_that_no_update_uses_a_search_of_its_own(tmp_path):
    """The first step along its own gradient: min(1, 1 / sum |g|) long."""
    data = {"name": "moons", "samples": 30, "validation": 0.5}
    trained = nnlab.train({**XOR, "data": data}, runs=tmp_path)
    built = build(trained.config)
    row = int(built.dataset.rows_in_file(built.parts.validation[:1])[0]) + 1
    (explained,) = nnlab.explain(trained, row, 7)
    passage = explained.passage
    g = passage.row_gradient
    wanted = passage.theta - min(1, 1 / np.abs(g).sum()) * g
    np.testing.assert_allclose(passage.new_theta, wanted, rtol=1e-12)


def test_a_step_of_a_race_is_a_trial(tmp_path):
    """The stops are PyTorch's evaluations; later ones differ by rounding."""
    case = next(
        case
        for case in json.loads((Path(__file__).parent / "references/searches.json").read_text())
        if (case["name"], case["settings"]) == ("rosenbrock", {"lr": 40.0})
    )
    runs = [{"optimizer": OPTIMIZERS["lbfgs"](lr=40.0), "steps": 17}]
    race = {"function": "rosenbrock", "start": case["start"], "runs": runs}
    (descent,) = nnlab.descend(race, runs=tmp_path).result.descents
    stops = [[stop.x, stop.y, stop.value] for stop in descent.stops]
    np.testing.assert_allclose(stops, case["trials"][:18], rtol=1e-6)
