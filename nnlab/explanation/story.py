"""The story of an explained row, in chapters: the row, forward, backward, update."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from nnlab.explanation.backward import backward_blocks
from nnlab.explanation.blocks import Block, Chapter
from nnlab.explanation.forward import forward_block, inputs_block, loss_block
from nnlab.explanation.row import RowExplanation
from nnlab.explanation.update import update_blocks, update_words

DIFFERENCES = (
    "L is the loss of this row, dy its derivative dL/dy, and so on. Beside each derivative stands "
    "its central difference: how L changes when that number alone is moved."
)
# What the indices of a weight mean, by how many there are.
INDICES = {
    2: "weight[i,j] leads from input i of a layer to its unit j.",
    4: "weight[r,c,i,j] is row r and column c of a window, from channel i to channel j.",
}


def chapters(explained: RowExplanation) -> tuple[Chapter, ...]:
    """Everything that is shown."""
    layers = (forward_block(layer, explained.selection) for layer in explained.layers)
    with np.errstate(all="ignore"):  # weights that grow without bounds may overflow
        return (
            _chapter("The row", "", [inputs_block(explained)]),
            _chapter("Forward", "", [*layers, loss_block(explained)]),
            _chapter("Backward", _backward_words(explained), backward_blocks(explained)),
            _chapter("Update", update_words(explained.passage), update_blocks(explained)),
        )


def _chapter(title: str, text: str, blocks: Iterable[Block]) -> Chapter:
    """A chapter of blocks; a last column that is empty, of formulas, is left out."""
    shown = (
        block
        if any(row[-1] != "" for row in block.rows)
        else replace(block, header=block.header[:-1], rows=tuple(row[:-1] for row in block.rows))
        for block in blocks
    )
    return Chapter(title, text, tuple(shown))


def _backward_words(explained: RowExplanation) -> str:
    arrays = [array for layer in explained.layers for array in layer.parameters.values()]
    dimensions = sorted({array.ndim for array in arrays})
    return " ".join([DIFFERENCES, *(INDICES[n] for n in dimensions if n in INDICES)])
