"""A team: threads in compiled code that share a batch, without Python's lock.

Each takes some of the rows and has values and a gradient of its own; then each adds up a stretch of
all gradients, always in the same order, and updates those parameters. They meet two or three times
per update. A thread that waits reads a number for some microseconds, then sleeps: where another
program holds up one of them, the others do not spin.
"""

from typing import Any

import numpy as np

from nnlab.engine.compiled.functions import smaller_of
from nnlab.engine.compiled.primitives import (
    Pointer,
    add_at_once,
    lanes,
    lock,
    moved,
    pointer,
    read_now,
    record_at,
    sleep,
    unlock,
    wake_all,
)

# Where the numbers of a meeting place are, in steps of 8 bytes; those that are written while
# others read them are 64 bytes or more from each other.
ARRIVED, ROUND, MUTEX, CONDITION, PLACE_SIZE = 0, 8, 16, 32, 48
READS = 2**14  # before a thread sleeps: some 10 microseconds
LOSS, GUARD, SQUARES = 0, 1, 2  # what the threads add up
SUMMANDS = 3


def share(rows: int, memory: Any, task: Any) -> tuple[int, int]:
    """This thread's first row of a batch, and how many it takes."""
    if task.threads == 1:  # a division takes as long as a small layer
        return 0, rows
    first = rows * memory.thread // task.threads
    return first, rows * (memory.thread + 1) // task.threads - first


def stretch(memory: Any, task: Any, theta: Pointer) -> tuple[int, int]:
    """This thread's first parameter, and how many it updates; it begins at a whole vector."""
    if task.threads == 1:
        return 0, task.parameters
    vectors = (task.parameters + lanes(theta) - 1) // lanes(theta)
    first = vectors * memory.thread // task.threads * lanes(theta)
    end = vectors * (memory.thread + 1) // task.threads * lanes(theta)
    return first, smaller_of(end, task.parameters) - first


def memory_of(memories: Pointer, number: int) -> Any:
    """The memory of thread `number`; `memories` points to that of this thread."""
    return record_at(memories, number - record_at(memories, 0).thread)


def put(memory: Any, task: Any, what: int, summand: float) -> None:
    """Write what this thread adds to a sum; the threads must meet before `total`."""
    summands = pointer(memory.summands, np.float64)
    summands[what * task.threads + memory.thread] = summand


def total(memory: Any, task: Any, what: int) -> float:
    """The sum, in the order of the threads; the threads must meet before the next `put`."""
    summands = moved(pointer(memory.summands, np.float64), what * task.threads)
    summed = summands[0]
    for thread in range(1, task.threads):
        summed += summands[thread]
    return summed


def show(memory: Any, layer: Any, first: int, count: int) -> Pointer:
    """Numbers of a layer, 0 now, that the other threads may read when all have met."""
    own = moved(pointer(memory.own_shared, np.float64), layer.shared + first)
    for i in range(count):
        own[i] = 0.0
    return own


def total_shown(task: Any, memory: Any, layer: Any, which: int) -> float:
    """The sum of what all threads show, in the order of the threads."""
    shown = moved(pointer(memory.shared, np.float64), layer.shared + which)
    total = shown[0]
    for thread in range(1, task.threads):
        total += shown[thread * task.shared]
    return total


def add_gradients(memories: Pointer, task: Any, first: int, size: int, theta: Pointer) -> Pointer:
    """The sums of all threads' gradients for `size` parameters from `first`, in the first's."""
    g = moved(pointer(memory_of(memories, 0).g, theta), first)
    for thread in range(1, task.threads):
        other = moved(pointer(memory_of(memories, thread).g, theta), first)
        for i in range(size):
            g[i] += other[i]
    return g


def meet(memory: Any, task: Any) -> None:
    """Return when all threads of the team have called this; what they wrote is then seen by all."""
    if task.threads == 1:
        return
    place = pointer(memory.place, np.int64)
    arrived, rounds = moved(place, ARRIVED), moved(place, ROUND)
    mutex, condition = moved(place, MUTEX), moved(place, CONDITION)
    this = read_now(rounds)
    if add_at_once(arrived, 1) == task.threads - 1:
        arrived[0] = 0
        lock(mutex)  # or a thread that is about to sleep would not be woken
        add_at_once(rounds, 1)
        unlock(mutex)
        wake_all(condition)
        return
    for _ in range(READS):
        if read_now(rounds) != this:
            return
    lock(mutex)
    while read_now(rounds) == this:
        sleep(condition, mutex)
    unlock(mutex)
