"""A run folder as one value that can be sent: its files as bytes, and a hash over all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from nnlab.errors import RunUnreadable
from nnlab.run import durable, guard, lock
from nnlab.run.folder import RunFolder
from nnlab.run.text import shown
from nnlab.study.trial import DONE, outcome

LEFT = (lock.LOCK, lock.HOLDER)  # of the process that wrote it, no part of the run


@dataclass(frozen=True)
class Parcel:
    """The files of a run folder by their path in it, and the SHA-256 of names and contents."""

    files: Mapping[str, bytes]
    digest: str


def pack(folder: Path) -> Parcel:
    """All files of a run that no process is writing any more. RunUnreadable, StorageError."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in LEFT)
    files = {
        path.relative_to(folder).as_posix(): durable.read_file(path)
        for path in paths
        if not path.name.endswith(durable.TEMPORARY)
    }
    return Parcel(files, digest(files))


def unpack(parcel: Parcel, target: Path) -> None:
    """Put the run folder at `target`, whole or not at all.

    It is written under a temporary name and renamed. A run that came to its end there already is
    left as it is; what was left unfinished gives way. Raises RunLocked while a process writes
    there, RunUnreadable when the parcel was damaged on its way, StorageError.
    """
    if digest(parcel.files) != parcel.digest:
        raise RunUnreadable(f"The run {shown(target.name)} was damaged on its way here.")
    for name in parcel.files:
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or "\\" in name or ":" in name:
            raise RunUnreadable(f"The run {shown(target.name)} has a file named {shown(name)}.")
    durable.make_folder(target.parent)
    temporary = durable.temporary_name(target)
    try:
        for name, data in parcel.files.items():
            path = temporary / name
            durable.make_folder(path.parent)
            durable.write_file(path, data)
        _move(temporary, target)
    finally:
        durable.remove_folder(temporary)


def digest(files: Mapping[str, bytes]) -> str:
    """Over names, lengths and contents, in the order of the names."""
    found = sha256()
    for name in sorted(files):
        found.update(f"{len(name)} {name} {len(files[name])} ".encode())
        found.update(files[name])
    return found.hexdigest()


def _move(temporary: Path, target: Path) -> None:
    guard.refuse_link(target)
    if target.exists():
        with RunFolder(target).lock():
            ended = outcome(RunFolder(target))
            if ended is not None and ended.status in DONE:
                return
            durable.remove_folder(target)
    durable.replace(temporary, target)
    durable.sync_folder(target.parent)
