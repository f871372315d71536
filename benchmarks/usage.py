"""What a command and all processes that it starts use: seconds, processor time, memory. Linux."""

import ctypes
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.memory import UNIT

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(frozen=True)
class Usage:
    """Wall and processor seconds; peak MB of the command, and of its largest other process."""

    wall: float
    cpu: float
    peak: float
    others: float


def measure(command: Sequence[str]) -> Usage:
    """Run a command to its end and that of its processes; SystemExit where it fails."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # its orphans become children of this one
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    cpu, wall, peaks = 0.0, 0.0, {True: 0, False: 0}
    while True:
        try:
            pid, status, used = os.wait4(-1, 0)
        except ChildProcessError:
            break
        cpu += used.ru_utime + used.ru_stime
        peaks[pid == process.pid] = max(peaks[pid == process.pid], used.ru_maxrss)
        if pid == process.pid:
            wall = time.perf_counter() - began
            if status:
                raise SystemExit(f"{' '.join(command)} failed")
    return Usage(wall, cpu, peaks[True] * UNIT / 1e6, peaks[False] * UNIT / 1e6)
