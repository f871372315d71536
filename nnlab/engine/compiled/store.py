"""Where the compiled code is kept: a folder of this user alone, for it is run as it is found."""

import os
import sys
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from nnlab.errors import StorageError

HERE = Path(__file__).parent
DIGEST = 32  # bytes of a SHA-256


def folder() -> Path:
    """The folder for this version of the kernels, made with mode 0700.

    Its name is a hash of their source. Raises StorageError when the folder belongs to somebody
    else or others may write to it.
    """
    sources = sorted(HERE.glob("*.py"))
    version = sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    path = _base() / version
    try:
        for part in (_base(), path):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check(part)
    except OSError as error:
        raise StorageError(f"The compiled kernels cannot be kept in {path}: {error}.") from error
    return path


def read(name: str) -> bytes | None:
    """The code that was kept under a name; None if there is none, or it is damaged."""
    try:
        kept = (folder() / name).read_bytes()
    except OSError:
        return None
    code, digest = kept[:-DIGEST], kept[-DIGEST:]
    return code if sha256(code).digest() == digest else None


def write(name: str, code: bytes) -> None:
    """Keep code under a name, whole or not at all. Raises StorageError as `folder`.

    Where the disk refuses, nothing is kept: it is compiled again next time.
    """
    path = folder() / name
    with suppress(OSError):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(code + sha256(code).digest())
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink()


def _base() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "nnlab/kernels"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/nnlab/kernels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nnlab/kernels"


def _check(path: Path) -> None:
    if not hasattr(os, "getuid"):
        return
    found = path.lstat()
    if found.st_uid != os.getuid() or path.is_symlink():
        raise StorageError(f"{path} is not yours: compiled code is not loaded from it. Remove it.")
    if found.st_mode & 0o022:
        raise StorageError(f"Others may write to {path}: compiled code is not loaded from it.")
