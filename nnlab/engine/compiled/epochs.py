"""Updates in compiled code: `run` does any number of them, across the ends of epochs.

It stops before an update whose guard is not finite; the NumPy engine then does that one, or says
what is wrong with it. So nothing here ever has to be taken back.
"""

from typing import Any

import numpy as np
from numba import carray, njit

from nnlab.engine.compiled import losses, optimizers
from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.passes import backward, descend, forward, numbers_of, strides
from nnlab.engine.compiled.products import dot
from nnlab.engine.compiled.program import FIELDS, INPUT, OUTPUT
from nnlab.engine.compiled.vectors import constant, get, moved, put
from nnlab.engine.numpy_engine import WILD_RATE


def run(
    settled: Any, ruled: Any, ops: Any, laws: Any, class_weights: Any,
    x: Any, raw: Any, numbers: Any, shift: Any, factor: Any, goal: Any, gemm: Any,
    p: Any, first: Any, second: Any, velocity: Any, average: Any,
    pg: Any, a: Any, d: Any, spare: Any, picked: Any, listed: Any, lengths: Any, single: Any,
    order: Any, rates: Any, tally: Any, lost: Any, ends: Any, kept: Any,
    count: int, step: int, batch: int, keep: int,
) -> int:  # fmt: skip
    """Update from `batch` of an epoch on, once for each of the `count` rates; how many were done.

    All but the last line are addresses. `lost` gets the loss per row of each update, `ends` the
    sums of each epoch that ends, `kept` then, if `keep` says so, the weights to evaluate. Rows are
    taken from `order` (K, N) if they are shuffled.
    """
    task, rule = carray(settled, 1)[0], carray(ruled, 1)[0]
    width, units = task.outputs, task.by_units
    batches = task.full + (task.rest > 0)
    resident = batches == 1 and not task.shuffled
    epoch = 0
    for done in range(count):
        short = batch >= task.full
        rows, scale = (task.rest, task.rest_scale) if short else (task.batch, task.scale)
        layers = moved(ops, task.layers * FIELDS if short else 0)
        if done == 0 or not resident:
            begin = get(layers, INPUT)
            pick(task.shuffled, moved(order, epoch * task.rows), batch * task.batch, rows, picked)
            if task.raw:
                gather_raw(task.inputs, units, raw, numbers, shift, factor, picked, rows, a, begin)
            else:
                gather(task.inputs, units, x, picked, rows, a, begin)
        forward(units, task.layers, layers, laws, rows, p, a, listed, lengths, gemm)
        z = get(layers, (task.layers - 1) * FIELDS + OUTPUT)
        by_row, by_unit = strides(units, rows, width, a)
        loss = losses.compare(
            task.loss, task.delta, task.weighted, class_weights, scale,
            a, z, d, by_row, by_unit, goal, picked, rows, width,
        )  # fmt: skip
        guard = backward(
            units, task.online, task.layers, layers, laws, rows, p, task.parameters, pg, a, d,
            spare, single, gemm,
        )  # fmt: skip
        guard += dot(a, z, a, z, numbers_of(units, rows, width, a))
        lr = get(rates, done)
        if not np.isfinite(guard) or lr > WILD_RATE:
            return done
        now = step + done + 1
        if task.online:
            descend(task.layers, layers, p, a, d, listed, lengths, lr)
        else:
            optimizers.step(rule, task, lr, now, p, pg, first, second, velocity)
        if task.ema >= 0.0:
            optimizers.follow(average, p, task.parameters, task.ema, now)
        if task.mean_outputs:
            loss /= width
        put(lost, done, loss / rows)
        put(tally, 0, get(tally, 0) + rows)
        put(tally, 1, get(tally, 1) + loss)
        losses.judge(
            task.metric, task.loss, tally, a, z, by_row, by_unit, goal, picked, rows, width
        )  # fmt: skip
        batch += 1
        if batch == batches:
            batch = 0
            hand_over(tally, ends, epoch * task.sums, task.sums)
            if keep:
                weights = average if task.ema >= 0.0 else p
                copy(weights, kept, epoch * task.parameters, task.parameters)
            epoch += 1
    return count


@njit(**PLAIN)
def hand_over(tally: Any, ends: Any, at: int, count: int) -> None:
    """The sums of an epoch that ended; the next begins at 0."""
    copy(tally, ends, at, count)
    for i in range(count):
        put(tally, i, 0.0)


@njit(**PLAIN)
def copy(source: Any, to: Any, at: int, count: int) -> None:
    """to[at + i] = source[i]."""
    for i in range(count):
        put(to, at + i, get(source, i))


@njit(**PLAIN)
def pick(shuffled: bool, order: Any, start: int, rows: int, picked: Any) -> None:
    """The numbers of the batch's rows."""
    for r in range(rows):
        put(picked, r, get(order, start + r) if shuffled else start + r)


@njit(**PLAIN)
def gather(
    width: int, by_units: bool, x: Any, picked: Any, rows: int, values: Any, at: int
) -> None:
    """The inputs of the batch, to `at` in the values."""
    by_row, by_unit = strides(by_units, rows, width, values)
    for r in range(rows):
        source, to = get(picked, r) * width, at + r * by_row
        if by_unit == 1:
            for j in range(width):
                put(values, to + j, get(x, source + j))
        else:
            for j in range(width):
                put(values, to + j * by_unit, get(x, source + j))


@njit(**PLAIN)
def gather_raw(
    width: int, by_units: bool, raw: Any, numbers: Any, shift: Any, factor: Any, picked: Any,
    rows: int, values: Any, at: int,
) -> None:  # fmt: skip
    """The same from uint8, as (raw - shift) factor; `numbers` says where the part's rows lie."""
    by_row, by_unit = strides(by_units, rows, width, values)
    for r in range(rows):
        source, to = get(numbers, get(picked, r)) * width, at + r * by_row
        if by_unit == 1:
            for j in range(width):
                v = constant(values, get(raw, source + j))
                put(values, to + j, (v - get(shift, j)) * get(factor, j))
        else:
            for j in range(width):
                v = constant(values, get(raw, source + j))
                put(values, to + j * by_unit, (v - get(shift, j)) * get(factor, j))
