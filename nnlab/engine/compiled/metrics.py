"""What metrics add up over a batch, as core.metrics does; the catalogue is at the foot.

`batch` is as in `losses`. `fused` says which activation the loss fuses: z may be logits, and the
decision is that of the outputs, in which two logits may become equal.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from nnlab.core.metrics import ABSOLUTE, RIGHT, SQUARES, Sum
from nnlab.core.types import Kind
from nnlab.engine.compiled.activations import exp_held
from nnlab.engine.compiled.primitives import Pointer, real

FUSED = (None, "sigmoid", "softmax", "exp")
SIGMOID, SOFTMAX, EXP = 1, 2, 3


class CompiledSums(NamedTuple):
    """`add(fused, sums, batch)` adds a batch to the numbers that `sums` names, in this order."""

    sums: tuple[Sum, ...]
    add: Callable[..., None]


def add_metrics(kind: int, fused: int, sums: Pointer, batch: Any) -> None:
    """`add` of entry `kind` of the catalogue."""
    raise NotImplementedError


def rounded_sigmoid(v: Any) -> Any:
    """(1 + tanh(v / 2)) / 2, rounded as the layer's where two outputs may become equal."""
    one, half, small = real(v, 1), real(v, 0.5), real(v, 1e-3)
    if -small < v < small:
        return v * real(v, 0.25) + half
    return (one - real(v, 2) / (math.exp(v) + one)) * half + half


def largest(a: Pointer, at: int, by_unit: int, width: int) -> Any:
    """The place of the largest of a row's numbers, of equal ones the first, and the number."""
    best, top = 0, a[at]
    for j in range(1, width):
        v = a[at + j * by_unit]
        best, top = (j, v) if v > top else (best, top)
    return best, top


def decision(fused: int, a: Pointer, at: int, by_unit: int, width: int) -> int:
    """The class with the largest output, of equal outputs the first."""
    best, top = largest(a, at, by_unit, width)
    if fused == 0:
        return best
    # Logits before `best` are smaller, but may end in the same output.
    close, tied = real(a, 1e-5), fused == SIGMOID and top > real(a, 8)
    for j in range(best):
        if top - a[at + j * by_unit] < close:
            tied = True
    return first_equal(fused, a, at, by_unit, width, best, top) if tied else best


def first_equal(
    fused: int, a: Pointer, at: int, by_unit: int, width: int, best: int, top: Any
) -> int:  # fmt: skip
    """The first class whose output, after sigmoid or softmax, is that of `best`."""
    one, total = real(a, 1), real(a, 0)
    if fused == SOFTMAX:
        for j in range(width):
            total += math.exp(a[at + j * by_unit] - top)
    for j in range(best):
        v = a[at + j * by_unit]
        if fused == SIGMOID:
            equal = rounded_sigmoid(v) >= rounded_sigmoid(top)
        else:
            equal = math.exp(v - top) / total >= one / total
        if equal:
            return j
    return best


def add_right_classes(fused: int, sums: Pointer, batch: Any) -> None:
    """The rows whose decision is the class of the largest target."""
    a, z, _, by_row, by_unit, t, which, rows, width = batch
    for r in range(rows):
        wanted, _ = largest(t, which[r] * width, 1, width)
        sums[0] += decision(fused, a, z + r * by_row, by_unit, width) == wanted


def add_right_sides(fused: int, sums: Pointer, batch: Any) -> None:
    """The rows all of whose outputs are on the right side of 1/2."""
    a, z, _, by_row, by_unit, t, which, rows, width = batch
    half, quarter = real(a, 0.5), real(a, 0.25)
    for r in range(rows):
        right = True
        for j in range(width):
            v = a[z + r * by_row + j * by_unit]
            if fused == SIGMOID:  # at least 1/2, after rounding, where the sigmoid is
                v = v * quarter + half
            right = right and (v >= half) == (t[which[r] * width + j] >= half)
        sums[0] += right


def add_errors(fused: int, sums: Pointer, batch: Any) -> None:
    """The absolute errors, and the squares of the errors of each output."""
    a, z, _, by_row, by_unit, t, which, rows, width = batch
    for r in range(rows):
        at, to = z + r * by_row, which[r] * width
        for j in range(width):
            v = a[at + j * by_unit]
            if fused == EXP:
                v = exp_held(v, v)
            error = float(v) - float(t[to + j])
            sums[0] += abs(error)
            sums[1 + j] += error * error


COMPILED_METRICS: dict[Kind, CompiledSums] = {
    "classes": CompiledSums((RIGHT,), add_right_classes),
    "binary": CompiledSums((RIGHT,), add_right_sides),
    "regression": CompiledSums((ABSOLUTE, SQUARES), add_errors),
}
