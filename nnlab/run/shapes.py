"""The checks of data.json and metrics.csv: after them, their readers need none."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.errors import RunUnreadable
from nnlab.run.text import shown

Check = Callable[[Any], bool]
LARGEST = 1 << 20  # numbers per row, where no file of weights says that there are more


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

    A dense network has a weight for every input, so the file of weights bounds the size of a row
    before any memory is allocated.
    """
    for key, check in DATA.items():
        if key not in content or not check(content[key]):
            raise RunUnreadable(f"Cannot read {shown(path)}: '{key}' is missing or not valid.")
    for key, check in NEWER.items():
        if key in content and not check(content[key]):
            raise RunUnreadable(f"Cannot read {shown(path)}: '{key}' is not valid.")
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
