"""The threads of the BLAS, which all threads of a process share.

The number of threads of a matrix product decides its last bits, and lanes lower that number for the
whole process while they run. So threads that compute take turns.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import Any

_turns: dict[int, Any] = {}  # by process: this one, and those that it was forked from


def turn() -> Any:
    """The lock to hold while computing; a forked process gets its own.

    Its holder may use all threads of the BLAS, and sees how many these are.
    """
    process = os.getpid()
    return _turns.get(process) or _turns.setdefault(process, RLock())


def threads() -> int:
    """The number of threads of the BLAS now; 1 where threadpoolctl does not know it."""
    return max((library["num_threads"] for library in _libraries().info()), default=1)


def look_again() -> None:
    """Let `threads` and `one_thread` know a BLAS that was loaded just now."""
    _libraries.cache_clear()


@contextmanager
def one_thread() -> Iterator[None]:
    """The turn, with one thread for the BLAS."""
    from threadpoolctl import OpenBLASController  # type: ignore[import-untyped, unused-ignore]

    # Newer threadpoolctl leaves the limit to the first thread that ever set it.
    release = getattr(OpenBLASController, "clear_controlling_thread", lambda force: None)
    with turn():
        release(force=True)
        with _libraries().limit(limits=1):
            yield


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped, unused-ignore]

    return ThreadpoolController().select(user_api="blas")


if hasattr(os, "register_at_fork"):  # a process forked under the limit would keep it for ever
    os.register_at_fork(before=lambda: turn().acquire(), after_in_parent=lambda: turn().release())
