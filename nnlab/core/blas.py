"""The threads of the BLAS, which all threads of a process share.

How many threads a product takes decides its last bits, and lanes lower that number for the whole
process while they run. So computing threads take turns.
"""

import os
from functools import cache
from threading import RLock
from typing import Any

_turns: dict[int, Any] = {}  # of this process, and of those that it was forked from


def turn() -> Any:
    """The lock to hold while computing; a forked process gets its own.

    Its holder may use all threads of the BLAS, and sees how many these are.
    """
    return _turns.setdefault(os.getpid(), RLock())


def threads() -> int:
    """How many threads the BLAS takes now; 1 where threadpoolctl does not know it."""
    return max((library["num_threads"] for library in _libraries().info()), default=1)


def single() -> Any:
    """A context in which the BLAS takes one thread; for the holder of the turn."""
    _take_control()
    return _libraries().limit(limits=1)


def _take_control() -> None:
    """Let this thread set the limit: newer threadpoolctl leaves it to the first that ever did."""
    from threadpoolctl import OpenBLASController  # type: ignore[import-untyped, unused-ignore]

    release = getattr(OpenBLASController, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)


@cache
def _libraries() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped, unused-ignore]

    return ThreadpoolController().select(user_api="blas")


if hasattr(os, "register_at_fork"):  # a process forked under the limit would keep it for ever
    os.register_at_fork(before=lambda: turn().acquire(), after_in_parent=lambda: turn().release())
