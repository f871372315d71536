"""A live page beside a training: another process reads the folder and answers the browser.

So the training computes the same bits, and no page can hold it up.
"""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Self

from nnlab.errors import UsageError
from nnlab.live.server import address_of, listen, new_token, require_packages
from nnlab.run import threads

POLITE = 19  # niceness, where there is no idle class
PATIENCE = 5.0  # seconds until a process that should end is killed


class PageBeside:
    """Holds a port; `start` gives it to a process that follows a folder, until the `with` ends."""

    def __init__(self, port: int | None = None) -> None:
        """Raises UsageError where the extra is missing or the port is taken."""
        require_packages()
        if os.name == "nt":
            raise UsageError(
                "--live does not work on Windows: use `nnlab watch latest` in another window."
            )
        self._listener, self._token = listen(port), new_token()
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        """The address of the page; it answers as soon as the process has begun."""
        return address_of(self._listener, self._token)

    def start(self, folder: Path) -> None:
        """Starts the process for this folder. Signals of the terminal do not reach it."""
        number = self._listener.fileno()
        with threads.inherited(1):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "nnlab.live", str(folder.resolve())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(number,),
                process_group=0,  # Ctrl+C does not reach it; of the same session, for its niceness
                text=True,
            )
        yield_processor(self._process.pid)  # its imports, too
        with suppress(OSError):  # it has ended already
            print(number, self._token, file=self._process.stdin, flush=True)

    def wait(self) -> None:
        """Waits until the process ends, which it does by itself only after an error."""
        if self._process is not None:
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Ends the process: its input ends."""
        self._listener.close()
        if self._process is None:
            return
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


def yield_processor(process: int) -> None:
    """A process gets only what others leave of the processors: the idle class of Linux."""
    with suppress(OSError, AttributeError):
        if hasattr(os, "SCHED_IDLE"):
            os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.setpriority(os.PRIO_PROCESS, process, POLITE)
