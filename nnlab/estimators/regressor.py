"""The regressor."""

from typing import Any, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array

from nnlab.core.types import Array, FloatArray
from nnlab.estimators.base import Estimator


class Regressor(RegressorMixin, Estimator):
    """A network that predicts one number or several; by default linear outputs and mse."""

    default_loss = "mse"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on rows X (N, n), an array or a data frame, with numbers y (N,) or (N, m).

        sample_weight (N,): a row with weight 2 counts as two, a row with weight 0 is left out.
        Raises ValueError, TypeError.
        """
        again = self.warm_start and hasattr(self, "network_")
        return self._fit(X, y, sample_weight, again=again)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train one epoch on these rows."""
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> FloatArray:
        """The outputs (N,), or (N, m) for several targets; of quantiles that nearest to 0.5."""
        outputs = self._outputs(X)  # raises where nothing is trained
        outputs = self._loss.answers(outputs)
        return outputs[:, 0] if outputs.shape[1] == 1 else outputs

    def predict_quantiles(self, X: Any) -> FloatArray:
        """All outputs (N, m q) of a network with the loss `quantile`, target after target."""
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _checked_targets(self, y: Any) -> Array:
        return np.asarray(check_array(y, ensure_2d=False, dtype=np.float64, input_name="y"))

    def _targets(self, y: Array, *, again: bool) -> tuple[Array, tuple[str, ...]]:
        return y[:, None] if y.ndim == 1 else y, ()
