"""The row's way back: every derivative beside its central difference."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from nnlab.core.types import FloatArray
from nnlab.explanation.blocks import (
    DIFFERENCE,
    PARAMETER,
    WITH_NUMBERS,
    Block,
    Cell,
    Row,
    left_out_words,
    loss_numbers,
    number_label,
    parameters_left_out,
    unit_numbers,
    with_name,
    with_numbers,
)
from nnlab.explanation.formula import Written
from nnlab.explanation.passage import LayerPass, Passage
from nnlab.explanation.row import RowExplanation
from nnlab.explanation.selection import most_important

TIED = "L depends on these through other rows too: the statistics of a batch tie its rows together."
KINK = (
    "Where both differ, L most likely has a kink: equal inputs of a pool, or 0 before relu. The "
    "difference is then the mean of the slopes on both sides."
)
SAME = 1e-4  # relative: a larger distance of slope and difference is noted
ALONG = "Beside a norm, the difference is the slope of L along the gradient."


def backward_blocks(explained: RowExplanation) -> Iterator[Block]:
    """From the loss back to the inputs."""
    smallest = SAME * max(abs(explained.passage.value), 1.0)
    for block in _blocks(explained):
        agree = all(_agrees(row, smallest) for row in block.rows)
        yield block if agree else replace(block, text=f"{block.text} {KINK}".strip())


def _agrees(row: Row, smallest: float) -> bool:
    """Whether a derivative is as its difference; below `smallest` digits cancel."""
    slope, difference = (cell for cell in row if isinstance(cell, float))
    return abs(slope - difference) <= SAME * max(abs(slope), smallest)


def _blocks(explained: RowExplanation) -> Iterator[Block]:
    yield _loss_slope_block(explained)
    for layer in reversed(explained.layers):
        if layer.parameters:
            yield _gradient_block(explained, layer)
        yield _dx_block(explained, layer)


def _loss_slope_block(explained: RowExplanation) -> Block:
    passage = explained.passage
    last, loss = passage.layers[-1], passage.loss
    formula = loss.dz_formula
    if formula and loss.reduction == "mean" and last.dy.size > 1:
        formula = f"({formula}) / {last.dy.size}"
    by = "y" if loss.fuses is None else "z"
    numbers, units = loss_numbers(passage), most_important(last.dy.size, last.dy)
    rows = []
    for unit in units:
        slope = float(last.dy[unit])
        difference = passage.output_difference(last.index, _direction(last.dy, unit), slope)
        label = explained.facts.output_name(unit, last.dy.size)
        rows.append((label, slope, difference, with_numbers(formula, numbers, unit)))
    header = ("output", f"dL/d{by}", DIFFERENCE, WITH_NUMBERS)
    text = f"z is the input of {loss.fuses}, which is part of the loss." if loss.fuses else ""
    left = left_out_words(last.dy.size, len(units), "outputs", "")
    formulas = with_name(f"d{by}", formula)
    return Block("loss_slope", "Loss", text, formulas, header, tuple(rows), left)


def _direction(row: FloatArray, unit: int) -> FloatArray:
    """The direction in which a single number of a row moves."""
    direction = np.zeros(row.size)
    direction[unit] = 1.0
    return direction.reshape(row.shape)


def _gradient_block(explained: RowExplanation, layer: LayerPass) -> Block:
    passage, rows = explained.passage, []
    tied = passage.is_tied(layer.index)
    for name, index in explained.selection.parameters(layer):
        slope, place = float(layer.gradients[name][index]), layer.place(name, index)
        difference = passage.parameter_difference({place: 1.0}, slope)
        written = "" if tied else _gradient_with_numbers(layer, name, index)
        rows.append((number_label(name, index), slope, difference, written))
    formulas = tuple(
        Written(formula, f"d{name}")
        for name, formula in layer.layer.gradient_formulas.items()
        if name in layer.gradients
    )
    title, left = f"{layer.name}: parameters", parameters_left_out(layer, len(rows))
    if left:
        rows = [_norm_row(passage, layer, name) for name in layer.gradients] + rows
    text = " ".join(filter(None, [TIED if tied else "", ALONG if left else ""]))
    header = (PARAMETER, "gradient", DIFFERENCE, WITH_NUMBERS)
    return Block("gradients", title, text, formulas, header, tuple(rows), left, layer.name)


def _norm_row(passage: Passage, layer: LayerPass, name: str) -> tuple[str, float, float, Cell]:
    """A whole gradient: its norm, and the slope of L along it."""
    gradient = layer.gradients[name].ravel()
    norm, first = float(np.linalg.norm(gradient)), layer.places[name]
    unit = gradient / (norm or 1.0)
    direction = {first + i: unit[i] for i in np.flatnonzero(unit).tolist()} or {first: 0.0}
    return f"norm of {name}", norm, passage.parameter_difference(direction, norm), ""


def _gradient_with_numbers(layer: LayerPass, name: str, index: tuple[int, ...]) -> Cell:
    """x and dy are numbers of the row only where it is flat."""
    if layer.x.ndim > 1 or layer.y.ndim > 1:
        return ""
    x = {"x": float(layer.x[index[0]])} if len(index) > 1 else {}
    numbers = {**x, "dy": float(layer.dy[index[-1]])}
    return with_numbers(layer.layer.gradient_formulas.get(name, ""), numbers)


def _dx_block(explained: RowExplanation, layer: LayerPass) -> Block:
    passage, before = explained.passage, layer.index - 1
    formulas = with_name("dx", layer.layer.dx_formula)
    names = passage.names
    title = f"{layer.name}: back to {names[before] if before >= 0 else 'the inputs'}"
    if layer.x.ndim > 1 or layer.dy.ndim > 1:
        norm = float(np.linalg.norm(layer.dx))
        difference = passage.output_difference(before, layer.dx / (norm or 1.0), norm)
        row: Row = ("dL/dx", norm, difference)
        header: tuple[str, ...] = ("", "norm", DIFFERENCE)
        return Block("input_slopes", title, ALONG, formulas, header, (row,), layer=layer.name)
    rows: list[Row] = []
    own = layer.dx.shape == layer.dy.shape  # units asked for are the layer's own
    units = explained.selection.of(layer.index if own else before, layer.dx)
    for unit in units:
        slope = float(layer.dx[unit])
        difference = passage.output_difference(before, _direction(layer.dx, unit), slope)
        label = unit if before >= 0 else explained.facts.input_name(unit)
        written = with_numbers(layer.layer.dx_formula, unit_numbers(layer, unit, 0), unit)
        rows.append((label, slope, difference, written))
    noun = "units" if before >= 0 else "inputs"
    header = (noun[:-1], "dL/dx", DIFFERENCE, WITH_NUMBERS)
    left = left_out_words(layer.dx.size, len(units), noun, names[before] if before >= 0 else "")
    return Block("input_slopes", title, "", formulas, header, tuple(rows), left, layer.name)
