"""What a run folder alone gives back: the config, the network with saved weights, predictions.

Nothing here asks for the data set, so a folder copied from another machine gives the same.
"""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np
from numpy.typing import ArrayLike

from nnlab.build import load_weights
from nnlab.config.load import load
from nnlab.config.schema import Config
from nnlab.core.losses import ClassLoss, Loss
from nnlab.core.network import Network, layouts, shapes
from nnlab.core.types import Array, FloatArray, Shape
from nnlab.data.dataset import Column, require_finite
from nnlab.data.scale import Scaling, filled
from nnlab.data.sheet import Form
from nnlab.data.table import TableSchema, columns_of
from nnlab.data.tables import Csv, Npz
from nnlab.engine.images.network import TunedNetwork
from nnlab.errors import DataError, RunUnreadable, UsageError
from nnlab.run.arrays import Expected
from nnlab.run.folder import RESOLVED, WEIGHTS, RunFolder, Weights
from nnlab.run.shapes import LARGEST
from nnlab.run.text import shown

SLACK = 8


def require_weights(folder: RunFolder, config: Config, inputs: Shape) -> None:
    """Raises RunUnreadable where the weights files are too small for the config's network.

    Asked before the network is built: a text of a few bytes can describe one of gigabytes.
    """
    if not config.network:
        return
    parameters, buffers = layouts(config.network, shapes(config.network, inputs))
    needed = (parameters.size + buffers.size) * np.dtype(config.training.dtype).itemsize
    have = folder.weights_bytes()
    if needed and not have:
        raise RunUnreadable(f"Cannot read {shown(folder.path / WEIGHTS)}: there are no weights.")
    if needed > have:
        raise RunUnreadable(
            f"Cannot read {shown(folder.path / WEIGHTS)}: the network in {RESOLVED} has "
            f"{needed:,} bytes of weights, but the files there have at most {have:,}."
        )


def require_described(folder: RunFolder, config: Config) -> None:
    """Raises RunUnreadable where the config makes more data, or a larger network, than the run had.

    Asked before the data is made: a text of a few bytes can describe gigabytes.
    """
    signature = config.data.source.signature(config.data.seed)
    data = folder.read_data(strict=True)
    row = math.prod(data["inputs"])
    had = row * sum(count or 0 for count in data["rows"].values())
    # Parts may leave rows out, so not exactly as many.
    if signature.rows * math.prod(signature.inputs) > max(LARGEST, SLACK * had):
        raise RunUnreadable(
            f"Cannot read {shown(folder.path)}: {RESOLVED} describes {signature.rows:,} rows of "
            f"{math.prod(signature.inputs):,} numbers, data.json fewer."
        )
    require_weights(folder, config, signature.inputs)


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
    def schema(self) -> TableSchema:
        """How rows for this network are read from a file, as its training file was."""
        data, source = self.data, self.config.data.source
        table = source if isinstance(source, Csv) else None
        form = Form(None) if table is None else table.form
        if self.scaling.fill is None and form.missing == "mean":
            form = replace(form, missing="error")  # an older run, whose own file had no hole
        columns = self._columns(table)
        schema = TableSchema(
            columns=columns or tuple(Column(str(i)) for i in range(data["inputs"][0])),
            outputs=data["outputs"],
            task=data["task"],
            classes=tuple(data["class_names"]),
            targets=tuple(data["target_names"]),
            named=bool(columns),
            ignored=() if table is None else tuple(map(str, table.ignore)),
            arrays=(source.inputs, source.targets) if isinstance(source, Npz) else ("x", "y"),
            form=form,
        )
        if schema.width != data["inputs"][0]:
            raise RunUnreadable(
                f"Cannot read {self.folder.path}: the columns in data.json have {schema.width} "
                f"inputs, and the network takes {data['inputs'][0]}."
            )
        return schema

    def _columns(self, table: Csv | None) -> tuple[Column, ...]:
        """The input columns; those of a run before data.json had them by the names of inputs."""
        if "columns" in self.data:
            return tuple(
                Column(one["name"], None if (c := one["categories"]) is None else tuple(c))
                for one in self.data["columns"]
            )
        return columns_of(self.data["feature_names"], () if table is None else table.categorical)

    def untrained(self) -> Network:
        """A network of the config's layers for the data's rows; RunUnreadable if it has none."""
        config = self.config
        try:
            inputs = tuple(self.data["inputs"])
            require_weights(self.folder, config, inputs)
            return TunedNetwork(config.network, inputs, dtype=config.training.dtype)
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
        load_weights(network, self.weights(which, expected), which)
        return network

    def weights(self, which: Weights, expected: Expected | None = None) -> dict[str, Array]:
        """The saved arrays by name; raises as `network` does."""
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
