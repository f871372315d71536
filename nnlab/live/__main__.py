"""The process beside a training: python -m nnlab.live FOLDER, started by `beside`.

Its standard input brings the number of a socket that listens and the token of the address, in a
line. When the input ends, so has the training, and this process ends.
"""

import socket
import sys
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

from nnlab.errors import RunUnreadable
from nnlab.live.server import serving_on
from nnlab.live.watch import keep_looking, live_site
from nnlab.run.folder import RunFolder


def serve_beside(folder: Path) -> None:
    """Serves the page of a run until the standard input ends."""
    number, token = sys.stdin.readline().split()
    ended = Event()

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    Thread(target=wait, daemon=True).start()
    site, look = live_site(RunFolder(folder))
    with (
        socket.socket(proto=socket.IPPROTO_TCP, fileno=int(number)) as listener,
        serving_on(listener, token, site),
        suppress(RunUnreadable),  # the page says it, and the training notices it too
    ):
        keep_looking(site, look, ended.is_set)


if __name__ == "__main__":
    serve_beside(Path(sys.argv[1]))
