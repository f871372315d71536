"""The newest messages for a page, and the moments of the network."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Any

from nnlab.run.text import json_value

MOMENT, SCENES = "moment", "scenes"
MOST_MOMENTS = 120  # that a page shows; page.js knows it too
GLANCE = 2.5  # seconds; a hidden page asks every 2


class Feed:
    """Messages with a `kind`, published by any thread and read by any page.

    Of each kind the newest is kept, of `moment` all until there are too many. So a slow page skips
    what is outdated, and a page that opens late gets everything. `scenes` removes all moments. A
    moment that is `passing` is replaced by the next if no page has fetched it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._version = 0
        self._newest: dict[str, tuple[int, str]] = {}  # version and JSON, by kind
        self._moments: list[tuple[int, str]] = []
        self._epochs: list[float] = []
        self._passing = False  # the last moment
        self._asked, self._fetched = float("-inf"), 0  # when, and the newest version, by any page
        self._waiting: dict[object, Callable[[], object]] = {}

    @property
    def watched(self) -> bool:
        """Whether a page has asked lately."""
        return monotonic() - self._asked < GLANCE

    def publish(self, *messages: Mapping[str, Any]) -> None:
        """Add messages; nan and inf become null."""
        texts = [_as_json(message) for message in messages]
        with self._lock:
            for message, text in zip(messages, texts, strict=True):
                self._version += 1
                if message["kind"] == MOMENT:
                    self._add_moment(float(message["epoch"]), text)
                    self._passing = bool(message.get("passing"))
                    continue
                if message["kind"] == SCENES:
                    self._moments, self._epochs = [], []
                self._newest[message["kind"]] = self._version, text
            waiting = [*self._waiting.values()]
        for wake in waiting:
            wake()

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """Inside the `with`, each publisher calls `wake` after it has published."""
        key = object()
        with self._lock:
            self._waiting[key] = wake
        try:
            yield
        finally:
            with self._lock:
                del self._waiting[key]

    def news(self, after: int) -> tuple[int, str]:
        """The version, and as JSON every message that is newer than the version `after`."""
        with self._lock:
            self._asked, self._fetched = monotonic(), self._version
            entries = sorted([*self._newest.values(), *self._moments])
            texts = [text for version, text in entries if version > after]
            head = f'{{"version":{self._version},"messages":['
        return self._version, head + ",".join(texts) + "]}"

    def _add_moment(self, epoch: float, text: str) -> None:
        """Adds a moment, in place of a passing one that no page has fetched."""
        unseen = len(self._moments) > 1 and self._moments[-1][0] > self._fetched
        if self._passing and unseen and self.watched:
            del self._moments[-1], self._epochs[-1]
        self._moments.append((self._version, text))
        self._epochs.append(epoch)
        if len(self._epochs) > MOST_MOMENTS:
            place = crowded_place(self._epochs)
            del self._moments[place], self._epochs[place]


def _as_json(message: Mapping[str, Any]) -> str:
    try:
        return json.dumps(message, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):  # NumPy's numbers, nan and inf: rare, and slower
        return json.dumps(json_value(message), allow_nan=False, separators=(",", ":"))


def crowded_place(epochs: Sequence[float]) -> int:
    """The index of the moment that is missed least: early epochs stand closer than late ones."""
    gaps = [(epochs[i + 1] - epochs[i - 1]) / (1 + epochs[i]) for i in range(1, len(epochs) - 1)]
    return 1 + gaps.index(min(gaps))
