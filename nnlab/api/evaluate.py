"""A trained network measured on rows: `nnlab.evaluate`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.api.arguments import checks_arguments
from nnlab.api.find import AnyRun, find_trained, require_path
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.core.metrics import METRICS
from nnlab.data.dataset import Dataset
from nnlab.data.frame import is_frame
from nnlab.errors import UsageError
from nnlab.experiment.measure import evaluate_part, measure, sample_rows
from nnlab.run.folder import Weights
from nnlab.run.run import Run
from nnlab.show.text_tables import format_records, format_table
from nnlab.show.words import format_number

MOST_CLASSES = 20  # of which tables are printed
PARTS = ("train", "validation", "test")


@checks_arguments
def evaluate(
    run: AnyRun,
    data: Any = None,
    *,
    part: str | None = None,
    weights: Weights = "final",
) -> "Measures":
    """Loss, metrics and, for classes, tables, on a part of the run's data or on a file.

    data: a CSV or NPZ file, or a data frame, with inputs and targets; for a network of images also
    a folder with a folder of PNG or JPEG files per class. part: "train", "validation" or "test";
    by default the last of these that the run has. weights: "final", "best", "initial", or
    "checkpoint": those of the last save.
    Raises DataError also where the run's data has changed, UsageError, RunUnreadable.
    """
    if part is not None and data is not None:
        raise UsageError("part and data exclude each other.")
    trained = find_trained(run)
    if data is not None:
        dataset = read_dataset(trained, data)
        measures = measure(sample_rows(trained, dataset, weights))
        notes = [*dataset.notes]
        if getattr(trained.config.data.source, "weight", None) is not None:
            notes.append(f"{dataset.name}: each row counts once (data.weight is not read here).")
        return Measures(trained, weights, dataset.name, measures, tuple(notes))
    part = part or default_part(trained)
    return Measures(trained, weights, part, evaluate_part(trained, weights, part))


def read_dataset(run: Run, data: Any) -> Dataset:
    """The rows and targets of a file or a data frame. Raises TypeError, DataError."""
    if is_frame(data):
        return run.schema.frame_dataset(data)
    require_path(data, "data is a CSV or NPZ file, a folder of images, or a data frame")
    return run.schema.dataset(Path(data))


def default_part(run: Run) -> str:
    """The test part if there is one, else the validation part, else the training part."""
    rows = run.data.rows
    return next(name for name in reversed(PARTS) if getattr(rows, name) is not None)


@dataclass(frozen=True, repr=False)
class Measures(ShownResult):
    """Rows, loss, metrics, `scores`; of classes also `classes`, `averages`, `confusion`.

    Labels have `classes` and `averages`, several targets of a regression `targets`.

    part: of the data, or the file. notes: sentences about the file.
    """

    run: Run
    weights: Weights
    part: str
    measures: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        """A measure: evaluation["accuracy"]."""
        return self.measures[name]

    @property
    def numbers(self) -> dict[str, Any]:
        """The measures that are one number each."""
        return {k: v for k, v in self.measures.items() if not isinstance(v, list | dict | None)}

    @property
    def table(self) -> Columns:
        """A row per class, label or target where there are several, else one with the numbers."""
        rows = self.measures.get("classes") or self.measures.get("targets")
        return columns_of(rows or [self.numbers])

    def to_dict(self) -> dict[str, Any]:
        about = {"run": str(self.run.path), "weights": self.weights, "part": self.part}
        return {**about, **self.measures}

    def __str__(self) -> str:
        head = f"{self.run.name}, {self.weights} weights, {self.part}"
        tables = [head, format_records([self.numbers])]
        scores = self.measures["scores"]
        if rows := [(METRICS[name].label, value) for name, value in scores.items()]:
            tables.append(format_table(("score", "value"), rows))
        if targets := self.measures.get("targets"):
            # The numbers of another target may have another size.
            digits = [{name: format_number(v) for name, v in row.items()} for row in targets]
            tables.append(format_records(digits))
        classes = self.measures.get("classes")
        if classes and len(classes) <= MOST_CLASSES:
            tables += _class_tables(classes, self.measures["averages"], self.measures["confusion"])
        return "\n\n".join(tables)


def _class_tables(
    classes: list[dict[str, Any]], averages: dict[str, Any], confusion: list[list[int]] | None
) -> list[str]:
    """Each class or label and the averages over them, and the confusion matrix of classes."""
    shares = ("precision", "recall", "f1")  # with four decimals in every row
    first = next(iter(classes[0]))  # class, or label
    means = [{first: f"{name} mean", **row} for name, row in averages.items()]
    rounded = [
        {**row, **{name: f"{row[name]:.4f}" for name in shares}} for row in [*classes, *means]
    ]
    if confusion is None:
        return [format_records(rounded)]
    names = [row[first] for row in classes]
    rows = [[name, *counts] for name, counts in zip(names, confusion, strict=True)]
    return [format_records(rounded), format_table(["true \\ predicted", *names], rows)]
