"""Where the compiled kernels are kept: a folder of this user alone, for numba's cache is pickle."""

import os
import sys
from hashlib import sha256
from pathlib import Path

from nnlab.errors import StorageError

HERE = Path(__file__).parent


def folder() -> Path:
    """The folder for this version of the kernels, made with mode 0700.

    numba looks at the time of one source file only, so the name holds a hash of all of them.
    Raises StorageError when the folder belongs to somebody else or others may write to it.
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


def _base() -> Path:
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen).expanduser() / "nnlab"
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


def is_cached(dtype: str) -> bool:
    """Whether the kernels for "float32" or "float64" have been compiled here before."""
    return (folder() / f"{dtype}-ready").exists()


def note(dtype: str) -> None:
    """Remember that they have."""
    (folder() / f"{dtype}-ready").mkdir(exist_ok=True)
