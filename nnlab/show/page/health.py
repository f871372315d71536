"""How each layer with weights fares: norms, the size of its updates, dead and saturated units."""

from typing import Any

import numpy as np

from nnlab.core.network import layer_name
from nnlab.diagnosis.moments import Moment, rms
from nnlab.show.page.diagram import few_digits
from nnlab.show.page.film import Film

COLUMNS = ("weights", "gradients", "updates / weights", "dead", "saturated")
MOST_LAYERS_SHOWN = 12  # of a table


def health_scene(film: Film) -> dict[str, Any] | None:
    """A row per layer with weights and a column per quantity, moment by moment."""
    if not film.moments or not film.layers:
        return None
    layers = [health.index for health in film.moments[0].layers if health.weighted]
    layers = layers[:MOST_LAYERS_SHOWN]
    views = film.network.layout.views
    values = [
        [
            value
            for index in layers
            for value in few_digits(
                np.array(_layer(moment, index, views(change)[index]), np.float64), digits=3
            )
        ]
        for moment, change in zip(film.moments, film.changes, strict=True)
    ]
    return {
        "alt": "Norms, relative updates, dead and saturated units of each layer.",
        "layers": [layer_name(film.network.layers, index) for index in layers],
        "columns": COLUMNS,
        "values": values,
    }


def _layer(moment: Moment, index: int, change: Any) -> list[float]:
    """The values of a layer in the order of COLUMNS; nan where there is no update or slope."""
    layer = next(health for health in moment.layers if health.index == index)
    update = rms(*(array for array in vars(change).values() if array.ndim > 1))
    behind = next((health for health in moment.layers if health.index > index), layer)
    # The next layer with weights, or none, has no activation before it.
    dead, flat = (np.nan, np.nan) if behind.weighted else (behind.dead, behind.flat)
    ratio = update / layer.weight if update and layer.weight else np.nan
    return [layer.weight, layer.gradient, ratio, dead, flat]
