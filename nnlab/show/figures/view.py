"""A run folder as figures see it; they never ask for the data set.

The folder may be of a run that still trains, was interrupted or diverged: then there are no final
weights and no predictions, and the figures that need them say so.
"""

from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from nnlab.config.schema import Config
from nnlab.core.metrics import decisions
from nnlab.core.network import Network, trained_depth
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.errors import ConfigError, NnlabError, RunUnreadable
from nnlab.run.folder import DATA, RunFolder
from nnlab.run.rows import PARTS, SavedRows
from nnlab.run.run import Run
from nnlab.run.text import mapping_or_empty, shown
from nnlab.show.words import Trained, count, run_title

PART_NAMES = {"train": "training", "validation": "validation", "test": "test"}
MANY = 1000  # rows that are evaluated at a time


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
            epochs = self.metrics.get("epoch", ())
            if len(epochs):
                return (Trained(int(max(epochs)), self.status),)
        return ()

    @property
    def latest_network(self) -> Network:
        """The network with the last weights of the folder; see `when`."""
        return self.latest[0]

    @property
    def when(self) -> str:
        """The moment of these weights: "after 20 epochs"."""
        return after(self.latest[1])

    @cached_property
    def initial(self) -> Network:
        """The network before training."""
        return self.network("initial")

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
    def classes(self) -> list[str]:
        """The names of the classes; none for a regression."""
        return list(self.data.class_names)

    def labels(self, rows: SavedRows) -> IntArray:
        """The true class numbers (N,)."""
        return rows.targets.argmax(1) if rows.targets.ndim == 2 else rows.targets

    def guesses(self, rows: SavedRows) -> IntArray:
        """The predicted class numbers (N,)."""
        return decisions(self.data.kind, rows.outputs)

    def coded(self, rows: SavedRows) -> FloatArray:
        """The targets (N, m) as the loss takes them."""
        targets = rows.targets
        if targets.ndim == 1:
            binary = self.data.kind == "binary"
            targets = targets[:, None] if binary else np.eye(rows.outputs.shape[1])[targets]
        return self.loss.encode(targets.astype(rows.outputs.dtype))

    def losses(self, rows: SavedRows) -> FloatArray:
        """The loss of each row (N,)."""
        network, loss = self.latest_network, self.loss
        binding = network.bind(len(rows), depth=trained_depth(network.layers, loss))
        with np.errstate(all="ignore"):
            return loss.per_sample(binding.forward(self.scaled(rows.inputs)), self.coded(rows))


def view(run: RunFolder | View) -> View:
    """A View of the folder, or the given one."""
    return run if isinstance(run, View) else View(run.path)


def after(epochs: Any) -> str:
    """The moment in words: after 20 epochs."""
    if not isinstance(epochs, int):
        return "as saved"
    return f"after {count(epochs, 'epoch')}" if epochs else "before training"
