"""Values that are computed once."""

import os
import signal
import threading

import pytest

from nnlab.core.types import cached_property
from tests.patience import PATIENCE


class Slow:
    def __init__(self, begun: threading.Event, may_end: threading.Event) -> None:
        self.begun, self.may_end = begun, may_end

    @cached_property
    def value(self) -> list[int]:
        """Computed as long as somebody wants."""
        self.begun.set()
        self.may_end.wait(PATIENCE)
        return [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12 warns of such a fork
def test_a_fork_does_not_wait_for_a_thread_that_it_does_not_have() -> None:
    begun, may_end, ready = threading.Event(), threading.Event(), threading.Event()
    ready.set()
    slow, other = Slow(begun, may_end), Slow(threading.Event(), ready)
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    begun.wait(PATIENCE)
    if (child := os.fork()) == 0:
        signal.alarm(int(PATIENCE))  # ends the child
        os._exit(other.value != [1])
    _, status = os.waitpid(child, 0)
    may_end.set()
    thread.join()
    assert os.waitstatus_to_exitcode(status) == 0
    assert slow.value is slow.value
