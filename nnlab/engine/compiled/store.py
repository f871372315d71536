"""The folder of the compiled code, which only this user or root can have written.

A folder is opened part by part from the root on, each part is checked, and files are read and
written through the open folder, so that nothing can be exchanged between a check and its use.
"""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
DIGEST = 32  # bytes of a SHA-256
LARGEST = 2**26  # bytes of a file; ours have a few 100 kB
OWNED = hasattr(os, "getuid")  # Windows keeps a user's folders from others by itself
# O_PATH: a folder above may be closed to reading, as /home often is.
FOLDER = getattr(os, "O_PATH", 0) | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class Unsafe(Exception):
    """Why no code is saved in a folder, as a sentence."""


class Folder(NamedTuple):
    """An open folder: its path, and its descriptor where the system has one."""

    path: Path
    descriptor: int | None

    def at(self, name: str) -> str:
        """What to open for a name in here, relative to the descriptor if there is one."""
        return name if self.descriptor is not None else str(self.path / name)


def read_code(name: str) -> bytes | None:
    """The code that was saved under a name; None if there is none, or it cannot be trusted."""
    for base in _bases():
        with suppress(Unsafe, OSError), _opened(base, make=False) as folder:
            return _read(folder, name)
    return None


def write_code(name: str, code: bytes) -> None:
    """Save code under a name, whole or not at all; it is compiled again where that fails."""
    for base in _bases():
        with suppress(Unsafe, OSError), _opened(base, make=True) as folder:
            _write(folder, name, code + sha256(code).digest())
            return


def refusal() -> str | None:
    """Why no code can be saved on this machine, or None."""
    reason = "there is no folder for it"
    for base in _bases():
        try:
            with _opened(base, make=True) as folder:
                if os.access(folder.at("."), os.W_OK, dir_fd=folder.descriptor):
                    return None
            reason = f"{base} cannot be written"
        except Unsafe as error:
            reason = str(error)
        except OSError as error:
            reason = f"{base}: {error.strerror or error}"
    return reason


def _version() -> str:
    """The name of the folder of this version of the kernels: a hash of their source."""
    sources = sorted(HERE.glob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]


def _bases() -> list[Path]:
    """The user's cache; where that cannot be used, a folder of the user's among temporary ones."""
    bases = []
    with suppress(RuntimeError):  # no home is known
        bases.append(Path(os.path.realpath(_cache())) / "nnlab/kernels")
    with suppress(OSError):  # no temporary folder can be written
        temporary = os.path.realpath(tempfile.gettempdir())
        if temporary != os.path.realpath("."):  # Python's last choice, and full of others' files
            user = os.getuid() if OWNED else "user"
            bases.append(Path(temporary) / f"nnlab-kernels-{user}")
    return bases


def _cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local")
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches"
    given = os.environ.get("XDG_CACHE_HOME", "")  # a relative one is to be ignored
    return Path(given) if os.path.isabs(given) else Path.home() / ".cache"


@contextmanager
def _opened(base: Path, make: bool) -> Iterator[Folder]:
    """The folder of this version in `base`, every part of its path checked.

    Raises Unsafe, and OSError where it is not there and cannot be made.
    """
    path = base / _version()
    if not OWNED:
        if make:
            path.mkdir(parents=True, exist_ok=True)
        yield Folder(path, None)
        return
    descriptor = os.open(path.anchor, FOLDER)
    try:
        _check(descriptor, Path(path.anchor))
        for depth, part in enumerate(path.parts[1:], 2):
            inner = _inner(descriptor, part, make)
            os.close(descriptor)
            descriptor = inner
            _check(descriptor, Path(*path.parts[:depth]), last=depth >= len(path.parts))
        yield Folder(path, descriptor)
    finally:
        os.close(descriptor)


def _inner(descriptor: int, name: str, make: bool) -> int:
    """A folder in an open folder, opened; made where it is missing, if that is wanted."""
    with suppress(FileNotFoundError):
        return os.open(name, FOLDER, dir_fd=descriptor)
    if make:
        with suppress(FileExistsError):  # another process was faster
            os.mkdir(name, 0o700, dir_fd=descriptor)
    return os.open(name, FOLDER, dir_fd=descriptor)


def _check(descriptor: int, path: Path, last: bool = False) -> None:
    """Raise Unsafe where somebody else could exchange what is in an open folder or file.

    In a sticky folder, such as /tmp, only the owner of an entry can: that will do above `last`.
    """
    about = os.fstat(descriptor)
    if about.st_uid != os.getuid() and (last or about.st_uid != 0):
        raise Unsafe(f"{path} is not yours: compiled code is not loaded from it")
    sticky = stat.S_ISDIR(about.st_mode) and about.st_mode & stat.S_ISVTX and not last
    if about.st_mode & 0o022 and not sticky:
        raise Unsafe(f"others may write to {path}: compiled code is not loaded from it")


def _read(folder: Folder, name: str) -> bytes | None:
    descriptor = os.open(folder.at(name), os.O_RDONLY | FILE, dir_fd=folder.descriptor)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > LARGEST:
            return None
        if OWNED:
            _check(descriptor, folder.path / name, last=True)
        content = file.read(LARGEST)
    code, digest = content[:-DIGEST], content[-DIGEST:]
    return code if sha256(code).digest() == digest else None


def _write(folder: Folder, name: str, data: bytes) -> None:
    temporary = f".{name}.{os.urandom(8).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | FILE
    descriptor = os.open(folder.at(temporary), flags, 0o600, dir_fd=folder.descriptor)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if OWNED:
                os.fchmod(descriptor, 0o600)  # whatever the umask takes away
            file.write(data)
        os.replace(
            *(folder.at(temporary), folder.at(name)),
            src_dir_fd=folder.descriptor,
            dst_dir_fd=folder.descriptor,
        )
    except BaseException:
        with suppress(OSError):
            os.unlink(folder.at(temporary), dir_fd=folder.descriptor)
        raise
