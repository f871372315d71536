"""The rows of a fit as a file beside the run folders, so that the run can be verified."""

import csv
import hashlib
import io
from pathlib import Path

import numpy as np

from nnlab.core.types import Array
from nnlab.data.dataset import Dataset, UserFile
from nnlab.data.table_schema import TableTask
from nnlab.data.user_csv import Csv
from nnlab.data.user_npz import Npz
from nnlab.errors import DataError
from nnlab.estimators.rows import Form
from nnlab.run.durable import make_folder, remove, write_file


def record_rows(dataset: Dataset, form: Form, parent: Path) -> UserFile:
    """Write rows and targets into a file in `parent`; the source that reads them.

    A table becomes a CSV file, an array an NPZ file; the name is a part of the content's hash, so
    the same rows are written once. Raises DataError where reading gives other rows, StorageError.
    """
    if dataset.weights is not None:
        raise DataError("runs cannot record sample_weight. Leave out one of them.")
    content = _csv(dataset, form) if form.columns else _npz(dataset, form)
    digest = hashlib.sha256(content).hexdigest()[:12]
    path = parent.absolute() / f"rows-{digest}.{'csv' if form.columns else 'npz'}"
    source = _source(dataset, form, str(path))
    make_folder(parent)
    if is_new := not path.exists():
        write_file(path, content)
    read = source.load(0)
    same = read.class_names == dataset.class_names and all(
        np.array_equal(a, b, equal_nan=True)
        for a, b in ((read.inputs, dataset.inputs), (read.targets, dataset.targets))
    )
    if not same or read.columns != dataset.columns:
        if is_new:
            remove(path)
        raise DataError(
            "runs cannot record these rows: a file of them would be read as other rows or classes. "
            "Set runs=None, or give each class a row, and classes and columns names of letters."
        )
    return source


def _source(dataset: Dataset, form: Form, path: str) -> UserFile:
    task: TableTask = "classes" if dataset.task == "classes" else "regression"
    if not form.columns:
        return Npz(path, task=task)
    own = _target_names(dataset)
    return Csv(
        path,
        own[0] if len(own) == 1 else tuple(own),
        categorical=tuple(c.name for c in form.columns if c.categories is not None),
        missing=form.missing.numbers,
        missing_categories=form.missing.categories,
        task=task,
    )


def _npz(dataset: Dataset, form: Form) -> bytes:
    x = dataset.inputs.reshape(len(dataset.inputs), *(form.image or (-1,)))
    file = io.BytesIO()
    np.savez(file, x=x, y=_answers(dataset))
    return file.getvalue()


def _csv(dataset: Dataset, form: Form) -> bytes:
    """Cells of numbers as Python writes them, which reading gives back; "" where missing."""
    cells: list[list[str]] = []
    at = 0
    for column in form.columns:
        block = dataset.inputs[:, at : at + len(column.inputs)]
        at += len(column.inputs)
        if column.categories is None:
            texts = [repr(value) for value in block[:, 0].tolist()]
        else:
            texts = [column.categories[k] for k in block.argmax(axis=1)]
        missing = np.isnan(block[:, 0])
        cells.append(["" if no else text for text, no in zip(texts, missing, strict=True)])
    answers = _answers(dataset).reshape(dataset.rows, -1).T.tolist()
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([*(column.name for column in form.columns), *_target_names(dataset)])
    writer.writerows(zip(*cells, *(map(str, column) for column in answers), strict=True))
    return file.getvalue().encode()


def _target_names(dataset: Dataset) -> list[str]:
    count = 1 if dataset.task == "classes" else dataset.outputs
    return [f"target {k}" for k in range(count)]


def _answers(dataset: Dataset) -> Array:
    """The targets as a file has them: classes by name."""
    if dataset.task == "classes":
        return np.array(dataset.class_names)[dataset.targets]
    return dataset.targets
