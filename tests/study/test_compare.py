"""What counts as a difference between two configs, and where curves part."""

from typing import Any

import numpy as np
import pytest

from nnlab.run.settings import dotted
from nnlab.study.compare import (
    MISSING,
    first_difference,
    layers_in_words,
    setting_rows,
    shared_epochs,
)

DENSE = {"name": "dense", "units": 3, "bias": True}
BASE: dict[str, Any] = {
    "name": "a",
    "seed": 0,
    "data": {"name": "xor", "seed": 0},
    "network": [DENSE, {"name": "relu"}],
    "optimizer": {"name": "sgd", "lr": 0.1},
    "sweeps": {"lr": {"values": [1]}},
}


def test_dotted_keys_are_those_of_set() -> None:
    assert dotted({"a": {"b": 1, "c": [1, 2], "d": {}}, "network": [DENSE, {"name": "relu"}]}) == {
        "a.b": 1,
        "a.c": [1, 2],
        "a.d": {},
        "network.0.name": "dense",
        "network.0.units": 3,
        "network.0.bias": True,
        "network.1.name": "relu",
    }


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        ({}, {}),
        ({"sweeps": {}}, {}),
        ({"seed": 1}, {"seed": [0, 1]}),
        ({"optimizer": {"name": "sgd", "lr": 0.2}}, {"optimizer.lr": [0.1, 0.2]}),
        (
            {"optimizer": {"name": "adam", "lr": 0.1, "eps": 1e-8}},
            {"optimizer.name": ["sgd", "adam"], "optimizer.eps": [MISSING, 1e-8]},
        ),
        ({"optimizer": {"name": "sgd", "lr": 1}}, {"optimizer.lr": [0.1, 1]}),
        ({"network": [DENSE | {"units": 4}, {"name": "relu"}]}, {"network.0.units": [3, 4]}),
        ({"network": [DENSE | {"bias": 1}, {"name": "relu"}]}, {"network.0.bias": [True, 1]}),
        ({"network": [DENSE]}, {"network": ["dense 3, relu", "dense 3"]}),
    ],
)
def test_a_row_for_each_difference(change: dict[str, Any], rows: dict[str, list[Any]]) -> None:
    found = setting_rows([BASE, BASE | change])
    assert {k: [str(v) for v in row] for k, row in found.items()} == {
        k: [str(v) for v in row] for k, row in rows.items()
    }


def test_a_data_seed_that_follows_the_seed_is_no_difference() -> None:
    other = BASE | {"seed": 1, "data": {"name": "xor", "seed": 1}}
    assert list(setting_rows([BASE, other])) == ["seed"]
    apart = BASE | {"seed": 1, "data": {"name": "xor", "seed": 2}}
    assert setting_rows([BASE, apart]) == {"seed": [0, 1], "data.seed": [0, 2]}


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"name": "dense", "units": 3, "bias": True}, "dense 3"),
        ({"name": "relu"}, "relu"),
        ({"name": "flatten", "keep": True}, "flatten"),
    ],
)
def test_a_layer_layers_in_words(layer: dict[str, Any], words: str) -> None:
    assert layers_in_words([layer]) == words


def curve(*losses: float, **more: list[float]) -> dict[str, Any]:
    table = {"train_loss": list(losses), "seconds": list(np.random.default_rng().random(9))} | more
    return {"epoch": np.arange(len(losses))} | {k: np.array(v) for k, v in table.items()}


ONE = float(np.nextafter(1.0, 2.0))


@pytest.mark.parametrize(
    ("a", "b", "epoch"),
    [
        (curve(2, 1), curve(2, 1), None),
        (curve(2, 1), curve(2, 1, 0.5), None),  # as far as both go
        (curve(2, 1, 0.5), curve(2, ONE, 0.5), 1),
        (curve(3, 1), curve(2, 1), 0),
        (curve(2, float("nan")), curve(2, float("nan")), None),
        (curve(2, float("nan")), curve(2, 1), 1),
        (curve(2, 1, val_loss=[3, 3]), curve(2, 1, val_loss=[2, 3]), 0),
        (curve(2, 1, val_loss=[3, 3]), curve(2, 1), None),  # a column of one of them
        (curve(2, 1, lr=[0.1, 0.1]), curve(2, 1, lr=[0.1, 0.2]), None),  # the plan, no outcome
        ({}, curve(2, 1), None),
    ],
)
def test_where_curves_part(a: dict[str, Any], b: dict[str, Any], epoch: int | None) -> None:
    assert first_difference(a, b) == epoch


def test_how_far_both_go() -> None:
    assert shared_epochs(curve(2, 1), curve(2, 1, 0)) == 1
    assert shared_epochs({}, curve(2, 1)) == -1
