"""A slider through the recorded epochs of a small network: what is shown, and at which moment.

Every view is a frozen dataclass that the template draws once, at the last moment, and whose `data`
lets `replay.js` redraw what changes. So the page also says something on paper and without scripts.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nnlab.core import columns
from nnlab.core.metrics import label_of
from nnlab.errors import NnlabError
from nnlab.show.figures.view import View
from nnlab.show.page import diagram, field, heat
from nnlab.show.page.charts import column
from nnlab.show.page.film import Film, film
from nnlab.show.page.happened import watched
from nnlab.show.page.numbers import text

Scene = diagram.Diagram | heat.Heat | field.Plane | field.Curve | field.Filters
MOMENTS = 2  # fewer make no film

# What can be shown of a network, in the order of the page; None where it does not suit.
SCENES: Mapping[str, Callable[[Film], Scene | None]] = {
    "plane": field.plane,
    "curve": field.curve,
    "heat": heat.heat,
    "diagram": diagram.diagram,
    "filters": field.filters,
}


@dataclass(frozen=True)
class Replay:
    """The moments (epoch and figures as text) and the views of them."""

    epochs: list[int]
    labels: list[str]
    views: list[Scene]

    @property
    def data(self) -> dict[str, Any]:
        """For the script."""
        return {
            "epochs": self.epochs,
            "labels": self.labels,
            "views": [{"kind": view.kind, **view.data} for view in self.views],
        }


def replay(seen: View) -> Replay | None:
    """The slider of a run; None where nothing was recorded or nothing suits."""
    found = film(seen)
    if found is None or len(found.epochs) < MOMENTS:
        return None
    views = [view for make in SCENES.values() if (view := make(found)) is not None]
    if not views:
        return None
    epochs = [int(epoch) for epoch in found.epochs]
    return Replay(epochs, _labels(seen, epochs), views)


def _labels(seen: View, epochs: list[int]) -> list[str]:
    """Epoch 1,000: training loss 0.024, accuracy 1.000."""
    table: dict[str, Any] = {}
    with suppress(NnlabError):  # the curves say that it cannot be read
        table = seen.metrics
    rows = {epoch: row for row, epoch in enumerate(column(table.get("epoch", ()), 0).tolist())}
    measured = {
        f"{words} {label_of(quantity)}": column(table[name], len(rows))
        for quantity in columns.quantities(table)
        for part, words in watched(seen.settings).items()
        if (name := columns.name(part, quantity)) in table
    }
    return [
        ", ".join(f"{name} {text(float(values[rows[epoch]]))}" for name, values in measured.items())
        if epoch in rows
        else ""
        for epoch in epochs
    ]
