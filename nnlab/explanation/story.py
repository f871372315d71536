"""The story of an explained row, in chapters: the row, forward, backward, update."""

import numpy as np

from nnlab.explanation.backward import backward_blocks
from nnlab.explanation.blocks import Chapter
from nnlab.explanation.forward import forward_blocks, inputs_block, loss_block
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
    with np.errstate(all="ignore"):  # weights that grow without bounds may overflow
        return (
            Chapter("The row", "", (inputs_block(explained),)),
            Chapter("Forward", "", (*forward_blocks(explained), loss_block(explained))),
            Chapter("Backward", _backward_words(explained), tuple(backward_blocks(explained))),
            Chapter("Update", update_words(explained.passage), tuple(update_blocks(explained))),
        )


def _backward_words(explained: RowExplanation) -> str:
    arrays = [array for layer in explained.layers for array in layer.parameters.values()]
    dimensions = sorted({array.ndim for array in arrays})
    return " ".join([DIFFERENCES, *(INDICES[n] for n in dimensions if n in INDICES)])
