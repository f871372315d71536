"""The row's way forward: inputs, each layer's outputs, the loss."""

import numpy as np

from nnlab.core.losses import LOSSES
from nnlab.core.types import FloatArray
from nnlab.explanation.blocks import (
    RAW,
    WITH_NUMBERS,
    Block,
    Cell,
    Row,
    left_out_words,
    loss_numbers,
    member_name,
    unit_numbers,
    with_name,
    with_numbers,
)
from nnlab.explanation.formula import Written
from nnlab.explanation.passage import LayerPass
from nnlab.explanation.row import RowExplanation, RowFacts
from nnlab.explanation.selection import Selection, most_important
from nnlab.show.words import shape_text


def inputs_block(explained: RowExplanation) -> Block:
    """The inputs as in the data and scaled, and the target."""
    passage, facts = explained.passage, explained.facts
    first = passage.layers[0]
    x, dx = first.x.ravel(), first.dx.ravel()
    raw = facts.raw.ravel()
    shown = most_important(len(x), x * dx)  # a blank pixel moves no weight
    rows = tuple((facts.input_name(i), float(raw[i]), float(x[i])) for i in shown)
    text = _target_words(facts, passage.target)
    left = left_out_words(len(x), len(shown), "inputs", "")
    return Block("inputs", "Inputs", text, (), ("input", RAW, "scaled"), rows, left)


def _target_words(facts: RowFacts, t: FloatArray) -> str:
    """The target in words; large ones are shortened."""
    if facts.task == "classes" and len(facts.output_names) >= 2:
        label = int(t.argmax()) if len(t) > 1 else int(t[0] > 0.5)
        return f"The target is the class {facts.output_names[label]}."
    numbers = ", ".join(f"{float(value):.5g}" for value in t[:8])
    more = f", ... ({len(t) - 8:,} more)" if len(t) > 8 else ""
    return f"The target is {numbers}{more}."


def forward_block(layer: LayerPass, selection: Selection) -> Block:
    """What a layer makes of the row, unit by unit; of an image the norms."""
    formulas = with_name("y", layer.layer.formula)
    title = f"{layer.name}: {shape_text(layer.x.shape)} to {shape_text(layer.y.shape)}"
    if layer.y.ndim > 1:
        return _maps_block(title, formulas, layer, selection)
    mixes = any(array.ndim > 1 for array in layer.parameters.values())
    same = layer.x.shape == layer.y.shape and not mixes
    # The same units as of the layer before where each unit has one input.
    units = selection.of(layer.index, layer.dx if same else layer.dy)
    rows: list[Row] = []
    for unit in units:
        x = (float(layer.x[unit]),) if same else ()
        written = with_numbers(layer.layer.formula, unit_numbers(layer, unit, -1), unit)
        rows.append((unit, *x, float(layer.y[unit]), written))
    header = ("unit", *(("x",) if same else ()), "y", WITH_NUMBERS)
    left = left_out_words(len(layer.y), len(units), "units", layer.name)
    text = _dropped(layer)
    return Block("outputs", title, text, formulas, header, tuple(rows), left, layer.name)


def _dropped(layer: LayerPass) -> str:
    """What a layer that draws has dropped of the row."""
    if not layer.layer.random:
        return ""
    stays = (layer.y != 0) & (layer.x != 0)
    dropped = int(((layer.x != 0) & ~stays).sum())
    words = f"{dropped:,} of {layer.y.size:,} inputs are dropped in this update"
    factors = layer.y[stays] / layer.x[stays]
    if not factors.size or np.ptp(factors) > 1e-6 * factors[0]:
        return f"{words}."
    return f"{words}; the others are multiplied by {factors[0]:.5g}."


def _maps_block(
    title: str, formulas: tuple[Written, ...], layer: LayerPass, selection: Selection
) -> Block:
    """An image: the norms, and those of the channels that were asked for."""
    units = selection.units.get(layer.index, ())
    maps: list[tuple[Cell, FloatArray, FloatArray]] = [("all", layer.y, layer.dy)]
    maps += [(unit, layer.y[..., unit], layer.dy[..., unit]) for unit in units]
    norm = np.linalg.norm
    rows = tuple((name, float(norm(y)), float(norm(dy))) for name, y, dy in maps)
    left = "" if units else f"--unit {layer.name}.0 shows a channel"
    header = ("channel", "norm of y", "norm of dL/dy")
    text = _dropped(layer)
    return Block("channels", title, text, formulas, header, rows, left, layer.name)


def loss_block(explained: RowExplanation) -> Block:
    """The loss of each output, and the row's."""
    passage, facts = explained.passage, explained.facts
    loss, y, t = passage.loss, passage.outputs, passage.t
    name = member_name(LOSSES, loss.plain)
    terms = loss.terms(passage.z[None], t[None])[0]
    scaled = "" if loss is loss.plain else "scaled "  # then the loss compares z with that
    units = most_important(len(y), passage.layers[-1].dy)
    rows = []
    for unit in units:
        label = facts.output_name(unit, len(y))
        written = with_numbers(loss.term_formula, loss_numbers(passage), unit)
        z = (float(passage.z[unit]),) if scaled else ()
        rows.append((label, float(y[unit]), *z, float(t[unit]), float(terms[unit]), written))
    header = ("output", "y", *("z" * bool(scaled)), f"{scaled}target t", "loss", WITH_NUMBERS)
    how = "mean" if loss.reduction == "mean" else "sum"
    total = f"L = {passage.value:.6g}" + (f", the {how} over the outputs." if len(y) > 1 else ".")
    fused = "" if loss.fuses is None else f" {loss.fuses} is computed as part of the loss."
    left = left_out_words(len(y), len(units), "outputs", "")
    formulas = with_name("loss", loss.term_formula)
    return Block("loss", f"Loss: {name}", total + fused, formulas, header, tuple(rows), left)
