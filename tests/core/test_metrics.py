"""Metrics against scikit-learn, on data that arrives in batches."""

import itertools
from typing import get_args

import numpy as np
import pytest
from sklearn import metrics as sklearn

from nnlab.core.losses import LOSSES
from nnlab.core.metrics import (
    METRICS,
    Kind,
    better_when,
    class_scores,
    confusion_matrix,
    decisions,
    quantities_of,
)
from nnlab.core.types import Array
from nnlab.training.evaluation import Tally

RNG = np.random.default_rng(0)
KINDS: tuple[Kind, ...] = get_args(Kind)


def gathered(tally: Tally, z: Array, t: Array, batch: int) -> dict[str, float]:
    """All rows, batch by batch, the last one shorter."""
    sums = tally.zero()
    for start in range(0, len(z), batch):
        rows = slice(start, start + batch)
        tally.add(sums, z[rows], t[rows], len(z[rows]))
    return tally.result(sums)


each_batch = pytest.mark.parametrize("batch", [1, 7, 40])


def softmax(z: Array) -> Array:
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def test_names():
    assert {kind: quantities_of(kind) for kind in KINDS} == {
        "classes": ["loss", "accuracy"],
        "binary": ["loss", "accuracy"],
        "regression": ["loss", "mae", "r2"],
    }
    better = {name: better_when(f"val_{name}") for name in ("loss", *METRICS)}
    smaller = {"loss", "mae", "log_loss", "brier"}
    assert {name for name, way in better.items() if way == "min"} == smaller


@each_batch
def test_classes(batch):
    z, labels = RNG.normal(size=(40, 4)), RNG.integers(3, size=40)  # class 3 never appears
    tally = Tally.of("classes", LOSSES["cross_entropy"](), np.eye(4)[labels])
    found = gathered(tally, z, np.eye(4)[labels], batch)
    assert found == {
        "loss": pytest.approx(sklearn.log_loss(labels, softmax(z), labels=range(4)), rel=1e-12),
        "accuracy": sklearn.accuracy_score(labels, z.argmax(1)),
    }


@each_batch
@pytest.mark.parametrize(("name", "shift"), [("bce", 0.0), ("mse", 0.5)])
def test_binary(batch, name, shift):
    """Outputs are compared with 1/2."""
    z = RNG.normal(size=(40, 1)) + shift
    labels = RNG.integers(2, size=(40, 1))
    tally = Tally.of("binary", LOSSES[name](), labels)
    found = gathered(tally, z, labels.astype(float), batch)
    assert found["accuracy"] == sklearn.accuracy_score(labels, z > shift)


def test_of_several_binary_outputs_all_must_be_right():
    z, labels = RNG.normal(size=(40, 2)), RNG.integers(2, size=(40, 2))
    found = gathered(Tally.of("binary", LOSSES["bce"](), labels), z, labels.astype(float), 7)
    assert found["accuracy"] == sklearn.accuracy_score(labels, z > 0)  # "subset accuracy"


@each_batch
@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("outputs", [1, 3])
def test_regression(batch, outputs, offset):
    t = offset + RNG.normal(size=(40, outputs)) * 3
    z = t + RNG.normal(size=t.shape)
    found = gathered(Tally.of("regression", LOSSES["mse"](), t), z, t, batch)
    # Targets of 1e6 have 1e-10 of rounding in their differences from the mean.
    assert found == {
        "loss": pytest.approx(sklearn.mean_squared_error(t, z), rel=1e-9),
        "mae": pytest.approx(sklearn.mean_absolute_error(t, z), rel=1e-9),
        "r2": pytest.approx(sklearn.r2_score(t, z), rel=1e-9),
    }


@pytest.mark.parametrize("hit", [True, False])
def test_r2_of_a_target_that_never_changes(hit):
    t = np.column_stack([np.full(9, 2.0), RNG.normal(size=9)])
    z = t + (0.0 if hit else 0.5)
    found = gathered(Tally.of("regression", LOSSES["mse"](), t), z, t, 4)
    assert found["r2"] == pytest.approx(sklearn.r2_score(t, z), rel=1e-12)


CONSTANT = {
    "decimal": np.full(10, 0.3),  # its variance is 1e-33, not 0
    "float32": np.full(10, 0.1, np.float32),
    "large": np.full(7, 1e17 / 3),
    "small": np.full(7, 1e-300 / 3),
    "zero": np.zeros(5),
    "a sum in two orders": np.array([0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1] * 5),
    "one row": np.array([0.7]),
}


@pytest.mark.parametrize("name", CONSTANT)
@pytest.mark.parametrize("offset", [0.0, 1e-3, 5.0])
def test_r2_of_a_constant_target_is_0_or_1(name, offset):
    """1 where all are met exactly, else 0: never a quotient of rounding errors."""
    t = CONSTANT[name][:, None]
    z = t + np.asarray(offset, t.dtype)
    met = bool((z == t).all())
    tally = Tally.of("regression", LOSSES["mse"](), t)
    assert gathered(tally, z, t, 4)["r2"] == float(met)
    assert tally.results(tally.epochs(z, t, len(t), 1))[0][0]["r2"] == float(met)


def test_r2_of_a_target_that_hardly_changes_is_measured():
    t = 1e6 + 1e-3 * RNG.normal(size=(50, 1))
    z = t + 1e-4 * RNG.normal(size=t.shape)
    found = gathered(Tally.of("regression", LOSSES["mse"](), t), z, t, 50)
    assert found["r2"] == pytest.approx(sklearn.r2_score(t, z), rel=1e-6)


TINY = {  # logits of which several end in one output
    "equal": [0.0, 0.0, 0.0],
    "below rounding": [1e-12, 2e-12, 3e-12],
    "second and third": [-1.0, 2.0, 2.0 + 1e-12],
    "far apart": [1.0, -1.0, 3.0],
    "saturated": [40.0, 50.0, -3.0],
}


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
def test_a_class_is_decided_by_the_output_and_not_by_the_logit(name, loss):
    """As argmax of what is saved and shown, as scikit-learn's users take it."""
    z = np.array([TINY[name], TINY[name][::-1]], np.float32)
    outputs = LOSSES[loss]().outputs(z)
    for labels in itertools.product(range(3), repeat=2):
        t = np.eye(3, dtype=np.float32)[list(labels)]
        found = gathered(Tally.of("classes", LOSSES[loss](), t), z, t, 2)
        assert found["accuracy"] == sklearn.accuracy_score(labels, outputs.argmax(1))


@pytest.mark.parametrize("logit", [-1.0, -1e-3, -1e-9, -1e-30, 0.0, 1e-30, 1e-9, 1.0])
def test_a_binary_output_is_class_1_from_one_half_on(logit):
    z = np.full((1, 1), logit, np.float32)
    outputs = LOSSES["bce"]().outputs(z)
    assert decisions("binary", outputs) == int(outputs[0, 0] >= 0.5)
    tally = Tally.of("binary", LOSSES["bce"](), np.ones_like(z))
    assert gathered(tally, z, np.ones_like(z), 1)["accuracy"] == float(outputs[0, 0] >= 0.5)


@pytest.mark.parametrize("batch", [1000, 100_000])
def test_float32_is_summed_in_float64(batch):
    t = np.zeros((100_000, 1), np.float32)
    z = np.full_like(t, 0.1)
    found = gathered(Tally.of("regression", LOSSES["mae"](), t), z, t, batch)
    # A float32 sum of 100,000 numbers would be off by more than 1e-8.
    assert found["loss"] == pytest.approx(float(np.float32(0.1)), rel=1e-12)
    assert found["mae"] == pytest.approx(float(np.float32(0.1)), rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_many_batches_at_once_give_the_same_sums(kind):
    z, t = RNG.normal(size=(12, 2)), np.eye(2)[RNG.integers(2, size=12)]
    tally = Tally.of(kind, LOSSES["mse"](), t)
    one, all_at_once = tally.zero(), tally.zero()
    losses = [tally.add(one, z[i : i + 3], t[i : i + 3], 3) for i in range(0, 12, 3)]
    found = tally.add(all_at_once, z, t, 3)
    np.testing.assert_array_equal(found, np.concatenate(losses))
    assert one[1] == all_at_once[1]  # the loss to the last bit
    np.testing.assert_allclose(one, all_at_once, rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_give_nan(kind):
    tally = Tally.of(kind, LOSSES["mse"](), np.eye(2))
    found = tally.result(tally.zero())
    assert list(found) == quantities_of(kind)
    assert np.isnan(list(found.values())).all()


# --- tables over classes ----------------------------------------------------------------------

TABLES = {
    "all classes": ([0, 1, 2, 2, 1, 0, 2], [0, 2, 2, 2, 1, 1, 0]),
    "class 1 never appears": ([0, 2, 2, 0], [0, 1, 2, 2]),
    "class 1 is never predicted": ([0, 1, 2, 1], [0, 0, 2, 2]),
    "class 2 does neither": ([0, 1, 1, 0], [0, 1, 0, 0]),
    "one class": ([1, 1, 1], [1, 1, 1]),
    "no rows": ([], []),
}


@pytest.mark.parametrize("name", sorted(set(TABLES) - {"no rows"}))
def test_confusion_and_scores(name):
    labels, predicted = (np.array(part, np.int64) for part in TABLES[name])
    matrix = confusion_matrix(labels, predicted, 3)
    np.testing.assert_array_equal(
        matrix, sklearn.confusion_matrix(labels, predicted, labels=range(3))
    )
    wanted = sklearn.precision_recall_fscore_support(
        labels, predicted, labels=range(3), zero_division=0
    )
    found = [tuple(scores.values()) for scores in class_scores(matrix)]
    np.testing.assert_allclose(np.array(found).T, wanted, rtol=1e-15)


def test_confusion_of_no_rows():
    matrix = confusion_matrix(*(np.array(part, np.int64) for part in TABLES["no rows"]), 3)
    np.testing.assert_array_equal(matrix, np.zeros((3, 3)))
    assert {tuple(scores.values()) for scores in class_scores(matrix)} == {(0.0, 0.0, 0.0, 0)}
