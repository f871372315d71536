"""The run folder of a race: paths.csv, and what its run.json and summary.json hold."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.run import records
from nnlab.run.folder import PATHS, RunFolder
from nnlab.run.text import unreadable

KIND = "race"  # in run.json; a training has no kind
COLUMNS: dict[str, Callable[[NDArray[Any]], bool]] = {
    **dict.fromkeys(("run", "step"), lambda column: column.dtype == np.int64),
    **dict.fromkeys(
        ("x", "y", "value", "gradient_norm"), lambda column: bool(np.isfinite(column).all())
    ),
    "lr": lambda column: True,  # empty in the first row of a run
}


def is_race(folder: RunFolder) -> bool:
    """Whether this is the folder of a race, and of no training."""
    return folder.kind() == KIND


def read_paths(folder: RunFolder, strict: bool = False) -> dict[str, records.Column]:
    """paths.csv by column, empty where there is none; `strict` refuses other columns.

    Raises RunUnreadable, StorageError.
    """
    path = folder.path / PATHS
    table = records.read_table(path)
    for name, good in COLUMNS.items() if strict else ():
        column = table.get(name)
        if not isinstance(column, np.ndarray) or not good(column):
            what = "counts" if name in ("run", "step") else "numbers"
            raise unreadable(path, f"it has no column '{name}' of {what}")
    return table


def ends(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A table row per run of a finished race: its end, and the nearest minimum."""
    return [_end(run) for run in summary.get("runs", ())]


def _end(run: Mapping[str, Any]) -> dict[str, Any]:
    final, near, diverged = run["final"], run["minimum"] or {}, run["diverged"]
    return {
        "run": run["name"],
        "steps": final["step"],
        "x": final["x"],
        "y": final["y"],
        "value": final["value"],
        "nearest minimum": f"({near['x']:.4g}, {near['y']:.4g})" if near else None,
        "value there": near.get("value"),
        "distance": near.get("distance"),
        "diverged": None if diverged is None else f"at step {diverged:,}",
    }
