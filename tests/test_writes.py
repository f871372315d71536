"""Only `run/durable.py` writes files, so that every write is whole, synced and tested (R2).

The exceptions fill other folders, with tests of their own: `data/download.py` the data cache,
`engine/compiled/store.py` the cache of compiled kernels, `run/repository.py` a temporary folder.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "nnlab"
WRITERS = {
    *("run/durable.py", "run/repository.py", "data/download.py"),
    "engine/compiled/store.py",
}
# Calls that look like writing to a file and are not.
HARMLESS = {
    "estimators/recording.py": ["np.savez"],  # into memory
    "run/arrays.py": ["archive.open"],  # a zip in memory
    "cli/terminal.py": ["os.open", "open", "open", "os.open"],  # the null device
}
MODULES = sorted(p for p in ROOT.rglob("*.py") if p.relative_to(ROOT).as_posix() not in WRITERS)

METHODS = {"write_text", "write_bytes", "savez", "savez_compressed", "savetxt", "tofile", "touch"}
NUMPY_ONLY = {"save", "memmap"}
OF_OS = {"open", "rename", "truncate", "unlink", "remove", "link", "symlink", "mkdir", "makedirs"}
OF_SHUTIL = {"copy", "copy2", "copyfile", "copytree", "move", "rmtree"}


def writes(source: str) -> list[str]:
    """Each call in `source` that could change a file."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [ast.unparse(call.func) for call in calls if _changes_files(call)]


def _changes_files(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Name):
        return function.id == "open" and _may_write(call, mode_at=1)
    if not isinstance(function, ast.Attribute):
        return False
    owner = function.value.id if isinstance(function.value, ast.Name) else ""
    if owner == "os":
        return function.attr in OF_OS and not _os_open_reads(call)
    if owner == "shutil":
        return function.attr in OF_SHUTIL
    if owner in ("np", "numpy") and function.attr in NUMPY_ONLY:
        return True
    if function.attr == "open":  # path.open(mode), but gzip.open(path, mode)
        return _may_write(call, mode_at=1 if owner in ("io", "gzip", "bz2", "lzma") else 0)
    return function.attr in METHODS


def _os_open_reads(call: ast.Call) -> bool:
    """Whether the flags say O_RDONLY and none that makes, changes or empties a file."""
    text = ast.unparse(call)
    written = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_APPEND", "O_TRUNC")
    return "O_RDONLY" in text and not any(flag in text for flag in written)


def _may_write(call: ast.Call, mode_at: int) -> bool:
    """Whether the mode is anything but a literal that reads; no mode reads."""
    modes = [k.value for k in call.keywords if k.arg == "mode"] or call.args[mode_at : mode_at + 1]
    if not modes:
        return any(k.arg is None for k in call.keywords)  # open(path, **options)
    mode = modes[0]
    if not isinstance(mode, ast.Constant):
        return len(call.args) > mode_at + 1 or isinstance(call.func, ast.Name)
    return isinstance(mode.value, str) and bool(set(mode.value) & set("wax+"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_module_does_not_write(path: Path) -> None:
    calls = writes(path.read_text(encoding="utf-8"))
    harmless = HARMLESS.get(path.relative_to(ROOT).as_posix(), [])
    assert calls == harmless, "write through nnlab.run.durable"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("open(p, 'w')", True),
        ("open(p, mode='ab')", True),
        ("open(p, 'r+')", True),
        ("open(p, mode)", True),
        ("open(p, **options)", True),
        ("open(p)", False),
        ("open(p, 'rb')", False),
        ("p.open('x')", True),
        ("p.open(encoding='utf-8')", False),
        ("gzip.open(p, 'wb')", True),
        ("gzip.open(p)", False),
        ("os.open(p, flags)", True),
        ("os.open(p, os.O_RDONLY | os.O_CREAT)", True),
        ("os.open(p, os.O_RDONLY | os.O_NONBLOCK)", False),
        ("os.makedirs(p)", True),
        ("shutil.copy(a, b)", True),
        ("p.write_text('a')", True),
        ("(p / 'a').write_bytes(b'a')", True),
        ("np.save(p, a)", True),
        ("np.savez(p, a=a)", True),
        ("a.tofile(p)", True),
        ("parser.save(a)", False),
        ("durable.write_file(p, b'a')", False),
        ("archive.open(info)", False),
        ("RunFolder.open(path)", False),
    ],
)
def test_the_search_itself(source: str, expected: bool) -> None:
    assert bool(writes(source)) is expected
