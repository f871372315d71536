"""The classifier."""

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from nnlab.core.metrics import decisions
from nnlab.core.types import Array, FloatArray
from nnlab.data.frame import is_missing
from nnlab.errors import DataError
from nnlab.estimators.base import Estimator


def _gives_probabilities(estimator: "Classifier") -> bool:
    """Whether the network ends in softmax or sigmoid; AttributeError where it does not."""
    last = estimator._last_layer()
    if last not in ("softmax", "sigmoid", ""):
        raise AttributeError(f"predict_proba needs a network that ends in softmax, not in {last}.")
    return True


class Classifier(ClassifierMixin, Estimator):
    """A network that tells classes apart.

    By default softmax and cross_entropy; with {"loss": "bce"} and two classes a single sigmoid.
    classes_ are the distinct values of y, sorted.
    """

    default_loss = "cross_entropy"

    def fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """Train on rows X (N, n), an array or a data frame, with classes y (N,).

        sample_weight (N,): a row with weight 2 counts as two, a row with weight 0 is left out.
        classes: all classes, where y may lack some. Raises ValueError, TypeError.
        """
        again = self.warm_start and hasattr(self, "network_")
        if not again:
            self._given = None if classes is None else np.unique(classes)
        return self._fit(X, y, sample_weight, again=again)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train one epoch on these rows; the first call needs all `classes`."""
        if not hasattr(self, "network_"):
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            self._given = np.unique(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes are {self.classes_.tolist()} since the first call.")
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> Array:
        """The class of each row, (N,)."""
        outputs = self._outputs(X)
        return np.asarray(self.classes_[decisions(self._kind, outputs)])

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Any) -> FloatArray:
        """The probabilities (N, C), in the order of classes_."""
        outputs = self._outputs(X)
        if self._kind == "binary":
            return np.hstack([1 - outputs, outputs])
        if self._last_layer() == "softmax":
            return outputs
        sums = outputs.sum(axis=1, keepdims=True)  # a sigmoid per class
        even = np.full_like(outputs, 1 / outputs.shape[1])
        return np.divide(outputs, sums, out=even, where=sums > 0)

    def decision_function(self, X: Any) -> FloatArray:
        """Scores: (N,), above 0 for the second of two classes, or (N, C).

        They are logits where the loss fuses the last activation, else outputs.
        """
        z = self._outputs(X, logits=True)
        if self._kind == "binary":
            return z[:, 0] if self._loss.fuses else z[:, 0] - 0.5
        return z[:, 1] - z[:, 0] if z.shape[1] == 2 else z

    def _checked_targets(self, y: Any) -> Array:
        labels = np.asarray(column_or_1d(y, warn=True))
        if labels.dtype.kind == "O":  # of texts, beside which None has no order
            absent = [row for row, label in enumerate(labels.tolist()) if is_missing(label)]
            if absent:
                raise DataError(f"y contains NaN or None in row {absent[0]} (counted from 0).")
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        return labels

    def _targets(self, y: Array, *, again: bool) -> tuple[Array, tuple[str, ...]]:
        if not again:
            self.classes_ = np.unique(y) if self._given is None else self._given
        unknown = y[~np.isin(y, self.classes_)]
        if unknown.size:
            raise DataError(
                f"y holds {unknown.tolist()[0]!r}, and classes are {self.classes_.tolist()}."
            )
        return np.searchsorted(self.classes_, y), tuple(map(str, self.classes_.tolist()))
