"""Running statistics are part of what is evaluated, averaged, restored, saved and hashed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnlab
from nnlab.config.load import from_mapping
from nnlab.core.network import Network
from nnlab.experiment.measure import evaluate_part
from nnlab.experiment.session import begin
from nnlab.experiment.state import digest
from nnlab.run import checkpoint
from nnlab.run.folder import RunFolder

NAMES = ["1.batch_norm.running_mean", "1.batch_norm.running_var"]
CONFIG: dict[str, Any] = {
    "name": "norm",
    "data": {"name": "moons", "samples": 60, "validation": 20},
    "network": [{"dense": 5}, "batch_norm", "tanh", {"dense": 2}, "softmax"],
    "loss": "cross_entropy",
    "optimizer": {"adam": 0.05},
    "training": {"epochs": 12, "batch_size": 8, "dtype": "float64"},
}


def trained(folder: Path, **training: Any) -> nnlab.Run:
    return nnlab.train({**CONFIG, "training": CONFIG["training"] | training}, runs=folder)


def weights(run: nnlab.Run, which: str) -> dict[str, Any]:
    with np.load(run.path / "weights" / f"{which}.npz") as file:
        return {name: file[name] for name in file.files if not name.startswith("nnlab")}


def test_weights_files_hold_them(tmp_path):
    run = trained(tmp_path)
    for which in ("initial", "best", "final"):
        assert set(NAMES) < set(weights(run, which))
    start, end = weights(run, "initial"), weights(run, "final")
    assert start[NAMES[1]].tolist() == [1.0] * 5
    assert (end[NAMES[1]] != 1.0).all()
    for name in NAMES:
        np.testing.assert_array_equal(run.network().arrays[name], end[name])


def by_hand(layers: dict[str, Any], x: Any) -> Any:
    """The network in evaluation mode, as its formula says."""
    z = x @ layers["0.dense.weight"] + layers["0.dense.bias"]
    z = (z - layers[NAMES[0]]) / np.sqrt(layers[NAMES[1]] + 1e-5)
    z = np.tanh(z * layers["1.batch_norm.gamma"] + layers["1.batch_norm.beta"])
    z = z @ layers["3.dense.weight"] + layers["3.dense.bias"]
    exp = np.exp(z - z.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("ema", [None, 0.9])
def test_a_row_is_predicted_from_the_file_alone(tmp_path, ema):
    """The running values decide, not the rows that are predicted with it."""
    run = trained(tmp_path, ema=ema)
    x = np.array([[0.3, -0.2], [1.0, 0.5], [2.0, 0.0]])
    for which in ("best", "final"):
        expected = by_hand(weights(run, which), x)
        np.testing.assert_allclose(run.predict(x, which), expected, rtol=1e-12)
        np.testing.assert_allclose(run.predict(x[1:2], which), expected[1:2], rtol=1e-12)


def test_reported_numbers_are_those_of_the_saved_values(tmp_path):
    for training in ({}, {"ema": 0.8}, {"early_stopping": {"patience": 3}}):
        run = trained(tmp_path, **training)
        final = run.summary["final"]
        found = evaluate_part(run, "final", "validation")
        assert found["loss"] == pytest.approx(final["val_loss"], rel=1e-12), training
        best = evaluate_part(run, "best", "validation")
        assert best["loss"] == pytest.approx(run.summary["best"]["val_loss"], rel=1e-12)


def test_the_average_is_one_of_parameters_and_buffers(tmp_path):
    """average <- d average + (1 - d) values, d = min(decay, (1 + t) / (10 + t)), each update."""
    seen: list[Any] = []
    settings = {"training": CONFIG["training"] | {"ema": 0.9, "batch_size": "full", "epochs": 6}}
    with begin(_loaded({**CONFIG, **settings}), tmp_path) as session:
        expected = session.state.network.values.copy()
        for t, _ in enumerate(session):
            if t:
                decay = min(0.9, (1 + t) / (10 + t))
                expected = decay * expected + (1 - decay) * session.state.network.values
            np.testing.assert_allclose(session.state.average, expected, rtol=1e-12)
            seen.append(session.state.average[-1])
    assert len(set(seen)) == 7


def _loaded(config: dict[str, Any]) -> Any:
    from nnlab.config.load import Loaded

    return Loaded(from_mapping(config))


def test_a_checkpoint_and_a_digest_see_them(tmp_path):
    with begin(_loaded(CONFIG), tmp_path) as session:
        for number, _ in enumerate(session):
            if number == 3:
                session.checkpoint()
                break
    state = session.state
    saved = checkpoint.read_save(session.folder.path / checkpoint.CURRENT).arrays
    np.testing.assert_array_equal(saved["buffers"], state.network.buffers)
    assert saved["best"].size == state.network.theta.size + 10
    before = digest(state)
    state.network.buffers[0] += 1e-3
    assert digest(state) != before


def test_snapshots_hold_them_beside_theta(tmp_path):
    run = trained(tmp_path)
    with np.load(run.path / "snapshots.npz") as kept:
        theta, buffers = kept["theta"], kept["buffers"]
    network = run.network()
    assert theta.shape == (13, network.theta.size)
    assert buffers.shape == (13, 10)
    np.testing.assert_array_equal(buffers[-1], network.buffers)
    np.testing.assert_array_equal(theta[-1], network.theta)


def test_another_run_starts_from_them(tmp_path):
    first = trained(tmp_path)
    again = nnlab.train(
        {**CONFIG, "init": {"run": str(first.path)}, "training": {"epochs": 0}}, runs=tmp_path
    )
    for name in NAMES:
        np.testing.assert_array_equal(
            weights(again, "final")[name], np.float32(weights(first, "final")[name])
        )


def test_numbers_that_are_not_finite_never_reach_them(tmp_path):
    """The forward pass of an update that breaks has moved them: they are put back."""
    config = {**CONFIG, "optimizer": {"sgd": 1e300}}
    with begin(_loaded(config), tmp_path) as session:
        for _ in session:
            assert np.isfinite(session.state.network.buffers).all()
    run = RunFolder.open(session.folder.path)
    assert run.status() == "diverged"
    assert np.isfinite(run.read_arrays("weights/final.npz")[NAMES[1]]).all()


def test_a_variance_that_overflows_ends_the_training_by_name():
    network = Network(_loaded(CONFIG).config.network[:3], 2, dtype=np.float32)
    network.parameters["0.dense.weight"][...] = 1e25
    found = nnlab.fit(network, np.eye(4, 2), np.ones((4, 5)), "mse", epochs=1)
    assert found.failure == "running_var of layer 1 (batch_norm)"
    assert np.isfinite(network.buffers).all()


@pytest.mark.parametrize("augment", [[], ["flip"]])
def test_a_training_shows_other_pictures_in_every_epoch(tmp_path, augment):
    """With a rate of almost 0 only the pictures can change the loss."""
    config = {
        "data": {"name": "digits", "test": 0.9, "validation": "test"},
        "network": [{"dense": 10}, "softmax"],
        "loss": "cross_entropy",
        "optimizer": {"sgd": 1e-15},
        "training": {
            "epochs": 4,
            "batch_size": 30,
            "shuffle": False,  # else the batches alone would make a difference
            "dtype": "float64",
            "augment": augment,
        },
    }
    metrics = nnlab.train(config, runs=tmp_path).metrics
    train, given = metrics["train_loss"], metrics["val_loss"]
    np.testing.assert_allclose(given, given[0], rtol=1e-12)
    if augment:
        assert np.unique(train.round(6)).size == 5  # row 0 is of the pictures as they are
    else:
        np.testing.assert_allclose(train, train[0], rtol=1e-12)
