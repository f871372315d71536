"""Lanes: threads that take some rows of a batch of images each, side by side.

NumPy works in one thread but for large matrix products, and a network of images has small ones
beside much copying and comparing. So its batches are cut into as many lanes as the BLAS has
threads, and while they run each product takes one of those. NumPy releases Python's lock while
it works on arrays, so lanes run at the same time.
"""

from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import cache, partial
from os import getpid
from queue import SimpleQueue
from threading import Barrier, BrokenBarrierError, Event, Thread
from time import sleep
from typing import Any

from nnlab.core.types import Array
from nnlab.engine import blas

Inbox = SimpleQueue[Callable[[], None]]

WORTH = 10**6  # numbers that a lane computes in a forward pass; with fewer, waiting costs more
MOST = 4  # lanes; each waits now and then for Python's lock, so more of them gain less and less


def worthwhile(batch: int, numbers: int) -> int:
    """The number of lanes for a batch: at most one per thread of the BLAS, and one per row.

    numbers: of all layers' outputs for a row.
    """
    worth = min(MOST, batch, batch * numbers // WORTH)
    if worth <= 1:
        return 1
    with blas.turn():  # while lanes run, the BLAS has one thread
        return min(worth, blas.threads())


def cut(batch: int, lanes: int) -> list[slice]:
    """The rows of each lane, in order; their numbers differ by 1 at most."""
    ends = [batch * (lane + 1) // lanes for lane in range(lanes)]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


class LaneGroup:
    """Lanes that run together, wait for each other and add up, in the same order always."""

    def __init__(self, lanes: int) -> None:
        self._barrier = self._start = Barrier(lanes)
        self._all_begun = Event()
        self._tables: tuple[list[Any], list[Any]] = ([None] * lanes, [None] * lanes)
        self._turns = [0] * lanes

    def add_up(self, lane: int, values: Array) -> None:
        """values = the sum over all lanes, which must all call this.

        Turns use two tables alternately: a lane that writes into one for the turn after the next
        has met the others in between, so all of them have read it.
        """
        table = self._tables[self._turns[lane] % 2]
        self._turns[lane] += 1
        table[lane] = values.copy()
        self._barrier.wait()
        values[...] = table[0]
        for other in table[1:]:
            values += other

    def begin(self) -> None:
        """Return in all tasks when all have called this; raise in all where one does not begin.

        Native code that waits for the other lanes cannot be ended from here.
        """
        try:
            self._start.wait()
        except BrokenBarrierError:
            if not self._all_begun.is_set():
                raise

    def run(self, tasks: Sequence[Callable[[], object]]) -> None:
        """Run the task of each lane, all in threads of their own.

        Threads see NumPy's `errstate` as it is here. When this returns, or raises what a task has
        raised, none of them is running. Groups of a process take turns: each has all threads of
        the BLAS. An interrupt ends the group; it comes to this thread, which touches nothing
        that the lanes wait for, as Python's locks are not safe from interrupts.
        """
        self._barrier, self._all_begun = Barrier(len(tasks)), Event()
        self._start = Barrier(len(tasks), action=self._all_begun.set)
        self._turns = [0] * len(tasks)
        errors: list[BaseException] = []
        ended: SimpleQueue[None] = SimpleQueue()  # an item per task that has ended
        with blas.one_thread():
            inboxes = [_inbox(getpid(), lane) for lane in range(len(tasks))]
            works = [partial(self._attempt, task, errors, ended) for task in tasks]
            try:
                for inbox, work in zip(inboxes, works, strict=True):
                    inbox.put(partial(copy_context().run, work))
                for _ in tasks:
                    ended.get()
            except BaseException:
                self._stop(inboxes, ended)
                raise
        for error in sorted(errors, key=lambda error: isinstance(error, BrokenBarrierError)):
            raise error

    def _stop(self, inboxes: Sequence[Inbox], ended: SimpleQueue[None]) -> None:
        """End the lanes, and return when they have taken all of their tasks."""
        self._abort()
        for inbox in inboxes:
            inbox.put(partial(ended.put, None))  # taken when what came before has ended
        while not all(inbox.empty() for inbox in inboxes):
            sleep(0.001)

    def _abort(self) -> None:
        self._start.abort()
        self._barrier.abort()

    def _attempt(
        self, task: Callable[[], object], errors: list[BaseException], ended: SimpleQueue[None]
    ) -> None:
        try:
            task()
        except BaseException as error:
            self._abort()
            errors.append(error)
        finally:
            ended.put(None)


class BatchInfo:
    """The whole batch, for a layer that has only the rows of its lane.

    rows: of the batch. first: whether this is the first lane.
    """

    def __init__(self, rows: int, lane: int = 0, group: LaneGroup | None = None) -> None:
        self.rows, self.first = rows, lane == 0
        self._lane, self._group = lane, group

    def add_up(self, values: Array) -> None:
        """values += those of the other lanes, which must all call this."""
        if self._group is not None:
            self._group.add_up(self._lane, values)


@cache
def _inbox(process: int, lane: int) -> Inbox:
    """The queue of tasks for the thread of a lane; a forked process gets its own."""
    inbox: Inbox = SimpleQueue()
    Thread(target=_serve, args=(inbox,), name=f"lane {lane}", daemon=True).start()
    return inbox


def _serve(inbox: Inbox) -> None:
    while True:
        inbox.get()()
