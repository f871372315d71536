"""Small real runs, one of each sort that figures distinguish, and which figures suit them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import nnlab
from nnlab.experiment.session import begin
from nnlab.race.config import LoadedRace, parse_race
from nnlab.race.run import run_race
from nnlab.run.folder import RunFolder

# Row i of the identity has the code i in binary: 10 on the way to 1, -10 to 0.
BINARY = [[20.0 * (row >> bit & 1) - 10.0 for bit in range(3)] for row in range(8)]
SAME = {"conv2d": {"filters": 7, "padding": "same"}}
SOFTMAX = {"loss": "cross_entropy", "optimizer": {"adam": 0.02}}


def epochs(count: int, **more: Any) -> dict[str, Any]:
    return {"epochs": count, "dtype": "float64", "engine": "numpy", **more}


CONFIGS: dict[str, dict[str, Any]] = {
    "identity": {
        "data": "identity",
        "network": [{"dense": {"units": 3, "weight": BINARY}}, "sigmoid", {"dense": 8}, "sigmoid"],
        "loss": "mse",
        "training": epochs(0),
    },
    "same-codes": {
        "data": "identity",
        "network": [{"dense": {"units": 3, "init": "zeros"}}, "sigmoid", {"dense": 8}, "sigmoid"],
        "loss": "mse",
        "training": epochs(0),
    },
    "diagonal": {
        "data": "linear",
        "network": [{"dense": {"units": 1, "weight": [[9.0], [-9.0]]}}, "sigmoid"],
        "loss": "bce",
        "training": epochs(0),
    },
    "blobs": {
        "data": {"name": "blobs", "samples": 60, "test": 0.25, "validation": 0.2},
        "network": [{"dense": 6}, "tanh", {"dense": 3}, "softmax"],
        **SOFTMAX,
        "training": epochs(6),
    },
    "digits": {
        "data": {"name": "digits", "test": 0.9},
        "network": [{"dense": 24}, "relu", {"dropout": 0.2}, {"dense": 10}, "softmax"],
        **SOFTMAX,
        "training": epochs(2),
    },
    "labels": {
        "data": {"name": "digit_properties", "test": 0.9},
        "network": [{"dense": 4}, "sigmoid"],
        "loss": "bce",
        "optimizer": {"adam": 0.02},
        "training": epochs(2),
    },
    "noise": {
        "data": {"name": "random", "samples": 40, "inputs": 3, "outputs": 2},
        "network": [{"dense": 20}, "relu", {"dense": 2}],
        "loss": "mse",
        "schedule": {"name": "exponential", "gamma": 0.9},
        "training": epochs(4, batch_size=10, record_steps=True),
    },
    "untrained": {
        "data": {"name": "random", "samples": 50, "inputs": 4, "outputs": 3},
        "network": [{"dense": 3}, "sigmoid"],
        "loss": "mse",
        "training": epochs(0),
    },
    "box": {
        "data": {"name": "curve", "function": "box", "low": -3.0, "high": 3.0, "samples": 61},
        "network": [
            {"dense": {"units": 2, "weight": [[1.0, 1.0]], "bias": [1.0, -1.0]}},
            "step",
            {"dense": {"units": 1, "weight": [[1.0], [-1.0]], "bias": False}},
        ],
        "loss": "mse",
        "training": epochs(0),
    },
    "deep": {
        "data": "xor",
        "network": [one for _ in range(30) for one in ({"dense": 2}, "tanh")]
        + [{"dense": 1}, "sigmoid"],
        "loss": "bce",
        "training": epochs(3),
    },
    "W" * 90: {
        "data": {"name": "npz", "path": "hundred.npz", "task": "classes"},
        "network": [{"dense": 100}, "softmax"],
        **SOFTMAX,
        "training": epochs(1),
    },
    "conv": {
        "data": {"name": "digits", "test": 0.9, "scale": "unit"},
        "network": [
            {"reshape": [8, 8, 1]},
            {"conv2d": {"filters": 8, "bias": False}},
            "batch_norm",
            {"dropout": 0.5},
            "relu",
            "max_pool",
            {"conv2d": {"filters": 3, "padding": "same"}},
            "flatten",
            {"dense": 10},
            "softmax",
        ],
        **SOFTMAX,
        "training": epochs(1),
    },
    "deep-conv": {
        "data": {"name": "digits", "test": 0.9},
        "network": [
            {"reshape": [8, 8, 1]},
            *[one for _ in range(6) for one in (SAME, "batch_norm", "relu", {"dropout": 0.1})],
            "global_avg_pool",
            *[one for _ in range(4) for one in ({"dense": 12}, "layer_norm", "tanh")],
            {"dense": 10},
            "softmax",
        ],
        **SOFTMAX,
        "training": epochs(1),
    },
    "colours": {
        "data": {"name": "npz", "path": "colours.npz", "task": "regression"},
        "network": [{"reshape": [5, 6, 3]}, {"conv2d": 4}, "tanh", "flatten", {"dense": 1}],
        "loss": "mse",
        "training": epochs(1),
    },
    "autoencoder": {
        "data": {"name": "digits", "test": 0.9, "learn": "inputs"},
        "network": [{"dense": 2}, {"dense": 64}, "sigmoid"],
        "loss": "mse",
        "optimizer": {"adam": 0.02},
        "training": epochs(2),
    },
    "table-autoencoder": {
        "data": {"name": "random", "samples": 40, "inputs": 5, "learn": "inputs"},
        "network": [{"dense": 3}, "tanh", {"dense": 5}],
        "loss": "mse",
        "training": epochs(2),
    },
    "diverged": {
        "data": {"name": "random", "samples": 40, "inputs": 3, "outputs": 2},
        "network": [{"dense": 4}, "relu", {"dense": 2}],
        "loss": "mse",
        "optimizer": {"sgd": 1e6},
        "training": epochs(9, batch_size=20),
    },
    "interrupted": {
        "data": "identity",
        "network": [{"dense": 3}, "sigmoid", {"dense": 8}, "sigmoid"],
        "loss": "mse",
        "training": epochs(50, batch_size=1, checkpoint_every=1),
    },
}
HUGE = "W" * 90

ALWAYS = {"network", "histograms"}
RANKED = {"roc", "precision_recall", "calibration"}
CLASSES = {"confusion"} | RANKED
PLANE = {"scatter", "boundary"} | CLASSES
SMALL = {"weights", "activations", "outputs"}
IMAGES = {"samples", "mistakes", "filters", "feature_maps"}
MOVED = {"gradient_flow", "loss_path"}
MAPS = {"pca", "tsne"}
SUITS: dict[str, set[str]] = {
    "identity": ALWAYS | SMALL | {"codes"},
    "same-codes": ALWAYS | SMALL | {"codes"},
    "diagonal": ALWAYS | PLANE | {"weights", "outputs", "importance"},
    "blobs": ALWAYS | PLANE | MOVED | {"curves", "weights", "boundary_epochs", "pca"},
    "digits": ALWAYS
    | MOVED
    | MAPS
    | {"curves", *CLASSES, "samples", "mistakes", "filters", "occlusion"},
    "labels": ALWAYS | MOVED | {"curves", "labels", "filters"},
    "noise": ALWAYS
    | MOVED
    | MAPS
    | {"curves", "steps", "lr", "targets", "residuals", "importance"},
    "untrained": ALWAYS | {"weights", "targets", "residuals", "forward", "importance"},
    "box": ALWAYS | {"weights", "targets", "residuals", "fit"},
    "deep": ALWAYS | PLANE | MOVED | {"curves", "outputs", "activations", "boundary_epochs", "pca"},
    HUGE: ALWAYS | MOVED | {"curves", *CLASSES, "importance"},
    "conv": ALWAYS | MOVED | {"curves", *CLASSES, "occlusion"} | IMAGES | MAPS,
    "deep-conv": ALWAYS | MOVED | {"curves", *CLASSES, "occlusion"} | IMAGES | MAPS,
    "colours": ALWAYS
    | MOVED
    | MAPS
    | {"curves", "targets", "residuals", "filters", "feature_maps"},
    "autoencoder": ALWAYS
    | MOVED
    | MAPS
    | {"curves", "filters", "residuals", "reconstructions", "code"},
    "table-autoencoder": ALWAYS
    | MOVED
    | MAPS
    | {"curves", "weights", "targets", "residuals", "importance", "code"},
    "diverged": ALWAYS | {"curves", "weights", "gradient_flow"},
    "interrupted": ALWAYS | {"curves", "weights", "gradient_flow"},
    "race": {"landscape"},
}
# Figures that take long, and the few runs that they are drawn for.
DRAWN: dict[str, set[str]] = {
    "gradient_flow": {"deep", "interrupted"},
    "loss_path": {"blobs", HUGE},
    "pca": {"digits", "noise"},
    "tsne": {"noise"},
    "importance": {"untrained"},
    "occlusion": {"digits"},
    "roc": {"diagonal", HUGE},
    "precision_recall": {"digits"},
    "calibration": {"diagonal", "digits"},
    "residuals": {"noise"},
}


def make(place: Path) -> dict[str, RunFolder]:
    """Train all of them in `place`."""
    x = np.linspace(0.0, 1.0, 200)[:, None] * np.ones(3)
    np.savez(place / "hundred.npz", x=x, y=np.arange(200) % 100)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 5 * 6 * 3)).astype(np.uint8)
    pixels[:, :2] = 0, 255
    np.savez(place / "colours.npz", x=pixels, y=pixels.mean(axis=1))
    made = {name: _made(place, name, config) for name, config in CONFIGS.items()}
    text = "name: race\nfunction: beale\nruns: [{sgd: 0.001}, adam]\n"
    race = LoadedRace(parse_race(text), text.encode())
    return made | {"race": run_race(race, place / "race").folder}


def _made(place: Path, name: str, config: Mapping[str, Any]) -> RunFolder:
    data = config["data"]
    if isinstance(data, dict) and "path" in data:
        data = {**data, "path": str(place / data["path"])}
    full = {"name": name, **config, "data": data}
    if name == "interrupted":
        return _interrupted(place, full)
    return RunFolder(nnlab.train(full, runs=place / name).path)


def _interrupted(place: Path, config: Mapping[str, Any]) -> RunFolder:
    from nnlab.config.load import load_config

    with begin(load_config(config, []), place / "interrupted") as session:
        for record in session:
            if getattr(record, "epoch", 0) == 7:
                break
    return session.folder
