"""A run again: its config, its network with saved weights, its data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from nnlab.build import Built, build, encode, load_weights, make_plan
from nnlab.config.load import load
from nnlab.config.schema import Config
from nnlab.core.losses import Loss
from nnlab.core.losses.classification import ClassLoss
from nnlab.core.network import Network
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.batches import Part
from nnlab.data.dataset import Dataset, require_finite
from nnlab.data.rows import Like
from nnlab.data.scale import Scaling, filled
from nnlab.data.tables import Csv, Npz
from nnlab.errors import DataError, RunUnreadable, UsageError
from nnlab.experiment import outcome
from nnlab.run.arrays import Expected
from nnlab.run.folder import RESOLVED, RunFolder, Weights
from nnlab.training import Plan


@dataclass(frozen=True)
class Saved:
    """What can be had from a run folder. Everything is read when it is asked for."""

    folder: RunFolder

    @cached_property
    def config(self) -> Config:
        """The resolved config. Raises ConfigError or StorageError."""
        return load(self.folder.path / RESOLVED, check=False).config

    @cached_property
    def data(self) -> dict[str, Any]:
        """data.json."""
        return self.folder.read_data(strict=True)

    @cached_property
    def scaling(self) -> Scaling:
        """The scaling that was fitted on the training rows."""
        saved = self.data["scaling"]
        fill = saved.get("fill")
        return Scaling(
            saved["kind"],
            np.array(saved["shift"]),
            np.array(saved["factor"]),
            None if fill is None else np.array(fill),
        )

    @cached_property
    def like(self) -> Like:
        """What rows for this network look like in a file."""
        data, source = self.data, self.config.data.source
        return Like(
            width=data["inputs"][0],
            outputs=data["outputs"],
            task=data["task"],
            classes=tuple(data["class_names"]),
            features=tuple(data["feature_names"]),
            targets=tuple(data["target_names"]),
            header=source.header if isinstance(source, Csv) else None,
            delimiter=source.delimiter if isinstance(source, Csv) else ",",
            arrays=(source.inputs, source.targets) if isinstance(source, Npz) else ("x", "y"),
            ignored=tuple(map(str, source.ignore)) if isinstance(source, Csv) else (),
            fills=self.scaling.fill is not None,
        )

    def untrained(self) -> Network:
        """A network of the config's layers for the data's rows; RunUnreadable if it has none."""
        config = self.config
        try:
            inputs = tuple(self.data["inputs"])
            return Network(config.network, inputs, dtype=config.training.dtype)
        except (ValueError, MemoryError) as error:
            raise RunUnreadable(
                f"Cannot read {self.folder.path}: data.json does not fit resolved.yaml ({error})."
            ) from error

    @property
    def loss(self) -> Loss:
        """The loss, with the class weights that the training rows gave it."""
        loss = self.config.loss
        if isinstance(loss, ClassLoss) and loss.class_weight is not None:
            return replace(loss, class_weight=tuple(self.data["class_weight"]))
        return loss

    def network(self, which: Weights = "final") -> Network:
        """The network with its initial, best or final weights.

        Raises UsageError for another word, RunUnreadable if they are not there or do not fit.
        """
        network = self.untrained()
        expected = {name: (array.shape, array.dtype.name) for name, array in network.arrays.items()}
        load_weights(network, self._weights(which, expected), which)
        return network

    def _weights(self, which: Weights, expected: Expected | None = None) -> dict[str, Array]:
        if which not in (known := get_args(Weights)):
            raise UsageError(f"There are no weights '{which}'; there are {', '.join(known)}.")
        if not self.folder.has_weights(which) and not self.folder.has_summary():
            raise RunUnreadable(
                f"The run {self.folder.name} has not come to its end (it is "
                f"{self.folder.status()}), so it has no {which} weights. Try --weights initial."
            )
        return self.folder.read_weights(which, expected)

    def predict(self, rows: ArrayLike, which: Weights = "final") -> FloatArray:
        """Outputs (B, m) for rows (B, n) in the data set's own units.

        Raises DataError for rows of another width, and for what is no number.
        """
        try:
            x = np.asarray(rows)
            if x.dtype.kind == "O":
                x = x.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"The rows are not numbers: {error}.") from None
        if x.dtype.kind not in "biuf":
            raise DataError(f"The rows are of type {x.dtype}; numbers are needed.")
        width = self.data["inputs"][0]
        if x.ndim != 2 or x.shape[1] != width:
            raise DataError(f"The network takes rows of {width} numbers, not shape {x.shape}.")
        require_finite(filled(x, self.scaling.fill), "The rows")
        with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
            return self.network(which).predict(self.scaling.apply(x))

    def build(self) -> Built:
        """The run's data, split and scaled as then. DataError when the data has changed since."""
        # Nothing is trained, so the engine of then need not be installed here.
        training = replace(self.config.training, engine="auto")
        built = build(replace(self.config, training=training))
        if built.dataset.sha256 != self.data["sha256"]:
            raise DataError(
                f"The data set {built.dataset.name} is not what it was when this run was made: "
                f"SHA-256 {built.dataset.sha256}, then {self.data['sha256']}."
            )
        return built

    def evaluate(self, which: Weights = "final", part: str = "test") -> dict[str, Any]:
        """Loss, metrics and, for classes, tables, on train, validation or test.

        Raises UsageError when the run has no such part.
        """
        built = self.build()
        load_weights(built.network, self._weights(which), which)
        found = {name: (rows, numbers) for name, rows, numbers in outcome.parts(built)}
        if part == "validation" and self.data["validation_is_test"]:
            part = "test"
        if part not in found:
            raise UsageError(f"This run has no {part} part; it has {', '.join(found)}.")
        return judged(built.plan, built.network, built.dataset.class_names, found[part][0])

    def evaluate_rows(self, dataset: Dataset, which: Weights = "final") -> dict[str, Any]:
        """The same on all rows of another data set, scaled as this run's training rows were.

        Raises DataError when it does not fit the network.
        """
        network = self.network(which)
        if (dataset.inputs.shape[1], dataset.outputs) != (
            self.data["inputs"][0],
            self.data["outputs"],
        ):
            raise DataError(
                f"{dataset.name} has rows of {dataset.inputs.shape[1]} numbers and "
                f"{dataset.outputs} outputs; this run takes {self.data['inputs'][0]} and "
                f"{self.data['outputs']}."
            )
        kind, targets = encode(dataset, network.shapes[-1][0])
        config, loss = self.config, self.loss
        rows: IntArray = np.arange(dataset.rows)
        coded = loss.encode(targets)
        part = Part(dataset.inputs, rows, self.scaling, coded, config.training.dtype)
        plan = make_plan(config, loss, part, None, kind)
        return judged(plan, network, self.data["class_names"], part)


def judged(plan: Plan, network: Network, names: Sequence[str], part: Part) -> dict[str, Any]:
    """Numbers and tables of a part, with the network's own parameters."""
    with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
        predicted = outcome.outputs(network, part)
    return {
        "rows": len(part),
        **outcome.numbers(plan, network, part),
        **outcome.class_tables(names, predicted, part),
    }
