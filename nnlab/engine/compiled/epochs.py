"""Updates in compiled code: `run_updates` does any number of them, across the ends of epochs.

It stops before an update whose guard is not finite; the NumPy engine then does that update, or
names what is wrong with it. So nothing here ever has to be taken back.
"""

from typing import Any

import numpy as np
from numba import carray, njit

from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.losses import add_metrics, loss_and_slopes
from nnlab.engine.compiled.optimizers import move_average, optimizer_step
from nnlab.engine.compiled.passes import backward, forward, numbers_of, strides, update_online
from nnlab.engine.compiled.products import dot
from nnlab.engine.compiled.program import FIELDS, INPUT, OUTPUT
from nnlab.engine.compiled.vectors import constant, get, moved, put
from nnlab.engine.numpy_engine import WILD_RATE


def run_updates(
    tasks: Any, rules: Any, ops: Any, settings: Any, class_weights: Any,
    x: Any, raw: Any, numbers: Any, shift: Any, factor: Any, t: Any, gemm: Any,
    theta: Any, first: Any, second: Any, velocity: Any, average: Any,
    g: Any, a: Any, d: Any, room: Any, picked: Any, inputs: Any, counts: Any, ones: Any,
    order: Any, rates: Any, sums: Any, losses: Any, ended_sums: Any, ended_weights: Any,
    count: int, step: int, batch: int, keep: int,
) -> int:  # fmt: skip
    """Update from `batch` of an epoch on, once for each of the `count` rates; how many were done.

    All but the last line are addresses, as in `program.ARGUMENTS`. `a` holds the values of all
    layers and `d` their slopes. `losses` gets the loss per row of each update, `ended_sums` the
    sums of each epoch that ends and, with `keep`, `ended_weights` the weights to evaluate.
    """
    task, rule = carray(tasks, 1)[0], carray(rules, 1)[0]
    width, units = task.outputs, task.by_units
    batches = task.full + (task.rest > 0)
    epoch = 0
    for done in range(count):
        short = batch >= task.full
        rows, scale = (task.rest, task.rest_scale) if short else (task.batch, task.scale)
        layers = moved(ops, task.layers * FIELDS if short else 0)
        if done == 0 or batches > 1 or task.shuffled:  # else the rows are there already
            rows_of_epoch = moved(order, epoch * task.rows)
            pick(task.shuffled, rows_of_epoch, batch * task.batch, rows, picked)
            gather(task, x, raw, numbers, shift, factor, picked, rows, a, get(layers, INPUT))
        forward(units, task.layers, layers, settings, rows, theta, a, inputs, counts, gemm)
        z = get(layers, (task.layers - 1) * FIELDS + OUTPUT)
        outputs = (a, z, d, *strides(units, rows, width, a), t, picked, rows, width)
        factors = (task.weighted, class_weights, scale)
        loss = loss_and_slopes(task.loss, task.delta, factors, outputs)
        guard = backward(
            units, task.online, task.layers, layers, settings, rows, theta, task.parameters, g,
            a, d, room, ones, gemm,
        )  # fmt: skip
        guard += dot(a, z, a, z, numbers_of(units, rows, width, a))
        lr, now = get(rates, done), step + done + 1
        if not np.isfinite(guard) or lr > WILD_RATE:
            return done
        if task.online:
            update_online(task.layers, layers, theta, a, d, inputs, counts, lr)
        else:
            optimizer_step(rule, task, lr, now, theta, g, first, second, velocity)
        if task.ema >= 0.0:
            move_average(average, theta, task.parameters, task.ema, now)
        add_loss(loss / width if task.mean_outputs else loss, rows, losses, done, sums)
        add_metrics(task.metric, task.loss, sums, outputs)
        batch += 1
        if batch == batches:
            weights = average if task.ema >= 0.0 else theta
            end_epoch(task, epoch, sums, ended_sums, weights, ended_weights, keep)
            batch, epoch = 0, epoch + 1
    return count


@njit(**PLAIN)
def add_loss(loss: float, rows: int, losses: Any, done: int, sums: Any) -> None:
    """Store the loss per row of an update; add rows and loss to the sums of the epoch."""
    put(losses, done, loss / rows)
    put(sums, 0, get(sums, 0) + rows)
    put(sums, 1, get(sums, 1) + loss)


@njit(**PLAIN)
def end_epoch(
    task: Any, epoch: int, sums: Any, ended_sums: Any, weights: Any, ended_weights: Any, keep: int
) -> None:  # fmt: skip
    """Store the sums and the weights of an epoch; the next epoch begins with sums of 0."""
    for i in range(task.sums):
        put(ended_sums, epoch * task.sums + i, get(sums, i))
        put(sums, i, 0.0)
    if keep:
        for i in range(task.parameters):
            put(ended_weights, epoch * task.parameters + i, get(weights, i))


@njit(**PLAIN)
def pick(shuffled: bool, order: Any, start: int, rows: int, picked: Any) -> None:
    """The numbers of the batch's rows."""
    for r in range(rows):
        put(picked, r, get(order, start + r) if shuffled else start + r)


@njit(**PLAIN)
def gather(
    task: Any, x: Any, raw: Any, numbers: Any, shift: Any, factor: Any, picked: Any, rows: int,
    values: Any, at: int,
) -> None:  # fmt: skip
    """The inputs of the batch, to `at` in the values; uint8 as (raw - shift) factor.

    `numbers` holds the positions of the part's rows in `raw`.
    """
    width = task.inputs
    by_row, by_unit = strides(task.by_units, rows, width, values)
    for r in range(rows):
        to = at + r * by_row
        source = width * (get(numbers, get(picked, r)) if task.raw else get(picked, r))
        if task.raw:
            for j in range(width):
                v = constant(values, get(raw, source + j))
                put(values, to + j * by_unit, (v - get(shift, j)) * get(factor, j))
        elif by_unit == 1:  # apart, for the compiler's sake
            for j in range(width):
                put(values, to + j, get(x, source + j))
        else:
            for j in range(width):
                put(values, to + j * by_unit, get(x, source + j))
