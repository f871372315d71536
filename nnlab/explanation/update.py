"""The update that follows: the optimizer's rule with its numbers."""

from collections.abc import Iterator

import numpy as np

from nnlab.core.optimizers import OPTIMIZERS
from nnlab.explanation.blocks import (
    NEW,
    PARAMETER,
    ROW_GRADIENT,
    WITH_NUMBERS,
    Block,
    Row,
    member_name,
    number_label,
    parameters_left_out,
)
from nnlab.explanation.formula import Written
from nnlab.explanation.passage import LayerPass, Passage
from nnlab.explanation.row import RowExplanation


def update_words(passage: Passage) -> str:
    """Which update it is, and what g is."""
    rows, loss = len(passage.moment.x), passage.loss
    sentence = f"Update {passage.moment.step:,}, learning rate {passage.moment.lr:g}."
    if rows == 1:
        return f"{sentence} The batch is this row, so g is its gradient."
    how = "sum" if loss.reduction == "sum" else "mean"
    return f"{sentence} g is the {how} of the gradients of the {rows:,} rows of the batch."


def _frozen_words(explained: RowExplanation) -> str:
    """The layers that the update leaves as they are."""
    names = ", ".join(layer.name for layer in explained.layers if layer.layer.freeze)
    return f"Frozen, so left as they are: {names}." if names else ""


def update_blocks(explained: RowExplanation) -> Iterator[Block]:
    """The rule, and what it does to the parameters of each layer."""
    passage, steps = explained.passage, explained.passage.rule_steps
    name = member_name(OPTIMIZERS, passage.optimizer)
    formulas = tuple(Written(step.assignment.formula, step.assignment.name) for step in steps)
    text = "" if steps else f"{name} has no formulas here: its result is shown."
    if any(step.assignment.weights for step in steps):
        text = "Biases have no decay and no l1: those lines are for weights."
    text = " ".join(filter(None, [text, _frozen_words(explained)]))
    yield Block("rule", f"The rule of {name}", text, formulas)
    layers = list(explained.learning_layers)
    for layer in layers:
        yield (_short_block if len(steps) == 1 else _long_block)(explained, layer)
    for layer in layers if len(steps) > 1 else ():
        yield from _written_out(explained, layer)


def _short_block(explained: RowExplanation, layer: LayerPass) -> Block:
    """A rule of one line, written out for each number."""
    passage = explained.passage
    (step,) = passage.rule_steps
    rows: list[Row] = []
    for name, index in explained.selection.parameters(layer):
        at = layer.place(name, index)
        written = Written(step.assignment.formula, "", step.numbers, at)
        numbers = (*_gradients(passage, at), float(passage.new_theta[at]))
        rows.append((number_label(name, index), *numbers, written))
    header = (PARAMETER, *_gradient_names(passage), NEW, WITH_NUMBERS)
    return _update_block(layer, header, rows)


def _long_block(explained: RowExplanation, layer: LayerPass) -> Block:
    """For each number: before, the gradients, the state, after."""
    passage, state = explained.passage, explained.passage.state
    rows: list[Row] = []
    for name, index in explained.selection.parameters(layer):
        at = layer.place(name, index)
        states = (float(slot[at]) for slot in state.values())
        before = (float(passage.theta[at]), *_gradients(passage, at), *states)
        rows.append((number_label(name, index), *before, float(passage.new_theta[at])))
    return _update_block(layer, (PARAMETER, "w", *_gradient_names(passage), *state, NEW), rows)


def _update_block(layer: LayerPass, header: tuple[str, ...], rows: list[Row]) -> Block:
    left = parameters_left_out(layer, len(rows))
    return Block("update", layer.name, "", (), header, tuple(rows), left, layer.name)


def _gradients(passage: Passage, at: int) -> tuple[float, ...]:
    """The row's gradient, in a batch of more rows, and the batch's."""
    gradient = float(passage.batch_gradient[at])
    return (float(passage.row_gradient[at]), gradient) if len(passage.moment.x) > 1 else (gradient,)


def _gradient_names(passage: Passage) -> tuple[str, ...]:
    return (ROW_GRADIENT, "g") if len(passage.moment.x) > 1 else ("g",)


def _written_out(explained: RowExplanation, layer: LayerPass) -> Iterator[Block]:
    """The rule with numbers, for the number that moves most, or for all of the units asked for."""
    passage = explained.passage
    moves = np.abs(passage.new_theta - passage.theta[: len(passage.new_theta)])
    places = {
        layer.place(name, index): number_label(name, index)
        for name, index in explained.selection.parameters(layer)
    }
    chosen = list(places) if explained.selection.units else [max(places, key=lambda at: moves[at])]
    for at in chosen:
        rows = tuple(
            (
                Written(step.assignment.name),
                float(step.result[at]),
                Written(step.assignment.formula, "", step.numbers, at),
            )
            for step in passage.rule_steps
            if at < passage.network.layout.weights or not step.assignment.weights
        )
        header = ("", "value", WITH_NUMBERS)
        title = f"{layer.name}.{places[at]}"
        yield Block("rule_steps", title, "", (), header, rows, layer=layer.name)
