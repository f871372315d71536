"""The results of a run: numbers, tables over classes, saved rows."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.build import Built
from nnlab.core import columns
from nnlab.core.losses import Loss
from nnlab.core.metrics import ACCURACY, R2, decisions, row_metrics_of
from nnlab.core.network import Network
from nnlab.core.types import Array, FloatArray, IntArray, Kind
from nnlab.data.batches import Batches, Part
from nnlab.engine.network import turn_of
from nnlab.experiment.output_tables import NO_TABLES, output_tables
from nnlab.run.folder import PREDICTIONS, SAMPLES, RunFolder
from nnlab.training import Evaluation, Numbers, Plan, evaluation_batch, row_numbers

SMALL = 10_000  # rows: a part with at most as many is saved whole
SPREAD, WORST = 64, 36  # rows that are saved of a larger part
ASK = "nnlab doctor looks for the reason, and says what to try."
LONG = 10  # epochs in which a network that learns changes an output
SAME = 0.002  # of an accuracy: drop_last leaves out other rows in each epoch
# The results of a network that diverged.
NONE: dict[str, Any] = {"test": None, "part": None, "scores": None, **NO_TABLES}


def parts(built: Built) -> Iterator[tuple[str, Part, IntArray]]:
    """Name, rows and row numbers of each part; a test part that is also validation, once."""
    plan, rows = built.plan, built.parts
    yield "train", plan.train, rows.train
    shared = rows.validation is rows.test
    if plan.validation is not None and rows.validation is not None and not shared:
        yield "validation", plan.validation, rows.validation
    if built.test is not None and rows.test is not None:
        yield "test", built.test, rows.test


def worse_than_mean(row: Mapping[str, Any], part: Part) -> str:
    """A warning if a regression is no better than the targets' mean; else ''.

    row: the last row of metrics.csv. A constant target cannot be judged.
    """
    name = columns.name(columns.TRAIN, R2.name)
    r2, epoch = row.get(name), row.get("epoch", 0)
    constant = not np.ptp(part.targets, axis=0).all()
    if r2 is None or r2 > 0 or epoch < LONG or constant:
        return ""
    return (
        f"After {epoch:,} epochs the outputs are no better than the mean of the training "
        f"targets ({name} {r2:.4g}). {ASK}"
    )


@dataclass
class Standstill:
    """Watches the training accuracy, to warn if training changes no output."""

    first: float | None = None  # before training; None in a process that resumed it
    last: float = math.nan
    epochs: int = 0  # for which the accuracy has been `last`

    def add(self, epoch: int, accuracy: float) -> None:
        """Adds an epoch."""
        if epoch == 0:
            self.first = accuracy
        elif abs(accuracy - self.last) <= SAME:
            self.epochs += 1
        else:
            self.last, self.epochs = accuracy, 1

    def sentence(self, kind: Kind, part: Part) -> str:
        """A warning if the accuracy stays at a trivial value; else ''."""
        if self.epochs < LONG or self.last >= 1:
            return ""
        counts = np.unique(decisions(kind, part.targets), axis=0, return_counts=True)[1]
        largest = counts.max() / len(part)
        moved = self.first is None or abs(self.last - self.first) > SAME
        if moved and self.last > largest + SAME:
            return ""
        return (
            f"The training {ACCURACY.label} stayed at {self.last:.4g} in the last {self.epochs} "
            f"epochs, no better than before training or than the largest class alone. {ASK}"
        )


def numbers(plan: Plan, network: Network, part: Part) -> Numbers:
    """Loss and metrics of a part with the network's own parameters."""
    return Evaluation(plan.kind, plan.loss, network, part)(network.values)


def write_results(built: Built, folder: RunFolder, stops: Callable[[], bool]) -> dict[str, Any]:
    """Test numbers and tables; also writes predictions. Empty once it is to stop."""
    files: dict[str, dict[str, Array]] = {PREDICTIONS: {}, SAMPLES: {}}
    results: dict[str, Any] = {"test": None}
    with np.errstate(all="ignore"):
        for name, part, rows in parts(built):
            if stops():
                return {}
            predicted = outputs(built.network, part)
            file = PREDICTIONS if len(rows) <= SMALL else SAMPLES
            files[file] |= rows_to_save(built, name, predicted, part, rows)
            tables = output_tables(built.dataset, built.plan, predicted, part)
            found = scores(built.kind, built.plan.loss, built.network, predicted, part)
            results |= {"part": name, "scores": found, **tables}
            if name == columns.TEST:
                asked = built.plan.row_metrics(name, built.network)
                results[name] = numbers(built.plan, built.network, part)
                results[name] |= {metric.name: found[metric.name] for metric in asked}
    for file, arrays in files.items():
        if arrays:
            folder.write_arrays(file, arrays)
    return results


def outputs(network: Network, part: Part) -> FloatArray:
    """The network's outputs (N, m) for all rows of a part, in evaluation mode."""
    batches = Batches(part, evaluation_batch(network, len(part)))
    rows = np.empty((len(part), *network.shapes[-1]), network.dtype)
    bound = {size: network.bind(size) for size in {batches.batch, batches.rest} - {0}}
    done = 0
    for chunk in batches.epoch(None):
        for x in chunk.xs:
            with turn_of(network):
                rows[done : done + len(x)] = bound[chunk.batch].forward(x)
            done += len(x)
    return rows


def scores(
    kind: Kind, loss: Loss, network: Network, predicted: FloatArray, part: Part
) -> dict[str, float | None]:
    """All metrics of rows, from the outputs (N, m); null where the targets leave it undefined."""
    metrics = list(row_metrics_of(kind, network.layers).values())
    values = row_numbers(metrics, kind, loss, predicted, part)
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def rows_to_save(
    built: Built, name: str, predicted: FloatArray, part: Part, rows: IntArray
) -> dict[str, Array]:
    """Rows of a part as arrays `<part>.inputs` (as in the data set), `.targets`, `.outputs`.

    A network that learns its inputs has no `.targets`, but `.classes` where the rows have some.
    `.file_rows` holds their numbers in the data set's file, from 0.
    Of a part with more than 10,000 rows these are 64 evenly spaced and the 36 with the largest
    loss, in this order, with `.rows` (their numbers in the part) and `.losses` beside them.
    """
    dataset = built.dataset
    chosen = np.arange(len(rows))
    extra: dict[str, Array] = {}
    if len(rows) > SMALL:
        losses = row_losses(built.plan, built.network, part).astype(np.float64)
        worst = np.argsort(-losses, kind="stable")[:WORST]
        spread = np.linspace(0, len(rows) - 1, SPREAD).astype(np.int64)
        chosen = np.concatenate([spread, worst])
        extra = {f"{name}.rows": chosen, f"{name}.losses": losses[chosen]}
    if dataset.learn == "targets":
        extra[f"{name}.targets"] = dataset.targets[rows[chosen]]
    elif dataset.row_classes is not None:
        extra[f"{name}.classes"] = dataset.row_classes[rows[chosen]]
    return {
        f"{name}.inputs": dataset.inputs[rows[chosen]],
        f"{name}.outputs": predicted[chosen],
        f"{name}.file_rows": dataset.rows_in_file(rows[chosen]),
        **extra,
    }


def row_losses(plan: Plan, network: Network, part: Part) -> FloatArray:
    """The loss of each row (N,), with the network's own parameters."""
    evaluation = Evaluation(plan.kind, plan.loss, network, part)
    with turn_of(network):
        losses = [plan.loss.per_sample(z, t) for z, t, _ in evaluation.logits(network.values)]
    return np.concatenate(losses)
