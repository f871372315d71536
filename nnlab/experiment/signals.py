"""Ctrl+C and SIGTERM: a request to a training, elsewhere an exception."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


class Terminated(BaseException):
    """SIGTERM, where nothing has to be saved first. Like KeyboardInterrupt, it is not an error."""


@contextmanager
def ending() -> Iterator[None]:
    """Inside the `with`, SIGTERM raises Terminated, as SIGINT raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass
class Request:
    """The signal that asked to stop; None without one."""

    signal: int | None = None


@contextmanager
def deferred() -> Iterator[Request]:
    """Notes the first signal inside the `with`; the second acts as usual.

    Only the main thread may set handlers; elsewhere nothing changes.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in CODES}

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = number
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    for number in CODES:
        signal.signal(number, note)
    try:
        yield request
    finally:
        restore()
