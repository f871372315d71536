"""S4: nothing in the package runs code that came from a file, or unpacks what may be code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "nnlab"
MODULES = sorted(ROOT.rglob("*.py"))

MODULES_REFUSED = {
    *("pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "dbm"),
    *("tarfile", "code", "codeop", "runpy", "ctypes", "xml", "xmlrpc"),
}
BUILTINS = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
ATTRIBUTES = {
    *("import_module", "system", "popen", "extractall", "extract", "unpack_archive", "unsafe_load"),
    *(
        "full_load",
        "load_all",
        "read_array",
        "fromstring",
        "execv",
        "execve",
        "spawnv",
        "startfile",
    ),
}
# Where a name above stands for something else, or is given only what we wrote ourselves.
ALLOWED = {
    "cli/group.py": {"import_module"},  # of names in a tuple of that package
    "run/environment.py": {"system"},  # platform.system
    "run/repository.py": {"subprocess"},  # git, with fixed commands that run nothing
    "live/beside.py": {"subprocess"},  # this Python with a module of nnlab, for the page
    "exports/check.py": {"subprocess"},  # this Python with a script that nnlab has just written
    "study/execute.py": {"ctypes"},  # one call of the C library, with two constants
    "__init__.py": {"import_module"},  # of names in a dictionary of its own
    # Kernels, from a folder of this user alone; a Python with the module that compiles them.
    "engine/compiled/objects.py": {"ctypes", "subprocess"},
    "engine/compiled/entry.py": {"exec"},  # of lines with nothing but numbers in them
}


def refused(source: str) -> set[str]:
    """Each thing in `source` that could run code from a file."""
    refusals = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            refusals |= {alias.name.split(".")[0] for alias in node.names} & MODULES_REFUSED
            refusals |= {alias.name for alias in node.names} & {"subprocess"}
        elif isinstance(node, ast.ImportFrom):
            refusals |= {(node.module or "").split(".")[0]} & (MODULES_REFUSED | {"subprocess"})
            refusals |= {alias.name for alias in node.names} & (ATTRIBUTES | MODULES_REFUSED)
        elif isinstance(node, ast.Name):
            refusals |= {node.id} & BUILTINS
        elif isinstance(node, ast.Attribute):
            refusals |= {node.attr} & ATTRIBUTES
        elif isinstance(node, ast.Call):
            refusals |= _call(node)
        elif isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "shell"):
            value = node.value
            if not (isinstance(value, ast.Constant) and value.value is False):
                refusals.add(node.arg)
    return refusals


def _call(call: ast.Call) -> set[str]:
    """np.load and yaml.load, which run code unless they are told not to."""
    text = ast.unparse(call.func)
    if text in ("np.load", "numpy.load"):
        names = {keyword.arg for keyword in call.keywords}
        return set() if "allow_pickle" in names else {"np.load"}
    return {text} if text in ("yaml.load", "yaml.Loader", "yaml.UnsafeLoader") else set()


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_module_runs_no_code(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    assert refused(path.read_text(encoding="utf-8")) == ALLOWED.get(name, set())


@pytest.mark.parametrize(
    ("source", "refusals"),
    [
        ("import pickle", {"pickle"}),
        ("from joblib import load", {"joblib"}),
        ("eval(text)", {"eval"}),
        ("f = exec", {"exec"}),
        ("importlib.import_module(name)", {"import_module"}),
        ("from importlib import import_module", {"import_module"}),
        ("np.load(p)", {"np.load"}),
        ("np.load(p, allow_pickle=False)", set()),
        ("np.load(p, allow_pickle=flag)", {"allow_pickle"}),
        ("yaml.load(text, Loader=L)", {"yaml.load"}),
        ("yaml.unsafe_load(text)", {"unsafe_load"}),
        ("archive.extractall()", {"extractall"}),
        ("os.system(text)", {"system"}),
        ("import subprocess", {"subprocess"}),
        ("run(text, shell=True)", {"shell"}),
        ("re.compile(text)", set()),
        ("json.loads(text)", set()),
    ],
)
def test_the_search_itself(source: str, refusals: set[str]) -> None:
    assert refused(source) == refusals
