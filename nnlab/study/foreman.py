"""The process that supervises trials on a machine of a cluster: `python -m nnlab.study.foreman`.

A worker of the cluster starts one for each trial that it runs at a time, and keeps it. Orders come
as lines of JSON on stdin, answers go as lines of JSON to stdout. Each trial has a process of its
own below this one, so that one that crashes costs itself; when stdin closes, because the worker
is gone, all of them end.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from nnlab.study.processes import Entry, Processes
from nnlab.study.trial import Outcome, Trial
from nnlab.study.worker import serve

IDLE = 60.0  # seconds; a worker starts another when it has work again


def obey(order: dict[str, Any], entry: Entry) -> dict[str, Any]:
    """Run the trial of an order, supervised; the answer is its outcome."""
    processes = Processes(
        jobs=1,
        timeout=order["timeout"],
        memory=order["memory"],
        compiled=order["compiled"],
        entry=entry,
    )
    trial = Trial(**{**order["trial"], "argv": tuple(order["trial"]["argv"])})
    events = processes.run([trial], Path(order["parent"]))
    return asdict([event for event in events if isinstance(event, Outcome)][-1])


def main(entry: Entry = serve) -> None:
    """Obey until stdin closes, or there was nothing to do for a while."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a trial prints must not be taken for an answer
    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin, orders.put), daemon=True).start()
    while True:
        try:
            order = orders.get(timeout=IDLE)
        except queue.Empty:
            os._exit(0)  # the thread that listens could not be stopped otherwise
        answer = obey(json.loads(order), entry)
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


def _listen(stream: TextIO, put: Callable[[str], None]) -> None:
    for line in stream:
        put(line)
    os._exit(0)  # the processes below this one see that it is gone, and end


def as_order(trial: Trial, parent: str, **limits: Any) -> str:
    """What a worker writes to a foreman's stdin to have a trial run in the folder `parent`."""
    return f"{json.dumps({'trial': asdict(trial), 'parent': parent, **limits})}\n"


if __name__ == "__main__":
    main()
