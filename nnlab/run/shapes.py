"""The checks of data.json, metrics.csv and the size of weights: their readers need none.

Sizes are checked before memory is allocated: a few bytes of text can describe gigabytes.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np

from nnlab.config.schema import Config
from nnlab.core.network import layout, shapes
from nnlab.data.dataset import Signature
from nnlab.errors import RunUnreadable
from nnlab.run.folder import RESOLVED, WEIGHTS, Weights, weights_file
from nnlab.run.text import shown

Check = Callable[[Any], bool]
LARGEST = 1 << 20  # numbers in a row of a network without a larger weights file
SLACK = 8  # the config may describe so many times the rows in data.json


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_numbers, value))
    return type(value) in (int, float) and math.isfinite(value)


def _is_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(_is_count(size) and size > 0 for size in value)


def _is_list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_null_or(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _has(keys: Mapping[str, Check]) -> Check:
    """Whether a value is an object with these keys, each of the right kind."""
    return lambda value: (
        isinstance(value, dict)
        and all(key in value and check(value[key]) for key, check in keys.items())
    )


_is_texts = _is_list_of(_is_text)
_COUNT_OR_NULL = _is_null_or(_is_count)
DATA: dict[str, Check] = {
    "name": _is_text,
    "sha256": _is_text,
    "task": lambda value: value in ("classes", "multilabel", "regression", "identity"),
    "kind": _is_text,
    "inputs": lambda value: _is_sizes(value) and len(value) > 0,
    "outputs": _is_count,
    "class_names": _is_texts,
    "feature_names": _is_texts,
    "target_names": _is_texts,
    "image_shape": _is_null_or(_is_sizes),
    "input_range": _is_null_or(_is_numbers),
    "scaling": _has({"kind": _is_text, "shift": _is_numbers, "factor": _is_numbers}),
    "rows": _has({"train": _is_count, "validation": _COUNT_OR_NULL, "test": _COUNT_OR_NULL}),
    "validation_is_test": lambda value: isinstance(value, bool),
}
NEWER: dict[str, Check] = {  # keys that older runs do not have
    "class_weight": _is_null_or(_is_numbers),
    "columns": _is_list_of(_has({"name": _is_text, "categories": _is_null_or(_is_texts)})),
}


def check_data(content: Mapping[str, Any], path: Path, weights: Path) -> None:
    """Raises RunUnreadable unless data.json is complete.

    A dense network has a weight for every input, so the file of weights bounds the size of a row.
    """
    for key, check in (DATA | NEWER).items():
        if not check(content[key]) if key in content else key in DATA:
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
    """Raises RunUnreadable if the data source has far more numbers than the rows in data.json."""
    had = math.prod(data["inputs"]) * sum(count or 0 for count in data["rows"].values())
    row = math.prod(source.inputs)
    # Parts may leave rows out, so not exactly as many.
    if source.rows * row > max(LARGEST, SLACK * had):
        raise RunUnreadable(
            f"Cannot read {shown(folder)}: {RESOLVED} describes {source.rows:,} rows of {row:,} "
            "numbers, data.json fewer."
        )
