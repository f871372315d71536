"""Names of numbers by part of the data: train_loss, val_accuracy, test_loss.

The only module that knows these prefixes. A *quantity* is "loss" or the name of a metric.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

TRAIN, VAL, TEST = PARTS = ("train", "val", "test")
WATCHED = (TRAIN, VAL)  # the parts that are measured after every epoch
LOSS = "loss"

V = TypeVar("V")


def name(part: str, quantity: str) -> str:
    """The column of a quantity of a part: train_loss."""
    return f"{part}_{quantity}"


def split(column: str) -> tuple[str, str]:
    """Part and quantity of a column; part "" for a column that belongs to no part."""
    part, separator, quantity = column.partition("_")
    return (part, quantity) if part in PARTS and separator else ("", column)


def named(part: str, numbers: Mapping[str, V]) -> dict[str, V]:
    """Numbers by quantity as columns of a part."""
    return {name(part, quantity): value for quantity, value in numbers.items()}


def of_part(row: Mapping[str, V], part: str) -> dict[str, V]:
    """The columns of a part, by quantity."""
    pairs = ((split(column), value) for column, value in row.items())
    return {quantity: value for (own, quantity), value in pairs if own == part}


def quantities(columns: Iterable[str]) -> list[str]:
    """The quantities of the watched parts, each once, in the order of the columns."""
    pairs = map(split, columns)
    return list(dict.fromkeys(quantity for part, quantity in pairs if part in WATCHED))


def watched_part(columns: Iterable[str]) -> str:
    """The part to look at first: validation where there is one."""
    return VAL if any(split(column)[0] == VAL for column in columns) else TRAIN


def row_names(config: Mapping[str, Any]) -> dict[str, str]:
    """The word for the rows of each part; the validation part may be the test part."""
    data = config.get("data")
    test = isinstance(data, Mapping) and data.get("validation") == TEST
    return {TRAIN: "training", VAL: "test" if test else "validation", TEST: "test"}
