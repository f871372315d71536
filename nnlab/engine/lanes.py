"""Lanes: threads that take some rows of a batch each, side by side, and have the BLAS in turn.

The compiled engine's kernels run in them (`compiled/team.py`), and hold no lock of Python's.
"""

from collections.abc import Callable, Sequence
from contextvars import copy_context
from functools import cache, partial
from os import getpid
from queue import SimpleQueue
from threading import Barrier, BrokenBarrierError, Event, Thread
from time import sleep

from nnlab.engine import blas

Inbox = SimpleQueue[Callable[[], None]]


class LaneGroup:
    """Lanes that begin together and end together."""

    _start: Barrier
    _all_begun: Event

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
        self._all_begun = Event()
        self._start = Barrier(len(tasks), action=self._all_begun.set)
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
        self._start.abort()
        for inbox in inboxes:
            inbox.put(partial(ended.put, None))  # taken when what came before has ended
        while not all(inbox.empty() for inbox in inboxes):
            sleep(0.001)

    def _attempt(
        self, task: Callable[[], object], errors: list[BaseException], ended: SimpleQueue[None]
    ) -> None:
        try:
            task()
        except BaseException as error:
            self._start.abort()
            errors.append(error)
        finally:
            ended.put(None)


@cache
def _inbox(process: int, lane: int) -> Inbox:
    """The queue of tasks for the thread of a lane; a forked process gets its own."""
    inbox: Inbox = SimpleQueue()
    Thread(target=_serve, args=(inbox,), name=f"lane {lane}", daemon=True).start()
    return inbox


def _serve(inbox: Inbox) -> None:
    while True:
        inbox.get()()
