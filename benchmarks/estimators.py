"""Accuracy and time of nnlab's estimators beside scikit-learn's MLPs (`make estimators`).

It writes docs/sklearn.md. Both sides get the same network, optimizer, learning rate, batches and
number of epochs, standardised inputs and targets, float64, and a single BLAS thread. Every fold is
fitted by one side and at once by the other, so that a busy machine disturbs both; the time is that
of the processor.
"""

import warnings
from collections.abc import Callable
from statistics import mean, median
from time import process_time
from typing import Any, NamedTuple

import numpy as np
import sklearn
from sklearn import datasets
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import nnlab
from benchmarks.commands import ROOT
from nnlab.core.types import Array

PAGE = ROOT / "docs" / "sklearn.md"
HIDDEN, LR, BATCH, EPOCHS = (100,), 0.01, 32, 100
FOLDS, SEEDS = 5, (0, 1)

TITLE = "## Beside MLPClassifier and MLPRegressor"  # the last section of the page, written here
SECTION = """{title}

A hidden layer of {hidden} relu, adam with learning rate {lr}, batches of {batch}, {epochs} epochs,
float64, standardised inputs and targets; no weight decay and no early stopping on either side. The
mean test score and the median seconds of a `fit` (of the processor, with one BLAS thread) over
{fits} fits: 5 folds with 2 seeds, each side in turn. {versions}; `make estimators` measures again.

| data | rows x columns | score | nnlab | scikit-learn | nnlab, s | scikit-learn, s | ratio |
|---|---|---|---|---|---|---|---|
{rows}
"""
Rows = tuple[Array, Array]


def made(maker: Callable[..., Rows], **settings: Any) -> Callable[[], Rows]:
    """Rows that a function of scikit-learn makes."""
    return lambda: maker(**settings, random_state=0)


def shipped(loader: Callable[..., Rows]) -> Callable[[], Rows]:
    """Rows that scikit-learn ships."""
    return lambda: loader(return_X_y=True)


CLASSES = {
    "iris": shipped(datasets.load_iris),
    "wine": shipped(datasets.load_wine),
    "breast_cancer": shipped(datasets.load_breast_cancer),
    "digits": shipped(datasets.load_digits),
    "moons": made(datasets.make_moons, n_samples=500, noise=0.3),
    "classification": made(
        datasets.make_classification, n_samples=1000, n_informative=8, n_classes=4
    ),
}
NUMBERS = {
    "diabetes": shipped(datasets.load_diabetes),
    "friedman1": made(datasets.make_friedman1, n_samples=500, noise=1.0),
    "friedman2": made(datasets.make_friedman2, n_samples=500, noise=100.0),
    "swiss_roll": made(datasets.make_swiss_roll, n_samples=500, noise=0.5),
}


class Fits(NamedTuple):
    """The scores and the seconds of all folds of one side."""

    scores: list[float]
    seconds: list[float]


def measure(x: Array, y: Array, sides: tuple[Callable[[int], Any], ...]) -> list[Fits]:
    """Every fold and seed by each side, in turn."""
    numbers = y.dtype.kind == "f"
    fits = [Fits([], []) for _ in sides]
    folds = (KFold if numbers else StratifiedKFold)(FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(x, y):
        scaler = StandardScaler().fit(x[train])
        inputs, others = scaler.transform(x[train]), scaler.transform(x[test])
        t = (y - y[train].mean()) / y[train].std() if numbers else y
        for seed in SEEDS:
            for side, (scores, seconds) in zip(sides, fits, strict=True):
                model, start = side(seed), process_time()
                model.fit(inputs, t[train])
                seconds.append(process_time() - start)
                scores.append(model.score(others, t[test]))
    return fits


def nnlab_side(kind: type[Any]) -> Callable[[int], Any]:
    """An estimator of nnlab by its seed."""
    return lambda seed: kind(
        hidden=HIDDEN, lr=LR, batch_size=BATCH, epochs=EPOCHS, random_state=seed
    )


def mlp_side(kind: type[Any]) -> Callable[[int], Any]:
    """The same of scikit-learn, which stops early by default and decays weights."""
    return lambda seed: kind(
        hidden_layer_sizes=HIDDEN,
        learning_rate_init=LR,
        batch_size=BATCH,
        max_iter=EPOCHS,
        n_iter_no_change=EPOCHS,
        alpha=0.0,
        tol=0.0,
        random_state=seed,
    )


def table() -> str:
    """A row per data set, and the medians."""
    rows, differences, ratios = [], list[float](), list[float]()
    kinds = (
        (CLASSES, "accuracy", nnlab.Classifier, MLPClassifier),
        (NUMBERS, "R²", nnlab.Regressor, MLPRegressor),
    )
    for sets, score, own, peer in kinds:
        for name, load in sets.items():
            x, y = load()
            own_fits, peer_fits = measure(x, y, (nnlab_side(own), mlp_side(peer)))
            differences.append(mean(own_fits.scores) - mean(peer_fits.scores))
            ratios.append(median(own_fits.seconds) / median(peer_fits.seconds))
            rows.append(
                f"| {name} | {len(x):,} x {x.shape[1]} | {score} "
                f"| {mean(own_fits.scores):.3f} | {mean(peer_fits.scores):.3f} "
                f"| {median(own_fits.seconds):.2f} | {median(peer_fits.seconds):.2f} "
                f"| {ratios[-1]:.2f} |"
            )
            print(rows[-1], flush=True)
    better = f"difference {median(differences):+.3f}"
    rows.append(f"| **median** | | {better} | | | | | **{median(ratios):.2f}** |")
    return "\n".join(rows)


def main() -> None:
    """Measure and write the page."""
    warnings.simplefilter("ignore")  # MLPClassifier warns that it was stopped, as it was told to
    nnlab_side(nnlab.Classifier)(0).fit(*datasets.load_iris(return_X_y=True))  # imports
    with threadpool_limits(1):
        rows = table()
    section = SECTION.format(
        title=TITLE,
        hidden=HIDDEN[0],
        lr=LR,
        batch=BATCH,
        epochs=EPOCHS,
        fits=FOLDS * len(SEEDS),
        versions=f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}",
        rows=rows,
    )
    text = PAGE.read_text("utf-8").partition(TITLE)[0]
    PAGE.write_text(text + section, "utf-8")


if __name__ == "__main__":
    main()
