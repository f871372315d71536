"""Class names and labels from the texts of a target column."""

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import numpy as np

from nnlab.core.types import Array, IntArray
from nnlab.data.cells import listed, number, recognised, shown, with_unit
from nnlab.errors import DataError

FEW = 20  # as many distinct whole numbers are still taken for class labels
CODE = re.compile(r"[+-]?0\d+")  # a leading zero makes a code, such as a postal code

Place = Callable[[int], str]


def class_names(
    texts: Sequence[str], task: str, decimal: str, place: Place
) -> tuple[str, ...] | None:
    """The classes in the order of their labels; None for a regression.

    They sort as whole numbers (2 before 10) where they are, else as texts. With task: classes, or
    where one has a leading zero, names are the texts of the file; else 1 and 1.0 are one class.
    """
    distinct = dict.fromkeys(texts)
    numeric = {text: number(text, decimal) is not None for text in distinct}
    if task == "auto" and len(set(numeric.values())) > 1:
        _refuse_mixture(texts, numeric, place)
    if task == "auto" and not any(numeric.values()):
        _refuse_values(texts, distinct, place)
    whole = {text: value for text in distinct if (value := whole_number(text, decimal)) is not None}
    if task == "auto" and all(numeric.values()):
        if len(whole) < len(distinct) or len(set(whole.values())) > FEW:
            return None
        if not any(map(CODE.fullmatch, distinct)):
            return tuple(map(str, sorted(set(whole.values()))))
    if len(whole) == len(distinct):
        return tuple(sorted(distinct, key=lambda text: (whole[text], text)))
    return tuple(sorted(distinct))


def whole_number(text: str, decimal: str = ".") -> int | None:
    """`text` as an exact whole number of any size, or None."""
    value = number(text, decimal)
    if value is None or not value.is_integer():
        return None
    exact = Decimal(text.replace(decimal, "."))
    return int(exact) if exact == exact.to_integral_value() else None


def labels(
    texts: Sequence[str], classes: Sequence[str], decimal: str, place: Place, *, by_place: bool
) -> IntArray:
    """Labels (N,) of texts, by class name or by whole number.

    by_place: whether the label itself is a name too, where no class is named by a number.
    """
    index: dict[str | int, int] = {name: label for label, name in enumerate(classes)}
    values = [whole_number(name) for name in classes]
    if all(str(value) == name for value, name in zip(values, classes, strict=True)):
        index |= {int(name): label for label, name in enumerate(classes)}
    elif by_place and all(number(name) is None for name in classes):
        index = {**{str(label): label for label in range(len(classes))}, **index}
    numbers = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        label = index.get(text)
        if label is None and (value := whole_number(text, decimal)) is not None:
            label = index.get(value)
        if label is None:
            raise DataError(
                f"{place(row)}: {shown(text)} is none of the classes {listed(classes)}."
            )
        numbers[row] = label
    return numbers


def alike(names: Sequence[str], what: str = "classes") -> str:
    """A warning where names differ only in case, blanks, or number format."""
    groups: dict[object, list[str]] = {}
    for name in names:
        exact = Decimal(name) if number(name) is not None else " ".join(name.casefold().split())
        groups.setdefault(exact, []).append(name)
    same = [listed(group) for group in groups.values() if len(group) > 1]
    if not same:
        return ""
    return (
        f"{what.capitalize()} that look the same: {', and '.join(same[:5])}. They count as "
        f"{len(names)} {what}; write each in one way to make them one."
    )


def class_list(classes: Sequence[str]) -> str:
    """The classes as a message lists them, with those that look alike."""
    return ". ".join(filter(None, (listed(classes), alike(classes).removesuffix("."))))


def flat_labels(targets: Array, where: str) -> Array:
    """Labels (N,) of an array (N,), (N, 1), or one-hot (N, C).

    Floats that are whole become whole numbers. Raises DataError for any other array.
    """
    if is_one_hot(targets):
        targets = targets.argmax(axis=1)
    elif targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.ndim != 1:
        raise DataError(
            f"{where} has shape {targets.shape}; labels are an array (N,) or (N, 1), or rows with "
            "a single 1 among zeros."
        )
    if targets.dtype.kind == "f" and (targets == np.rint(targets)).all():
        return np.rint(targets).astype(np.int64) if abs(targets).max() < 2**53 else targets
    return targets


def is_one_hot(targets: Array) -> bool:
    """Whether each row has a single 1 and else zeros."""
    numbers = targets.ndim == 2 and targets.shape[1] > 1 and targets.dtype.kind in "biuf"
    return numbers and bool(
        np.isin(targets, (0, 1)).all() and (targets.sum(axis=1, dtype=np.float64) == 1).all()
    )


def is_label_like(targets: Array) -> bool:
    """Whether targets look like classes: one-hot, or a whole number per row."""
    if targets.dtype.kind not in "biuf" or targets.ndim == 1:
        return False
    column = targets.shape[1] == 1 and bool((targets == np.rint(targets)).all())
    return column or is_one_hot(targets)


def _refuse_values(texts: Sequence[str], distinct: Iterable[str], place: Place) -> None:
    """DataError where all texts are numbers or dates that are written otherwise."""
    if all(recognised(text) and not with_unit(text) for text in distinct):
        raise DataError(
            f"{place(0)}: {shown(texts[0])} {recognised(texts[0])}. If the cells of this column "
            "are names, set task: classes."
        )


def _refuse_mixture(texts: Sequence[str], numeric: dict[str, bool], place: Place) -> None:
    """DataError at the first cell that is unlike the first row's."""
    row = next(row for row, text in enumerate(texts) if numeric[text] != numeric[texts[0]])
    odd = row if numeric[texts[0]] else 0
    if words := recognised(texts[odd]):
        raise DataError(f"{place(odd)}: {shown(texts[odd])} {words}.")
    raise DataError(
        f"{place(row)}: {shown(texts[row])} does not fit the cells above, as the target mixes "
        "numbers and text. Mend the cell, or set task: classes if all of them are names."
    )
