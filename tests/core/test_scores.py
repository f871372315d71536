"""Metrics of all rows at once, against scikit-learn."""

import warnings
from itertools import product

import numpy as np
import pytest
from sklearn import calibration, metrics

from nnlab.core import scores
from nnlab.core.class_scores import confusion_matrix, score_averages
from nnlab.core.layers import LAYERS
from nnlab.core.metrics import METRICS, PartAnswers, row_metrics_of

RNG = np.random.default_rng(3)
ROWS, CLASSES = 60, 4
WEIGHTS = {"equal": None, "of rows": RNG.integers(0, 4, ROWS).astype(float)}
weighted = pytest.mark.parametrize("weights", WEIGHTS.values(), ids=list(WEIGHTS))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


def case(classes: int, absent: bool):
    """Labels, probabilities with many ties; `absent`: the last class never appears."""
    labels = RNG.integers(classes - absent, size=ROWS)
    p = softmax(np.round(RNG.normal(size=(ROWS, classes)), 1) + np.eye(classes)[labels])
    return labels, p


def value(name, kind, outputs, t, weights=None):
    return METRICS[name].value(PartAnswers(kind, outputs, t, weights))


def mean_over_present(score, labels, p, weights):
    present = np.unique(labels)
    return np.mean([score(labels == c, p[:, c], sample_weight=weights) for c in present])


@weighted
@pytest.mark.parametrize("absent", [False, True])
def test_classes(weights, absent):
    labels, p = case(CLASSES, absent)
    t, guesses = np.eye(CLASSES)[labels], p.argmax(1)
    more, every = {"sample_weight": weights}, range(CLASSES)
    wanted = {
        "auc": mean_over_present(metrics.roc_auc_score, labels, p, weights),
        "average_precision": mean_over_present(metrics.average_precision_score, labels, p, weights),
        "mcc": metrics.matthews_corrcoef(labels, guesses, **more),
        "log_loss": metrics.log_loss(labels, p, labels=every, **more),
        "brier": np.average(((p - t) ** 2).sum(axis=1), weights=weights),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class that is predicted and never true
        wanted["balanced_accuracy"] = metrics.balanced_accuracy_score(labels, guesses, **more)
    for k in (2, 3):  # scikit-learn prefers the last of equal outputs, and nnlab the first
        wanted[f"top_{k}"] = metrics.top_k_accuracy_score(
            CLASSES - 1 - labels, p[:, ::-1], k=k, labels=every, **more
        )
    wanted["top_5"] = 1.0  # more than there are classes
    assert set(wanted) == set(row_metrics_of("classes", [LAYERS["softmax"]()]))
    for name, number in wanted.items():
        assert value(name, "classes", p, t, weights) == pytest.approx(number, rel=1e-12), name


@weighted
@pytest.mark.parametrize("outputs", [1, 3])
def test_binary(weights, outputs):
    t = RNG.integers(2, size=(ROWS, outputs))
    p = np.round(1 / (1 + np.exp(-RNG.normal(size=t.shape) - t)), 2)
    every = {
        "auc": metrics.roc_auc_score,
        "average_precision": metrics.average_precision_score,
        "balanced_accuracy": lambda a, b, **w: metrics.balanced_accuracy_score(a, b >= 0.5, **w),
        "mcc": lambda a, b, **w: metrics.matthews_corrcoef(a, b >= 0.5, **w),
        "log_loss": metrics.log_loss,
        "brier": metrics.brier_score_loss,
    }
    assert set(every) == set(row_metrics_of("binary", [LAYERS["sigmoid"]()]))
    for name, score in every.items():
        pairs = zip(t.T, p.T, strict=True)
        wanted = np.mean([score(a, b, sample_weight=weights) for a, b in pairs])
        assert value(name, "binary", p, t, weights) == pytest.approx(wanted, rel=1e-12), name


@weighted
@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_regression(weights, offset):
    """The second target is constant, and so is its error."""
    t = np.column_stack([RNG.normal(size=ROWS), np.full(ROWS, 2.0)])
    y = t + np.column_stack([RNG.normal(size=ROWS), np.full(ROWS, offset)])
    found = value("explained_variance", "regression", y, t, weights)
    wanted = metrics.explained_variance_score(t, y, sample_weight=weights)
    assert found == pytest.approx(wanted, rel=1e-12)


def test_rows_of_one_class_leave_ranking_undefined():
    p = np.full((3, 1), 0.25)
    for name, target in product(("auc", "average_precision"), (0, 1)):
        wanted = 1.0 if (name, target) == ("average_precision", 1) else np.nan
        found = value(name, "binary", p, np.full((3, 1), target))
        np.testing.assert_equal(found, wanted)


def test_probabilities_of_exactly_0_and_1_cost_a_finite_log_loss():
    p, t = np.array([[1.0], [0.0]], np.float32), np.array([[0.0], [1.0]], np.float32)
    wanted = metrics.log_loss(t[:, 0], p[:, 0])
    assert value("log_loss", "binary", p, t) == pytest.approx(wanted, rel=1e-6)


def test_outputs_that_are_no_probabilities_have_neither_brier_nor_log_loss():
    for kind, last in (("classes", "sigmoid"), ("binary", "tanh"), ("classes", "linear")):
        assert not {"brier", "log_loss"} & set(row_metrics_of(kind, [LAYERS[last]()]))


@weighted
def test_curves(weights):
    truth, p = RNG.integers(2, size=ROWS), np.round(RNG.random(ROWS), 1)
    w = np.ones(ROWS) if weights is None else weights
    x, y, _ = metrics.roc_curve(truth, p, sample_weight=weights, drop_intermediate=False)
    np.testing.assert_allclose(scores.roc_curve(truth, p, w), (x, y), rtol=1e-12)
    precision, recall, _ = metrics.precision_recall_curve(truth, p, sample_weight=weights)
    found = scores.precision_recall_curve(truth, p, w)
    np.testing.assert_allclose(found, (recall[-2::-1], precision[-2::-1]), rtol=1e-12)


def test_calibration():
    truth, p = RNG.integers(2, size=ROWS), RNG.random(ROWS) ** 3
    actual, predicted = calibration.calibration_curve(truth, p, n_bins=7)
    found = scores.calibration(truth, p, np.ones(ROWS), 7)
    np.testing.assert_allclose(found[:2], (predicted, actual), rtol=1e-12)
    assert found.weight.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(4))
def test_averages_over_classes(seed):
    labels, guesses = np.random.default_rng(seed).integers(5, size=(2, 9))
    found = score_averages(confusion_matrix(labels, guesses, 6))
    for average in ("macro", "weighted"):
        wanted = metrics.precision_recall_fscore_support(
            labels, guesses, average=average, zero_division=0
        )
        assert list(found[average].values()) == pytest.approx(wanted[:3], rel=1e-12)
