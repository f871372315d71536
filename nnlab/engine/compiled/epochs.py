"""Updates in compiled code: `run` does any number of them, across the ends of epochs.

It stops before an update whose guard is not finite; the NumPy engine then does that one, or says
what is wrong with it. So nothing here ever has to be taken back.
"""

from typing import Any

import numpy as np
from numba import njit

from nnlab.engine.compiled import losses, optimizers
from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.passes import backward, descend, forward, numbers_of, strides
from nnlab.engine.compiled.products import dot
from nnlab.engine.compiled.program import FIELDS, INPUT, OUTPUT
from nnlab.engine.compiled.vectors import address, get, moved, number, put
from nnlab.engine.reference import WILD


@njit(cache=True, **PLAIN)
def run(
    task: Any, rule: Any, ops: Any, settings: Any, class_weights: Any,
    x: Any, raw: Any, numbers: Any, shift: Any, factor: Any, t: Any, order: Any,
    theta: Any, first: Any, second: Any, velocity: Any, average: Any, tiny: Any,
    g: Any, values: Any, slopes: Any, room: Any, which: Any, found: Any, counts: Any, ones: Any,
    rates: Any, step: int, batch: int, sums: Any, lost: Any, ends: Any, kept: Any,
) -> int:  # fmt: skip
    """Update from `batch` of an epoch on, once for each of `rates`; how many were done.

    `lost` gets the loss per row of each update, `ends` the sums of each epoch that ends, `kept`
    then the weights to evaluate. Rows are taken from `order` (K, N) if they are shuffled.
    """
    a, d, p, pg = address(values), address(slopes), address(theta), address(g)
    picked, tally, listed, lengths = (
        address(which), address(sums), address(found), address(counts)
    )  # fmt: skip
    goal, laws, spare, single = address(t), address(settings), address(room), address(ones)
    weighing, width, units = class_weights.size > 0, task.outputs, task.by_units
    batches = task.full + (task.rest > 0)
    resident = batches == 1 and not task.shuffled
    epoch = 0
    for done in range(rates.size):
        short = batch >= task.full
        rows, scale = (task.rest, task.rest_scale) if short else (task.batch, task.scale)
        layers = moved(address(ops), ops.shape[1] * ops.shape[2] if short else 0)
        if done == 0 or not resident:
            pick(task.shuffled, order, epoch, batch * task.batch, rows, picked)
            begin = get(layers, INPUT)
            if task.raw:
                gather_raw(task.inputs, units, raw, numbers, shift, factor, picked, rows, a, begin)
            else:
                gather(task.inputs, units, address(x), picked, rows, a, begin)
        forward(units, task.layers, layers, laws, rows, p, a, listed, lengths)
        z = get(layers, (task.layers - 1) * FIELDS + OUTPUT)
        by_row, by_unit = strides(units, rows, width, a)
        loss = losses.compare(
            task.loss, task.delta, weighing, address(class_weights), scale,
            a, z, d, by_row, by_unit, goal, picked, rows, width,
        )  # fmt: skip
        guard = backward(
            units, task.online, task.layers, layers, laws, rows, p, theta.size, pg, a, d, spare,
            single,
        )  # fmt: skip
        guard += dot(a, z, a, z, numbers_of(units, rows, width, a))
        lr = rates[done]
        if not np.isfinite(guard) or lr > WILD:
            return done
        now = step + done + 1
        if task.online:
            descend(task.layers, layers, p, a, d, listed, lengths, lr)
        else:
            optimizers.step(rule, lr, now, theta, g, first, second, velocity, task.weights, tiny)
        if task.ema >= 0.0:
            optimizers.follow(average, theta, task.ema, now)
        if task.mean_outputs:
            loss /= width
        lost[done] = loss / rows
        sums[0] += rows
        sums[1] += loss
        losses.judge(
            task.metric, task.logits, tally, a, z, by_row, by_unit, goal, picked, rows, width
        )  # fmt: skip
        batch += 1
        if batch == batches:
            batch = 0
            ends[epoch] = sums
            sums[:] = 0.0
            if kept.size:
                weights = average if task.ema >= 0.0 else theta
                for i in range(theta.size):
                    kept[epoch, i] = weights[i]
            epoch += 1
    return rates.size


@njit(**PLAIN)
def pick(shuffled: bool, order: Any, epoch: int, start: int, rows: int, picked: Any) -> None:
    """The numbers of the batch's rows."""
    for r in range(rows):
        put(picked, r, order[epoch, start + r] if shuffled else start + r)


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
    pixels = address(raw)
    for r in range(rows):
        source, to = numbers[get(picked, r)] * width, at + r * by_row
        if by_unit == 1:
            for j in range(width):
                v = number(values, get(pixels, source + j))
                put(values, to + j, (v - shift[j]) * factor[j])
        else:
            for j in range(width):
                v = number(values, get(pixels, source + j))
                put(values, to + j * by_unit, (v - shift[j]) * factor[j])
