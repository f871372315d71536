"""Waiting for a condition. No verdict depends on how long it takes: the machine may be busy."""

import time
from collections.abc import Callable

PATIENCE = 900.0  # seconds; a net below a test that would hang, and never what a test is about


def wait_until(happens: Callable[[], bool], what: str = "it") -> None:
    """Return as soon as the condition holds."""
    end = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < end, f"{what} did not happen within {PATIENCE:.0f} s"
        time.sleep(0.05)
