"""The page that trains: what it may ask for, and what it is told."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any

import numpy as np

from nnlab.config.dump import dump, settings_of
from nnlab.errors import UsageError
from nnlab.live.feed import Feed
from nnlab.play.doctor import Doctor, Remedy
from nnlab.play.form import is_live, layer_kinds, sections
from nnlab.play.frames import Camera
from nnlab.play.session import Player, keep
from nnlab.play.settings import Pairs, Start
from nnlab.show.page.render import live_page
from nnlab.show.words import count

CHARTS = 0.2  # seconds from one drawing of the curves to the next
FASTEST = 1e6  # epochs per second


def playground_page(name: str) -> tuple[str, str]:
    """The HTML of the playground for a config of this name, and its policy."""
    scripts, styles = ("live.js", "play.js"), ("play.css",)
    return live_page(name, "", "nnlab play", scripts, "play.html", styles)


class Playground:
    """The settings of a page and the player that trains with them."""

    def __init__(self, start: Start, runs: Path, feed: Feed) -> None:
        """`runs` is where run folders are kept. Raises ConfigError, DataError."""
        self.start, self.runs, self.feed = start, runs, feed
        self.pairs: Pairs = []
        self.player = Player(start.config, self.show)
        self.doctor = Doctor(self.player, feed, self._fits)
        self.note = ""
        self._lock, self._keeping = Lock(), Lock()  # of the settings, and of a run that is kept
        self._camera: Camera | None = None
        self._before = np.empty(0)  # the values that were shown last
        self._charted = 0.0

    def __enter__(self) -> "Playground":
        self.player.__enter__()
        self.doctor.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.doctor.__exit__()
        self.player.__exit__()

    @property
    def actions(self) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        """The functions that a page may call."""
        ask, player = self.player.ask, self.player
        return {
            "play": lambda body: self._told(ask(lambda: player.play(_speed(body)))),
            "pause": lambda body: self._told(ask(player.pause)),
            "step": lambda body: self._told(ask(player.step)),
            "epoch": lambda body: self._told(ask(player.step_epoch)),
            "reset": lambda body: self._reset(),
            "set": lambda body: self._set(_pairs(body)),
            "apply": lambda body: self._apply(_pairs(body)),
            "yaml": lambda body: self._yaml(),
            "keep": lambda body: self._keep(),
        }

    def _told(self, nothing: None = None) -> dict[str, Any]:
        return {"pairs": self.pairs, "note": self.note}

    def _reset(self) -> dict[str, Any]:
        with self._lock:
            self.note = ""
            self.player.ask(lambda: self.player.reset(self.start.checked(self.pairs)))
            return self._told()

    def _set(self, pairs: Pairs) -> dict[str, Any]:
        """Takes the settings of a page: at once where that has a meaning, else after a reset."""
        with self._lock:
            before = self.start.vary(self.pairs, check=False)
            fitted = self.start.fitted(pairs, before)
            config = self.start.checked(fitted)
            new = self.start.needed(fitted)
            changed = {pair.partition("=")[0] for pair in {*new} ^ {*self.pairs}}
            is_reset = not all(map(is_live, changed)) or bool(self.player.training.failure)

            def take() -> None:
                (self.player.reset if is_reset else self.player.change)(config)
                self.pairs = new

            self.player.ask(take)
            self.note = "The network began again." if is_reset else ""
            if fitted != pairs:
                self.note += " Its output layer and its loss now fit the data."
            return self._told() | {"form": self._form()}

    def _fits(self, remedy: Remedy) -> bool:
        return self.start.remedied(self.pairs, remedy) is not None

    def _apply(self, remedy: Pairs) -> dict[str, Any]:
        """Takes the settings of a remedy that the doctor has named, and of no other."""
        known = tuple(remedy) in self.doctor.remedies
        new = self.start.remedied(self.pairs, remedy) if known else None
        if new is None:
            raise UsageError("This is no longer a remedy that the doctor names.")
        return self._set(new)

    def _yaml(self) -> dict[str, Any]:
        training = self.player.training
        try:
            config, _ = self.player.ask(training.repeatable)
        except UsageError as error:
            return {"yaml": dump(training.config), "note": f"The config is copied. {error}"}
        epochs = count(config.training.epochs, "epoch")
        return {"yaml": dump(config), "note": f"Copied. `nnlab train` ends it in {epochs} as here."}

    def _keep(self) -> dict[str, Any]:
        if not self._keeping.acquire(blocking=False):
            raise UsageError("It is being kept already.")
        try:
            config, weights = self.player.ask(self.player.training.repeatable)
            run = keep(config, weights, self.runs)
        finally:
            self._keeping.release()
        return {"note": f"Kept in {run.path}. `nnlab report {run.name} --open` shows it."}

    # What the page is told; called by the player's thread.

    def show(self, player: Player, changed: bool) -> None:
        """Publishes what has changed; nothing where nobody looks."""
        if not changed and not self.feed.watched:
            return
        training, state = player.training, player.training.state
        messages: list[Mapping[str, Any]] = []  # published at once: a page gets a whole state
        if player.restarted or self._camera is None:
            self._camera = Camera.of(training.built, state.weights)
            self._before = state.weights.copy()
            messages += [self._camera.still(), {"kind": "findings", "findings": []}]
            self.doctor.remedies = set()
        if changed:
            messages.append(self._form())
        words = self._camera.words(training.history.last)
        label = ", ".join(f"{name} {number}" for name, number in words)
        values = state.weights.copy()
        if moment := self._camera.moment(values, training.epochs, label, self._before):
            messages.append(moment)
        self._before = values
        if changed or monotonic() - self._charted >= CHARTS:
            self._charted = monotonic()
            messages.append(self._camera.charts(training.history.shown))
        self.feed.publish(
            *messages,
            {"kind": "page", "story": self._story(), "numbers": words, "ended": False},
            {
                "kind": "play",
                "playing": player.is_playing,
                "speed": player.speed,
                "over": training.is_over,
                "pairs": self.pairs,
            },
        )
        self.doctor.notice()

    def _story(self) -> str:
        training, player = self.player.training, self.player
        state = training.state
        done = f"epoch {state.epoch:,}, update {state.step:,}"
        if state.batch:
            done += f", {state.batch} of {training.batches} in the running epoch"
        done += f"; engine {training.plan.engine}"
        if training.failure:
            return f"{training.failure} Change a setting, or reset."
        if training.is_over:
            return f"All {count(training.plan.epochs, 'epoch')} are done: {done}."
        return f"{'Playing' if player.is_playing else 'Paused'}: {done}."

    def _form(self) -> dict[str, Any]:
        start = self.start.config
        config = self.start.vary(self.pairs, check=False)  # with the engine that was asked for
        return {
            "kind": "form",
            "sections": sections(config, start),
            "network": settings_of(config)["network"],
            "layers": layer_kinds(),
        }


def _pairs(body: Mapping[str, Any]) -> Pairs:
    """The settings in a request. Raises UsageError for anything else."""
    pairs = body.get("pairs")
    if not isinstance(pairs, list) or not all(isinstance(pair, str) for pair in pairs):
        raise UsageError("Settings are a list of texts key=value.")
    return list(pairs)


def _speed(body: Mapping[str, Any]) -> float:
    """Epochs per second in a request; 0 is as fast as possible."""
    speed = body.get("speed", 0)
    if type(speed) not in (int, float) or not 0 <= speed <= FASTEST:
        raise UsageError("The speed is a number of epochs per second.")
    return float(speed)
