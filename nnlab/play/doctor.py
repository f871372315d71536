"""The doctor beside a playground: a thread of its own that examines what trains."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from threading import Event, Thread
from time import thread_time
from typing import Any

import numpy as np

from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.gather import evidence_of_training
from nnlab.diagnosis.rules import diagnose
from nnlab.errors import NnlabError
from nnlab.live.feed import Feed
from nnlab.play.session import PATIENCE, Player, SteppedTraining
from nnlab.show.page.findings import finding_words

SHARE = 0.1  # of a processor that the doctor may take
SHORTEST, LONGEST = 1.0, 5.0  # seconds between two looks
AHEAD = 2  # it judges as if the training went on for as many epochs again
Remedy = tuple[str, ...]  # settings that belong together


class Doctor:
    """Examines the training again after it has changed, and publishes the findings."""

    def __init__(self, player: Player, feed: Feed, fits: Callable[[Remedy], bool]) -> None:
        """`fits` says whether the page can set a remedy."""
        self.player, self.feed, self.fits = player, feed, fits
        self.remedies: set[Remedy] = set()  # of the findings that the page shows
        self.seen: tuple[SteppedTraining, int, str] | None = None  # what was examined last
        self._changed, self._ended = Event(), Event()
        self._thread = Thread(target=self._run, name="doctor", daemon=True)

    def __enter__(self) -> "Doctor":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._changed.set()
        self._thread.join(PATIENCE)

    def notice(self) -> None:
        """The training has changed."""
        self._changed.set()

    def _run(self) -> None:
        while self._changed.wait() and not self._ended.is_set():
            self._changed.clear()
            began = thread_time()
            with suppress(NnlabError):  # busy, or a network that cannot learn: there is no finding
                self._look()
            pause = (thread_time() - began) / SHARE
            self._ended.wait(min(max(pause, SHORTEST), LONGEST))

    def _look(self) -> None:
        training = self.player.training
        seen = (training, training.state.step, training.failure)
        if seen == self.seen:
            return
        case = self.player.ask(lambda: _case_of(training))
        findings = diagnose(evidence_of_training(*case)) if case is not None else []
        record = [self._record(finding) for finding in findings]
        if training is self.player.training:  # else it began again meanwhile
            self.remedies = {remedy for finding in findings for remedy in finding.remedies}
            self.feed.publish({"kind": "findings", "findings": record})
        self.seen = seen

    def _record(self, finding: Diagnosis) -> dict[str, Any]:
        """A finding as the page shows it; settings: each remedy that a click can apply."""
        settings = [[*remedy] if self.fits(remedy) else None for remedy in finding.remedies]
        return finding_words(asdict(finding)) | {"settings": settings}


def _case_of(training: SteppedTraining) -> tuple[Any, ...] | None:
    """What `evidence_of_training` takes, copied; None where there is too little, or too much."""
    rows, state, built = training.history.first, training.state, training.built
    if len(rows) < 2 and training.failed is None:
        return None
    epochs = len(rows) - 1
    columns = {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}
    ahead = min(training.config.training.epochs, AHEAD * max(epochs, 1))
    config = replace(built.config, training=replace(built.config.training, epochs=ahead))
    stored = dict(training.history.values)
    if state.epoch <= epochs:
        stored[state.epoch] = state.weights.copy()
    failure = None if training.failed is None else training.failed._asdict()
    return replace(built, config=config), columns, stored, failure, state.status
