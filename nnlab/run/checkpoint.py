"""The saved state of a run, from which `nnlab resume` continues: two files.

    checkpoint.npz             the last save
    checkpoint.previous.npz    the save before it, read when the last one is damaged

A save writes and syncs the new file under a temporary name, renames the last one to the previous
one, and the new one to the last one. A kill in between leaves at least one whole file. It does not
check that the last file is whole: `recover_checkpoint` does so first. A save also holds the sizes
of the tables, to which a resumed run cuts them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import RunUnreadable
from nnlab.run import arrays as npz
from nnlab.run import durable, guard, records
from nnlab.run.batch import Batch
from nnlab.run.text import json_value, shown, unreadable

CURRENT = "checkpoint.npz"
PREVIOUS = "checkpoint.previous.npz"
FILES = (CURRENT, PREVIOUS)
TABLES = "metrics.csv", "steps.csv"
FORMAT = 1
_META = "meta"
_SALVAGE = ("metrics.csv", "weights/best.npz", "weights/final.npz", "weights/initial.npz")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A save: arrays, JSON values, bytes per table; `note` if it is the older save."""

    arrays: dict[str, NDArray[Any]]
    meta: dict[str, Any]
    tables: dict[str, int]
    note: str | None = None


def write_checkpoint(
    folder: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any], files: Batch
) -> None:
    """Saves `arrays` and `meta` (JSON types; floats keep every bit, nan and inf too).

    After a StorageError the save before can still be read. Raises ValueError for an array called
    `meta`, or with a dtype that cannot be saved.
    """
    if _META in arrays:
        raise ValueError(f"'{_META}' cannot be the name of an array in a checkpoint")
    for name in TABLES:
        files.sync(folder / name)
    sizes = {name: records.table_size(folder / name) for name in TABLES}
    content = {"state": json_value(meta, finite=False), "records": sizes}
    text = json.dumps({"format": FORMAT, "meta": content})
    packed = npz.pack_npz({**arrays, _META: np.frombuffer(text.encode(), dtype=np.uint8)})
    guard.refuse_odd(folder / PREVIOUS)
    files.write(folder / CURRENT, packed, keep=folder / PREVIOUS)


def read_checkpoint(folder: Path) -> Checkpoint:
    """The last save; if it is damaged or missing, the previous one with a note.

    Raises RunUnreadable if neither can be read; the message names the files that can.
    """
    problems = []
    for name in FILES:
        try:
            saved = read_save(folder / name)
        except RunUnreadable as error:
            problems.append(str(error))
            continue
        if problems:
            note = f"{problems[0]} The run continues from {name}, the save before."
            return replace(saved, note=note)
        return saved
    whole = ", ".join(name for name in _SALVAGE if (folder / name).is_file())
    still = f"Still there: {whole}. " if whole else ""
    raise RunUnreadable(
        f"{' '.join(problems)} {still}`nnlab train {shown(folder / 'resolved.yaml')}` "
        "repeats the run from the start."
    )


def recover_checkpoint(folder: Path) -> Checkpoint:
    """Reads as `read_checkpoint`, and removes a damaged last save.

    Otherwise the next save would rename the damaged file over the whole one. Only under the lock.
    """
    saved = read_checkpoint(folder)
    if saved.note is not None:
        durable.remove(folder / CURRENT)
    return saved


def read_save(path: Path) -> Checkpoint:
    """The save in one of the two files. Raises RunUnreadable."""
    arrays = npz.read_npz(path, sealed=True)
    try:
        content = json.loads(arrays.pop(_META).tobytes())
        if content["format"] != FORMAT:
            raise unreadable(path, f"it has format {content['format']}, this nnlab reads {FORMAT}")
        meta, sizes = content["meta"]["state"], content["meta"]["records"]
        # Only these two: other files that it may name must not be cut.
        tables = {name: int(sizes[name]) for name in TABLES}
        if not isinstance(meta, dict) or min(tables.values()) < 0:
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise unreadable(path, "it is not a checkpoint") from error
    return Checkpoint(arrays, meta, tables)
