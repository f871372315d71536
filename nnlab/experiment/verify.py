"""Whether a run folder is whole, and whether training it again gives the same bits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from nnlab.build import Built
from nnlab.core.network import Network
from nnlab.core.types import Array
from nnlab.engine.images.network import TunedNetwork
from nnlab.errors import RunLocked, RunUnreadable
from nnlab.experiment.resume import prepared, state_of
from nnlab.experiment.rows import epoch_row
from nnlab.experiment.snapshots import Snapshots
from nnlab.experiment.state import digest, freeze, same, thaw
from nnlab.run import checkpoint, durable, lock, records
from nnlab.run.environment import describe, differences, essence
from nnlab.run.folder import (
    ARRAYS,
    CONFIG,
    METRICS,
    RUN,
    SNAPSHOTS,
    STEPS,
    SUMMARY,
    RunFolder,
    Weights,
    weights_file,
)
from nnlab.run.run import Run, expected
from nnlab.run.shapes import check_metrics
from nnlab.run.text import shown
from nnlab.status import Status
from nnlab.training import Epoch, State, final_weights, run_training, start

From = Literal["start", "checkpoint"]
ENDED = ("completed", "early_stopped", "diverged")


@dataclass(frozen=True)
class Finding:
    """What was looked at, and what is wrong with it; `problem` None when nothing is."""

    what: str
    problem: str | None = None


@dataclass(frozen=True)
class Verifier:
    """The checks of one folder. Nothing is written."""

    folder: RunFolder

    @cached_property
    def saved(self) -> Run:
        """The folder's content."""
        return Run(self.folder.path)

    @cached_property
    def about(self) -> dict[str, Any]:
        """run.json."""
        return self.folder.read_json(RUN)

    @cached_property
    def network(self) -> Network:
        """A network of the config, to compare shapes with."""
        return self.saved.untrained()

    def refuse_running(self) -> None:
        """RunLocked while another process writes into the folder."""
        if lock.is_held(self.folder.path):
            raise RunLocked(
                f"{shown(self.folder.path)} is being written into: verify it when that has ended."
            )

    def notes(self) -> list[str]:
        """What of this machine is not as it was, in a sentence; empty when all is."""
        other = differences(essence(self.about), essence(describe()))
        if not other:
            return []
        return [f"Not as it was, so the last bits may differ: {'; '.join(other)}."]

    def files(self) -> Iterator[Finding]:
        """Every file of the folder, read and compared with the others.

        Raises RunUnreadable for one that cannot be read.
        """
        checks: dict[str, Callable[[], str | None]] = {
            "run.json": self._status,
            "config.yaml, resolved.yaml": self._config,
            "data.json": self._data,
            "weights": self._weights,
            "metrics.csv": self._metrics,
            "checkpoints": self._checkpoints,
            "arrays": self._arrays,
            "summary.json": self._summary,
        }
        for what, look in checks.items():
            yield Finding(what, look())

    def _status(self) -> str | None:
        status = self.about.get("status")
        return None if Status.of(status).written else f"the status is {status!r:.40}"

    def _config(self) -> str | None:
        durable.read_file(self.folder.path / CONFIG)
        epochs = self.saved.config.training.epochs
        done = self.folder.last_metrics().get("epoch")
        if isinstance(done, int) and done > epochs:
            return f"the config asks for {epochs} epochs, {done} are recorded"
        return None

    def _data(self) -> str | None:
        mine, noted = self.saved.data.get("sha256"), self.about.get("data")
        if not isinstance(noted, dict) or noted.get("sha256") != mine:
            return "it names other data than run.json"
        return None

    def _weights(self) -> str | None:
        names: list[Weights] = ["initial"]
        if self.about.get("status") in ENDED:
            names += ["best", "final"]
        for which in names:
            self.folder.read_arrays(weights_file(which), expected(self.network), sealed=True)
        return None

    def _metrics(self) -> str | None:
        table = self._table
        self.folder.read_table(STEPS)
        if not table:
            ended = self.about.get("status") in ("completed", "early_stopped")
            return "it has no rows" if ended else None
        epochs, steps = table["epoch"], table["step"]
        if list(epochs) != list(range(len(epochs))):
            return "the epochs are not 0, 1, 2, ..."
        if np.any(np.diff(np.asarray(steps, float)) < 0):
            return "the step falls"
        if np.any(np.diff(np.asarray(table["seconds"], float)) < 0):
            return "the time falls"
        return None

    def _checkpoints(self) -> str | None:
        names = [name for name in (checkpoint.CURRENT, checkpoint.PREVIOUS) if self._has(name)]
        if self.about.get("status") in ENDED and checkpoint.CURRENT not in names:
            return f"{checkpoint.CURRENT} is missing"
        for name in names:
            checkpoint.read_save(self.folder.path / name)
        if names:
            note = self.folder.load_checkpoint().note
            return note if checkpoint.CURRENT in names else None
        return None

    def _arrays(self) -> str | None:
        for file in filter(self.folder.has, ARRAYS):
            self.folder.read_arrays(file, sealed=True)
        if self.folder.has(SNAPSHOTS):
            found = self.folder.read_arrays(SNAPSHOTS)
            for name, expected in Snapshots(self.network, 0).blocks(self.network.values).items():
                if name in found and found[name].shape[1:] != expected.shape:
                    return f"snapshots.npz holds {found[name].shape[1:]} numbers a row in {name}"
        return None

    def _summary(self) -> str | None:
        if not self.folder.has(SUMMARY):
            return "it is missing" if self.about.get("status") in ENDED else None
        summary, table = self.folder.read_json(SUMMARY), self._table
        for kind in ("final", "best"):
            row = summary.get(kind)
            if not row:
                continue
            at = row.get("epoch")
            if not isinstance(at, int) or not 0 <= at < len(table.get("epoch", ())):
                return f"{kind} names the epoch {at!r:.40}, which metrics.csv does not have"
            for key, value in row.items():
                cell = table[key][at] if key in table else None
                if value is not None and cell != value:
                    return f"{kind}.{key} is {value!r}, in metrics.csv it is {cell}"
        return None

    def _has(self, name: str) -> bool:
        return (self.folder.path / name).is_file()

    # Training again.

    def replay(self, origin: From = "start", epochs: int | None = None) -> Iterator[Finding]:
        """A finding for every epoch trained again, for the saved state, and for the weights kept.

        `checkpoint` begins at the older of the two saves. Raises DataError when the data has
        changed, RunUnreadable without anything to begin from.
        """
        built = prepared(self.folder, self.saved.config, self.about)
        goal = self._thawed(built, checkpoint.CURRENT)
        state = state_of(self.folder, built)
        if origin == "checkpoint":
            older = self._thawed(built, checkpoint.PREVIOUS) or goal
            if older is None:
                raise RunUnreadable(f"{self.folder.path} has no checkpoint to begin from.")
            thaw(state, *freeze(older))
        last = built.plan.epochs if epochs is None else state.epoch + epochs
        ended = self.about.get("status") in ENDED
        if goal is not None and state.best.epoch >= 0 and _place(state) == _place(goal):
            yield Finding(f"the state after update {state.step}", _differing(state, goal))
        for record in run_training(built.plan, state):
            if isinstance(record, Epoch):
                yield self._row(record, state)
            if goal is not None and _place(state) == _place(goal):
                yield Finding(f"the state after update {state.step}", _differing(state, goal))
                if not ended:
                    return
            if isinstance(record, Epoch) and last <= record.epoch < built.plan.epochs:
                return
        if ended:
            yield self._weights_equal("final", built, final_weights(built.plan, state))
            yield self._weights_equal("best", built, state.best.values)

    @cached_property
    def _table(self) -> dict[str, records.Column]:
        table = self.folder.read_table(METRICS)
        check_metrics(table, self.folder.path / METRICS)
        return table

    @cached_property
    def _hashes(self) -> dict[str, Any]:
        """Epoch -> digest, as run.json and the last save have them."""
        found: dict[str, Any] = {}
        if self.folder.has_checkpoint():
            found |= _mapping(self.folder.load_checkpoint().meta.get("hashes"))
        return found | _mapping(self.about.get("hashes"))

    def _thawed(self, built: Built, name: str) -> State | None:
        """The state in one of the two saves, over a network of its own."""
        if not self._has(name):
            return None
        saved = checkpoint.read_save(self.folder.path / name)
        config, network = built.config, built.network
        own = TunedNetwork(config.network, network.shapes[0], dtype=config.training.dtype)
        state = start(built.plan, own)
        thaw(state, saved.arrays, self.folder.state_meta(saved))
        return state

    def _row(self, record: Epoch, state: State) -> Finding:
        what, at = f"epoch {record.epoch}", record.epoch
        if at >= len(self._table.get("epoch", ())):
            return Finding(what)  # done after the rows were last written down
        for key, value in epoch_row(record, 0.0).items():
            cell = self._table[key][at] if key in self._table else None
            if key != "seconds" and not _equal(cell, value):
                return Finding(what, f"{key} is {value!r}, in metrics.csv it is {cell}")
        noted = self._hashes.get(str(at))
        if noted is not None and noted != digest(state):
            return Finding(what, "the weights' SHA-256 is another one")
        return Finding(what)

    def _weights_equal(self, which: Weights, built: Built, values: Array) -> Finding:
        kept = self.folder.read_arrays(weights_file(which))
        wrong = [
            name
            for name, array in built.network.named(values).items()
            if name not in kept or kept[name].tobytes() != array.tobytes()
        ]
        return Finding(f"weights/{which}.npz", f"{', '.join(wrong)} differ" if wrong else None)


def _place(state: State) -> tuple[int, int, int, str]:
    return state.epoch, state.batch, state.step, state.status


def _differing(state: State, goal: State) -> str | None:
    names = same(state, goal)
    return f"{', '.join(names)} differ from {checkpoint.CURRENT}" if names else None


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _equal(cell: Any, value: Any) -> bool:
    """The same bits; an empty cell is None."""
    if value is None or cell is None:
        return value is None and (cell is None or cell != cell)
    return bool(cell == value) or bool(cell != cell and value != value)
