"""Checks of metrics.csv and the size of weights and data.

Sizes are checked before memory is allocated: a few bytes of text can describe gigabytes.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from nnlab.config.schema import Config
from nnlab.core.network import layout, shapes
from nnlab.data.dataset import Signature
from nnlab.run.data_facts import LARGEST, DataFacts
from nnlab.run.folder import RESOLVED, WEIGHTS, Weights, weights_file
from nnlab.run.text import unreadable

SLACK = 8  # the config may describe so many times the rows in data.json


def check_metrics(table: Mapping[str, Any], path: Path) -> None:
    """Raises RunUnreadable unless a table with rows has the columns of every run."""
    for name, kind in {"epoch": "counts", "step": "counts", "seconds": "numbers"}.items():
        column = table.get(name)
        empty = kind == "counts" and column is not None and len(column) == 0
        right = isinstance(column, np.ndarray) and (kind == "numbers" or column.dtype == np.int64)
        if table and not right and not empty:
            raise unreadable(path, f"it has no column '{name}' of {kind}")


def require_weights(folder: Path, config: Config, inputs: tuple[int, ...]) -> None:
    """Raises RunUnreadable if the weights files are too small for the config's network.

    inputs: the shape of a row.
    """
    if not config.network:
        return
    size = layout(config.network, shapes(config.network, inputs)).values
    needed = size * np.dtype(config.training.dtype).itemsize
    files = [folder / weights_file(which) for which in get_args(Weights)]
    have = max(file.stat().st_size if file.is_file() else 0 for file in files)
    if needed and not have:
        raise unreadable(folder / WEIGHTS, "there are no weights")
    if needed > have:
        network = f"the network in {RESOLVED} has {needed:,} bytes of weights"
        raise unreadable(folder / WEIGHTS, f"{network}, but the files there have at most {have:,}")


def require_rows(folder: Path, data: DataFacts, source: Signature) -> None:
    """Raises RunUnreadable if the data source is far larger than data.json says."""
    counts = (data.rows.train, data.rows.validation, data.rows.test)
    had = math.prod(data.inputs) * sum(count or 0 for count in counts)
    row = math.prod(source.inputs)
    # Parts may leave rows out, so not exactly as many.
    if source.rows * row > max(LARGEST, SLACK * had):
        described = f"{RESOLVED} describes {source.rows:,} rows of {row:,} numbers"
        raise unreadable(folder, f"{described}, data.json fewer")
