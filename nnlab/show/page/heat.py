"""What a network makes of each row of a small data set: hidden units and outputs as a table."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.core.network import layer_name
from nnlab.core.types import FloatArray
from nnlab.show.page.film import Film

MOST_ROWS, MOST_UNITS = 24, 16
CELL = (34, 21)
TOP, GAP, RIGHT, BOTTOM = 40, 18, 50, 6
LETTER = 6.5  # how wide one is, about
SCALE = 100  # values are embedded as hundredths
STRONGEST = 0.45  # the opacity of the largest value: text can be read on it, by day and by night


@dataclass(frozen=True)
class Block:
    """Columns of one kind: their title, their places, and the largest value, for the shade."""

    title: str
    x: float
    columns: list[str]
    largest: float


@dataclass(frozen=True)
class Heat:
    """Rows of cells, block beside block; `data` has their values of each moment."""

    width: float
    height: float
    left: float
    rows: list[str]
    targets: list[str]
    blocks: list[Block]
    cells: list[tuple[float, float, int]]  # x, y, and the block
    alt: str
    data: dict[str, Any]

    kind = "heat"
    cell = CELL
    top, right, scale, strongest = TOP, RIGHT, SCALE, STRONGEST


def heat(film: Film) -> Heat | None:
    """The narrowest hidden layer (the last of equals) and the outputs, for at most 24 rows."""
    rows = len(film.inputs)
    if not 0 < rows <= MOST_ROWS or any(len(shape) != 1 for shape in film.network.shapes):
        return None
    depths = [depth for depth in (_bottleneck(film), len(film.network.layers)) if depth]
    if any(film.network.shapes[depth][0] > MOST_UNITS for depth in depths):
        return None
    blocks: list[Block] = []
    cells: list[tuple[float, float, int]] = []
    parts = []
    names = [_row(film, row) for row in range(rows)]
    left = LETTER * max(map(len, names)) + 14
    x = left
    for number, depth in enumerate(depths):
        answers = film.answers(film.inputs, depth)  # (moments, rows, units)
        if not np.isfinite(answers).all():
            return None
        parts.append(answers.reshape(len(answers), -1))
        blocks.append(_block(film, depth, x, answers))
        cells += [
            (x + unit * CELL[0], TOP + row * CELL[1], number)
            for row in range(rows)
            for unit in range(answers.shape[2])
        ]
        x += max(answers.shape[2] * CELL[0], LETTER * len(blocks[-1].title)) + GAP
    values = np.concatenate(parts, axis=1)
    return Heat(
        width=x + RIGHT,
        height=TOP + rows * CELL[1] + BOTTOM,
        rows=names,
        left=left,
        targets=[_target(film, row) for row in range(rows)],
        blocks=blocks,
        cells=cells,
        alt="What the network makes of each training row: hidden units and outputs as numbers.",
        data={
            "values": np.round(values * SCALE).astype(int).tolist(),
            "strongest": STRONGEST,
            "largest": [block.largest for block in blocks],
            "block": [block for _, _, block in cells],
        },
    )


def _bottleneck(film: Film) -> int:
    """How many layers lie before the narrowest hidden values; 0 for a network without any."""
    network = film.network
    dense = sorted({place.layer for place in network.layout.places})
    ends = [after - 1 for after in dense[1:]]  # the layer before the next one with parameters
    depths = [end + 1 for end in ends]
    return min(reversed(depths), key=lambda depth: network.shapes[depth][0], default=0)


def _block(film: Film, depth: int, x: float, answers: FloatArray) -> Block:
    last = depth == len(film.network.layers)
    names = film.data["class_names"] or film.data["target_names"]
    width = answers.shape[2]
    columns = [str(n)[:5] for n in names] if last and len(names) == width else None
    return Block(
        title="outputs" if last else layer_name(film.network.layers, depth - 1),
        x=x,
        columns=columns or [str(unit + 1) for unit in range(width)],
        largest=float(f"{max(np.abs(answers).max(), 1e-3):.4g}"),
    )


def _row(film: Film, row: int) -> str:
    """One-hot rows by their number, short rows by their numbers, others by their place."""
    values = film.inputs[row]
    if film.data["task"] == "identity":
        return f"row {int(np.argmax(values)) + 1}"
    if len(values) <= 2:
        return f"({', '.join(f'{value:g}' for value in values.tolist())})"
    return f"row {row + 1}"


def _target(film: Film, row: int) -> str:
    if row >= len(film.targets):
        return ""
    target = np.asarray(film.targets[row])
    if target.size > 1:
        return str(int(np.argmax(target)) + 1) if film.data["task"] == "identity" else ""
    value = target.item()
    names = film.data["class_names"]
    if names and isinstance(value, int) and 0 <= value < len(names):
        return names[value][:8]
    return f"{value:g}"
