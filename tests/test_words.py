"""How numbers, durations, settings and runs are worded."""

from typing import Any

import pytest

from nnlab.show.words import (
    Trained,
    count,
    duration,
    epochs_line,
    run_title,
    setting_value,
    setup_line,
    short_value,
    shorten,
)


@pytest.mark.parametrize(
    ("config", "inputs", "expected"),
    [
        ({}, None, ""),
        ({"seed": 0}, None, "seed 0"),
        (
            {"network": ["sigmoid", {"dense": 3}, {"dense": {"units": 8}}, "tanh", "sigmoid"]},
            [8],
            "8-3-8 sigmoid, tanh",
        ),
        ({"network": [{"name": "flatten"}, {"name": "dense", "units": 5}]}, [8, 8], "8x8-5"),
        ({"loss": "mse"}, None, "mse"),
        ({"loss": {"name": "mse", "reduction": "sum"}}, None, "mse sum"),
        ({"loss": {"name": "mse", "reduction": "mean"}}, None, "mse"),
        ({"optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.0}}, None, "sgd lr 0.1"),
        (
            {"optimizer": {"name": "sgd", "lr": 1e-5, "momentum": 0.9}},
            None,
            "sgd lr 1e-05 momentum 0.9",
        ),
        ({"schedule": {"name": "constant"}}, None, ""),
        ({"schedule": {"name": "step", "every": 10}}, None, "step schedule"),
        ({"training": {"batch_size": 1, "epochs": 10000}}, None, "batch 1 · 10,000 epochs"),
        ({"training": {"batch_size": "full"}}, None, "full batch"),
        (
            {"optimizer": "sgd", "training": {"batch_size": 32, "epochs": 0}, "seed": 1},
            None,
            "not trained · seed 1",
        ),
        ({"network": [{"dense": 1000}] * 40}, None, "1000-" * 12 + " ..."),
        (
            {
                "network": [
                    {"reshape": [28, 28, 1]},
                    {"name": "conv2d", "filters": 20},
                    *("batch_norm", "relu", "max_pool", "flatten", "dropout", "global_avg_pool"),
                    {"dense": 10},
                    "softmax",
                ]
            },
            [784],
            "784-20-10 conv2d, batch_norm, relu, max_pool, dropout ...",
        ),
    ],
)
def test_setting(config: dict[str, Any], inputs: list[int] | None, expected: str) -> None:
    assert setup_line(config, inputs) == expected


@pytest.mark.parametrize(
    ("asked", "trained", "expected"),
    [
        (300, [], "300 epochs"),
        (300, [(300, "completed")], "300 epochs"),
        (300, [(54, "early_stopped")], "54 of 300 epochs, stopped early"),
        (300, [(300, "early_stopped")], "300 epochs"),
        (9, [(3, "diverged")], "3 of 9 epochs, diverged"),
        (50, [(7, "interrupted")], "7 of 50 epochs, interrupted"),
        (50, [(7, "running")], "7 of 50 epochs, still running"),
        (50, [(7, "resumable")], "7 of 50 epochs, killed"),
        (1, [(0, "failed")], "0 of 1 epoch, failed"),
        (300, [(54, "early_stopped"), (54, "early_stopped")], "54 of 300 epochs, stopped early"),
        (300, [(54, "early_stopped"), (300, "completed")], "54 to 300 of 300 epochs"),
        (300, [(54, "early_stopped"), (60, "diverged")], "54 to 60 of 300 epochs"),
        ("many", [(54, "early_stopped")], ""),
    ],
)
def test_epochs_are_those_that_were_trained(
    asked: Any, trained: list[tuple[int, str]], expected: str
) -> None:
    assert epochs_line(asked, [Trained(*one) for one in trained]) == expected


def test_title_of_a_run() -> None:
    config = {"name": "by-hand", "network": [{"dense": {"units": 10}}]}
    assert run_title("folder", config, [64]) == ("by-hand", "64-10")


def test_a_run_without_a_name_goes_by_its_folder() -> None:
    assert run_title("folder", {}, [64]) == ("folder", "64")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.0123, "12 ms"),
        (1.234, "1.23 s"),
        (12.34, "12.3 s"),
        (125, "2 min 5 s"),
        (3723, "1 h 2 min"),
    ],
)
def test_duration(seconds: object, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (True, None, "true"),
        (None, None, "null"),
        (0.1, None, "0.1"),
        (1e-5, None, "1e-05"),
        (0.123456789, None, "0.123456789"),
        (0.123456789, 6, "0.123457"),
        ([1, "a"], None, "[1, a]"),
        ({"leaky_relu": 0.1}, 6, "{leaky_relu: 0.1}"),
    ],
)
def test_setting_value(value: object, digits: int | None, text: str) -> None:
    assert setting_value(value, digits) == text


def test_count_and_shorten() -> None:
    assert [count(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    assert count(2, "process is", "processes are") == "2 processes are"
    assert [shorten("abcdef", n) for n in (6, 5)] == ["abcdef", "abcd…"]


def test_a_network_is_short_as_the_value_of_an_axis() -> None:
    """Also a long one in the form of resolved.yaml; other lists stay."""
    layer = {"name": "dense", "units": 8, "bias": True}
    assert short_value([layer, "tanh"] * 3 + [{"dense": 1}, "sigmoid"]) == "8-8-8-1 tanh, sigmoid"
    assert short_value([1, 2]) == "[1, 2]"
    assert short_value(["relu"]) == "[relu]"
    assert short_value(0.001) == "0.001"
