"""What both estimators do: fit, partial_fit, and the outputs of the network."""

import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import replace
from inspect import cleandoc
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from nnlab.api.user_network import UserNetwork
from nnlab.build import Built, build
from nnlab.config.load import Loaded
from nnlab.config.schema import Config
from nnlab.core.layers.dense import Rescale
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.types import Array, FloatArray
from nnlab.data.dataset import Dataset, require_finite
from nnlab.data.fill import WAYS, fill_missing
from nnlab.data.memory import Memory
from nnlab.errors import ConfigError
from nnlab.estimators.parameters import Parameters, as_value_errors
from nnlab.estimators.recording import record_rows
from nnlab.estimators.rows import Rows, fitted_rows, later_rows
from nnlab.experiment.session import BURST, begin
from nnlab.experiment.state import start_weights
from nnlab.run.names import runs_folder
from nnlab.status import Status
from nnlab.training import (
    Epoch,
    Failure,
    Record,
    State,
    final_weights,
    restores_best,
    run_training,
    start,
)

# For partial_fit, which trains on all the rows that it gets.
NO_VALIDATION = [(f"training.{key}", None) for key in ("early_stopping", "monitor")] + [
    ("data.validation", None)
]


class Estimator(Parameters):
    """Trains a network on rows in memory.

    After fit: network_ (an `nnlab.Network`), loss_curve_ (the training loss of each epoch),
    validation_curve_ (of the validation part, or None), n_iter_ (epochs), n_features_in_,
    feature_names_in_ where columns have names, run_folder_ (with `runs`, else None).
    """

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        documented = (cls, Estimator, Parameters)
        cls.__doc__ = "\n\n".join(cleandoc(each.__doc__ or "") for each in documented)

    run_folder_: Path | None

    @abstractmethod
    def _checked_targets(self, y: Any) -> Array:
        """y as an array of finite numbers or of classes."""

    @abstractmethod
    def _targets(self, y: Array, *, again: bool) -> tuple[Array, tuple[str, ...]]:
        """Numbers (N, m) and no names, or labels (N,) and the names of the classes.

        again: with the classes of an earlier fit.
        """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.missing in WAYS
        tags.target_tags.required = True
        return tags

    def _fit(self, x: Any, y: Any, sample_weight: Any, *, again: bool) -> Self:
        """Train from the start, or with the weights of the last fit for `warm_start`."""
        with as_value_errors():
            rows = fitted_rows(self, x, self.missing_rules(), self.categorical)
            dataset = self._dataset(y, rows, sample_weight, again=again)
            config = self.settings(Memory().holding(dataset), dataset.outputs)
            if self.runs is not None:
                return self._record(dataset, rows, config, again=again)
            built = build(config, rescale=self._rescale if again else None)
            for sentence in built.warnings:
                warnings.warn(sentence, UserWarning, stacklevel=3)
            start_weights(built)
            if again:
                _take_values(built.network, self.network_, "warm_start")
            state = start(built.plan, built.network)
            records = run_training(replace(built.plan, burst=BURST), state)
            return self._keep(rows, built, state, self._curves(records, built))

    def _record(self, dataset: Dataset, rows: Rows, config: Config, *, again: bool) -> Self:
        """Train in a run folder, from a file with the rows."""
        if again:
            raise ConfigError("runs cannot record a warm start; set warm_start=False.")
        parent = runs_folder(self.runs)
        source = record_rows(dataset, rows.form, parent)
        config = replace(config, data=replace(config.data, source=source))
        with begin(Loaded(config), parent) as session:
            for sentence in session.built.warnings:
                warnings.warn(sentence, UserWarning, stacklevel=4)
            curves = self._curves(session, session.built)
        self._keep(rows, session.built, session.state, curves)
        self.run_folder_ = session.folder.path
        return self

    def _partial_fit(self, x: Any, y: Any, sample_weight: Any) -> Self:
        """Train one epoch on these rows, from the present weights and optimizer state on."""
        again = hasattr(self, "network_")
        if self.runs is not None:
            raise ValueError("partial_fit makes no run folder; set runs=None, or use fit.")
        with as_value_errors():
            if again:
                rows = later_rows(self, x, self._form)
            else:
                rows = fitted_rows(self, x, self.missing_rules(), self.categorical)
            dataset = self._dataset(y, rows, sample_weight, again=again)
            config = self.settings(Memory().holding(dataset), dataset.outputs, NO_VALIDATION)
            if config.optimizer.searches:
                raise ConfigError(
                    "partial_fit trains on other rows each time, and this optimizer compares "
                    "losses of the same rows. Use fit, or optimizer='adam'."
                )
            earlier = (self._scaling, self._rescale) if again else (None, None)
            built = build(config, scaling=earlier[0], rescale=earlier[1])
            start_weights(built)
            state = start(built.plan, built.network)
            if again:
                _take_values(built.network, self._state.network, "partial_fit")
                state = _continued(self._state, state)
            epochs = state.epoch + 1  # schedules see the epochs of the config
            plan = replace(built.plan, epochs=max(epochs, built.plan.epochs))
            records = _until(run_training(plan, state), lambda: state.epoch >= epochs)
            curve = self.loss_curve_ if again else []
            losses, _ = self._curves(records, built)
            return self._keep(rows, built, state, (curve + losses, None))

    def _dataset(self, y: Any, rows: Rows, sample_weight: Any, *, again: bool) -> Dataset:
        """The data set of rows and targets; rows without weight are left out."""
        if y is None:
            words = "requires y to be passed, but the target y is None"  # scikit-learn's
            raise ValueError(f"{type(self).__name__} {words}.")
        check_consistent_length(rows.present, y)
        targets, weights = self._checked_targets(y)[rows.present], None
        if sample_weight is not None:
            weights = _check_sample_weight(sample_weight, rows.present, dtype=np.float64)
            if (weights < 0).any():
                raise ValueError(f"sample_weight must not be negative, as {weights.min():g} is.")
            weights = weights[rows.present]
            if not (used := weights > 0).any():
                raise ValueError("sample_weight is zero for all rows; a row needs a weight.")
            rows = rows._replace(inputs=rows.inputs[used])
            targets, weights = targets[used], weights[used]
        answers, names = self._targets(targets, again=again)
        return Dataset(
            "rows",
            rows.inputs,
            answers,
            "classes" if names else "regression",
            class_names=names,
            sha256="in memory",
            columns=rows.form.columns,
            image_shape=rows.form.image,
            input_range=rows.input_range,
            filling=rows.form.missing.filling(rows.form.columns),
            weights=weights,
        )

    def _curves(
        self, records: Iterable[Record], built: Built
    ) -> tuple[list[float], list[float] | None]:
        """Train; the losses of both parts by epoch."""
        losses, validation = list[float](), list[float]()
        for item in records:
            if isinstance(item, Epoch) and item.epoch > 0:
                losses.append(item.train["loss"])
                validation += [item.validation["loss"]] if item.validation is not None else []
            elif isinstance(item, Failure):
                warnings.warn(
                    f"Training diverged in epoch {item.epoch}: {item.what} is not finite. The "
                    "weights are the last finite ones. Set a smaller lr, or scale='standardize'.",
                    ConvergenceWarning,
                    stacklevel=4,
                )
        return losses, validation if built.plan.validation is not None else None

    def _keep(
        self, rows: Rows, built: Built, state: State, curves: tuple[list[float], Any]
    ) -> Self:
        """Store what prediction and further training need, without the rows."""
        self.network_ = UserNetwork.of(built.network)
        self.network_.values[...] = final_weights(built.plan, state)
        if restores_best(built.plan, state):  # then partial_fit continues from the best epoch too
            state.network.values[...] = state.best.values
        self.loss_curve_, self.validation_curve_ = curves
        self.n_iter_ = len(self.loss_curve_)
        self.run_folder_ = None
        self._form, self._state, self._scaling = rows.form, state, built.scaling
        self._kind, self._loss = built.kind, built.plan.loss
        return self

    # The network's answers.

    def _outputs(self, x: Any, *, logits: bool = False) -> FloatArray:
        """The outputs (N, m) in float64; logits: before an activation that the loss fuses."""
        check_is_fitted(self, "network_")
        with as_value_errors():
            inputs = later_rows(self, x, self._form).inputs
            require_finite(fill_missing(inputs, self._scaling.fill), "X")
            depth = trained_depth(self.network_.layers, self._loss) if logits else None
        with np.errstate(all="ignore"):  # weights of a training that diverged may overflow
            answers = self.network_.predict(self._scaling.apply(inputs), depth=depth)
        return answers.astype(np.float64)

    @property
    def _rescale(self) -> Rescale | None:
        """The layer for the units of the targets, fitted at the first fit."""
        last = self.network_.layers[-1]
        return last if isinstance(last, Rescale) else None

    def _last_layer(self) -> str:
        """The kind of the network's last layer; "" where the parameters describe no network."""
        if hasattr(self, "network_"):
            return layer_kind(self.network_.layers[-1])
        try:
            return layer_kind(self.outline().network[-1])
        except ConfigError:
            return ""


def _take_values(network: Network, before: Network, what: str) -> None:
    """Copy the values of a network that was trained before."""
    same = (network.layers, network.inputs, network.dtype)
    if same != (before.layers, before.inputs, before.dtype):
        raise ConfigError(f"{what}: the parameters describe another network than at the last fit.")
    network.values[...] = before.values


def _continued(state: State, new: State) -> State:
    """The state for further training of the network in `new`."""
    if state.slots.keys() != new.slots.keys() or (state.average is None) != (new.average is None):
        raise ConfigError("partial_fit: the optimizer, ema or swa is another than at the last fit.")
    state.network, state.status = new.network, Status.RUNNING
    return state


def _until(records: Iterable[Record], done: Callable[[], bool]) -> Iterable[Record]:
    """The records up to the first after which it is done."""
    for item in records:
        yield item
        if done():
            return
