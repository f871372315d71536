"""The blocks of an explanation: formulas and tables; and the numbers that formulas are given."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from nnlab.explanation.formula import Written, compute
from nnlab.explanation.passage import LayerPass, Passage

Cell = str | float | int | Written
Row = tuple[Cell, ...]
WITH_NUMBERS, RAW, NEW = "with numbers", "as in the data", "new w"
PARAMETER, ROW_GRADIENT = "parameter", "row's g"
DIFFERENCE = "difference"  # central
# Keys of `nnlab explain --json` by column; other columns are keys as they are.
KEYS = {
    "": "name",
    RAW: "raw",
    "target t": "t",
    "scaled target t": "t",
    "dL/dx": "dx",
    "dL/dy": "dy",
    "dL/dz": "dz",
    "norm of y": "norm_y",
    "norm of dL/dy": "norm_dy",
    DIFFERENCE: "central_difference",
    ROW_GRADIENT: "row_g",
    NEW: "new_w",
    WITH_NUMBERS: "formula",
}


@dataclass(frozen=True)
class Block:
    """Formulas with names, and a table below them; `left_out` says what is not shown.

    kind, layer: what it is, in one word, and the name of its layer if it has one.
    """

    kind: str
    title: str
    text: str = ""
    formulas: tuple[Written, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    left_out: str = ""
    layer: str = ""

    def numeric(self, column: int) -> bool:
        """Whether a column holds numbers."""
        return any(isinstance(row[column], float) for row in self.rows)


@dataclass(frozen=True)
class Chapter:
    """A part of the way: forward, backward, update."""

    title: str
    text: str
    blocks: tuple[Block, ...]


def loss_numbers(passage: Passage) -> dict[str, Any]:
    """The numbers of a loss's formulas."""
    numbers = number_settings(passage.loss.per_output(len(passage.outputs)))
    return {**numbers, "y": passage.outputs, "z": passage.z, "t": passage.t}


def member_name(catalogue: Mapping[str, type[Any]], member: object) -> str:
    """The name of a member in its catalogue, or its class's where it is not listed there."""
    kind = type(member)
    return next((name for name, own in catalogue.items() if own is kind), kind.__name__.lower())


def with_name(name: str, formula: str) -> tuple[Written, ...]:
    """A formula with its name; none where there is no formula."""
    return (Written(formula, name),) if formula else ()


def unit_numbers(layer: LayerPass, unit: int, axis: int) -> dict[str, Any]:
    """The numbers of a unit's formula; of a matrix the unit's row (axis 0) or column (-1)."""
    parameters = {
        name: np.take(array, unit, axis) if array.ndim > 1 else array
        for name, array in layer.parameters.items()
    }
    return {
        **number_settings(layer.layer),
        **parameters,
        **layer.statistics,
        "x": layer.x,
        "y": layer.y,
        "dy": layer.dy,
    }


def number_settings(member: Any) -> dict[str, Any]:
    """The settings that are numbers, or one number per unit."""
    own = fields(member) if is_dataclass(member) else ()
    settings = {field.name: getattr(member, field.name) for field in own}
    return {
        name: np.array(value) if isinstance(value, tuple) else value
        for name, value in settings.items()
        if isinstance(value, int | float | tuple) and not isinstance(value, bool)
    }


def with_numbers(formula: str, numbers: Mapping[str, Any], at: int = 0) -> Cell:
    """A formula with its numbers; an empty text where it has none, or a name has no number."""
    if not formula:
        return ""
    with np.errstate(all="ignore"):
        try:
            compute(formula, numbers, at)
        except (KeyError, IndexError, ValueError):
            return ""
    return Written(formula, "", numbers, at)


def parameters_left_out(layer: LayerPass, shown: int) -> str:
    """A sentence where parameters of a layer are left out."""
    more = sum(array.size for array in layer.parameters.values()) - shown
    return f"{more:,} more parameters: --unit {layer.name}.0 shows those of a unit" if more else ""


def number_label(name: str, index: tuple[int, ...]) -> str:
    """A number of a parameter array: weight[0,2]."""
    return f"{name}[{','.join(map(str, index))}]"


def left_out_words(all_units: int, shown: int, noun: str, layer: str) -> str:
    """A sentence where units are left out."""
    if shown >= all_units:
        return ""
    hint = f": --unit {layer}.0 shows a unit" if layer else ""
    return f"{all_units - shown:,} of {all_units:,} {noun} are left out{hint}"
