"""The same training in nnlab and in PyTorch, which the CI does not install."""

from typing import Any

import numpy as np
import pytest

import nnlab
from nnlab.core.layers.activations import ACTIVATIONS
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.core.types import Array, Views
from nnlab.errors import ConfigError
from nnlab.peers import torch_peer
from nnlab.peers.peer import PeerRows
from nnlab.peers.torch_losses import loss_terms

torch = pytest.importorskip("torch")
SMALL: dict[str, Any] = {
    "name": "small",
    "data": {"name": "blobs", "centers": 3, "samples": 40, "scale": "standardize"},
    "network": [{"dense": 6}, "tanh", {"dense": 3}, "softmax"],
    "loss": "cross_entropy",
    "optimizer": {"sgd": 0.1},
    "training": {"epochs": 3, "batch_size": 16},
}
LEARN = [kind for kind in ACTIVATIONS if kind not in ("step", "softmax")]
IMAGE, END = {"reshape": [8, 8, 1]}, [{"dense": 10}, "softmax"]
CONV = {"conv2d": {"filters": 5, "kernel": [2, 3], "stride": [1, 2], "padding": "same"}}
NETWORKS = {
    "activations": [x for kind in LEARN for x in ({"dense": 9}, "layer_norm", kind)] + END,
    "norms": [{"dense": 9}, "batch_norm", "relu", {"dropout": 0.3}, {"dropout": 0.1}, *END],
    "convolution": [
        *(IMAGE, {"conv2d": {"filters": 4, "padding": 1}}, "batch_norm", "tanh", "max_pool"),
        *(CONV, "layer_norm", "gelu", "flatten", *END),
    ],
    "pools": [
        *(IMAGE, {"conv2d": {"filters": 4, "kernel": 2, "stride": 3, "bias": False}}),
        *("silu", {"avg_pool": {"size": 2, "stride": 1}}, "global_avg_pool", *END),
    ],
    "square": [{"dense": 4}, "sigmoid", "square", *END],
    "frozen": [
        *({"dense": 6}, {"name": "batch_norm", "freeze": True}, "tanh"),
        *({"name": "dense", "units": 5, "freeze": True}, "tanh", *END),
    ],
}
SETTINGS = {  # of each optimizer, beside lr
    "sgd": [{}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}],
    "adagrad": [{}],
    "rmsprop": [{}, {"momentum": 0.8, "centered": True, "alpha": 0.9}],
    "adam": [{}, {"beta1": 0.8, "beta2": 0.9, "eps": 0.01}],
    "adamw": [{}, {"weight_decay": 0.1}],
}
SHAPING = [{}, {"weight_decay": 0.05, "l1": 0.01, "clip_norm": 0.5}, {"clip_value": 0.01}]
OWN = {  # of the schedules that have no defaults, or that do nothing in three epochs
    "multistep": {"milestones": [2]},
    "step": {"every": 1},
    "plateau": {"patience": 0, "threshold": 0.5},
}


def assert_agrees(config: dict[str, Any], **more: Any) -> None:
    check = nnlab.crosscheck(config, **more)
    assert check.agrees, check.sentence
    assert len(check.rows) > 1
    assert check.largest < 1e-12, check.sentence


@pytest.mark.parametrize("name", NETWORKS)
def test_layers(name: str) -> None:
    data = {"name": "digits", "scale": "unit", "test": 1500}
    training = {"epochs": 2, "batch_size": 50, "ema": 0.9}
    assert_agrees(SMALL | {"data": data, "network": NETWORKS[name], "training": training})


def test_averages_over_epochs() -> None:
    assert_agrees(SMALL | {"training": {"epochs": 5, "batch_size": 16, "swa": 3}})
    network = {"network": [{"dense": 6}, "batch_norm", {"dense": 3}, "softmax"]}
    training = {"training": {"epochs": 5, "batch_size": 16, "swa": 3}}
    with pytest.raises(ConfigError, match="swa with batch_norm has no form in a cross-check"):
        nnlab.crosscheck(SMALL | network | training)


def test_scaled_targets() -> None:
    scaled = {"data": {"name": "curve", "samples": 40, "scale_target": "standardize"}}
    network = {"network": [{"dense": 6}, "tanh", {"dense": 1}], "loss": "huber"}
    assert_agrees(SMALL | scaled | network)


def test_augmented_images() -> None:
    data = {"name": "digits", "scale": "unit", "test": 1700}
    training = {"epochs": 2, "batch_size": 50, "augment": [{"shift": 1}]}
    assert_agrees(SMALL | {"data": data, "network": END, "training": training})


# A step of PyTorch's LBFGS is a whole search; tests/core/test_lbfgs.py compares the trials.
FIRST_ORDER = [name for name, optimizer in OPTIMIZERS.items() if not optimizer.searches]


@pytest.mark.parametrize("shaping", SHAPING)
@pytest.mark.parametrize(
    ("name", "settings"), [(name, settings) for name in FIRST_ORDER for settings in SETTINGS[name]]
)
def test_optimizers(name: str, settings: dict[str, Any], shaping: dict[str, Any]) -> None:
    assert_agrees(SMALL | {"optimizer": {"name": name, "lr": 0.05, **shaping, **settings}})


NUMBERS = {"data": {"name": "random", "samples": 40, "inputs": 4, "outputs": 2}}
COUNTS = {"data": {**NUMBERS["data"], "distribution": "uniform"}}  # from 0 to 1
ENDS = {  # what the losses between something else than classes and outputs need
    "bce": {"network": [{"dense": 6}, "tanh", {"dense": 3}, "sigmoid"]},
    "cross_entropy": {"network": [{"dense": 6}, "tanh", {"dense": 3}, "softmax"]},
    "poisson": {"network": [{"dense": 6}, "tanh", {"dense": 2}, "exp"], **COUNTS},
    "quantile": {"network": [{"dense": 6}, "tanh", {"dense": 6}], **NUMBERS},
}


@pytest.mark.parametrize("reduction", ["mean", "batch_mean", "sum"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, reduction: str) -> None:
    loss: dict[str, Any] = {"name": name, "reduction": reduction}
    network = {"network": [{"dense": 6}, "tanh", {"dense": 3}]}
    own = ENDS.get(name, network)
    assert_agrees(SMALL | {"loss": loss, "optimizer": {"sgd": 0.02}} | own)


@pytest.mark.parametrize("weights", ["balanced", [0.5, 2.0, 0.0]])
def test_weighted_and_smoothed_classes(weights: Any) -> None:
    loss = {"name": "cross_entropy", "class_weight": weights, "label_smoothing": 0.1}
    assert_agrees(SMALL | {"loss": loss})
    if weights != "balanced":
        weights = [0.0, 2.0]
    loss = {"name": "bce", "class_weight": weights, "label_smoothing": 0.1}
    network = [{"dense": 6}, "tanh", {"dense": 1}, "sigmoid"]
    assert_agrees(SMALL | {"loss": loss, "network": network, "data": "moons"}, against="torch")


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name: str) -> None:
    schedule = {"name": name, **OWN.get(name, {})}
    assert_agrees(SMALL | {"schedule": {**schedule, "warmup": 1}})
    if name != "plateau":
        assert_agrees(SMALL | {"schedule": {**schedule, "per": "step"}})


def test_early_stopping_ends_both() -> None:
    stopping = {"patience": 1, "min_delta": 10.0}
    check = nnlab.crosscheck(
        SMALL | {"training": {"epochs": 9, "batch_size": 16, "early_stopping": stopping}}
    )
    assert check.agrees
    assert [row.epoch for row in check.rows] == [0, 1]


def test_the_step_function_is_compared_before_training() -> None:
    check = nnlab.crosscheck("box")
    assert check.agrees
    assert check.sentence.startswith("PyTorch ")
    assert len(check.rows) == 1


@pytest.mark.parametrize("fault", ["weight", "rate", "mask", "average"])
def test_a_fault_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, update = torch_peer.TorchPeer.__init__, torch_peer.TorchPeer.update

    def make(self: Any, built: Any) -> None:
        made(self, built)
        if fault == "weight":
            self.module[0].weight.data[2, 1] += 1e-7
        elif fault == "mask":
            self.draws[2].random()
        elif fault == "average":
            self.average.module[0].bias.data[0] += 1e-7

    def changed(self: Any, rows: PeerRows, rate: float) -> float:
        return update(self, rows, rate * (1 + 1e-6) if fault == "rate" else rate)

    monkeypatch.setattr(torch_peer.TorchPeer, "__init__", make)
    monkeypatch.setattr(torch_peer.TorchPeer, "update", changed)
    network = [{"dense": 6}, "tanh", {"dropout": 0.5}, {"dense": 3}, "softmax"]
    training = {"epochs": 2, "batch_size": 16, "ema": 0.9}
    check = nnlab.crosscheck(SMALL | {"network": network, "training": training})
    assert not check.agrees
    above = check.first_above
    assert above is not None
    assert above.epoch == (0 if fault in ("weight", "average") else 1)
    if fault == "average":
        assert above.array == "0.dense.bias (average)"


class MadeUp(Loss):
    def gradient(self, z: Array, t: Array, dz: Array, s: Views) -> None: ...

    def terms(self, z: Array, t: Array) -> Array:
        return z


def test_what_pytorch_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"^loss: MadeUp has no form in PyTorch\.$"):
        loss_terms(torch, MadeUp(), np.zeros(1), np.zeros(1), False)
    monkeypatch.setattr(torch_peer, "OWN_SETTINGS", {})
    with pytest.raises(ConfigError, match=r"^optimizer: sgd has no cross-check against PyTorch\.$"):
        nnlab.crosscheck(SMALL)
