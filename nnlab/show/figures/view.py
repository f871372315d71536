"""A run folder as figures see it: every file is read once, when it is first asked for.

Figures see the folder and never the data set. A folder may be of a run that is still going on, was
interrupted or diverged: then there are no final weights and no predictions, and the figures that
need them say so.
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from nnlab.config.schema import Config
from nnlab.core.losses import Loss
from nnlab.core.metrics import decisions
from nnlab.core.network import Network, trained_depth
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.errors import ConfigError, NnlabError, RunUnreadable
from nnlab.run.folder import FORMAT, Kept, RunFolder, Weights
from nnlab.run.text import shown
from nnlab.saved import Saved
from nnlab.show.figures.titles import settings
from nnlab.show.words import Trained, run_title

PARTS = ("train", "validation", "test")
PART_NAMES = {"train": "training", "validation": "validation", "test": "test"}
MANY = 1000  # rows that are evaluated for one figure


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of one part that the folder keeps.

    inputs (N, n) as in the data set; targets: labels (N,) or rows (N, m); outputs (N, m) of the
    final weights; numbers (N,): which rows of the part they are. `all`: the whole part is here.
    """

    part: str
    inputs: Array
    targets: Array
    outputs: FloatArray
    numbers: IntArray
    all: bool

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, which: Array) -> "Rows":
        """Some of them."""
        return Rows(
            self.part,
            self.inputs[which],
            self.targets[which],
            self.outputs[which],
            self.numbers[which],
            False,
        )


class View:
    """What figures ask of a run folder. Every attribute may raise an NnlabError."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.saved = Saved(folder)

    # What was asked, and what happened.

    @cached_property
    def settings(self) -> dict[str, Any]:
        """resolved.yaml as plain values, also of a version that this one does not know."""
        return settings(self.folder)

    @cached_property
    def config(self) -> Config:
        """resolved.yaml, checked. Raises RunUnreadable in one line when it does not fit."""
        try:
            return self.saved.config
        except ConfigError as error:
            first = str(error).splitlines()[0]
            made = dict(self.about.get("versions") or {}).get("nnlab", "unknown")
            by = "" if made == "unknown" else f" The run was made by nnlab {made:.20}."
            raise RunUnreadable(f"{shown(first)}{by}") from error

    @property
    def loss(self) -> Loss:
        """The loss."""
        assert self.config
        return self.saved.loss

    @cached_property
    def about(self) -> dict[str, Any]:
        """run.json."""
        return self.folder.read_run()

    @cached_property
    def run_kind(self) -> str | None:
        """The kind of the run; None for a training, and where run.json cannot be read."""
        with suppress(NnlabError):
            return self.folder.kind()
        return None

    @cached_property
    def data(self) -> dict[str, Any]:
        """data.json, complete."""
        return self.saved.data

    @cached_property
    def title(self) -> tuple[str, str]:
        """The experiment's name, and its setting in a line."""
        inputs = None
        with suppress(NnlabError):
            inputs = self.folder.read_data().get("inputs")
        return run_title(self.folder.name, self.settings, inputs, self.trained)

    @cached_property
    def trained(self) -> tuple[Trained, ...]:
        """How far the training came; empty where the folder does not say."""
        with suppress(NnlabError):
            epochs = self.metrics.get("epoch", ())
            if len(epochs):
                return (Trained(int(max(epochs)), self.folder.status()),)
        return ()

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """metrics.csv by column."""
        return self.folder.read_metrics()

    @property
    def seconds(self) -> Any:
        """How long training took, by metrics.csv; run.json also counts figures and files."""
        try:
            return self.folder.last_metrics().get("seconds", self.about.get("seconds"))
        except NnlabError:  # the curves, which are missing then, say why
            return self.about.get("seconds")

    @cached_property
    def steps(self) -> dict[str, Any]:
        """steps.csv by column; empty where steps were not recorded."""
        return self.folder.read_steps()

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json; empty for a run that has not come to its end."""
        return self.folder.read_summary() if self.folder.has_summary() else {}

    @cached_property
    def newer(self) -> str | None:
        """A sentence where the run was made by a newer nnlab than this."""
        found = self.about.get("format", FORMAT)
        if found == FORMAT:
            return None
        return (
            f"The run {shown(self.folder.name)} is of format {found!r:.20}, and this nnlab knows "
            f"format {FORMAT}: what it does not know is not drawn."
        )

    # The network.

    @cached_property
    def network(self) -> Network:
        """The network with the last weights that there are; see `when`."""
        return self._network[0]

    @property
    def when(self) -> str:
        """Of which moment `network` is: "after 20 epochs"."""
        return self._network[1]

    @cached_property
    def initial(self) -> Network:
        """The network before training."""
        return self._with("initial")

    @cached_property
    def _network(self) -> tuple[Network, str]:
        if self.folder.has_weights("final") or self.folder.has_summary():
            final = dict(self.summary.get("final") or {}).get("epoch")
            return self._with("final"), after(final)
        if self.folder.has_checkpoint():
            saved = self.folder.load_checkpoint()
            network = self._untrained
            blocks = [saved.arrays.get(name, np.zeros(0)) for name in ("theta", "buffers")]
            values = np.concatenate([block.ravel() for block in blocks])
            if values.shape == network.values.shape:
                network.values[...] = values
                return network, after(saved.meta.get("epoch"))
        return self._with("initial"), after(0)

    def _with(self, which: Weights) -> Network:
        assert self.config  # a config that does not fit is told in one line
        return self.saved.network(which)

    @property
    def _untrained(self) -> Network:
        assert self.config
        return self.saved.untrained()

    def weights(self, which: Weights) -> dict[str, Array]:
        """Saved arrays by name, also where the config cannot be read."""
        return self.folder.read_weights(which)

    @cached_property
    def snapshots(self) -> tuple[IntArray, Array]:
        """Epochs (k,) and values (k, V) along the way; none for larger networks."""
        prefix, found = "", {}
        if self.folder.has_arrays("snapshots"):
            found = self.folder.read_arrays("snapshots")
        elif self.folder.has_checkpoint():
            prefix, found = "snapshot.", self.folder.load_checkpoint().arrays
        epochs, thetas = (found.get(prefix + name, np.zeros(0)) for name in ("epochs", "theta"))
        network = self._untrained
        if not epochs.size or thetas.shape != (len(epochs), network.theta.size):
            return np.zeros(0, np.int64), np.zeros((0, network.values.size))
        buffers = found.get(f"{prefix}buffers", thetas[:, :0])
        if buffers.shape != (len(epochs), network.buffers.size):
            return np.zeros(0, np.int64), np.zeros((0, network.values.size))
        return epochs.astype(np.int64), np.hstack([thetas, buffers])

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
        rows = self.saved.scaling.apply(inputs)
        return rows.astype(self.network.dtype).reshape(len(rows), *self.network.inputs)

    # The rows that were kept.

    @cached_property
    def parts(self) -> dict[str, Rows]:
        """The parts of which rows are kept, by name."""
        found: dict[str, Rows] = {}
        kinds: tuple[Kept, ...] = ("predictions", "samples")
        for kind in kinds:
            if self.folder.has_arrays(kind):
                arrays = self.folder.read_arrays(kind)
                found |= {part: self._rows(arrays, part) for part in PARTS if _has(arrays, part)}
        return found

    def _rows(self, arrays: dict[str, Array], part: str) -> Rows:
        inputs, targets = arrays[f"{part}.inputs"], arrays[f"{part}.targets"]
        outputs, numbers = arrays.get(f"{part}.outputs"), arrays.get(f"{part}.rows")
        fits = outputs is not None and _fit(self.data, inputs, targets, outputs)
        if outputs is None or not fits or (numbers is not None and len(numbers) != len(inputs)):
            raise RunUnreadable(
                f"Cannot read {shown(self.folder.path)}: the rows kept of the part {part} do not "
                "fit data.json."
            )
        places: IntArray = np.arange(len(inputs)) if numbers is None else numbers
        return Rows(part, inputs, targets, outputs, places, numbers is None)

    @property
    def judged(self) -> Rows | None:
        """The part that says most of what was learned: kept out of training, if there is one."""
        return next((self.parts[name] for name in reversed(PARTS) if name in self.parts), None)

    @property
    def judged_rows(self) -> Rows:
        """The same. Raises RunUnreadable where no rows were kept."""
        if (rows := self.judged) is None:
            raise RunUnreadable(f"Cannot read {shown(self.folder.path)}: no rows were kept.")
        return rows

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


def _has(arrays: dict[str, Array], part: str) -> bool:
    return f"{part}.inputs" in arrays and f"{part}.targets" in arrays


def _fit(data: dict[str, Any], inputs: Array, targets: Array, outputs: Array) -> bool:
    """Whether rows are what data.json says."""
    rows = len(inputs) if inputs.ndim else 0
    if inputs.shape != (rows, int(np.prod(data["inputs"]))) or not rows:
        return False
    if outputs.ndim != 2 or len(outputs) != rows or not outputs.shape[1]:
        return False
    if data["task"] != "classes":
        return targets.shape == outputs.shape == (rows, data["outputs"])
    labels = targets.shape == (rows,) and targets.dtype == np.int64
    wide = outputs.shape[1] == (1 if data["kind"] == "binary" else data["outputs"])
    named = len(data["class_names"]) == data["outputs"]
    return bool(labels and wide and named and 0 <= targets.min() <= targets.max() < data["outputs"])
