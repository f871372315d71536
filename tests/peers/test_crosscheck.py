"""The same training in nnlab and in scikit-learn, which is always there; see also test_torch.py."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import nnlab
from nnlab.cli import main
from nnlab.errors import ConfigError, UsageError
from nnlab.peers import side_by_side, sklearn_peer

HIDDEN = [{"dense": 6}, "tanh"]
CLASSES = {  # 3 classes; 40 rows in batches of 16, 16 and 8
    "name": "classes",
    "data": {"name": "blobs", "centers": 3, "samples": 40, "scale": "standardize"},
    "network": [*HIDDEN, {"dense": 5}, "tanh", {"dense": 3}, "softmax"],
    "loss": "cross_entropy",
    "optimizer": {"sgd": 0.1},
    "training": {"epochs": 3, "batch_size": 16},
}
BINARY = CLASSES | {
    "data": {"name": "moons", "samples": 40},
    "network": [{"dense": 6}, "relu", {"dense": 1}, "sigmoid"],
    "loss": "bce",
}
NUMBERS = CLASSES | {
    "data": {"name": "random", "samples": 40, "inputs": 4, "outputs": 3},
    "network": [{"dense": 6}, "sigmoid", {"dense": 3}],
    "loss": "mse",
}
MOMENTUM = {"name": "sgd", "lr": 0.05, "momentum": 0.8}
EVEN = {"epochs": 3, "batch_size": 16, "drop_last": True}
ADAM = {"name": "adam", "lr": 0.03, "eps": 0.01, "beta2": 0.9, "weight_decay": 0.1}


def reduced(name: str, reduction: str) -> dict[str, Any]:
    return {"loss": {"name": name, "reduction": reduction}}


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        (CLASSES, {}),
        (CLASSES, {"optimizer": {**MOMENTUM, "nesterov": True}}),
        (CLASSES, {**reduced("cross_entropy", "mean"), "optimizer": ADAM}),
        (CLASSES, {**reduced("cross_entropy", "sum"), "optimizer": {"sgd": 0.01}}),
        (BINARY, {"schedule": {"name": "exponential", "per": "step", "gamma": 0.9}}),
        (BINARY, {**reduced("bce", "sum"), "optimizer": ADAM, "training": EVEN}),
        (BINARY, {"network": [{"dense": 1}, "sigmoid"]}),
        (NUMBERS, {"optimizer": MOMENTUM}),
        (NUMBERS, {**reduced("mse", "sum"), "optimizer": {"name": "sgd", "lr": 0.005}}),
        (NUMBERS, {**reduced("mse", "batch_mean"), "optimizer": ADAM}),
        (NUMBERS, {"optimizer": {"name": "sgd", "lr": 0.1, "weight_decay": 0.3}}),
        (NUMBERS, {"data": {**NUMBERS["data"], "scale_target": "standardize"}}),
        (NUMBERS, {"network": [{"dense": 4}, {"dense": 4}, "linear", {"dense": 3}]}),
    ],
)
def test_scikit_learn_agrees(base: dict[str, Any], changes: dict[str, Any]) -> None:
    check = nnlab.crosscheck(base | changes, against="sklearn")
    assert check.agrees, check.sentence
    assert check.largest < 1e-13
    assert [row.updates for row in check.rows] in ([0, 3, 6, 9], [0, 2, 4, 6])


# --- faults --------------------------------------------------------------------------------------


@pytest.fixture
def crosscheck(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command on CLASSES, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "classes.yaml").write_text(json.dumps(CLASSES))

    def run(*arguments: str) -> Result:
        command = ["crosscheck", "classes.yaml", "--against", "sklearn", *arguments]
        result = CliRunner().invoke(main, command, prog_name="nnlab")
        assert [path.name for path in tmp_path.iterdir()] == ["classes.yaml"]  # writes nothing
        return result

    return run


def test_a_wrong_bias(crosscheck: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    made = sklearn_peer.SklearnPeer.__init__

    def make(self: Any, built: Any) -> None:
        made(self, built)
        self.model.intercepts_[1][2] += 1e-6

    monkeypatch.setattr(sklearn_peer.SklearnPeer, "__init__", make)
    result = crosscheck()
    assert result.exit_code == 9
    assert "does not agree before the first update: " in result.stderr
    assert "of the weights 2.dense.bias most, by 1.0e-06." in result.stderr
    assert "above the tolerance 1e-09, and rounding explains only " in result.stderr
    assert result.stdout.splitlines()[-1].split()[:2] == ["0", "0"]  # the table's only row
    assert crosscheck("--tolerance", "1e-3").exit_code == 0


def test_a_wrong_rate(crosscheck: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    update = sklearn_peer.SklearnPeer.update
    monkeypatch.setattr(
        sklearn_peer.SklearnPeer,
        "update",
        lambda self, rows, rate: update(self, rows, rate * 1.001),
    )
    result = crosscheck()
    assert result.exit_code == 9
    assert "does not agree after epoch 1: " in result.stderr


def test_another_order(crosscheck: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    order = side_by_side.row_order
    monkeypatch.setattr(
        side_by_side, "row_order", lambda plan, count, epoch: order(plan, count, epoch + 1)
    )
    result = crosscheck()
    assert result.exit_code == 9
    assert "does not agree after epoch 1: " in result.stderr


def test_a_loss_that_is_no_number(
    crosscheck: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sklearn_peer.SklearnPeer, "loss", lambda self, rows: float("nan"))
    assert crosscheck().exit_code == 9


# --- what ends a comparison ----------------------------------------------------------------------


def test_rounding_that_grows_is_no_disagreement(crosscheck: Callable[..., Result]) -> None:
    """With a tolerance of 0 the first last bit ends the comparison."""
    result = crosscheck("--tolerance", "0", "--epochs", "30")
    assert result.exit_code == 0
    assert "rounding grows beyond the tolerance 0: two trainings of nnlab that " in result.stdout


def test_the_second_training_differs_in_last_bits_alone() -> None:
    check = nnlab.crosscheck(CLASSES | {"seed": 3}, against="sklearn", tolerance=0.0, epochs=30)
    above = check.first_above
    assert above is not None
    assert above.is_rounding
    assert above.rounding is not None
    assert 1e-17 < above.rounding < 1e-14


def test_a_loss_that_scikit_learn_cuts_off() -> None:
    """Of rows that are very wrong its log loss has few digits; the weights are compared."""
    wild = BINARY | {"optimizer": {"sgd": 100.0}, "training": {"epochs": 2, "batch_size": 16}}
    check = nnlab.crosscheck(wild, against="sklearn")
    assert check.agrees, check.sentence
    assert check.rows[1].loss_difference is None
    assert check.rows[1].loss > 5
    assert [line.split()[3] for line in check.shown_rows.splitlines()[2:]] == ["-", "-"]


def test_a_training_that_diverges(crosscheck: Callable[..., Result]) -> None:
    wild = ("--set", "network=[{dense: 4}, relu, {dense: 3}]", "--set", "loss=mse")
    data = ("--set", "data=random", "--set", "data.outputs=3", "--epochs", "60")
    result = crosscheck(*wild, *data, "--set", "lr=4")
    assert result.exit_code == 4
    assert "The training diverges in epoch " in result.stderr
    assert "The comparison ends there." in result.stderr


# --- settings ------------------------------------------------------------------------------------


def sklearn_refusals() -> Iterator[tuple[dict[str, Any], dict[str, Any], str]]:
    deep = [{"dense": 6}, "gelu", {"dropout": 0.2}, {"dense": 3}, "softmax"]
    yield CLASSES, {"network": deep}, "it has no gelu, dropout"
    loss = {"name": "cross_entropy", "class_weight": "balanced", "label_smoothing": 0.1}
    yield CLASSES, {"loss": loss}, "it has no class_weight, label_smoothing"
    yield NUMBERS, {"loss": "huber"}, "it has no huber"
    clipped = {"name": "adamw", "clip_norm": 1.0, "l1": 0.1}
    yield CLASSES, {"optimizer": clipped}, "it has no adamw, l1, clip_norm"
    yield CLASSES, {"training": {"epochs": 1, "ema": 0.9}}, "it has no ema"
    yield CLASSES, {"training": {"epochs": 1, "swa": 1}}, "it has no swa"
    frozen = [{"name": "dense", "units": 6, "freeze": True}, *CLASSES["network"][1:]]
    yield CLASSES, {"network": frozen}, "it trains all its layers"
    unbiased = [{"dense": {"units": 4, "bias": False}}, "tanh", {"dense": 3}, "softmax"]
    yield CLASSES, {"network": unbiased}, "its layers all have a bias"
    first = ["tanh", {"dense": 3}, "softmax"]
    yield CLASSES, {"network": first}, "each of its layers has one activation"
    mixed = [*HIDDEN, {"dense": 4}, "relu", {"dense": 3}, "softmax"]
    yield CLASSES, {"network": mixed}, "its hidden layers share an activation, not tanh and relu"
    ends = "its outputs are linear with a squared error, not sigmoid"
    yield NUMBERS, {"network": [*HIDDEN, {"dense": 3}, "sigmoid"]}, ends
    two = [*HIDDEN, {"dense": 2}, "softmax"]
    pair = {"network": two, "loss": "cross_entropy"}
    yield BINARY, pair, "it has one output for two classes, and softmax for more"
    numbers = {"network": [*HIDDEN, {"dense": 8}, "softmax"], "data": "identity"}
    yield CLASSES, numbers, "its log loss takes classes"
    rate = "its momentum holds earlier learning rates, so the rate cannot change"
    yield NUMBERS, {"optimizer": MOMENTUM, "schedule": "cosine"}, rate
    sums = "its gradients are means, and the sums of batches of different sizes are none"
    yield NUMBERS, {"optimizer": MOMENTUM, **reduced("mse", "sum")}, sums
    yield NUMBERS, {"optimizer": ADAM, **reduced("mse", "sum")}, sums


@pytest.mark.parametrize(("base", "changes", "reason"), list(sklearn_refusals()))
def test_what_scikit_learn_cannot_express(
    base: dict[str, Any], changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        nnlab.crosscheck(base | changes, against="sklearn")
    assert str(refused.value) == f"scikit-learn cannot express this config: {reason}."


def test_rows_from_memory() -> None:
    x, y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 3
    assert nnlab.crosscheck(CLASSES, against="sklearn", data=(x, y)).agrees


def test_a_library_that_is_unknown_or_missing(
    crosscheck: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"^There is no cross-check against 'torhc'; there are "):
        nnlab.crosscheck(CLASSES, against="torhc")
    monkeypatch.setattr("nnlab.errors.find_spec", lambda name: None)
    result = crosscheck("--against", "torch")
    assert result.exit_code == 2
    assert result.stderr == (
        "A cross-check against torch needs torch, which is not installed: pip install "
        "'nnlab[torch]'.\n"
    )
    assert crosscheck("--against", "keras").exit_code == 2


def test_what_cannot_be_compared(crosscheck: Callable[..., Result]) -> None:
    result = crosscheck("--set", "network=[softmax]", "--set", "data=identity", "--set", "loss=mse")
    assert result.exit_code == 2
    reason = "The network has no parameters, so there is no training to compare."
    assert result.stderr.splitlines()[-1] == reason
    with pytest.raises(UsageError, match=r"^The tolerance is a number from 0 up, not nan\.$"):
        nnlab.crosscheck("xor", against="sklearn", tolerance=float("nan"))


def test_a_network_that_is_not_trained(crosscheck: Callable[..., Result]) -> None:
    result = crosscheck("--epochs", "0")
    assert result.exit_code == 0
    assert "scikit-learn" in result.stdout
    assert result.stdout.rstrip().endswith("before the first update.")


def test_the_object_of_json(crosscheck: Callable[..., Result]) -> None:
    result = crosscheck("--json", "--seed", "4")
    shown = json.loads(result.stdout)
    check = nnlab.crosscheck(CLASSES, against="sklearn", seed=4)
    assert shown == check.to_dict()
    assert shown["agrees"] is True
    assert [epoch["epoch"] for epoch in shown["epochs"]] == [0, 1, 2, 3]
    assert check.table["updates"].tolist() == [0, 3, 6, 9]


def test_progress_is_that_of_a_training(
    crosscheck: Callable[..., Result], capsys: pytest.CaptureFixture[str]
) -> None:
    lines = crosscheck().stderr.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["epoch", "1/3"], ["epoch", "3/3"]]
    assert all("loss" in line and "difference" in line for line in lines[1:])
    nnlab.crosscheck(CLASSES, against="sklearn", progress=True)
    assert "train 3 epochs." in capsys.readouterr().err
