"""Updates in compiled code: `run_updates` does any number of them, across the ends of epochs.

It stops before an update whose guard is not finite; the NumPy engine then does that update, or
names what is wrong with it. So nothing here ever has to be taken back.
"""

from typing import Any

import numpy as np

from nnlab.engine.compiled.functions import smaller_of
from nnlab.engine.compiled.layer import follow_layer, value_layout
from nnlab.engine.compiled.losses import loss_and_slopes
from nnlab.engine.compiled.metrics import add_metrics
from nnlab.engine.compiled.optimizers import move_average, optimizer_step
from nnlab.engine.compiled.passes import backward, forward, update_online
from nnlab.engine.compiled.primitives import Pointer, moved, pointer, real, record_at
from nnlab.engine.compiled.products import dot
from nnlab.engine.compiled.team import GUARD, LOSS, add_gradients, meet, put, share, stretch, total
from nnlab.engine.numpy_engine import WILD_RATE


def run_updates(
    tasks: Pointer, rules: Pointer, memories: Pointer, layers: Pointer, theta: Pointer
) -> int:
    """Do the updates that the memory asks for; returns how many were done.

    The arguments point to what `records.pointers` names; `layers` holds the layers for full batches
    and behind them those for the short one, theta (V,) all parameters and buffers. Each thread of a
    team calls this with the address of its own memory, which lies among those of the team.
    """
    task, rule, memory = record_at(tasks, 0), record_at(rules, 0), record_at(memories, 0)
    rates, losses = pointer(memory.rates, np.float64), pointer(memory.losses, np.float64)
    sums = pointer(memory.sums, np.float64)
    position = pointer(memory.position, np.int64)
    batches = task.full + (task.rest > 0)
    batch, epoch, before = memory.batch, 0, 0
    for done in range(memory.updates):
        short = batch >= task.full
        rows, scale = (task.rest, task.rest_scale) if short else (task.batch, task.scale)
        bound = moved(layers, task.layers if short else 0)
        first, own = share(rows, memory, task)
        position[0] = before + first
        fresh = done == 0 or batches > 1 or task.shuffled or task.changed  # else the rows are there
        start = batch * task.batch + first
        loss, guard = compute_gradient(task, memory, bound, epoch, start, own, fresh, scale, theta)
        put(memory, task, LOSS, loss)
        put(memory, task, GUARD, guard)
        meet(memory, task)
        # The square of a sum of gradients is at most that many times the sum of their squares.
        guard = task.threads * total(memory, task, GUARD)
        losses[done] = total(memory, task, LOSS) / rows
        if not np.isfinite(guard) or rates[done] > WILD_RATE:
            return done
        update(task, rule, memories, bound, rates[done], memory.step + done + 1, theta)
        sums[0] += own
        sums[1] += loss
        add_batch_metrics(task, memory, bound, own, moved(sums, 2), theta)
        meet(memory, task)
        before += rows
        batch += 1
        if batch == batches:
            end_epoch(task, memory, epoch, theta)
            batch, epoch = 0, epoch + 1
    return memory.updates


def add_batch_metrics(
    task: Any, memory: Any, layers: Pointer, rows: int, sums: Pointer, theta: Pointer
) -> None:
    """Add what the metrics sum up over all rows of this thread."""
    a, z = pointer(memory.a, theta), record_at(layers, task.layers - 1).y
    if rows > task.portion:
        a, z = pointer(memory.outputs, theta), 0
    add_metrics(task.metric, task.fused, sums, batch_of(task, memory, a, z, rows, 0, theta))


def batch_of(
    task: Any, memory: Any, a: Pointer, z: int, rows: int, done: int, theta: Pointer
) -> Any:
    """The `batch` of `losses` and `metrics`: rows after `done`, whose outputs are at z in a."""
    d, t = pointer(memory.d, theta), pointer(memory.t, theta)
    picked = moved(pointer(memory.picked, np.int64), done)
    by_row, by_unit, _ = value_layout(task.by_units, rows, task.outputs, a)
    return a, z, d, by_row, by_unit, t, picked, rows, task.outputs


def compute_gradient(
    task: Any, memory: Any, layers: Pointer, epoch: int, start: int, rows: int, fresh: bool,
    scale: float, theta: Pointer,
) -> Any:  # fmt: skip
    """The loss of the rows, and a number that is finite if the gradient and the outputs are.

    A portion of the rows goes through all layers and back, so that what it needs stays in the
    cache; then the next. Most networks have a single portion.
    """
    position, g = pointer(memory.position, np.int64), pointer(memory.g, theta)
    loss, guard = 0.0, real(theta, 0)
    done = 0
    while True:  # once where a thread has no rows: it has a gradient too
        own = smaller_of(task.portion, rows - done)
        if fresh or task.portioned:
            gather(task, memory, epoch, start + done, own, done, layers, theta)
        portion_loss, bound = pass_through(task, memory, layers, own, done, scale, theta)
        loss += portion_loss
        guard += bound
        position[0] += own
        done += own
        if done >= rows:
            break
    if not task.bounded:
        guard += dot(g, g, task.values)  # also of frozen layers; of buffers it is 0
    return loss / task.outputs if task.mean_outputs else loss, guard


def pass_through(
    task: Any, memory: Any, layers: Pointer, rows: int, done: int, scale: float, theta: Pointer
) -> Any:
    """Forward, loss and backward for some rows after `done`; their loss, and a guard."""
    forward(task, memory, layers, rows, theta)
    a, z, width = pointer(memory.a, theta), record_at(layers, task.layers - 1).y, task.outputs
    weights = pointer(memory.class_weights, theta)
    batch = batch_of(task, memory, a, z, rows, done, theta)
    loss = loss_and_slopes(task.loss, task.loss_setting, weights, scale, batch)
    guard = backward(task, memory, layers, rows, theta, done > 0)
    outputs = moved(a, z)
    if task.portioned:
        copies = moved(pointer(memory.outputs, theta), done * width)
        for i in range(rows * width):
            copies[i] = outputs[i]
    count = value_layout(task.by_units, rows, width, a)[2]
    return loss, guard + dot(outputs, outputs, count)


def update(
    task: Any, rule: Any, memories: Pointer, layers: Pointer, lr: float, t: int, theta: Pointer
) -> None:
    """Update t of this thread's parameters and, where there is one, of their average."""
    memory = record_at(memories, 0)
    first, size = stretch(memory, task, theta)
    own = moved(theta, first)
    if task.online:
        update_online(task, memory, layers, lr, theta)
    else:
        g = add_gradients(memories, task, first, size, theta)
        slots = (
            moved(pointer(memory.slot0, theta), first),
            moved(pointer(memory.slot1, theta), first),
            moved(pointer(memory.slot2, theta), first),
        )
        decaying = 0 if task.weights < first else smaller_of(task.weights - first, size)
        optimizer_step(task, memory, rule, lr, t, own, g, slots, size, decaying)
    average = pointer(memory.average, theta)
    if task.ema >= 0.0:
        move_average(moved(average, first), own, size, task.ema, t)
    if memory.thread == 0 and task.values > task.parameters:
        for i in range(task.layers):
            layer = record_at(layers, i)
            follow_layer(layer.kind, task, memory, layer, task.portion, theta)
        if task.ema >= 0.0:
            buffers, size = task.parameters, task.values - task.parameters
            move_average(moved(average, buffers), moved(theta, buffers), size, task.ema, t)


def end_epoch(task: Any, memory: Any, epoch: int, theta: Pointer) -> None:
    """Store the sums and the weights of an epoch; the next epoch begins with sums of 0."""
    sums, ended_sums = pointer(memory.sums, np.float64), pointer(memory.ended_sums, np.float64)
    for i in range(task.sums):
        ended_sums[epoch * task.sums + i] = sums[i]
        sums[i] = 0.0
    if memory.keep:
        ended = moved(pointer(memory.ended_weights, theta), epoch * task.values)
        weights = pointer(memory.average, theta) if task.ema >= 0.0 else theta
        for i in range(task.values):
            ended[i] = weights[i]


def gather(
    task: Any, memory: Any, epoch: int, start: int, rows: int, done: int, layers: Pointer,
    theta: Pointer,
) -> None:  # fmt: skip
    """Pick rows from `start` of the epoch on and copy their inputs; uint8 as (raw - shift) factor.

    `done` rows of the batch came before. `numbers` has the positions of the part's rows in `raw`.
    """
    order = moved(pointer(memory.order, np.int64), epoch * task.rows)
    picked = moved(pointer(memory.picked, np.int64), done)
    numbers = pointer(memory.numbers, np.int64)
    values, x = moved(pointer(memory.a, theta), record_at(layers, 0).x), pointer(memory.x, theta)
    raw, position = pointer(memory.raw, np.uint8), pointer(memory.position, np.int64)
    shift, factor = pointer(memory.shift, theta), pointer(memory.factor, theta)
    width = task.inputs
    by_row, by_unit, _ = value_layout(task.by_units, rows, width, values)
    for r in range(rows):
        row = order[start + r] if task.shuffled else start + r
        picked[r] = row
        to = moved(values, r * by_row)
        if task.changed:
            row = position[0] + r
        source = width * (numbers[row] if task.raw else row)
        if task.raw:
            for j in range(width):
                to[j * by_unit] = (real(to, raw[source + j]) - shift[j]) * factor[j]
        else:
            for j in range(width):
                to[j * by_unit] = x[source + j]
