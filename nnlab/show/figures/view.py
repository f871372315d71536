"""A run folder as figures see it; they never ask for the data set.

The folder may be of a run that still trains, was interrupted or diverged: then there are no final
weights and no predictions, and the figures that need them say so.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

from nnlab.config.schema import Config
from nnlab.core.losses import Loss
from nnlab.core.metrics import decisions
from nnlab.core.network import Network, trained_depth
from nnlab.core.types import Array, FloatArray, IntArray, cached_property
from nnlab.errors import ConfigError, NnlabError, RunUnreadable
from nnlab.run.folder import DATA, RunFolder, Weights, weights_file
from nnlab.run.rows import PARTS, SavedRows
from nnlab.run.run import Run
from nnlab.run.text import mapping_or_empty, shown
from nnlab.show.figures.axes import finite_numbers
from nnlab.show.words import Trained, after, run_title
from nnlab.status import Status

PART_NAMES = {"train": "training", "validation": "validation", "test": "test"}
MANY = 1000  # rows that are evaluated at a time
MOST_EPOCHS = 2**53

T = TypeVar("T")


class View(Run):
    """What figures ask of a run folder. Every attribute may raise an NnlabError."""

    @cached_property
    def config(self) -> Config:
        """resolved.yaml, checked. Raises RunUnreadable in one line when it does not fit."""
        try:
            return super().config
        except ConfigError as error:
            first = str(error).splitlines()[0]
            made = mapping_or_empty(self.about.get("versions")).get("nnlab", "unknown")
            by = "" if made == "unknown" else f" The run was made by nnlab {made:.20}."
            raise RunUnreadable(f"{shown(first)}{by}") from error

    @cached_property
    def run_kind(self) -> str | None:
        """The kind of the run; None for a training, and where run.json cannot be read."""
        with suppress(NnlabError):
            return self.kind
        return None

    @cached_property
    def title(self) -> tuple[str, str]:
        """The experiment's name, and its setting in a line."""
        inputs = None
        with suppress(NnlabError):  # data.json may be missing
            inputs = self.folder.read_json(DATA).get("inputs")
        return run_title(self.name, self.settings, inputs, self.trained)

    @cached_property
    def trained(self) -> tuple[Trained, ...]:
        """How far the training came; empty where the folder does not say."""
        with suppress(NnlabError):
            epochs = finite_numbers(self.metrics.get("epoch", ()))
            if np.isfinite(epochs).any():
                return (Trained(int(np.nanmax(epochs)), self.status),)
        return ()

    @property
    def latest_network(self) -> Network:
        """The network with the last weights of the folder; see `when`."""
        return self.latest[0]

    @property
    def when(self) -> str:
        """The moment of these weights: "after 20 epochs"."""
        if self.written_status is Status.DIVERGED:  # in the middle of an epoch
            return "before it diverged"
        return after(self.latest[1])

    @cached_property
    def initial(self) -> Network:
        """The network before training."""
        return self.network("initial")

    @cached_property
    def moments(self) -> tuple[IntArray, Array]:
        """Epochs (k,), rising, and finite values (k, V): the snapshots and the weights files.

        So a network that is too large for snapshots has two or three. The weights after the last
        epoch of a run that diverged belong to no epoch, and are left out.
        """
        epochs, values = self.snapshots
        stored = self._weights_by_epoch()
        stored |= {int(epoch): row for epoch, row in zip(epochs, values, strict=True)}
        kept = sorted(epoch for epoch, row in stored.items() if np.isfinite(row).all())
        rows = [stored[epoch] for epoch in kept]
        return np.array(kept, np.int64), np.stack(rows) if rows else values[:0]

    def _weights_by_epoch(self) -> dict[int, Array]:
        """The values (V,) of the weights files."""
        files: dict[Weights, Any] = {"initial": 0, "best": self.results["best"].get("epoch")}
        if self.status != Status.DIVERGED:
            files["final"] = self.results["final"].get("epoch")
        return {
            epoch: self.network(which).values
            for which, epoch in files.items()
            if isinstance(epoch, int)
            and 0 <= epoch < MOST_EPOCHS  # a damaged file may say more
            and self.folder.has(weights_file(which))
        }

    def once(self, work: Callable[["View"], T]) -> T:
        """What `work` makes of this run; light and dark figures and the alt text share it."""
        if work not in self._done:
            self._done[work] = work(self)
        result: T = self._done[work]
        return result

    @cached_property
    def _done(self) -> dict[Callable[["View"], Any], Any]:
        return {}

    def outputs(self, inputs: Array, values: Array | None = None) -> FloatArray:
        """Outputs (N, m) for inputs (N, n) in the data set's own units; `values` (V,) if given."""
        network, x = self.latest_network, self.scaled(inputs)
        outputs = np.empty((len(x), *network.shapes[-1]), network.dtype)
        with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
            for start in range(0, len(x), MANY):
                part = x[start : start + MANY]
                binding = network.bind(len(part), values=values)
                outputs[start : start + MANY] = binding.forward(part)
        return outputs

    def scaled(self, inputs: Array) -> FloatArray:
        """Inputs (N, n) as the network takes them."""
        rows = self.scaling.apply(inputs)
        network = self.latest_network
        return rows.astype(network.dtype).reshape(len(rows), *network.inputs)

    @property
    def judged(self) -> SavedRows:
        """The rows that are furthest from training: of test, else validation, else train."""
        return next(self.rows[name] for name in reversed(PARTS) if name in self.rows)

    @property
    def held_out(self) -> SavedRows:
        """The rows of validation, else test, else train."""
        return next(
            self.rows[name] for name in ("validation", "test", "train") if name in self.rows
        )

    @property
    def classes(self) -> list[str]:
        """The names of the classes; none for a regression."""
        return list(self.data.class_names)

    def labels(self, rows: SavedRows) -> IntArray:
        """The true class numbers (N,)."""
        return rows.targets.argmax(1) if rows.targets.ndim == 2 else rows.targets

    def guesses(self, rows: SavedRows) -> IntArray:
        """The predicted class numbers (N,)."""
        return decisions(self.data.kind, rows.outputs)

    def answers(self, outputs: Array) -> Array:
        """Of outputs (N, k) those that are compared with the targets (N, m)."""
        return self.loss.answers(outputs)

    def coded(self, rows: SavedRows, loss: Loss | None = None) -> FloatArray:
        """The targets (N, m) as the loss takes them; `loss.plain` leaves them in their units."""
        targets = one_per_output(rows.targets, self.data.kind, rows.outputs.shape[1])
        return (loss or self.loss).encode(targets.astype(rows.outputs.dtype))

    def losses(self, rows: SavedRows) -> FloatArray:
        """The loss of each row (N,)."""
        network, loss = self.latest_network, self.loss
        binding = network.bind(len(rows), depth=trained_depth(network.layers, loss))
        with np.errstate(all="ignore"):
            return loss.per_sample(binding.forward(self.scaled(rows.inputs)), self.coded(rows))


def one_per_output(targets: Array, kind: str, outputs: int) -> Array:
    """Targets (N, m) of rows, also of the numbers (N,) of their classes."""
    if targets.ndim == 2:
        return targets
    return targets[:, None] if kind == "binary" else np.eye(outputs)[targets]


def view(run: RunFolder | View) -> View:
    """A View of the folder, or the given one."""
    return run if isinstance(run, View) else View(run.path)
