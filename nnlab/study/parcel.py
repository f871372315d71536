"""A run folder as a value that can be sent: its files as bytes, and a hash of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from nnlab.errors import RunUnreadable
from nnlab.run import durable, guard, lock
from nnlab.run.folder import RunFolder
from nnlab.run.text import shown
from nnlab.study.trial import read_outcome

NOT_SENT = (lock.LOCK, lock.HOLDER)  # of the process that wrote the run


@dataclass(frozen=True)
class Parcel:
    """The files of a run folder by their path in it, and the SHA-256 of names and contents."""

    files: Mapping[str, bytes]
    digest: str


def pack_run(folder: Path) -> Parcel:
    """All files of a finished run. RunUnreadable, StorageError."""
    files = {
        path.relative_to(folder).as_posix(): durable.read_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name not in NOT_SENT
        and not path.name.endswith(durable.TEMPORARY)
    }
    return Parcel(files, digest_files(files))


def unpack_run(parcel: Parcel, target: Path) -> None:
    """Put the run folder at `target`, whole or not at all.

    It is written under a temporary name and renamed. A complete run that is there already stays,
    an incomplete run is replaced. Raises RunLocked while a process writes there, RunUnreadable
    when the parcel was damaged on its way, StorageError.
    """
    if digest_files(parcel.files) != parcel.digest:
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


def digest_files(files: Mapping[str, bytes]) -> str:
    """The SHA-256 of names, lengths and contents, in the order of the names."""
    total = sha256()
    for name in sorted(files):
        total.update(f"{len(name)} {name} {len(files[name])} ".encode())
        total.update(files[name])
    return total.hexdigest()


def _move(temporary: Path, target: Path) -> None:
    guard.refuse_link(target)
    if target.exists():
        with RunFolder(target).lock():
            ended = read_outcome(RunFolder(target))
            if ended is not None and ended.done:
                return
            durable.remove_folder(target)
    durable.replace(temporary, target)
    durable.sync_folder(target.parent)
