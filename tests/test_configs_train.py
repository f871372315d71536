"""Every shipped config trains, for a few epochs, and its gradients are right on its own data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnlab
from nnlab.api.gradcheck import check_config_gradients
from nnlab.build import build
from nnlab.config.load import describes_race, load_config
from nnlab.core.layers import LAYERS
from nnlab.data.batches import Part
from nnlab.data.scale import Scaling
from nnlab.errors import ConfigError
from nnlab.run.weights import read_weights
from nnlab.training import Epoch, run_training, start

FOLDER = Path(__file__).parents[1] / "configs"
DOWNLOADED = {
    # few rows to train on, of the joined parts; the rest is for the test
    "mnist_online": {"data__pool": True, "data__test": 69_800, "epochs": 1},
    "fashion_mlp": {"data__test": 69_000, "epochs": 2},
}
# To evaluate them on 69,000 rows takes long: minutes with convolutions.
WIDE = ("mnist_best", "fashion_best")
SLOW = ("lenet_mnist", "conv_fashion", *WIDE)
# how often, and what the training loss falls to at least; None where nothing is trained
LOCAL = {
    "approximate": (10, 0.2),
    "autoencoder": (2, 0.075),
    "box": (0, None),
    "digit_properties": (2, 0.5),
    "digits_binary": (2, 0.35),
    "digits_binary_400": (2, 0.35),
    "digits_binary_lr05": (2, 0.5),
    "digits_conv": (3, 1.0),
    "digits_deep": (9, 0.6),
    "digits_linear": (2, 0.45),
    "digits_two_linear": (2, 0.45),
    "digits_zeros": (2, 0.70),
    "forward_random": (0, None),
    "identity8": (200, 0.95),
    "identity8_fast": (40, 0.001),
    "linear": (100, 0.25),
    "quantile_bands": (20, 0.16),
    "shapes": (3, 1.2),
    "textbook": (5, 1.0),
    "transfer": (60, 0.15),
    "transfer_base": (5, 0.3),
    "xor": (100, 0.26),
}
LEARNING = {LAYERS[name] for name in ("dense", "conv2d", "batch_norm")}
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
    assert set(CONFIGS) == set(LOCAL) | set(DOWNLOADED) | set(SLOW)


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


def test_the_deep_network_stands_still_for_eight_epochs(tmp_path):
    losses = nnlab.train("digits_deep", runs=tmp_path, epochs=10).metrics["train_loss"]
    assert losses[:8].min() > 0.65
    assert losses[10] < 0.4


def test_zero_weights_learn_the_share_of_small_digits_alone(tmp_path):
    run = nnlab.train("digits_zeros", runs=tmp_path, epochs=3)
    parameters = run.network().parameters
    assert [name for name, array in parameters.items() if array.any()] == ["2.dense.bias"]


def test_transfer_goes_on_from_what_transfer_base_learns(tmp_path):
    """The file is of that training, on other rows than both are tested on; it is worth its name."""
    base = nnlab.train("transfer_base", runs=tmp_path)
    rows = [build(load_config(name).config).parts for name in ("transfer_base", "transfer")]
    assert np.array_equal(rows[0].test, rows[1].test)
    saved = read_weights(FOLDER / "transfer.safetensors")
    for name, array in base.weights("final").items():
        assert array == pytest.approx(saved[name], abs=0.05), name
    drawn = {"init": "xavier_uniform", "network__0__freeze": False, "network__2__freeze": False}
    runs = [nnlab.train("transfer", runs=tmp_path, **more) for more in ({}, drawn)]
    taken, alone = (run.summary["test"]["loss"] for run in runs)
    assert taken < 0.6 * alone


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("name", DOWNLOADED)
def test_trains_on_downloaded_images(tmp_path, name):
    settings = DOWNLOADED[name]
    losses = learned(nnlab.train(name, runs=tmp_path, **settings), settings["epochs"])
    assert losses[-1] < losses[0]


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize("name", SLOW)
def test_learns_from_a_few_downloaded_images(name):
    """Sixteen updates on 64 images, with all settings of the file but its length."""
    config = load_config(name, [("training.batch_size", 32)]).config
    built = build(config)
    plan = built.plan
    x, t = plan.train.copied(slice(0, 64))
    part = Part(x, np.arange(64), Scaling("none", np.zeros(()), np.ones(())), t, np.float32)
    part.augmenter = plan.train.augmenter
    plan = replace(plan, train=part, validation=None, monitor="train_loss", epochs=8)
    losses = [
        record.train["loss"]
        for record in run_training(plan, start(plan, built.network))
        if isinstance(record, Epoch)
    ]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("name", sorted(set(LOCAL) - STEPS))
def test_gradients(name):
    config = load_config(name, [("training.dtype", "float64")]).config
    checked = check_config_gradients(config, 16)
    learning = sum(type(layer) in LEARNING for layer in config.network)
    # weights, biases where there are any, and the input
    assert learning + 1 <= len(checked) <= 2 * learning + 1
    assert {entry.name: entry.error for entry in checked if entry.error > 1e-7} == {}


@pytest.mark.data
@pytest.mark.usefixtures("data_folder")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.thorough] if name.endswith("_best") else [])
        for name in [*DOWNLOADED, *WIDE]
    ],
)
def test_gradients_on_downloaded_images(name):
    config = load_config(name, [("training.dtype", "float64")]).config
    assert {
        entry.name: entry.error for entry in check_config_gradients(config, 4) if entry.error > 1e-7
    } == {}


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_step_has_no_gradient(name):
    config = load_config(name).config
    with pytest.raises(
        ConfigError,
        match=r"^network\.1: step has no derivative, so there is no gradient to check\.$",
    ):
        check_config_gradients(config, 4)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_step_is_not_trained(tmp_path, name):
    with pytest.raises(ConfigError, match="step has no useful derivative, so it cannot be trained"):
        nnlab.train(name, runs=tmp_path, epochs=1)
    assert list(tmp_path.iterdir()) == []
