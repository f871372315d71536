"""Warnings about data: a sentence for each problem, with its solution."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import Array, IntArray
from nnlab.data.classes import look_alike_warning
from nnlab.data.csv_text import quoted, quoted_list
from nnlab.data.dataset import Dataset
from nnlab.data.scale import ScaleKind, TargetScale
from nnlab.data.split import PartRows, Split

LARGE = 2000.0  # from this root mean square of a column on, the first updates explode
LARGE_TARGET = 1000.0
SMALL_TARGET = 0.001
APART = 100.0  # largest ratio of the sizes of two columns
ROWS = 20  # fewer rows may all differ by chance
SENTINELS = (-99, -999, -9999, -99999, 999, 9999, 99999, 999999)
ID = re.compile(
    r"(?:.*[\W_])?(?:id|ids|idx|index|uuid|guid|nr|no|row|rownames|number|key|code|serial)"
    r"|unnamed: ?\d+",
    re.IGNORECASE,
)
CAMEL_ID = re.compile(r".*[a-z](?:Id|ID|No|Nr)")
TIME = re.compile(r"t|x|time|year|month|week|day|hour|minute|second|step|epoch", re.IGNORECASE)

SCALE_TARGET = "Set data.scale_target: standardize, or"
MORE_ROWS = {
    "shuffled": "Set another data.seed, or give the class more rows",
    "ordered": "Set data.split: shuffled, or sort the rows otherwise",
}


def data_warnings(
    dataset: Dataset,
    parts: PartRows,
    scale: ScaleKind,
    options: Split,
    scale_target: TargetScale = "none",
) -> tuple[str, ...]:
    """Sentences about a data set's rows, classes, columns and parts."""
    return (
        *dataset.notes,
        *_classes(dataset, parts, options),
        *_columns(dataset, parts.train, scale),
        *_targets(dataset, parts.train, scale_target),
    )


def absent_classes(dataset: Dataset, rows: IntArray) -> list[str]:
    """The classes that have none of these rows."""
    counts = np.bincount(dataset.targets[rows], minlength=dataset.outputs)
    return [name for name, count in zip(dataset.class_names, counts, strict=True) if not count]


def absent_words(names: Sequence[str], part: str) -> str:
    """The start of a sentence about classes absent from a part."""
    if len(names) == 1:
        return f"Class {quoted(names[0])} has no row in the {part} part"
    return f"Classes {quoted_list(names)} have no row in the {part} part"


def _classes(dataset: Dataset, parts: PartRows, options: Split) -> Iterator[str]:
    if dataset.task != "classes":
        return
    if same := look_alike_warning(dataset.class_names):
        yield same
    more_rows = MORE_ROWS[options.split]
    if names := absent_classes(dataset, parts.train):
        which = "it" if len(names) == 1 else "they"
        absent = absent_words(names, "training")
        yield f"{absent}, so {which} cannot be learned. {more_rows}."
    shared = parts.validation is parts.test
    for part, rows in (("validation", None if shared else parts.validation), ("test", parts.test)):
        if rows is not None and (names := absent_classes(dataset, rows)):
            which = "it" if len(names) == 1 else "them"
            absent = absent_words(names, part)
            yield f"{absent}, so the metrics of this part say nothing about {which}. {more_rows}."


def _columns(dataset: Dataset, rows: IntArray, scale: ScaleKind) -> Iterator[str]:
    """Inputs that are ids, hold sentinels, or are much larger than the rest."""
    if dataset.inputs.dtype == np.uint8 or dataset.image_shape is not None:
        return
    yield from _categories(dataset)
    names = dataset.feature_names or tuple(map(str, range(dataset.inputs.shape[1])))
    sizes = np.zeros(len(names))  # of columns without another warning
    for i, name in enumerate(names):
        column = dataset.inputs[:, i]
        values = column[~np.isnan(column)]
        if is_id(name, values, len(names)):
            yield (
                f"Column {quoted(name)} is different in every row, as an id is, from which nothing "
                f"can be learned. Leave it out: data.ignore: [{name}]."
            )
        elif (sign := sentinel(values)) is not None:
            yield sentinel_words(f"Column {quoted(name)}", sign, "mean or drop")
        else:
            sizes[i] = root_mean_square(dataset.inputs[rows, i])
    largest, smallest = int(np.argmax(sizes)), int(np.argmin(np.where(sizes > 0, sizes, np.inf)))
    if scale == "none" and sizes[largest] > max(LARGE, APART * sizes[smallest]):
        large, small = (
            f"{quoted(names[i])} is about {three_digits(sizes[i])}" for i in (largest, smallest)
        )
        yield f"Columns are of very different size: {large}, {small}. Set data.scale: standardize."


def _categories(dataset: Dataset) -> Iterator[str]:
    for column in dataset.columns:
        count = len(column.categories or ())
        if same := look_alike_warning(column.categories or (), "categories"):
            yield f"Column {quoted(column.name)}: {same[0].lower()}{same[1:]}"
        if dataset.rows >= ROWS and count > dataset.rows / 2:
            yield (
                f"Column {quoted(column.name)} has {count:,} categories in {dataset.rows:,} rows, "
                f"as names and ids have. Leave it out: data.ignore: [{column.name}]."
            )


def is_id(name: str, values: NDArray[np.float64], columns: int) -> bool:
    """Whether a column is an id, by its name or its values."""
    whole = len(values) >= ROWS and bool((values == np.rint(values)).all())
    if not whole or len(np.unique(values)) < len(values):
        return False
    counts = columns > 1 and values[0] in (0, 1) and bool((np.diff(values) == 1).all())
    named = ID.fullmatch(name) or CAMEL_ID.fullmatch(name)
    return bool(named) or (counts and not TIME.fullmatch(name))


def sentinel(values: NDArray[np.float64]) -> float | None:
    """A number such as -999, far from the other values, or None."""
    if not len(values) or np.abs(values).max() < min(map(abs, SENTINELS)):
        return None  # the cheap check first: a table may have 100,000 columns
    for sign in SENTINELS:
        rest = values[values != sign]
        if len(rest) == len(values) or len(rest) < 2:
            continue
        span = rest.max() - rest.min()
        distance = max(rest.min() - sign, sign - rest.max())
        if distance > span > 0:
            return float(sign)
    return None


def sentinel_words(what: str, sign: float, settings: str) -> str:
    """The warning about a sentinel."""
    return (
        f"{what} holds {sign:g}, far from its other numbers, as a sign for missing cells. Set "
        f"data.missing_values: [{sign:g}] and data.missing: {settings}."
    )


def three_digits(value: float) -> str:
    """Three significant digits, without an exponent where possible."""
    return f"{float(f'{value:.3g}'):,.12g}"


def root_mean_square(column: Array) -> float:
    """Root mean square of the numbers that are not missing."""
    values = column[~np.isnan(column)]
    with np.errstate(over="ignore"):
        return float(np.sqrt(np.mean(np.square(values)))) if len(values) else 0.0


def _targets(dataset: Dataset, rows: IntArray, scale: TargetScale) -> Iterator[str]:
    if dataset.task != "regression":
        return
    names = dataset.target_names or tuple(map(str, range(dataset.outputs)))
    for i, name in enumerate(names):
        if (sign := sentinel(dataset.targets[:, i])) is not None:
            yield sentinel_words(f"The target {quoted(name)}", sign, "drop")
        if scale != "none":
            continue
        large = root_mean_square(dataset.targets[rows, i])
        problem = f"The target {quoted(name)} is not scaled: its numbers are about"
        if 0 < large < SMALL_TARGET:
            power = 10 ** -int(np.floor(np.log10(large)))
            yield (
                f"{problem} {large:.3g}, and a fresh network answers about 1, so that errors of "
                f"the loss look small. {SCALE_TARGET} multiply the target by {power:,} in the file."
            )
        if large > LARGE_TARGET:
            power = 10 ** int(np.floor(np.log10(large))) if np.isfinite(large) else large
            yield (
                f"{problem} {three_digits(large)}, and a fresh network answers about 1, so that "
                f"the first updates are far too large. {SCALE_TARGET} divide the target by "
                f"{power:,} in the file."
            )
