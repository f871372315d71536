"""Checks of data.json, metrics.csv and the size of weights.

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
from nnlab.errors import RunUnreadable
from nnlab.run.folder import RESOLVED, WEIGHTS, Weights, weights_file
from nnlab.run.text import shown

LARGEST = 1 << 20  # numbers in a row of a network without a larger weights file
SLACK = 8  # the config may describe so many times the rows in data.json


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48


def _is_size(value: Any) -> bool:
    return _is_count(value) and value > 0


def _is_row_shape(value: Any) -> bool:
    return bool(value) and _fits(value, [_is_size])


def _are_numbers(value: Any) -> bool:
    """Whether a value is a finite number, or lists of them."""
    if isinstance(value, list):
        return all(map(_are_numbers, value))
    return type(value) in (int, float) and math.isfinite(value)


# A form is a type, a check, a list of values of one form, alternatives, keys, or a value.
DATA: dict[str, Any] = {
    "name": str,
    "sha256": str,
    "task": ("classes", "multilabel", "regression", "identity"),
    "kind": str,
    "inputs": _is_row_shape,
    "outputs": _is_count,
    "class_names": [str],
    "feature_names": [str],
    "target_names": [str],
    "image_shape": (None, [_is_size]),
    "input_range": (None, _are_numbers),
    "scaling": {"kind": str, "shift": _are_numbers, "factor": _are_numbers},
    "rows": {"train": _is_count, "validation": (None, _is_count), "test": (None, _is_count)},
    "validation_is_test": bool,
}
NEWER: dict[str, Any] = {  # keys that older runs do not have
    "class_weight": (None, _are_numbers),
    "columns": [{"name": str, "categories": (None, [str])}],
}


def _fits(value: Any, form: Any) -> bool:
    """Whether a JSON value has a form of DATA."""
    match form:
        case type():
            return isinstance(value, form)
        case list():
            return isinstance(value, list) and all(_fits(item, form[0]) for item in value)
        case tuple():
            return any(_fits(value, alternative) for alternative in form)
        case dict():
            return isinstance(value, dict) and _has(value, form)
    return bool(form(value) if callable(form) else value == form)


def _has(value: dict[str, Any], forms: dict[str, Any]) -> bool:
    return all(key in value and _fits(value[key], form) for key, form in forms.items())


def check_data(content: Mapping[str, Any], path: Path, weights: Path) -> None:
    """Raises RunUnreadable unless data.json is complete.

    A dense network has a weight for every input, so the file of weights bounds the size of a row.
    """
    for key, form in (DATA | NEWER).items():
        if not _fits(content[key], form) if key in content else key in DATA:
            raise RunUnreadable(f"Cannot read {shown(path)}: '{key}' is missing or not valid.")
    bound = max(LARGEST, weights.stat().st_size if weights.is_file() else 0)
    if math.prod(content["inputs"]) > bound:
        raise RunUnreadable(f"Cannot read {shown(path)}: 'inputs' is larger than any weights here.")


def check_metrics(table: Mapping[str, Any], path: Path) -> None:
    """Raises RunUnreadable unless a table with rows has the columns of every run."""
    for name, kind in {"epoch": "counts", "step": "counts", "seconds": "numbers"}.items():
        column = table.get(name)
        empty = kind == "counts" and column is not None and len(column) == 0
        right = isinstance(column, np.ndarray) and (kind == "numbers" or column.dtype == np.int64)
        if table and not right and not empty:
            raise RunUnreadable(f"Cannot read {shown(path)}: it has no column '{name}' of {kind}.")


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
        raise RunUnreadable(f"Cannot read {shown(folder / WEIGHTS)}: there are no weights.")
    if needed > have:
        raise RunUnreadable(
            f"Cannot read {shown(folder / WEIGHTS)}: the network in {RESOLVED} has {needed:,} "
            f"bytes of weights, but the files there have at most {have:,}."
        )


def require_rows(folder: Path, data: Mapping[str, Any], source: Signature) -> None:
    """Raises RunUnreadable if the data source is far larger than data.json says."""
    had = math.prod(data["inputs"]) * sum(count or 0 for count in data["rows"].values())
    row = math.prod(source.inputs)
    # Parts may leave rows out, so not exactly as many.
    if source.rows * row > max(LARGEST, SLACK * had):
        raise RunUnreadable(
            f"Cannot read {shown(folder)}: {RESOLVED} describes {source.rows:,} rows of {row:,} "
            "numbers, data.json fewer."
        )
