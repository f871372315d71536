"""What data.json and metrics.csv must hold, so that whoever reads them need not ask."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.errors import RunUnreadable
from nnlab.run.text import shown

Check = Callable[[Any], bool]
LARGEST = 1 << 20  # numbers a row, where no file of weights says that there are more


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**48


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_numbers(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_numbers(one) for one in value)
    return type(value) in (int, float) and math.isfinite(value)


def _is_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(_is_count(one) and one > 0 for one in value)


def _is_scaling(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and _is_text(value.get("kind"))
        and _is_numbers(value.get("shift"))
        and _is_numbers(value.get("factor"))
    )


def _is_rows(value: Any) -> bool:
    if not isinstance(value, dict) or not _is_count(value.get("train")):
        return False
    return all(name in value for name in ("validation", "test")) and all(
        one is None or _is_count(one) for one in value.values()
    )


def _is_columns(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and _is_text(one.get("name"))
        and "categories" in one
        and (one["categories"] is None or _is_texts(one["categories"]))
        for one in value
    )


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


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
    "image_shape": _or_none(_is_sizes),
    "input_range": _or_none(_is_numbers),
    "scaling": _is_scaling,
    "rows": _is_rows,
    "validation_is_test": lambda value: isinstance(value, bool),
}


def check_data(content: Mapping[str, Any], path: Path, weights: Path) -> None:
    """Raises RunUnreadable unless data.json holds what it must.

    A dense network has a weight for every input, so the file of weights bounds what a row may be
    said to hold, before any memory is asked for.
    """
    for key, check in DATA.items():
        if key not in content or not check(content[key]):
            raise RunUnreadable(f"Cannot read {shown(path)}: '{key}' is missing or not valid.")
    if "class_weight" in content and not _or_none(_is_numbers)(content["class_weight"]):
        raise RunUnreadable(f"Cannot read {shown(path)}: 'class_weight' is not valid.")
    bound = max(LARGEST, weights.stat().st_size if weights.is_file() else 0)
    if "columns" in content and not _is_columns(content["columns"]):
        raise RunUnreadable(f"Cannot read {shown(path)}: 'columns' is not valid.")
    if math.prod(content["inputs"]) > bound:
        raise RunUnreadable(f"Cannot read {shown(path)}: 'inputs' is larger than any weights here.")


def check_metrics(table: Mapping[str, Any], path: Path) -> None:
    """Raises RunUnreadable unless a table with rows has the columns that every run has."""
    for name in ("epoch", "step"):
        column = table.get(name)
        if table and (not isinstance(column, np.ndarray) or column.dtype != np.int64):
            if column is not None and len(column) == 0:
                continue
            raise RunUnreadable(f"Cannot read {shown(path)}: it has no column '{name}' of counts.")
    if table and not isinstance(table.get("seconds"), np.ndarray):
        raise RunUnreadable(f"Cannot read {shown(path)}: it has no column 'seconds' of numbers.")
