"""The process that supervises trials on a machine of a cluster: `python -m nnlab.sweep.foreman`.

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

from nnlab.errors import NnlabError
from nnlab.sweep.processes import Entry, Processes
from nnlab.sweep.trial import Outcome, Trial
from nnlab.sweep.worker import serve

Answer = dict[str, Any]


class Foreman:
    """Runs what it is told; `seen` are data sets, with their hash, that this machine has."""

    def __init__(self, entry: Entry = serve) -> None:
        self.entry = entry
        self.seen: set[tuple[str, str | None]] = set()

    def obey(self, order: dict[str, Any]) -> Answer:
        """{"unfit": why} where the data are not what they should be, else the trial's outcome."""
        trial = Trial(**{**order["trial"], "argv": tuple(order["trial"]["argv"])})
        if (problem := self.unfit(trial)) is not None:
            return {"unfit": problem}
        processes = Processes(
            jobs=1,
            timeout=order["timeout"],
            memory=order["memory"],
            compiled=order["compiled"],
            entry=self.entry,
        )
        ended = [e for e in processes.run([trial], Path(order["parent"])) if isinstance(e, Outcome)]
        return asdict(ended[-1])

    def unfit(self, trial: Trial) -> str | None:
        """Why this machine cannot run a trial that others can; None if it can."""
        try:
            data = trial.read_config().data
        except NnlabError as error:
            return f"it cannot read the config: {error}"
        if (key := (repr(data), trial.data)) in self.seen:
            return None
        try:
            found = data.source.load(data.seed).sha256
        except NnlabError as error:
            return f"it does not have the data: {error}"
        if trial.data not in (None, found):
            return f"it has other data: SHA-256 {found}, wanted is {trial.data}"
        self.seen.add(key)
        return None


def main(entry: Entry = serve) -> None:
    """Obey until stdin closes."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a trial prints must not be taken for an answer
    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin, orders.put), daemon=True).start()
    foreman = Foreman(entry)
    while True:
        answer = foreman.obey(json.loads(orders.get()))
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()


def _listen(stream: TextIO, put: Callable[[str], None]) -> None:
    for line in stream:
        put(line)
    os._exit(0)  # the processes below this one see that it is gone, and end


def order(trial: Trial, parent: str, **limits: Any) -> str:
    """What a worker writes to a foreman's stdin to have a trial run in the folder `parent`."""
    return f"{json.dumps({'trial': asdict(trial), 'parent': parent, **limits})}\n"


if __name__ == "__main__":
    main()
