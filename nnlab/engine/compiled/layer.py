"""A layer in compiled code: an entry of the catalogue, and what all kernels share.

Slopes are derivatives of the loss. Values and slopes of a layer are (B, m) row by row, or (m, B)
unit by unit; a row may be an image (h, w, c). Inputs lie at `layer.x`, outputs at `layer.y`: within
the values `memory.a` and the slopes `memory.d` of all layers.

Kernels take the records `task` (of the training), `memory` (of the thread) and `layer`, the number
of rows, and the pointer `theta` to all parameters, whose type is that of the network's numbers.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nnlab.core.types import Shape
from nnlab.engine.compiled.primitives import Pointer, lanes, moved, pointer


def nothing(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """What follows the update of most layers."""


class CompiledLayer(NamedTuple):
    """`forward(task, memory, layer, rows, theta)` fills the values at y of `rows` rows.

    `backward(task, memory, layer, rows, theta, add)` fills the slopes at x where `layer.pass_on`,
    and the layer's gradients, or adds to them where `add`. `follow`, with forward's arguments, runs
    after an update in one thread; it moves what a layer has beside its parameters.

    fields: what the record `layer` has for it, which `describe(layer, shape)` fills. arrays: the
    parameters and buffers whose places in theta the record has as well, -1 for a missing one.
    scratch, room, shared: the count of numbers that it needs: of its own in each thread, 0 at
    first; that another layer may overwrite; and, in float64, that a thread shows to the others.
    any_layout: values may lie unit by unit. by_batch: rows depend on each other. draws: numbers
    from [0, 1) for every input are drawn before the update.
    """

    forward: Callable[..., None]
    backward: Callable[..., None]
    follow: Callable[..., None] = nothing
    fields: Mapping[str, type] = {}
    describe: Callable[[Any, Shape], Mapping[str, float]] = lambda layer, shape: {}
    arrays: tuple[str, ...] = ()
    scratch: Callable[[Any, Shape, int], int] = lambda layer, shape, rows: 0
    room: Callable[[Any, Shape, int], int] = lambda layer, shape, rows: 0
    shared: Callable[[Any, Shape], int] = lambda layer, shape: 0
    any_layout: bool = False
    by_batch: bool = False
    draws: bool = False


def forward_layer(kind: int, task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """`forward` of entry `kind` of the catalogue."""
    raise NotImplementedError


def backward_layer(
    kind: int, task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool
) -> None:
    """`backward` of entry `kind` of the catalogue."""
    raise NotImplementedError


def follow_layer(kind: int, task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """`follow` of entry `kind` of the catalogue."""
    raise NotImplementedError


def whole(a: Pointer, count: int) -> int:
    """`count` rounded up to whole vectors."""
    return (count + lanes(a) - 1) // lanes(a) * lanes(a)


def value_layout(by_units: bool, rows: int, width: int, a: Pointer) -> Any:
    """How far a row and a unit of values (rows, width) are from the next; how many numbers."""
    wide = whole(a, rows)
    if by_units:
        return 1, wide, width * wide
    return width, 1, width * rows


def values_and_slopes(memory: Any, layer: Any, theta: Pointer) -> Any:
    """x, y, dx and dy of a layer."""
    a, d = pointer(memory.a, theta), pointer(memory.d, theta)
    return moved(a, layer.x), moved(a, layer.y), moved(d, layer.x), moved(d, layer.y)


def scratch_of(memory: Any, layer: Any, theta: Pointer) -> Pointer:
    """The numbers of a layer's own."""
    return moved(pointer(memory.scratch, theta), layer.scratch)
