"""The reader of a run folder: its config, data, numbers, networks and predictions.

The data set is not needed, so a folder gives the same on another machine. Some files are missing
while a run trains, and after it was interrupted or diverged.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlab.config.load import load_config
from nnlab.config.schema import Config
from nnlab.core.losses import ClassLoss, Loss
from nnlab.core.network import Network
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.dataset import require_finite
from nnlab.data.scale import Scaling, fill_missing
from nnlab.data.table_schema import TableSchema
from nnlab.errors import DataError, NnlabError, RunUnreadable, UsageError
from nnlab.run.arrays import Expected
from nnlab.run.checkpoint import Checkpoint
from nnlab.run.folder import (
    DATA,
    FORMAT,
    METRICS,
    RESOLVED,
    RUN,
    SNAPSHOTS,
    STEPS,
    SUMMARY,
    RunFolder,
    Weights,
    weights_file,
)
from nnlab.run.rows import SavedRows, read_saved_rows, read_schema
from nnlab.run.settings import read_settings
from nnlab.run.shapes import check_data, require_rows, require_weights
from nnlab.run.text import mapping_or_empty, shown
from nnlab.status import Status


@dataclass(frozen=True)
class Run:
    """A run, read from its folder: each file once, when it is first needed.

    Readers raise RunUnreadable or StorageError, `config` and what needs it also ConfigError.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing run folder. Raises RunUnreadable when it is not one."""
        return cls(RunFolder.open(path).path)

    @classmethod
    def find(cls, spec: str, runs: Path) -> Self:
        """The run that a user means by `spec`; see `names.find`."""
        return cls(RunFolder.find(spec, runs).path)

    @property
    def folder(self) -> RunFolder:
        """The files."""
        return RunFolder(self.path)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    # run.json

    @property
    def status(self) -> Status:
        """The state of the run now: read again at each call."""
        return self.folder.status()

    @property
    def written_status(self) -> Status:
        """The state in run.json when it was read, whether or not a process still trains."""
        return Status.of(self.about.get("status"))

    @cached_property
    def about(self) -> dict[str, Any]:
        """run.json."""
        return self.folder.read_json(RUN)

    @cached_property
    def kind(self) -> str | None:
        """The kind of run: None for a training, "race" for a race."""
        return self.folder.kind()

    @property
    def trial(self) -> tuple[dict[str, Any], int | None]:
        """The settings that its sweep varies, and the seed; empty and None for other runs."""
        trial = mapping_or_empty(self.about.get("trial"))
        seed = trial.get("seed")
        return mapping_or_empty(trial.get("cell")), seed if isinstance(seed, int) else None

    @property
    def failure_reason(self) -> str | None:
        """Why the run has no result; None if it has one, or has not ended."""
        status = self.written_status
        if status is Status.DIVERGED:
            where = mapping_or_empty(self.about.get("failure"))
            what = str(where.get("what", "a number")).replace("_", " ")
            return f"diverged in epoch {where.get('epoch')}: the {what} is not finite"
        return str(self.about.get("error")) if status is Status.FAILED else None

    @property
    def data_source(self) -> tuple[str | None, str | None]:
        """Name and SHA-256 of the data set in run.json; a race has the name of its function."""
        data = self.about.get("data") or self.about.get("function")
        data = data if isinstance(data, Mapping) else {"name": data}
        values = (data.get(key) for key in ("name", "sha256"))
        name, sha256 = (value if isinstance(value, str) else None for value in values)
        return name, sha256

    @property
    def newer_format(self) -> str | None:
        """A sentence if a newer nnlab made the run."""
        if (number := self.about.get("format", FORMAT)) == FORMAT:
            return None
        return (
            f"The run {shown(self.name)} is of format {number!r:.20}, and this nnlab knows "
            f"format {FORMAT}: what it does not know is not drawn."
        )

    # resolved.yaml and data.json

    @cached_property
    def config(self) -> Config:
        """The config with all defaults filled in. Raises ConfigError where it does not fit."""
        return load_config(self.path / RESOLVED, check=False).config

    @cached_property
    def settings(self) -> dict[str, Any]:
        """resolved.yaml as plain values, also with settings that this version does not know."""
        return read_settings(self.path / RESOLVED)

    @cached_property
    def data(self) -> dict[str, Any]:
        """data.json, complete."""
        content = self.folder.read_json(DATA)
        check_data(content, self.path / DATA, self.path / weights_file("initial"))
        return content

    @cached_property
    def scaling(self) -> Scaling:
        """The scaling that was fitted on the training rows."""
        saved = self.data["scaling"]
        fill = None if saved.get("fill") is None else np.array(saved["fill"])
        return Scaling(saved["kind"], np.array(saved["shift"]), np.array(saved["factor"]), fill)

    @cached_property
    def schema(self) -> TableSchema:
        """The form of a file with rows for this network, which is that of its training file."""
        return read_schema(self.path, self.data, self.config.data.source)

    # metrics.csv, steps.csv, summary.json

    @cached_property
    def metrics(self) -> dict[str, NDArray[Any]]:
        """metrics.csv by column, one number per epoch; row 0 is before training."""
        table = self.folder.read_table(METRICS)
        return {name: np.asarray(column) for name, column in table.items()}

    @property
    def last_row(self) -> dict[str, Any]:
        """The last row of metrics.csv, read again at each call; empty without rows."""
        return dict(self.folder.last_metrics())

    @cached_property
    def steps(self) -> dict[str, NDArray[Any]]:
        """steps.csv by column; empty where updates were not recorded."""
        return {name: np.asarray(column) for name, column in self.folder.read_table(STEPS).items()}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json: final, best, test, classes, confusion; empty before the end."""
        return self.folder.read_json(SUMMARY) if self.folder.has(SUMMARY) else {}

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """The tables final, best and test of summary.json; empty ones before the end."""
        return {key: mapping_or_empty(self.summary.get(key)) for key in ("final", "best", "test")}

    @property
    def seconds(self) -> Any:
        """The time that training took, by metrics.csv; run.json also counts figures and files."""
        with suppress(NnlabError):  # the reader of the metrics reports it
            if (seconds := self.last_row.get("seconds")) is not None:
                return seconds
        return self.about.get("seconds")

    # Networks.

    @property
    def loss(self) -> Loss:
        """The loss, with the class weights that the training rows gave it."""
        loss = self.config.loss
        if isinstance(loss, ClassLoss) and loss.class_weight is not None:
            return replace(loss, class_weight=tuple(self.data["class_weight"]))
        return loss

    def untrained(self) -> Network:
        """A network of the config's layers for the data's rows; RunUnreadable if it has none."""
        from nnlab.engine.images.network import TunedNetwork  # `nnlab runs` needs no network

        config = self.config
        try:
            shape = tuple(self.data["inputs"])
            require_weights(self.path, config, shape)
            return TunedNetwork(config.network, shape, dtype=config.training.dtype)
        except (ValueError, MemoryError) as error:
            raise RunUnreadable(
                f"Cannot read {self.path}: data.json does not fit resolved.yaml ({error})."
            ) from error

    def network(self, which: Weights = "final") -> Network:
        """The network with its initial, best or final weights.

        Raises UsageError for another word, RunUnreadable if they are missing or do not fit.
        """
        from nnlab.build import load_weights

        network = self.untrained()
        load_weights(network, self.weights(which, expected(network)), which)
        return network

    def weights(self, which: Weights, shapes: Expected | None = None) -> dict[str, Array]:
        """The saved arrays by name; raises as `network` does."""
        if which not in (known := get_args(Weights)):
            raise UsageError(f"There are no weights '{which}'; there are {', '.join(known)}.")
        if not self.folder.has(weights_file(which)) and not self.folder.has(SUMMARY):
            raise RunUnreadable(
                f"The run {self.name} has not come to its end (it is {self.status}), so it has no "
                f"{which} weights. Try --weights initial."
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
            blocks = [saved.arrays.get(name, np.zeros(0)) for name in ("theta", "buffers")]
            values = np.concatenate([block.ravel() for block in blocks])
            if values.shape == network.values.shape:
                network.values[...] = values
                epoch = saved.meta.get("epoch")
                return network, epoch if isinstance(epoch, int) else None
        return self.network("initial"), 0

    @cached_property
    def checkpoint(self) -> Checkpoint | None:
        """The last save; None without one."""
        return self.folder.load_checkpoint() if self.folder.has_checkpoint() else None

    @cached_property
    def snapshots(self) -> tuple[IntArray, Array]:
        """Epochs (k,) and values (k, V) of a small network along the way; k = 0 for a large one."""
        prefix, arrays = "", {}
        if self.folder.has(SNAPSHOTS):
            arrays = self.folder.read_arrays(SNAPSHOTS)
        elif saved := self.checkpoint:
            prefix, arrays = "snapshot.", saved.arrays
        epochs, thetas = (arrays.get(prefix + name, np.zeros(0)) for name in ("epochs", "theta"))
        network = self.untrained()
        buffers = arrays.get(f"{prefix}buffers", thetas[..., :0])
        sizes = ((thetas, network.theta.size), (buffers, network.buffers.size))
        if not epochs.size or any(block.shape != (len(epochs), size) for block, size in sizes):
            return np.zeros(0, np.int64), np.zeros((0, network.values.size))
        return epochs.astype(np.int64), np.hstack([thetas, buffers])

    def predict(self, x: ArrayLike, weights: Weights = "final") -> FloatArray:
        """Outputs (B, m) for rows x (B, n) in the data set's own units.

        Raises DataError for rows of another width, and for values that are not numbers.
        """
        rows = as_numbers(x)
        width = self.data["inputs"][0]
        if rows.ndim != 2 or rows.shape[1] != width:
            raise DataError(f"The network takes rows of {width} numbers, not shape {rows.shape}.")
        require_finite(fill_missing(rows, self.scaling.fill), "The rows")
        with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
            return self.network(weights).predict(self.scaling.apply(rows))

    @cached_property
    def rows(self) -> dict[str, SavedRows]:
        """The saved rows by part: predictions.npz has whole parts, samples.npz some rows."""
        return read_saved_rows(self.folder, self.data)

    def require_described(self) -> None:
        """Raises RunUnreadable if the config describes more data or weights than the run had."""
        source = self.config.data.source.signature(self.config.data.seed)
        require_rows(self.path, self.data, source)
        require_weights(self.path, self.config, source.inputs)


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
