"""From the folder of a run to messages for a page, while the run trains."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic, thread_time
from typing import Any, Self

import numpy as np

from nnlab.build import Built
from nnlab.core.types import Array, cached_property
from nnlab.diagnosis.gather import evidence_of_run
from nnlab.diagnosis.rules import diagnose
from nnlab.errors import NnlabError
from nnlab.experiment.resume import rebuild
from nnlab.live.feed import Feed
from nnlab.run import checkpoint
from nnlab.run.folder import (
    DATA,
    METRICS,
    PROGRESS,
    RESOLVED,
    RUN,
    SNAPSHOTS,
    SUMMARY,
    RunFolder,
    weights_file,
)
from nnlab.run.records import GrowingTable
from nnlab.show.figures import View
from nnlab.show.page.charts import run_charts
from nnlab.show.page.film import Film
from nnlab.show.page.findings import finding_words
from nnlab.show.page.replay import moment_labels
from nnlab.show.page.run import key_numbers, run_story
from nnlab.show.page.scenes import make_scenes, moment_message, still_message
from nnlab.show.words import run_title

LOOK = 0.2  # seconds between two looks at a folder
LOCK_LOOK = 2.0  # seconds between two looks at its lock, which a killed process leaves
DOCTOR_AFTER = 10.0  # seconds of a training; the doctor's first look would slow a shorter one
SHARE = 0.02  # of a processor, for each of the numbers, the moments and the doctor
NUMBERS, WEIGHTS = (METRICS, SUMMARY, RUN), (PROGRESS, SNAPSHOTS, checkpoint.CURRENT, RUN)
LASTING = ("config", "settings", "data", "scaling")  # of a run, read once


class GrowingView(View):
    """A run that trains, as it is now; `again` is how it is later, and reads what is new."""

    @cached_property
    def table(self) -> GrowingTable:
        """The reader of metrics.csv."""
        return GrowingTable(self.path / METRICS)

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """metrics.csv by column."""
        return {name: np.asarray(column) for name, column in self.table.read().items()}

    def again(self) -> Self:
        """The run as it is now."""
        now = type(self)(self.path)
        known = vars(self)
        vars(now).update((name, known[name]) for name in ("table", *LASTING) if name in known)
        return now


class Follower:
    """Publishes what is new in a folder; what takes long waits before the next time."""

    def __init__(self) -> None:
        self._seen: dict[str, Any] = {}  # what changed last, by purpose
        self._due: dict[str, float] = {}  # when a purpose may take time again

    def _attempt(self, purpose: str, now: Any, read: Callable[[], None]) -> None:
        """Reads if something is new; what is being replaced just now is read at the next look."""
        if monotonic() < self._due.get(purpose, 0.0) or not self._changed(purpose, now):
            return
        began, is_first = thread_time(), purpose not in self._due  # which also loads modules
        try:
            read()
        except (NnlabError, OSError):
            self._seen.pop(purpose, None)
        took = 0.0 if is_first else thread_time() - began
        self._due[purpose] = monotonic() + took / SHARE

    def _changed(self, purpose: str, now: Any) -> bool:
        before, self._seen[purpose] = self._seen.get(purpose), now
        return bool(before != now)


class RunFollower(Follower):
    """Publishes what is new in a run folder. It only reads, so the training does not notice it."""

    def __init__(self, folder: RunFolder, feed: Feed) -> None:
        super().__init__()
        self.folder, self.feed = folder, feed
        self._run = GrowingView(folder.path)
        self._shown: set[int] = set()  # epochs whose moments were published
        self._scenes: list[str] | None = None  # the kinds of those in the page
        self._before: Array | None = None  # the values of the newest moment
        self._built: Built | None = None
        self._ended, self._seconds = False, 0.0  # of the training
        self._since: dict[str, int] = {}  # by kind of finding, the epoch at which it appeared

    def look(self) -> None:
        """Publish what changed since the last look, everything when the training ends."""
        is_other = self._changed("config", self._stamps((RESOLVED, DATA)))
        run = self._run = GrowingView(self.folder.path) if is_other else self._run.again()
        if self._changed("run", self._stamps((RUN,))):
            self._due.clear()
        numbers = [*self._stamps(NUMBERS), int(monotonic() / LOCK_LOOK)]
        self._attempt("numbers", numbers, lambda: self._publish_numbers(run))
        self._attempt("weights", self._stamps(WEIGHTS), lambda: self._publish_moments(run))
        if self._ended or self._seconds >= DOCTOR_AFTER:
            self._attempt("doctor", self._stamps(NUMBERS), lambda: self._publish_findings(run))

    def _publish_numbers(self, run: View) -> None:
        status = self.folder.status()
        rows = len(run.metrics.get("epoch", ()))
        self._ended = status.ended
        self._seconds = float(run.metrics.get("seconds", [0.0])[-1])
        page = {
            "kind": "page",
            "story": run_story(run, status, rows),
            "numbers": key_numbers(run),
            "ended": status.ended,
        }
        if self._changed("page", page):
            self.feed.publish(page)
        charts = run_charts(run)
        if self._changed("charts", [chart["curves"] for chart in charts]) or status.ended:
            self.feed.publish({"kind": "charts", "charts": charts})

    def _publish_moments(self, run: View) -> None:
        """The moments that are new: the recorded ones, and the newest weights."""
        stored = known_weights(run)
        new = sorted(stored.keys() - self._shown)
        if not new:
            return
        film = Film.of_run(run)
        labels = moment_labels(run, new)
        for epoch, label in zip(new, labels, strict=True):
            values = stored[epoch]
            if np.isfinite(values).all():
                one = replace(
                    film, epochs=np.array([epoch]), values=values[None], before=self._before
                )
                self._publish_moment(one, label)
                self._before = values
            self._shown.add(epoch)

    def _publish_moment(self, film: Film, label: str) -> None:
        if self._scenes is None:
            scenes = make_scenes(film)
            self.feed.publish(still_message(scenes))
            self._scenes = [scene["kind"] for scene in scenes]
        message = moment_message(film, self._scenes, int(film.epochs[0]), label)
        if self._scenes and message:
            self.feed.publish(message)

    def _publish_findings(self, run: View) -> None:
        """What the doctor says so far, or said at the end."""
        if len(run.metrics.get("epoch", ())) < 2:
            return
        if self._built is None:
            self._built = rebuild(run)
        evidence = evidence_of_run(run, self._built)
        findings = [asdict(finding) for finding in diagnose(evidence)]
        for finding in findings:
            first = self._since.setdefault(finding["kind"], evidence.epochs)
            finding["epoch"] = first if finding["epoch"] is None else finding["epoch"]
        words = list(map(finding_words, findings))
        self.feed.publish({"kind": "findings", "findings": words})

    def _stamps(self, files: tuple[str, ...]) -> list[Any]:
        """Time and size of the files that exist."""
        stamps = []
        for name in files:
            with suppress(OSError):
                status = os.stat(self.folder.path / name)
                stamps.append((status.st_mtime_ns, status.st_size))
        return stamps


def known_weights(run: View) -> dict[int, Array]:
    """The values (V,) of the network by epoch: at first, as recorded, and the newest."""
    epochs, values = run.snapshots
    stored = {int(epoch): block for epoch, block in zip(epochs, values, strict=True)}
    if 0 not in stored and run.folder.has(weights_file("initial")):
        stored[0] = run.initial.values.copy()
    network, epoch = run.latest
    if epoch is not None and epoch not in stored:
        stored[epoch] = network.values.copy()
    return stored


def title_of(path: Path) -> tuple[str, str]:
    """The title of a run's page, and its setting in a line; the page says how far it has come."""
    run = View(path)
    with suppress(NnlabError):
        return run_title(run.name, run.settings, run.data.inputs)
    return path.name, ""
