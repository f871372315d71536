"""Every shipped config trains, for a few epochs, and its gradients are right on its own data."""

from pathlib import Path

import numpy as np
import pytest

import nnlab
from nnlab.config.kinds import describes_race
from nnlab.config.load import load
from nnlab.core.layers import LAYERS
from nnlab.errors import ConfigError
from nnlab.experiment.gradients import check

FOLDER = Path(__file__).parents[1] / "configs"
DOWNLOADED = {
    # few rows to train on, of the joined parts; the rest is for the test
    "mnist_online": {"data__pool": True, "data__test": 69_800, "epochs": 1},
    "fashion_mlp": {"data__test": 69_000, "epochs": 2},
}
# how often, and what the training loss falls to at least; None where nothing is trained
LOCAL = {
    "approximate": (10, 0.2),
    "box": (0, None),
    "digits_binary": (2, 0.35),
    "digits_binary_400": (2, 0.35),
    "digits_binary_lr05": (2, 0.5),
    "digits_deep": (2, 0.35),
    "digits_linear": (2, 0.45),
    "digits_two_linear": (2, 0.45),
    "digits_zeros": (2, 0.70),
    "forward_random": (0, None),
    "identity8": (200, 0.95),
    "identity8_fast": (40, 0.001),
    "linear": (100, 0.25),
    "textbook": (5, 1.0),
    "xor": (100, 0.26),
}
CONFIGS = sorted(path.stem for path in FOLDER.glob("*.yaml") if not describes_race(path))
STEPS = {"box"}  # has a step, which has no derivative


def learned(run, epochs):
    """A finished run; its training losses."""
    assert run.status == "completed"
    losses = run.metrics["train_loss"]
    assert len(losses) == epochs + 1
    assert np.isfinite(losses).all()
    return losses


def test_every_config_has_a_case():
    assert set(CONFIGS) == set(LOCAL) | set(DOWNLOADED)


@pytest.mark.parametrize("name", LOCAL)
def test_trains(tmp_path, name):
    epochs, floor = LOCAL[name]
    losses = learned(nnlab.train(FOLDER / f"{name}.yaml", runs=tmp_path, epochs=epochs), epochs)
    if floor is not None:
        assert losses[-1] < floor


def test_the_box_is_a_box(tmp_path):
    run = nnlab.train("box", runs=tmp_path)
    assert run.metrics["train_loss"].tolist() == [0.0]
    x = [[-1.001], [-1.0], [0.999], [1.0]]
    assert run.predict(x).tolist() == [[0.0], [1.0], [1.0], [0.0]]


def test_zero_weights_learn_the_share_of_small_digits_alone(tmp_path):
    run = nnlab.train("digits_zeros", runs=tmp_path, epochs=3)
    parameters = run.network().parameters
    assert [name for name, array in parameters.items() if array.any()] == ["2.dense.bias"]


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("name", DOWNLOADED)
def test_trains_on_downloaded_images(tmp_path, name):
    settings = DOWNLOADED[name]
    losses = learned(nnlab.train(name, runs=tmp_path, **settings), settings["epochs"])
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", sorted(set(LOCAL) - STEPS))
def test_gradients(name):
    config = load(name, [("training.dtype", "float64")]).config
    checked = check(config, 16)
    dense = sum(isinstance(layer, LAYERS["dense"]) for layer in config.network)
    assert len(checked) in (dense, 2 * dense)  # weights, and biases where there are any
    assert {one.name: one.error for one in checked if one.error > 1e-7} == {}


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("name", DOWNLOADED)
def test_gradients_on_downloaded_images(name):
    config = load(name, [("training.dtype", "float64")]).config
    assert {one.name: one.error for one in check(config, 4) if one.error > 1e-7} == {}


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_step_has_no_gradient(name):
    config = load(name).config
    with pytest.raises(
        ConfigError,
        match=r"^network\.1: step has no derivative, so there is no gradient to check\.$",
    ):
        check(config, 4)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_step_is_not_trained(tmp_path, name):
    with pytest.raises(ConfigError, match="step has no useful derivative, so it cannot be trained"):
        nnlab.train(name, runs=tmp_path, epochs=1)
    assert list(tmp_path.iterdir()) == []
