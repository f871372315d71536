"""Checks that a run folder is whole and its training repeats bit by bit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nnlab.build import Built
from nnlab.core.network import Network
from nnlab.core.types import Array, cached_property
from nnlab.data.memory import Memory
from nnlab.engine.network import EngineNetwork
from nnlab.errors import RunLocked, RunUnreadable
from nnlab.experiment.describe import epoch_row, kernel_changes
from nnlab.experiment.resume import initial_state, rebuild
from nnlab.experiment.state import Snapshots, digest, freeze, state_differences, thaw
from nnlab.run import checkpoint, durable, lock, records
from nnlab.run.environment import describe, environment_changes, essence
from nnlab.run.folder import (
    ARRAYS,
    CONFIG,
    METRICS,
    SNAPSHOTS,
    STEPS,
    SUMMARY,
    RunFolder,
    Weights,
    weights_file,
)
from nnlab.run.run import Run, expected
from nnlab.run.shapes import check_metrics
from nnlab.run.text import mapping_or_empty, shown
from nnlab.training import Epoch, State, final_weights, run_training, start

From = Literal["start", "checkpoint"]


@dataclass(frozen=True)
class Finding:
    """The result of a check; `problem` is None if all is well."""

    what: str
    problem: str | None = None


@dataclass(frozen=True)
class Verifier:
    """The checks of one folder. Nothing is written. `memory`: as for `Run`."""

    folder: RunFolder
    memory: Memory | None = None

    @cached_property
    def run(self) -> Run:
        """The folder's content."""
        return Run(self.folder.path, self.memory)

    @cached_property
    def network(self) -> Network:
        """A network of the config, to compare shapes with."""
        return self.run.untrained()

    def refuse_running(self) -> None:
        """RunLocked while another process writes into the folder."""
        if lock.is_held(self.folder.path):
            raise RunLocked(
                f"{shown(self.folder.path)} is being written into: verify it when that has ended."
            )

    def notes(self) -> list[str]:
        """A sentence if this machine may round differently from the run's."""
        about = self.run.about
        other = environment_changes(essence(about), essence(describe())) + kernel_changes(about)
        if not other:
            return []
        return [f"The last bits may differ from those of the run: {'; '.join(other)}."]

    def files(self) -> Iterator[Finding]:
        """Reads every file of the folder and compares it with the others.

        Raises RunUnreadable for a file that cannot be read.
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
        for what, check in checks.items():
            yield Finding(what, check())

    def _status(self) -> str | None:
        if self.run.written_status.written:
            return None
        return f"the status is {self.run.about.get('status')!r:.40}"

    def _config(self) -> str | None:
        durable.read_file(self.folder.path / CONFIG)
        epochs, done = self.run.config.training.epochs, self.run.last_row.get("epoch")
        if isinstance(done, int) and done > epochs:
            return f"the config asks for {epochs} epochs, {done} are recorded"
        return None

    def _data(self) -> str | None:
        same = self.run.data.sha256 == self.run.data_source[1]
        return None if same else "it names other data than run.json"

    def _weights(self) -> str | None:
        ended: list[Weights] = ["best", "final"] if self.run.written_status.ended else []
        for which in ("initial", *ended):
            self.folder.read_arrays(weights_file(which), expected(self.network), sealed=True)
        return None

    def _metrics(self) -> str | None:
        table = self._table
        self.folder.read_table(STEPS)
        if not table:
            return "it has no rows" if self.run.written_status.finished else None
        epochs = table["epoch"]
        if list(epochs) != list(range(len(epochs))):
            return "the epochs are not 0, 1, 2, ..."
        for name, word in (("step", "step"), ("seconds", "time")):
            if np.any(np.diff(np.asarray(table[name], float)) < 0):
                return f"the {word} falls"
        return None

    def _checkpoints(self) -> str | None:
        names = list(filter(self.folder.has, checkpoint.FILES))
        for name in names:
            checkpoint.read_save(self.folder.path / name)
        if checkpoint.CURRENT in names:
            return self.folder.load_checkpoint().note
        return f"{checkpoint.CURRENT} is missing" if self.run.written_status.ended else None

    def _arrays(self) -> str | None:
        for file in filter(self.folder.has, ARRAYS):
            self.folder.read_arrays(file, sealed=True)
        if self.folder.has(SNAPSHOTS):
            arrays = self.folder.read_arrays(SNAPSHOTS)
            for name, block in Snapshots(self.network, 0).blocks(self.network.values).items():
                if name in arrays and arrays[name].shape[1:] != block.shape:
                    return f"snapshots.npz holds {arrays[name].shape[1:]} numbers a row in {name}"
        return None

    def _summary(self) -> str | None:
        if not self.folder.has(SUMMARY):
            return "it is missing" if self.run.written_status.ended else None
        for kind in ("final", "best"):
            row = self.run.summary.get(kind) or {}
            if not isinstance(row, dict):
                return f"{kind} is {row!r:.40}, not a table"
            if row and (problem := self._row_problem(kind, row)):
                return problem
        return None

    def _row_problem(self, kind: str, row: dict[str, Any]) -> str | None:
        """The difference between a row of summary.json and metrics.csv."""
        epoch, table = row.get("epoch"), self._table
        if not isinstance(epoch, int) or not 0 <= epoch < len(table.get("epoch", ())):
            return f"{kind} names the epoch {epoch!r:.40}, which metrics.csv does not have"
        for key, value in row.items():
            cell = np.asarray(table[key]).tolist()[epoch] if key in table else None
            if value is not None and not (isinstance(value, int | float) and cell == value):
                return f"{kind}.{key} is {value!r:.40}, in metrics.csv it is {cell}"
        return None

    # Training again.

    def replay(self, origin: From = "start", epochs: int | None = None) -> Iterator[Finding]:
        """Trains again; a finding per epoch, for the saved state, and the weights.

        `checkpoint` begins at the older of the two saves. Raises DataError when the data has
        changed, RunUnreadable without a checkpoint to begin from.
        """
        built = rebuild(self.run)
        saved = self._saved_state(built, checkpoint.CURRENT)
        state = initial_state(self.run, built)
        if origin == "checkpoint":
            older = self._saved_state(built, checkpoint.PREVIOUS) or saved
            if older is None:
                raise RunUnreadable(f"{self.folder.path} has no checkpoint to begin from.")
            thaw(state, *freeze(older))
            if saved is not None and _place(state) == _place(saved):
                yield self._compare_states(state, saved)
        last = built.plan.epochs if epochs is None else state.epoch + epochs
        yield from self._train_again(built, state, saved, last)

    def _train_again(
        self, built: Built, state: State, saved: State | None, last: int
    ) -> Iterator[Finding]:
        """Trains up to the epoch `last`, and compares with the folder."""
        ended = self.run.written_status.ended
        for record in run_training(built.plan, state):
            if isinstance(record, Epoch):
                yield self._compare_row(record, state)
            if saved is not None and _place(state) == _place(saved):
                yield self._compare_states(state, saved)
                if not ended:
                    return
            if isinstance(record, Epoch) and last <= record.epoch < built.plan.epochs:
                return
        if ended:
            yield self._compare_weights("final", built, final_weights(built.plan, state))
            yield self._compare_weights("best", built, state.best.values)

    @cached_property
    def _table(self) -> dict[str, records.Column]:
        table = self.folder.read_table(METRICS)
        check_metrics(table, self.folder.path / METRICS)
        return table

    @cached_property
    def _hashes(self) -> dict[str, Any]:
        """Epoch -> digest, from the last save and run.json."""
        saved = self.run.checkpoint.meta.get("hashes") if self.run.checkpoint else None
        return mapping_or_empty(saved) | mapping_or_empty(self.run.about.get("hashes"))

    def _saved_state(self, built: Built, name: str) -> State | None:
        """The state in one of the two saves, over a network of its own."""
        if not self.folder.has(name):
            return None
        saved = checkpoint.read_save(self.folder.path / name)
        config, shape = built.config, built.network.shapes[0]
        state = start(built.plan, EngineNetwork(config.network, shape, dtype=config.training.dtype))
        thaw(state, saved.arrays, saved.meta)
        return state

    def _compare_row(self, record: Epoch, state: State) -> Finding:
        what, epoch = f"epoch {record.epoch}", record.epoch
        if epoch >= len(self._table.get("epoch", ())):
            return Finding(what)  # trained after the last write of rows
        for key, value in epoch_row(record, 0.0).items():
            cell = self._table[key][epoch] if key in self._table else None
            if key != "seconds" and not records.same_cell(cell, value):
                return Finding(what, f"{key} is {value!r}, in metrics.csv it is {cell}")
        if self._hashes.get(str(epoch)) not in (None, digest(state)):
            return Finding(what, "the SHA-256 of the weights differs")
        return Finding(what)

    def _compare_states(self, state: State, saved: State) -> Finding:
        names = state_differences(state, saved)
        problem = f"{', '.join(names)} differ from {checkpoint.CURRENT}" if names else None
        return Finding(f"the state after update {state.step}", problem)

    def _compare_weights(self, which: Weights, built: Built, values: Array) -> Finding:
        saved = self.folder.read_arrays(weights_file(which))
        wrong = [
            name
            for name, array in built.network.named(values).items()
            if name not in saved or saved[name].tobytes() != array.tobytes()
        ]
        return Finding(f"weights/{which}.npz", f"{', '.join(wrong)} differ" if wrong else None)


def _place(state: State) -> tuple[int, int, int, str]:
    return state.epoch, state.batch, state.step, state.status
