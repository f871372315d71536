"""The outputs of a network for rows: `nnlab.predict`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nnlab.api.arguments import checks_arguments
from nnlab.api.evaluate import default_part, read_dataset
from nnlab.api.find import AnyRun, find_trained
from nnlab.api.results import ShownResult
from nnlab.core.metrics import decisions
from nnlab.core.types import FloatArray
from nnlab.errors import UsageError
from nnlab.experiment.measure import outputs_and_losses, sample_part, sample_rows
from nnlab.run.data_facts import DataFacts
from nnlab.run.folder import Weights
from nnlab.run.run import Run
from nnlab.show.text_tables import format_columns, to_csv
from nnlab.show.words import count

Column = tuple[str, NDArray[Any]]  # its name and values
SHOWN = 10  # rows


@checks_arguments
def predict(
    run: AnyRun,
    data: str | PathLike[str] | ArrayLike | None = None,
    *,
    targets: bool = False,
    part: str | None = None,
    weights: Weights = "final",
) -> "Predictions":
    """A network's outputs for rows x (B, n), for a file, or for a part of the run's own data.

    data: rows in the data set's units, or a CSV or NPZ file with the columns of the training data;
    for a network of images also a PNG or JPEG file, or a folder of them.
    targets: also each row's number, target and loss, for a file or a data frame that has targets;
    without data they are always there. Raises DataError, UsageError, RunUnreadable.
    """
    if part is not None and data is not None:
        raise UsageError("part and data exclude each other.")
    trained = find_trained(run)
    if data is None or targets:
        return _compared(trained, data, weights, part)
    notes: Sequence[str] = ()
    columns: list[Column] = []
    if isinstance(data, str | PathLike):
        path = Path(data)
        if images := trained.schema.image_files(path):
            columns.append(("file", np.array([image.name for image in images], object)))
        data, notes = trained.schema.inputs(path)
    outputs = trained.predict(data, weights)
    return Predictions(trained, outputs, _columns(columns, outputs, trained), tuple(notes))


def _compared(run: Run, data: Any, weights: Weights, part: str | None) -> "Predictions":
    """Row numbers, targets, outputs and losses of a file, a frame or a part of the run's data."""
    notes: tuple[str, ...] = ()
    if data is not None:
        dataset = read_dataset(run, data)
        notes, sample = tuple(dataset.notes), sample_rows(run, dataset, weights)
    else:
        sample = sample_part(run, weights, part or default_part(run))
    outputs, losses = outputs_and_losses(sample)
    targets = _of_targets(run.loss.decode(sample.part.targets), run.data)
    columns = _columns([("row", sample.numbers + 1), *targets], outputs, run, [("loss", losses)])
    return Predictions(run, outputs, columns, notes)


@dataclass(frozen=True, repr=False)
class Predictions(ShownResult):
    """The outputs (B, m) of rows, and all columns that `nnlab predict` prints."""

    run: Run
    outputs: FloatArray
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.outputs)

    @property
    def table(self) -> dict[str, NDArray[Any]]:
        """The columns by name: the outputs and, for classes, `predicted`."""
        return dict(self.columns)

    def to_csv(self) -> str:
        """The columns as CSV; a number has the fewest digits that identify it."""
        cells = [list(map(str, values)) for _, values in self.columns]
        return to_csv([name for name, _ in self.columns], list(zip(*cells, strict=True)))

    def to_dict(self) -> dict[str, Any]:
        rows = zip(*(values.tolist() for values in self.table.values()), strict=True)
        named = [dict(zip(self.table, row, strict=True)) for row in rows]
        return {"run": self.run.name, "rows": named}

    def __str__(self) -> str:
        table = format_columns({name: values[:SHOWN].tolist() for name, values in self.columns})
        return f"{self.run.name}: {count(len(self), 'row')}\n\n{table}"


def _columns(
    before: Sequence[Column], outputs: FloatArray, run: Run, after: Sequence[Column] = ()
) -> tuple[Column, ...]:
    """All columns: between the others the outputs (N, m), and the name of the predicted class.

    The name is empty where an output is not finite.
    """
    data, after = run.data, list(after)
    if data.task == "classes":
        names = [data.class_names[label] for label in decisions(data.kind, outputs)]
        finite = [all(map(math.isfinite, row)) for row in outputs]
        cells = [name if ok else "" for name, ok in zip(names, finite, strict=True)]
        after.insert(0, ("predicted", np.array(cells, object)))
    shown = _numbers(outputs, data, run.output_names)
    return (*before, *_beside(shown, [*before, *after]), *after)


def _beside(outputs: Sequence[Column], others: Sequence[Column]) -> Iterator[Column]:
    """The outputs; one that is named as another column gets dots, until no column is named so.

    An axis in summary.csv gets a dot too.
    """
    others_named = {name for name, _ in others}
    taken = others_named | {name for name, _ in outputs}
    for name, values in outputs:
        free = name
        while name in others_named and free in taken:
            free = f".{free}"
        yield free, values


def _of_targets(targets: FloatArray, data: DataFacts) -> list[Column]:
    """The name of the true class, or the targets (N, m)."""
    if data.task == "classes":
        labels = targets.argmax(axis=1) if targets.shape[1] > 1 else targets[:, 0] > 0.5
        names = [data.class_names[int(label)] for label in labels]
        return [("target", np.array(names, object))]
    columns = _numbers(targets, data, data.target_names)
    if len(columns) == 1:
        return [("target", columns[0][1])]
    return [(f"target_{name}", values) for name, values in columns]


def _numbers(values: FloatArray, data: DataFacts, names: Sequence[str]) -> list[Column]:
    """The values (N, m) in columns of these names, else output_0, output_1, ..."""
    width = values.shape[1]
    if width != len(names):
        names = [f"output_{i}" for i in range(width)]
        if data.task == "classes" and width == 1:  # two classes: the probability of the second
            names = [f"p({data.class_names[1]})"]
    return [(name, values[:, i]) for i, name in enumerate(names)]
