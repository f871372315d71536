"""Class names and labels of a user's table."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np

from nnlab.core.types import NUMERIC, Array, IntArray
from nnlab.data.csv_hints import cell_hint, has_unit
from nnlab.data.csv_text import POINT, NumberNotation, quoted, quoted_list
from nnlab.errors import DataError

FEW = 20  # as many distinct whole numbers are still taken for class labels
CODE = re.compile(r"[+-]?0\d+")  # a leading zero makes a code, such as a postal code

Place = Callable[[int], str]


def class_names(
    texts: Sequence[str], task: str, notation: NumberNotation, place: Place
) -> tuple[str, ...] | None:
    """The classes in the order of their labels; None for a regression.

    They sort as whole numbers (2 before 10) where they are, else as texts. With task: classes, or
    where one has a leading zero, names are the texts of the file; else 1 and 1.0 are one class.
    """
    distinct = dict.fromkeys(texts)
    whole = {
        text: value for text in distinct if (value := whole_number(text, notation)) is not None
    }
    if task == "auto":
        numeric = {text: notation.parse(text) is not None for text in distinct}
        _refuse_mixture(texts, numeric, place)
        _refuse_values(texts, numeric, place)
        if all(numeric.values()):
            if len(whole) < len(distinct) or len(set(whole.values())) > FEW:
                return None
            if not any(map(CODE.fullmatch, distinct)):
                return tuple(map(str, sorted(set(whole.values()))))
    if len(whole) == len(distinct):
        return tuple(sorted(distinct, key=lambda text: (whole[text], text)))
    return tuple(sorted(distinct))


def whole_number(text: str, notation: NumberNotation = POINT) -> int | None:
    """`text` as an exact whole number of any size, or None."""
    value = notation.parse(text)
    if value is None or not value.is_integer():
        return None
    exact = Decimal(notation.plain(text))
    return int(exact) if exact == exact.to_integral_value() else None


def label_rows(
    texts: Sequence[str],
    classes: Sequence[str],
    notation: NumberNotation,
    place: Place,
    *,
    accept_numbers: bool,
) -> IntArray:
    """Labels (N,) of texts, by class name or by whole number.

    accept_numbers: whether the label itself is a name too, where no class is named by a number.
    """
    label_of = _label_of(classes, accept_numbers=accept_numbers)
    labels = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        label = label_of.get(text)
        if label is None and (value := whole_number(text, notation)) is not None:
            label = label_of.get(value)
        if label is None:
            raise DataError(
                f"{place(row)}: {quoted(text)} is none of the classes {quoted_list(classes)}."
            )
        labels[row] = label
    return labels


def _label_of(classes: Sequence[str], *, accept_numbers: bool) -> dict[str | int, int]:
    label_of: dict[str | int, int] = {name: label for label, name in enumerate(classes)}
    whole: dict[str | int, int] = {
        n: label for label, name in enumerate(classes) if (n := whole_number(name)) is not None
    }
    if list(map(str, whole)) == list(classes):
        label_of |= whole
    elif accept_numbers and all(POINT.parse(name) is None for name in classes):
        label_of = {**{str(label): label for label in range(len(classes))}, **label_of}
    return label_of


def look_alike_warning(names: Sequence[str], what: str = "classes") -> str:
    """A warning where names differ only in case, blanks, or number format."""
    groups: dict[object, list[str]] = {}
    for name in names:
        exact = (
            Decimal(name) if POINT.parse(name) is not None else " ".join(name.casefold().split())
        )
        groups.setdefault(exact, []).append(name)
    same = [quoted_list(group) for group in groups.values() if len(group) > 1]
    if not same:
        return ""
    return (
        f"{what.capitalize()} that look the same: {', and '.join(same[:5])}. They count as "
        f"{len(names)} {what}; write each in one way to make them one."
    )


def class_list(classes: Sequence[str]) -> str:
    """The classes as a message lists them, with those that look alike."""
    return ". ".join(
        filter(None, (quoted_list(classes), look_alike_warning(classes).removesuffix(".")))
    )


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
    numbers = targets.ndim == 2 and targets.shape[1] > 1 and targets.dtype.kind in NUMERIC
    return numbers and bool(
        np.isin(targets, (0, 1)).all() and (targets.sum(axis=1, dtype=np.float64) == 1).all()
    )


def way_to_classes(targets: Array, one_hot: str) -> str:
    """The setting that makes classes of a regression's targets (N, m) that look like classes.

    one_hot: that setting for one-hot rows. '' for other targets, for labels (N,) and for text.
    """
    if targets.ndim == 1 or targets.dtype.kind not in NUMERIC:
        return ""
    if is_one_hot(targets):
        return one_hot
    if targets.shape[1] == 1:
        return "data.task: classes" if (targets == np.rint(targets)).all() else ""
    return "data.task: multilabel" if np.isin(targets, (0, 1)).all() else ""


def _refuse_values(texts: Sequence[str], numeric: dict[str, bool], place: Place) -> None:
    """Raise DataError where all texts are numbers or dates in another notation."""
    # A number as such, such as 281.365, can look like one with separators of thousands.
    if all(
        not is_number and cell_hint(text) and not has_unit(text)
        for text, is_number in numeric.items()
    ):
        raise DataError(
            f"{place(0)}: {quoted(texts[0])} {cell_hint(texts[0])}. If the cells of this column "
            "are names, set task: classes."
        )


def _refuse_mixture(texts: Sequence[str], numeric: dict[str, bool], place: Place) -> None:
    """Raise DataError at the first cell that is unlike the first row's."""
    if len(set(numeric.values())) == 1:
        return
    row = next(row for row, text in enumerate(texts) if numeric[text] != numeric[texts[0]])
    odd = row if numeric[texts[0]] else 0
    if hint := cell_hint(texts[odd]):
        raise DataError(f"{place(odd)}: {quoted(texts[odd])} {hint}.")
    raise DataError(
        f"{place(row)}: {quoted(texts[row])} does not fit the cells above, as the target mixes "
        "numbers and text. Correct the cell, or set task: classes if all of them are names."
    )


def require_labels(values: Array, place: Callable[[int, int], str]) -> None:
    """Raise DataError unless every target (N, m) is 0 or 1; `place` names a row and a column."""
    wrong = ~np.isin(values, (0, 1))
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"{place(row, column)}: {values[row, column]:g} is no label. With task: multilabel a "
            "target is 0 or 1."
        )


def number_place(array: str, row: int, column: int) -> str:
    """The name of a number of an array in messages."""
    return f"{array}, row {row}, column {column} (counted from 0)"
