"""scikit-learn's own checks of estimators, all of which must pass."""

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from nnlab.estimators.classifier import Classifier
from nnlab.estimators.regressor import Regressor

ESTIMATORS = [
    estimator
    for kind in (Classifier, Regressor)
    for estimator in (
        kind(),
        kind(hidden=(8,), activation="tanh", batch_size="full", epochs=40,
             optimizer={"sgd": {"lr": 0.1, "momentum": 0.9, "nesterov": True}}),
        kind(hidden=(8, 4), lr=0.02, epochs=30, schedule="cosine", scale="standardize",
             missing="mean", random_state=3),
        kind(hidden=(), loss="bce" if kind is Classifier else "huber", init="he_normal",
             optimizer={"name": "adamw", "lr": 0.05, "clip_norm": 5.0}, epochs=30, ema=0.9),
    )
]  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@parametrize_with_checks(ESTIMATORS)
def test_check(estimator: BaseEstimator, check) -> None:
    check(estimator)
