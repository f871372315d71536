"""Lanes: the rows of a batch of images go through the layers side by side, a thread each.

NumPy works in one thread but for large matrix products, and a network of images has small ones
beside much copying and comparing. So its batches are cut into as many lanes as the BLAS has
threads, and while they run each product takes one of those. NumPy lets go of Python's lock while
it works on arrays, which is what makes lanes run at the same time.
"""

from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import cache, partial
from os import getpid
from queue import SimpleQueue
from threading import Barrier, BrokenBarrierError, Thread
from time import sleep
from typing import Any

from nnlab.core import blas
from nnlab.core.types import Array

Inbox = SimpleQueue[Callable[[], None]]
Said = SimpleQueue[None]  # a word each time something has ended

WORTH = 10**6  # numbers that a lane computes in a forward pass; with fewer, waiting costs more
MOST = 4  # lanes; each waits now and then for Python's lock, so more of them gain less and less


def worthwhile(batch: int, numbers: int) -> int:
    """How many lanes a batch is worth: at most one a thread of the BLAS, and one a row.

    numbers: of all layers' outputs for a row.
    """
    worth = min(MOST, batch, batch * numbers // WORTH)
    if worth <= 1:
        return 1
    with blas.turn():  # in a meeting the BLAS takes one thread
        return min(worth, blas.threads())


def cut(batch: int, lanes: int) -> list[slice]:
    """The rows of each lane, in order; as many as there can be of the same length or a row less."""
    ends = [batch * (lane + 1) // lanes for lane in range(lanes)]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


class Whole:
    """The whole batch, as a layer sees it that has only the rows of its lane.

    rows: how many the batch has. first: whether this is the first lane.
    """

    def __init__(self, rows: int, lane: int = 0, meeting: "Meeting | None" = None) -> None:
        self.rows, self.first = rows, lane == 0
        self._lane, self._meeting = lane, meeting

    def add_up(self, values: Array) -> None:
        """values += those of the other lanes, which all have to call this."""
        if self._meeting is not None:
            self._meeting.add_up(self._lane, values)


class Meeting:
    """Where lanes wait for each other and add up what they bring, in the same order always."""

    def __init__(self, lanes: int) -> None:
        self._barrier = Barrier(lanes)
        self._brought: tuple[list[Any], list[Any]] = ([None] * lanes, [None] * lanes)
        self._turns = [0] * lanes

    def add_up(self, lane: int, values: Array) -> None:
        """values = the sum over all lanes.

        Turns use two tables alternately: who writes into one for the next but one turn has met
        the others in between, so all of them have read it.
        """
        table = self._brought[self._turns[lane] % 2]
        self._turns[lane] += 1
        table[lane] = values.copy()
        self._barrier.wait()
        values[...] = table[0]
        for other in table[1:]:
            values += other

    def run(self, tasks: Sequence[Callable[[], object]]) -> None:
        """Run the task of each lane, all in threads of their own.

        Threads see NumPy's `errstate` as it is here. When this returns, or raises what a task has
        raised, none of them is running. Meetings of a process take turns: each has all threads of
        the BLAS. An interrupt ends the meeting; it comes to this thread, which touches nothing
        that the lanes wait for, as Python's locks are not safe from interrupts.
        """
        self._barrier = Barrier(len(tasks))
        self._turns = [0] * len(tasks)
        errors: list[BaseException] = []
        ended: Said = SimpleQueue()
        with blas.turn(), blas.single():
            inboxes = [_inbox(getpid(), lane) for lane in range(len(tasks))]
            works = [partial(self._attend, task, errors, ended) for task in tasks]
            try:
                for inbox, work in zip(inboxes, works, strict=True):
                    inbox.put(partial(copy_context().run, work))
                for _ in tasks:
                    ended.get()
            except BaseException:
                self._barrier.abort()
                for inbox in inboxes:
                    inbox.put(partial(ended.put, None))  # taken when what came before has ended
                while not all(inbox.empty() for inbox in inboxes):
                    sleep(0.001)
                raise
        for error in sorted(errors, key=lambda one: isinstance(one, BrokenBarrierError)):
            raise error

    def _attend(self, task: Callable[[], object], errors: list[BaseException], ended: Said) -> None:
        try:
            task()
        except BaseException as error:
            self._barrier.abort()
            errors.append(error)
        finally:
            ended.put(None)


@cache
def _inbox(process: int, lane: int) -> Inbox:
    """Where the thread of a lane finds its work; a forked process gets its own."""
    inbox: Inbox = SimpleQueue()
    Thread(target=_serve, args=(inbox,), name=f"lane {lane}", daemon=True).start()
    return inbox


def _serve(inbox: Inbox) -> None:
    while True:
        inbox.get()()
