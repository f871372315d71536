"""Lanes: the rows of a batch of images go through the layers side by side, a thread each.

NumPy works in one thread but for large matrix products, and a network of images has small ones
beside much copying and comparing. So its batches are cut into as many lanes as the BLAS has
threads, and while they run each product takes one of those. NumPy lets go of Python's lock while
it works on arrays, which is what makes lanes run at the same time.
"""

from collections.abc import Callable, Sequence
from functools import cache
from os import getpid
from threading import Barrier, BrokenBarrierError
from typing import TYPE_CHECKING, Any

from nnlab.core.types import Array

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

WORTH = 10**6  # numbers that a lane computes in a forward pass; with fewer, waiting costs more
MOST = 4  # lanes; each waits now and then for Python's lock, so more of them gain less and less


def worthwhile(batch: int, numbers: int) -> int:
    """How many lanes a batch is worth: at most one a thread of the BLAS, and one a row.

    numbers: of all layers' outputs for a row.
    """
    worth = min(MOST, batch, batch * numbers // WORTH)
    return min(worth, blas_threads()) if worth > 1 else 1


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

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run the task of each lane, the first one in this thread.

        Threads see NumPy's `errstate` as it is here. When this returns, or raises what a task has
        raised, none of them is running.
        """
        from concurrent.futures import wait
        from contextvars import copy_context

        self._barrier.reset()
        self._turns = [0] * len(tasks)
        with _blas().limit(limits=1):
            threads = _pool(getpid(), len(tasks) - 1)
            running = [threads.submit(copy_context().run, self._attend, task) for task in tasks[1:]]
            try:
                self._attend(tasks[0])
            except BrokenBarrierError:
                pass  # another task has failed; its error is raised below
            finally:
                wait(running)
        errors = [error for one in running if (error := one.exception()) is not None]
        for error in sorted(errors, key=lambda one: isinstance(one, BrokenBarrierError)):
            raise error

    def _attend(self, task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException:
            self._barrier.abort()
            raise


def blas_threads() -> int:
    """How many threads the BLAS takes now; 1 where threadpoolctl does not know it."""
    return max((library["num_threads"] for library in _blas().info()), default=1)


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped, unused-ignore]

    return ThreadpoolController().select(user_api="blas")


@cache
def _pool(process: int, threads: int) -> "ThreadPoolExecutor":
    """Threads that wait for work; a forked process gets its own."""
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(threads, thread_name_prefix="lane")
