"""A run folder as figures see it: every file is read once, when it is first asked for.

Figures see the folder and never the data set. A folder may be of a run that is still going on, was
interrupted or diverged: then there are no final weights and no predictions, and the figures that
need them say so.
"""

from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from nnlab.config.schema import Config
from nnlab.core.losses import Loss
from nnlab.core.metrics import decisions
from nnlab.core.network import Network, trained_depth
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.errors import NnlabError
from nnlab.run.folder import DATA, RunFolder, Weights, weights_file
from nnlab.run.rows import PARTS, SavedRows
from nnlab.run.run import Run
from nnlab.show.words import Trained, run_title

MANY = 1000  # rows that are evaluated for one figure


Rows = SavedRows


class View:
    """What figures ask of a run folder. Every attribute may raise an NnlabError."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.run = Run(folder.path)

    @property
    def _readable(self) -> Run:
        """The run, after its config was read: what is wrong in it takes one line."""
        self.run.require_config()
        return self.run

    # What was asked, and what happened.

    @property
    def settings(self) -> dict[str, Any]:
        """resolved.yaml as plain values, also of a version that this one does not know."""
        return self.run.settings

    @property
    def config(self) -> Config:
        """resolved.yaml, checked. Raises RunUnreadable in one line when it does not fit."""
        return self._readable.config

    @property
    def loss(self) -> Loss:
        """The loss."""
        return self._readable.loss

    @property
    def about(self) -> dict[str, Any]:
        """run.json."""
        return self.run.about

    @cached_property
    def run_kind(self) -> str | None:
        """The kind of the run; None for a training, and where run.json cannot be read."""
        with suppress(NnlabError):
            return self.run.kind
        return None

    @property
    def data(self) -> dict[str, Any]:
        """data.json, complete."""
        return self.run.data

    @cached_property
    def title(self) -> tuple[str, str]:
        """The experiment's name, and its setting in a line."""
        inputs = None
        with suppress(NnlabError):
            inputs = self.folder.read_json(DATA).get("inputs")
        return run_title(self.run.name, self.settings, inputs, self.trained)

    @cached_property
    def trained(self) -> tuple[Trained, ...]:
        """How far the training came; empty where the folder does not say."""
        with suppress(NnlabError):
            epochs = self.metrics.get("epoch", ())
            if len(epochs):
                return (Trained(int(max(epochs)), self.folder.status()),)
        return ()

    @property
    def metrics(self) -> dict[str, Any]:
        """metrics.csv by column."""
        return self.run.metrics

    @property
    def seconds(self) -> Any:
        """How long training took."""
        return self.run.seconds

    @property
    def steps(self) -> dict[str, Any]:
        """steps.csv by column; empty where steps were not recorded."""
        return self.run.steps

    @property
    def summary(self) -> dict[str, Any]:
        """summary.json; empty for a run that has not come to its end."""
        return self.run.summary

    @property
    def newer(self) -> str | None:
        """A sentence where the run was made by a newer nnlab than this."""
        return self.run.newer_format

    # The network.

    @property
    def network(self) -> Network:
        """The network with the last weights that there are; see `when`."""
        return self._readable.latest[0]

    @property
    def when(self) -> str:
        """Of which moment `network` is: "after 20 epochs"."""
        return after(self._readable.latest[1])

    @cached_property
    def initial(self) -> Network:
        """The network before training."""
        return self._readable.network("initial")

    def weights(self, which: Weights) -> dict[str, Array]:
        """Run arrays by name, also where the config cannot be read."""
        return self.folder.read_arrays(weights_file(which))

    @property
    def snapshots(self) -> tuple[IntArray, Array]:
        """Epochs (k,) and values (k, V) along the way; none for larger networks."""
        return self._readable.snapshots

    def predict(self, inputs: Array, values: Array | None = None) -> FloatArray:
        """Outputs (N, m) for inputs (N, n) in the data set's own units; `values` (V,) if given."""
        network = self.network
        x = self.scaled(inputs)
        found = np.empty((len(x), *network.shapes[-1]), network.dtype)
        with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
            for start in range(0, len(x), MANY):
                part = x[start : start + MANY]
                binding = network.bind(len(part), values=values)
                found[start : start + MANY] = binding.forward(part)
        return found

    def scaled(self, inputs: Array) -> FloatArray:
        """Inputs (N, n) as the network takes them."""
        rows = self.run.scaling.apply(inputs)
        return rows.astype(self.network.dtype).reshape(len(rows), *self.network.inputs)

    # The rows that were kept.

    @property
    def parts(self) -> dict[str, Rows]:
        """The parts of which rows are kept, by name."""
        return self.run.rows

    @property
    def judged(self) -> Rows | None:
        """The part that says most of what was learned: kept out of training, if there is one."""
        return next((self.parts[name] for name in reversed(PARTS) if name in self.parts), None)

    @property
    def kind(self) -> str:
        """How outputs are judged: classes, binary or regression."""
        return str(self.data["kind"])

    @property
    def classes(self) -> list[str]:
        """The names of the classes; none for a regression."""
        return list(self.data["class_names"])

    def labels(self, rows: Rows) -> IntArray:
        """The true class numbers (N,)."""
        return rows.targets.argmax(1) if rows.targets.ndim == 2 else rows.targets

    def guesses(self, rows: Rows) -> IntArray:
        """The class numbers (N,) that the outputs mean."""
        return decisions(self.kind, rows.outputs)

    def coded(self, rows: Rows) -> FloatArray:
        """The targets (N, m) as the loss takes them."""
        targets = rows.targets
        if targets.ndim == 1:
            binary = self.kind == "binary"
            targets = targets[:, None] if binary else np.eye(rows.outputs.shape[1])[targets]
        return self.loss.encode(targets.astype(rows.outputs.dtype))

    def losses(self, rows: Rows) -> FloatArray:
        """The loss of each row (N,)."""
        network, loss = self.network, self.loss
        binding = network.bind(len(rows), depth=trained_depth(network.layers, loss))
        with np.errstate(all="ignore"):
            return loss.per_sample(binding.forward(self.scaled(rows.inputs)), self.coded(rows))


def view(run: RunFolder | View) -> View:
    """A View of the folder, or the given one."""
    return run if isinstance(run, View) else View(run)


def after(epochs: Any) -> str:
    """The moment in words, for example: after 20 epochs."""
    if not isinstance(epochs, int):
        return "as saved"
    return f"after {epochs:,} epoch{'s' * (epochs != 1)}" if epochs else "before training"
