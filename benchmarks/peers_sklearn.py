"""scikit-learn on the workloads: `MLPClassifier` and `MLPRegressor`, one `fit` a round.

`partial_fit` checks its input at every update, so a round is one `fit` of a single epoch over the
round's rows in order. With `warm_start` it begins with the sketch's weights, so losses can be
compared, except where it differs (`OTHERWISE`). Its optimizer starts afresh with each `fit`, so
only the first round compares.
"""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.workloads import Parameters, Problem, Session, Workload

OTHERWISE = {
    "W1": "trains by log loss: no squared error on a sigmoid",
    "W2": "trains by log loss, with biases: has neither",
    "W5": "its Adam does not correct eps for the first updates",
}


def prepare(problem: Problem) -> Session:
    """The estimator with the sketch's start weights; the batches are gathered beforehand."""
    workload = problem.workload
    picked = problem.order.ravel()
    inputs, targets = problem.inputs[picked], _targets(workload, problem.targets[picked])
    model = _model(workload)

    def train() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # one epoch never converges
            model.fit(inputs, targets)

    def parameters() -> Parameters:
        return list(zip(model.coefs_, model.intercepts_, strict=True))

    train()  # makes the arrays, which then take the start weights
    model.coefs_ = [w.copy() for w, _ in problem.start]
    model.intercepts_ = [np.zeros(w.shape[1], w.dtype) if b is None else b.copy()
                         for w, b in problem.start]  # fmt: skip
    note = OTHERWISE.get(workload.name, "")
    return Session(train, parameters, note, comparable=not note)


def _targets(workload: Workload, targets: Any) -> Any:
    if workload.loss == "cross_entropy":
        return targets.argmax(axis=1)
    if workload.widths[-1] == 1:
        return targets[:, 0].astype(int)
    return targets.astype(int) if workload.output == "sigmoid" else targets


def _model(workload: Workload) -> Any:
    """Its loss is the mean over samples, squared error with a factor 1/2: lr makes up for it."""
    estimator = MLPRegressor if workload.output == "linear" else MLPClassifier
    gradient = 1.0
    if workload.loss == "mse":
        gradient = 2.0 / workload.widths[-1] if workload.reduction == "mean" else 2.0
    if workload.reduction == "sum":
        gradient *= workload.batch
    return estimator(
        hidden_layer_sizes=workload.widths[1:-1],
        activation="logistic" if workload.hidden == "sigmoid" else "relu",
        solver="adam" if workload.optimizer == "adam" else "sgd",
        alpha=0.0,
        batch_size=workload.batch,
        learning_rate_init=workload.lr * (1.0 if workload.optimizer == "adam" else gradient),
        max_iter=1,
        shuffle=False,
        warm_start=True,
        momentum=workload.momentum,
        nesterovs_momentum=False,
        random_state=0,
    )
