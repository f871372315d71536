"""What a resumed run goes on from: one file, whole or not there, and the one before it.

    checkpoint.npz             the last save
    checkpoint.previous.npz    the save before; what is read when the last one is damaged

Order of a save: write and sync the new file under a temporary name, rename the last one to the
previous one, rename the new one to the last one. A kill in between leaves at least one whole file.
A save takes the last one to be whole without reading it again: `recover` sees to that first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run import arrays as npz
from nnlab.run import durable, guard
from nnlab.run.text import plain, shown

CURRENT = "checkpoint.npz"
PREVIOUS = "checkpoint.previous.npz"
FORMAT = 1
_META = "meta"
_SALVAGE = ("metrics.csv", "weights/best.npz", "weights/final.npz", "weights/initial.npz")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """One save: arrays by name, what else there is to know, and a note if it is not the last."""

    arrays: dict[str, NDArray[Any]]
    meta: dict[str, Any]
    note: str | None = None


def write(folder: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
    """Saves `arrays` and `meta` (JSON types; floats keep every bit, nan and inf too).

    Raises:
        ValueError: an array called `meta`, or with a dtype that cannot be saved.
        RunUnreadable: something that is no file has the name of a checkpoint.
        StorageError: the system refused; what was saved before can still be read.
    """
    if _META in arrays:
        raise ValueError(f"'{_META}' cannot be the name of an array in a checkpoint")
    text = json.dumps({"format": FORMAT, "meta": plain(meta, finite=False)})
    packed = npz.pack({**arrays, _META: np.frombuffer(text.encode(), dtype=np.uint8)})
    path = folder / CURRENT
    for name in (CURRENT, PREVIOUS):
        guard.refuse_odd(folder / name)
    temporary = durable.stage(path, packed)
    if path.exists():
        try:
            durable.replace(path, folder / PREVIOUS)
        except StorageError:
            durable.discard(temporary)
            raise
    durable.move(temporary, path)
    durable.sync_folder(folder)


def read(folder: Path) -> Checkpoint:
    """The last save, or with a note the one before when the last one is damaged or missing.

    Raises:
        RunUnreadable: neither can be read; the message says what can still be had.
    """
    problems = []
    for name in (CURRENT, PREVIOUS):
        try:
            arrays, meta = _open(folder / name)
        except RunUnreadable as error:
            problems.append(str(error))
            continue
        note = f"{problems[0]} Going on from {name}, the save before." if problems else None
        return Checkpoint(arrays, meta, note)
    raise RunUnreadable(f"{' '.join(problems)} {_salvage(folder)}")


def read_one(folder: Path, name: str) -> Checkpoint:
    """The save in one of the two files, CURRENT or PREVIOUS. Raises RunUnreadable."""
    return Checkpoint(*_open(folder / name))


def recover(folder: Path) -> Checkpoint:
    """Reads as `read` does, and removes a damaged last save, for whoever is to save next.

    Else the next save would rename the damaged file over the whole one before it. Only under the
    lock.
    """
    saved = read(folder)
    if saved.note is not None:
        durable.remove(folder / CURRENT)
    return saved


def exists(folder: Path) -> bool:
    """Whether there is anything to go on from, whole or not."""
    return (folder / CURRENT).exists() or (folder / PREVIOUS).exists()


def _open(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    arrays = npz.read(path, sealed=True)
    try:
        content = json.loads(arrays.pop(_META).tobytes())
        version, meta = content["format"], content["meta"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise RunUnreadable(f"Cannot read {shown(path)}: it is not a checkpoint.") from error
    if version != FORMAT:
        raise RunUnreadable(
            f"Cannot read {shown(path)}: it has format {version}, this nnlab reads {FORMAT}."
        )
    return arrays, meta


def _salvage(folder: Path) -> str:
    left = [name for name in _SALVAGE if (folder / name).is_file()]
    kept = f"Still there: {', '.join(left)}. " if left else ""
    return f"{kept}`nnlab train {shown(folder / 'resolved.yaml')}` repeats the run from the start."
