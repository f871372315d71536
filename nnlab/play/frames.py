"""What a page draws of a network that trains: scenes, their moments, and curves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nnlab.build import Built
from nnlab.config.dump import settings_of
from nnlab.core import columns
from nnlab.core.metrics import label_of
from nnlab.core.types import Array
from nnlab.diagnosis.evidence import spread_rows
from nnlab.engine import blas
from nnlab.engine.network import EngineNetwork
from nnlab.experiment import describe
from nnlab.show.page.charts import charts_of_table
from nnlab.show.page.film import Film
from nnlab.show.page.scenes import make_scenes, moment_message, still_message
from nnlab.show.words import format_number

ROWS = 2000  # of the training part, for scenes
Row = Mapping[str, Any]  # of metrics.csv


@dataclass(frozen=True, eq=False)
class Camera:
    """Takes the moments of a network; scenes: those that suit it."""

    built: Built
    settings: Mapping[str, Any]  # of its config
    film: Film
    scenes: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, built: Built, values: Array) -> "Camera":
        """For a training, whose scenes do not change with its epochs."""
        which = built.parts.train[spread_rows(len(built.parts.train), ROWS)]
        form = built.network
        film = Film(
            np.zeros(1, np.int64),
            values[None].copy(),
            EngineNetwork(form.layers, form.inputs, dtype=form.dtype),
            describe.data(built),
            built.scaling,
            built.dataset.inputs[which].astype(np.float64),
            built.dataset.targets[which],
            built.plan.loss,
        )
        return cls(built, settings_of(built.config), film, make_scenes(film))

    def still(self) -> dict[str, Any]:
        """The message with everything that stays."""
        return still_message(self.scenes)

    def moment(
        self, values: Array, epoch: float, label: str, before: Array | None = None
    ) -> dict[str, Any] | None:
        """The message with what moves; None where a number is not finite.

        before: the values (V,) of the moment before, if there is one.
        """
        film = replace(self.film, values=values[None].copy(), before=before)
        kinds = [scene["kind"] for scene in self.scenes]
        # Threads of the BLAS would cost more than these small products.
        with blas.one_thread():
            message = moment_message(film, kinds, epoch, label)
        return message and message | {"passing": True}

    def words(self, row: Row) -> list[tuple[str, str]]:
        """The numbers of an epoch by their names: training loss, 0.024."""
        names = columns.row_names(self.settings)
        split = ((columns.split(column), value) for column, value in row.items())
        return [
            (f"{names[part]} {label_of(quantity)}", format_number(value))
            for (part, quantity), value in split
            if part
        ]

    def charts(self, rows: Sequence[Row]) -> dict[str, Any]:
        """The message with the curves of all quantities, and of the rate if it changes."""
        table = {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}
        rates = ("epoch", table["epoch"], table["lr"]) if np.ptp(table["lr"]) > 0 else None
        return {"kind": "charts", "charts": charts_of_table(table, self.settings, rates)}
