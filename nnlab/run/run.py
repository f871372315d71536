"""The reader of a run folder: its files, config, data, networks and predictions.

The data set is not needed, so a folder gives the same on another machine. Some files are missing
while a run trains, and after it was interrupted or diverged.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike

from nnlab.build import load_weights
from nnlab.config.load import load_config
from nnlab.config.schema import Config
from nnlab.core.losses import ClassLoss, Loss
from nnlab.core.losses.scaled import in_units
from nnlab.core.network import Network
from nnlab.core.types import Array, FloatArray, IntArray, cached_property
from nnlab.data.dataset import require_finite
from nnlab.data.fill import fill_missing
from nnlab.data.frame import is_frame
from nnlab.data.memory import Memory
from nnlab.data.scale import Scaling
from nnlab.data.table_schema import TableSchema
from nnlab.engine.network import EngineNetwork
from nnlab.errors import DataError, RunUnreadable, UsageError
from nnlab.run.arrays import Expected
from nnlab.run.checkpoint import Checkpoint
from nnlab.run.data_facts import DataFacts, read_data_facts
from nnlab.run.files import RunFiles
from nnlab.run.folder import DATA, PROGRESS, SNAPSHOTS, SUMMARY, Weights, weights_file
from nnlab.run.rows import SavedRows, read_saved_rows, read_schema, read_shown_rows
from nnlab.run.shapes import require_rows, require_weights
from nnlab.run.text import unreadable


@dataclass(frozen=True)
class Run(RunFiles):
    """A run, read from its folder; each file is read at most once.

    memory: the rows of a run whose data a Python program gave; without them its data is not there.
    Readers raise RunUnreadable or StorageError, `config` and what needs it also ConfigError.
    """

    memory: Memory | None = field(default=None, repr=False, compare=False)

    @cached_property
    def config(self) -> Config:
        """The config with all defaults filled in. Raises ConfigError where it does not fit."""
        config = load_config(self.folder.config_path(), check=False).config
        if self.memory is None:
            return config
        return replace(config, data=replace(config.data, source=self.memory))

    def reading(self, data: Any) -> Self:
        """The run with the rows that it was trained on: (x, y), or a data frame.

        Raises DataError for other rows, UsageError for a run that reads its data from elsewhere.
        """
        source = self.config.data.source
        if not isinstance(source, Memory):
            raise UsageError(f"The run {self.name} reads its data itself; leave out data=.")
        return type(self)(self.path, source.reading(data))

    @cached_property
    def data(self) -> DataFacts:
        """data.json."""
        content, path = self.folder.read_json(DATA), self.folder.path
        return read_data_facts(content, path / DATA, path / weights_file("initial"))

    @cached_property
    def scaling(self) -> Scaling:
        """The scaling that was fitted on the training rows."""
        saved = self.data.scaling
        fill = None if saved.fill is None else np.array(saved.fill)
        return Scaling(saved.kind, np.array(saved.shift), np.array(saved.factor), fill)

    @cached_property
    def schema(self) -> TableSchema:
        """The form of files with rows for this network, as in training."""
        return read_schema(self.folder.path, self.data, self.config.data.source)

    @property
    def loss(self) -> Loss:
        """The loss, with the class weights that the training rows gave it."""
        loss = self.config.loss
        if isinstance(loss, ClassLoss) and loss.class_weight is not None:
            if self.data.class_weight is None:
                raise unreadable(self.path, "data.json has no class weights")
            return replace(loss, class_weight=self.data.class_weight)
        return in_units(loss, self.config.network[-1])

    @property
    def output_names(self) -> Sequence[str]:
        """The names of the classes, else those of the outputs; empty where there are none."""
        return self.data.class_names or self.loss.output_names(self.data.target_names)

    def untrained(self) -> Network:
        """A network for the config and the data; RunUnreadable if they disagree."""
        config = self.config
        try:
            shape = self.data.inputs
            require_weights(self.folder.path, config, shape)
            return EngineNetwork(config.network, shape, dtype=config.training.dtype)
        except (ValueError, MemoryError) as error:
            misfit = f"data.json does not fit resolved.yaml ({error})"
            raise unreadable(self.path, misfit) from error

    def network(self, which: Weights = "final") -> Network:
        """The network with its initial, best or final weights, or those of the checkpoint.

        Raises UsageError for another word, RunUnreadable if they are missing or do not fit.
        """
        network = self.untrained()
        load_weights(network, self.weights(which, expected(network)), which)
        return network

    def weights(self, which: Weights, shapes: Expected | None = None) -> dict[str, Array]:
        """The saved arrays by name; raises as `network` does."""
        if which not in (known := get_args(Weights)):
            raise UsageError(f"There are no weights '{which}'; there are {', '.join(known)}.")
        if which == "checkpoint":
            network = self.untrained()
            if (saved := self._saved_weights(network)) is None:
                raise RunUnreadable(f"The run {self.name} has no checkpoint.")
            return network.named(saved)
        if not self.folder.has(weights_file(which)) and not self.folder.has(SUMMARY):
            other = "checkpoint" if self.checkpoint else "initial"
            raise RunUnreadable(
                f"The run {self.name} has not come to its end (it is {self.status}), so it has no "
                f"{which} weights. It has {other} weights."
            )
        return self.folder.read_arrays(weights_file(which), shapes)

    @cached_property
    def latest(self) -> tuple[Network, int | None]:
        """The network with the final weights, else those of the checkpoint, else the initial ones.

        The number of their epoch beside it; None if unknown.
        """
        if self.folder.has(weights_file("final")) or self.folder.has(SUMMARY):
            epoch = self.results["final"].get("epoch")
            return self.network("final"), epoch if isinstance(epoch, int) else None
        if saved := self.checkpoint:
            network = self.untrained()
            if (values := self._saved_weights(network)) is not None:
                network.values[...] = values
                epoch = saved.meta.get("epoch")
                return network, epoch if isinstance(epoch, int) else None
        return self.network("initial"), 0

    def _saved_weights(self, network: Network) -> Array | None:
        """Parameters and buffers (V,) of the last save; None without one that fits."""
        arrays = self.checkpoint.arrays if self.checkpoint else {}
        blocks = [arrays.get(name, np.zeros(0)) for name in ("theta", "buffers")]
        values = np.concatenate([block.ravel() for block in blocks])
        return values if values.shape == network.values.shape else None

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """The last save; None without one."""
        return self.folder.load_checkpoint() if self.folder.has_checkpoint() else None

    @cached_property
    def snapshots(self) -> tuple[IntArray, Array]:
        """Epochs (k,) and values (k, V) of a small network along the way; k = 0 for a large one."""
        prefix, arrays = "", self._progress
        if not arrays and self.folder.has(SNAPSHOTS):
            arrays = self.folder.read_arrays(SNAPSHOTS)
        elif not arrays and (saved := self.checkpoint):
            prefix, arrays = "snapshot.", saved.arrays
        epochs, thetas = (arrays.get(prefix + name, np.zeros(0)) for name in ("epochs", "theta"))
        network = self.untrained()
        buffers = arrays.get(f"{prefix}buffers", thetas[..., :0])
        sizes = ((thetas, network.theta.size), (buffers, network.buffers.size))
        if not epochs.size or any(block.shape != (len(epochs), size) for block, size in sizes):
            return np.zeros(0, np.int64), np.zeros((0, network.values.size))
        return epochs.astype(np.int64), np.hstack([thetas, buffers])

    @property
    def _progress(self) -> dict[str, Array]:
        """progress.npz; empty where it is missing, or damaged by a power cut."""
        with suppress(RunUnreadable):
            if self.folder.has(PROGRESS):
                return self.folder.read_arrays(PROGRESS, sealed=True)
        return {}

    @cached_property
    def training_rows(self) -> tuple[Array, Array]:
        """Inputs (N, n) and targets of some training rows, also while the run trains; N may be 0.

        As in the data set. Raises RunUnreadable if they do not fit data.json.
        """
        if rows := self.rows.get("train"):
            return rows.inputs, rows.targets
        return read_shown_rows(self.folder, self.data, self.loss)

    def predict(self, x: ArrayLike, weights: Weights = "final") -> FloatArray:
        """Outputs (B, m) for rows x (B, n) in the data set's own units, or for a data frame.

        Columns of a data frame are found by name. Raises DataError for rows of another width, and
        for values that are not numbers.
        """
        rows = self.schema.frame_inputs(x) if is_frame(x) else as_numbers(x)
        width = self.data.inputs[0]
        if rows.ndim != 2 or rows.shape[1] != width:
            raise DataError(f"The network takes rows of {width} numbers, not shape {rows.shape}.")
        require_finite(fill_missing(rows, self.scaling.fill), "The rows")
        with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
            return self.network(weights).predict(self.scaling.apply(rows))

    @cached_property
    def rows(self) -> dict[str, SavedRows]:
        """The saved rows by part: predictions.npz has whole parts, samples.npz some rows."""
        return read_saved_rows(self.folder, self.data, self.loss)

    def require_described(self) -> None:
        """Raises RunUnreadable if the config describes more data or weights than the run had."""
        source = self.config.data.signature()
        require_rows(self.folder.path, self.data, source)
        require_weights(self.folder.path, self.config, source.inputs)


def expected(network: Network) -> Expected:
    """The content of a weights file of this network."""
    return {name: (array.shape, array.dtype.name) for name, array in network.arrays.items()}


def as_numbers(x: ArrayLike) -> Array:
    """`x` as an array of numbers, or DataError."""
    try:
        rows = np.asarray(x)
        if rows.dtype.kind == "O":
            rows = rows.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"The rows are not numbers: {error}.") from None
    if rows.dtype.kind not in "biuf":
        raise DataError(f"The rows are of type {rows.dtype}; numbers are needed.")
    return rows
