"""A run and its report in one zip, and the files of such a zip or of a run folder."""

import io
import os
import stat
import zipfile
from pathlib import Path, PurePosixPath

from nnlab.data.npz import NpzError, open_npz
from nnlab.errors import RunUnreadable
from nnlab.run import durable, guard
from nnlab.run.folder import REPORT, RUN, TRAINING_FILES, RunFolder
from nnlab.run.text import shown

MOST = 256 << 20  # bytes of a hand-in, packed and unpacked
EPOCH = (1980, 1, 1, 0, 0, 0)  # of all files: equal runs give equal bytes


def pack_handin(folder: RunFolder, report: bytes) -> bytes:
    """The bytes of the zip: the files of the run, and its report.

    Raises RunUnreadable for a run that has not come to its end, or is too large.
    """
    if not (status := folder.status()).ended:
        raise RunUnreadable(f"{shown(folder.path)} is {status}: hand it in when it has ended.")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in {**_files_in(folder.path), REPORT: report}.items():
            info = zipfile.ZipInfo(f"{folder.name}/{name}", EPOCH)
            info.create_system = 3  # otherwise Windows would give other bytes
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def find_handins(folder: Path) -> list[Path]:
    """The run folders and zips in a folder, at any depth; links to folders are not entered."""
    places: list[Path] = []
    for top, below, files in os.walk(folder):
        if RUN in files:
            places.append(Path(top))
            below.clear()
        else:
            places += [Path(top, name) for name in files if name.lower().endswith(".zip")]
    return sorted(places)


def read_handin(path: Path) -> dict[str, bytes]:
    """The files of the run in a zip or a folder, by name; what is no file of a run is left out.

    Raises RunUnreadable for links, paths that lead elsewhere, bombs, and for no or several runs.
    """
    if guard.is_real_folder(path):
        return _files_in(path)
    if path.is_symlink():
        raise RunUnreadable("it is a link")
    try:
        with open_npz(io.BytesIO(durable.read_file(path, MOST)), ".zip") as archive:
            return _files_of(archive)
    except NpzError as error:
        raise RunUnreadable(str(error)) from None


def _files_in(folder: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for name in filter(lambda name: guard.status_of(folder / name) is not None, TRAINING_FILES):
        if (folder / name).is_symlink() or (folder / name).parent.is_symlink():
            raise RunUnreadable(f"{name} is a link")
        files[name] = durable.read_file(folder / name, MOST - sum(map(len, files.values())))
    return files


def _files_of(archive: zipfile.ZipFile) -> dict[str, bytes]:
    members = _members(archive)
    unpacked = sum(info.file_size for info in members.values())
    if unpacked > MOST:
        raise RunUnreadable(f"it unpacks to {unpacked:,} bytes; at most {MOST:,} are read")
    tops = [name.removesuffix(RUN) for name in members if PurePosixPath(name).name == RUN]
    if len(tops) != 1:
        raise RunUnreadable(f"it holds {len(tops)} runs; hand in one")
    inside = {name: members.get(tops[0] + name) for name in TRAINING_FILES}
    return {name: _read(archive, info) for name, info in inside.items() if info is not None}


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """A member, never more of it than it announces, as `archive.read` would unpack."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RunUnreadable(f"{shown(info.filename)} has an unusual compression")
    with archive.open(info) as stream:
        return stream.read(info.file_size)


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by path. Raises RunUnreadable for links, and paths that lead elsewhere."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise RunUnreadable(f"it holds the path {shown(name)}, which leads out of it")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise RunUnreadable(f"it holds the link {shown(name)}")
        if name in members:
            raise RunUnreadable(f"it holds {shown(name)} twice")
        members[name] = info
    return members
