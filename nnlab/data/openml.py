"""Tables of openml.org, which scikit-learn downloads and stores."""

import socket
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Lt

from nnlab.data.csv_text import quoted, quoted_list
from nnlab.data.dataset import Dataset
from nnlab.data.download import TIMEOUT, data_folder, failure_of_server
from nnlab.data.frame import is_frame, is_named, named_columns
from nnlab.data.memory import TableSource
from nnlab.data.table_schema import TableTask
from nnlab.data.user_csv import ColumnChoice
from nnlab.errors import DataError, StorageError

NEEDS_PANDAS = "STRING attributes"  # the begin of scikit-learn's refusal of columns of text
LABELS = {"FALSE": "0", "TRUE": "1"}  # as the targets of a table with several labels are written


@dataclass(frozen=True)
class Openml(TableSource):
    """A table of openml.org by its number: `data: {openml: 61}` is iris.

    It is downloaded when it is first used, into the folder openml beside the image data sets. Its
    nominal columns are categorical. Columns that it marks as row numbers, or to be ignored, are
    left out. A table with columns of text needs pandas; a sparse table is refused.

    id: the number in the address of the data set, as in openml.org/d/61.
    target: the column to predict; by default the target that the data set names. Several columns
    make a regression, or labels where they are nominal, 0 and 1 or FALSE and TRUE.
    task: auto reads a nominal target as classes, several as labels, and numbers as a regression;
    else as for csv.
    sha256: of the rows, as in data.json of a run; other rows are refused.
    """

    id: Annotated[int, Ge(1), Lt(2**31)] = field(kw_only=True)

    def load(self, seed: int) -> Dataset:
        return _read(self, data_folder())


@lru_cache(maxsize=4)
def _read(source: Openml, folder: Path) -> Dataset:
    """All rows, from this data folder or from openml.org. Raises DataError, StorageError."""
    title = f"openml {source.id}"
    table = _fetch(source.id, folder / "openml")
    names, values = _columns(table, title)
    targets = _targets(source, table.details.get("default_target_attribute", ""), names)
    places = [i for i, name in enumerate(names) if name in targets]
    task = _task([values[i] for i in places]) if source.task == "auto" else source.task
    for i in places if task == "multilabel" else ():
        values[i] = [LABELS.get(cell, cell) for cell in np.asarray(values[i]).tolist()]
    dataset = replace(source, task=task).of_columns(title, names, values, targets, title)
    source.require_hash(dataset)
    return replace(dataset, notes=(*_notes(table.details, title), *dataset.notes))


def _task(targets: Sequence[Any]) -> TableTask:
    """The task that the types of the target columns mean."""
    nominal: TableTask = "classes" if len(targets) == 1 else "multilabel"
    return nominal if all(map(is_named, targets)) else "regression"


def _fetch(number: int, place: Path) -> Any:
    """The answer of `fetch_openml`, targets among the data. Raises DataError, StorageError."""
    from gzip import BadGzipFile
    from http.client import HTTPException
    from ssl import SSLError
    from urllib.error import URLError

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)  # fetch_openml has none: it would wait for a silent server
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `_notes` says the same, once
            return _fetch_unguarded(number, place.parent)
    except MemoryError:  # not a matter of the file
        raise
    except (URLError, SSLError, TimeoutError, ConnectionError, HTTPException) as error:
        raise DataError(
            f"openml {number} is not complete in {place}, and could not be downloaded from "
            f"www.openml.org: {failure_of_server(error)} Copy that folder from a computer that has "
            "it, or set NNLAB_DATA_DIR to a folder that has openml in it."
        ) from None
    except Exception as error:  # a damaged file fails in many ways, and each parser in its own
        if isinstance(error, OSError) and not isinstance(error, BadGzipFile):
            problem = f"{place} could not be used: {error.strerror or error}."
            raise StorageError(f"{problem} Set NNLAB_DATA_DIR to another folder.") from error
        if str(error).startswith(NEEDS_PANDAS):
            raise DataError(f"openml {number} has columns of text: pip install pandas") from None
        if type(error).__name__ == "OpenMLError":
            raise DataError(f"openml.org has no data set {number} that all may read.") from None
        problem = f"openml {number} cannot be read, or its MD5 is wrong."
        raise DataError(f"{problem} To download it again, remove {place}.") from None
    finally:
        socket.setdefaulttimeout(timeout)


def _fetch_unguarded(number: int, folder: Path) -> Any:
    """The table as numbers, or as a data frame where it has columns of text."""
    from sklearn.datasets import fetch_openml

    # No target: nnlab chooses it, and has its own rules for missing cells and mixed targets.
    settings = {"data_id": number, "data_home": folder, "target_column": None}
    try:
        return fetch_openml(**settings, as_frame=False, parser="liac-arff")
    except ValueError as error:
        # Without pandas the second call would remove the file from the cache.
        if not str(error).startswith(NEEDS_PANDAS) or find_spec("pandas") is None:
            raise
    return fetch_openml(**settings, as_frame=True, parser="liac-arff")


def _columns(table: Any, title: str) -> tuple[list[str], list[Any]]:
    """Names and cells of the columns: numbers, or texts and None for a missing cell."""
    if hasattr(table.data, "toarray"):
        raise DataError(f"{title} is a sparse table, and nnlab needs all its numbers.")
    if is_frame(table.data):
        return named_columns(table.data)
    columns = dict(zip(table.feature_names, table.data.T, strict=True))
    for name, kinds in table.categories.items():
        codes = np.nan_to_num(columns[name], nan=-1).astype(np.int64)
        columns[name] = np.array([*kinds, None], object)[codes]
    return list(columns), list(columns.values())


def _targets(source: Openml, own: str, names: Sequence[str]) -> list[ColumnChoice]:
    """The target columns, by name: the config's, else the data set's own. Raises DataError."""
    if not source.targets and not own:
        columns = quoted_list(names, 20)
        raise DataError(f"openml {source.id} names no data.target; its columns are {columns}.")
    chosen = source.targets or ((own,) if own in names else own.split(","))
    return [names[t] if isinstance(t, int) and t < len(names) else t for t in chosen]


def _notes(details: Mapping[str, Any], title: str) -> Iterator[str]:
    """Sentences about what openml.org finds wrong with the data set."""
    for kind in ("status", "error", "warning"):
        if details.get(kind, "active") != "active":
            yield f"{title}: openml.org gives its {kind} as {quoted(str(details[kind]))}."
