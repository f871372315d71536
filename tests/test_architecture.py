"""The import ranks of docs/architecture.md, held as data and checked by reading the source.

Data flows one way (config -> network -> training -> run folder -> figures), so imports must too.
Imports inside functions count as well: they are late, not secret.
"""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from runpy import run_path

import pytest

ROOT = Path(__file__).parents[1] / "nnlab"
MODULES = sorted(ROOT.rglob("*.py"))

CORE = frozenset({"errors", "status", "suggest", "core"})
RANK_2 = CORE | {"data", "engine", "show.words"}
RANK_4 = RANK_2 | {"config", "build", "training", "run"}
RANK_5 = RANK_4 | {"experiment"}
RANK_6 = RANK_5 | {"diagnosis", "explanation", "exports", "peers", "study"}
ALL = RANK_6 | {"estimators", "show", "race", "live", "play", "teaching", "api", "cli"}


@dataclass(frozen=True)
class Rule:
    """What one family may import beside itself and the standard library."""

    nnlab: frozenset[str] = frozenset()  # modules of nnlab, with everything below them
    packages: frozenset[str] = frozenset()  # other people's packages, anywhere
    late: frozenset[str] = frozenset()  # those that are imported inside functions only


def rule(nnlab: frozenset[str] | set[str], packages: str = "", late: str = "") -> Rule:
    return Rule(frozenset(nnlab), frozenset(packages.split()), frozenset(late.split()))


# The longest matching name decides. "" is nnlab/__init__.py.
RULES = {
    "errors": rule(set()),
    "status": rule(set()),
    "suggest": rule(set()),
    "core": rule({"errors"}, "numpy annotated_types", "scipy"),
    "data": rule(
        {"errors", "suggest", "core.random", "core.types"},
        "numpy annotated_types",
        "sklearn platformdirs filelock PIL",
    ),
    "engine": rule(CORE, "numpy", "numba llvmlite threadpoolctl"),
    "engine.compiled": rule(CORE, "numpy numba llvmlite", "scipy"),
    "config": rule(RANK_2, "numpy yaml annotated_types"),
    "build": rule(RANK_2 | {"config", "training"}, "numpy"),
    "training": rule(CORE | {"engine", "data.batches"}, "numpy"),
    "run": rule(
        {"errors", "status", "suggest", "config", "core.columns", "core.types", "data.npz"}
        | {"engine.blas", "show.words"},
        "numpy yaml filelock",
        "threadpoolctl",
    ),
    "run.run": rule(RANK_4 - {"training"}, "numpy"),
    "run.data_facts": rule(CORE | {"config", "data", "run"}, "annotated_types"),
    "run.rows": rule(CORE | {"data", "run"}, "numpy"),
    "run.shapes": rule(CORE | {"config", "data", "run"}, "numpy"),
    "experiment": rule(RANK_4, "numpy", "threadpoolctl"),
    "diagnosis": rule(RANK_5, "numpy"),
    "explanation": rule(CORE | {"build", "config", "data", "run", "show.words"}, "numpy", "scipy"),
    "explanation.moments": rule(RANK_5 | {"show.words"}, "numpy"),
    "study": rule(RANK_5, "numpy yaml", "distributed threadpoolctl optuna scipy"),
    "study.local": rule({"run"}, "distributed"),
    "study.journal": rule({"errors", "run"}, "optuna"),
    "teaching": rule(RANK_5 | {"study"}, "numpy"),
    "exports": rule(
        RANK_5 | {"explanation.blocks", "explanation.formula", "show.words"},
        "numpy",
        "nbformat onnx safetensors tensorboard",
    ),
    "exports.torch_modules": rule(set(), "torch"),
    "estimators": rule(RANK_5 | {"api.user_network"}, "numpy sklearn"),
    "peers": rule(RANK_5 | {"explanation.blocks", "exports"}, "numpy", "sklearn torch"),
    "api": rule(
        RANK_6 | {"race", "show", "teaching"},
        "annotated_types numpy",
        "IPython matplotlib pandas rich",
    ),
    "show": rule(set()),
    "show.words": rule({"status"}),
    "show.text_tables": rule({"run.text", "show.words"}),
    "show.figures": rule(
        CORE | {"config", "engine.blas", "run", "show.words"},
        "numpy",
        "matplotlib sklearn threadpoolctl",
    ),
    "show.page": rule(
        CORE
        | {"config", "data.scale", "diagnosis.moments", "run"}
        | {"show.figures", "show.words"}
        | {
            f"explanation.{name}"
            for name in ("blocks", "formula", "mathml", "row", "saved", "story")
        },
        "numpy",
        "jinja2 markupsafe matplotlib",
    ),
    "play": rule(RANK_5 | {"diagnosis", "live", "show"}, "numpy"),
    "race": rule(RANK_5 | {"show"}, "numpy annotated_types", "matplotlib"),
    "live": rule(RANK_6 | {"show"}, "numpy", "starlette uvicorn"),
    "cli": rule(ALL, "click", "numpy yaml rich matplotlib optuna threadpoolctl filelock"),
    "__main__": rule({"cli"}),
    "": rule(RANK_6 | {"api", "estimators"}),
}


@dataclass(frozen=True)
class Import:
    """One imported module: its full name, its line, and whether it is imported late."""

    name: str
    line: int
    late: bool


def module_name(path: Path) -> str:
    """nnlab/core/layers/dense.py -> core.layers.dense; nnlab/core/__init__.py -> core."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(source: str, module: str = "", is_package: bool = False) -> list[Import]:
    """Every import in `source`, wherever it stands; `from a import b` counts as a.b.

    An import under `if TYPE_CHECKING:` never runs, so it counts as late.
    """

    def walk(node: ast.AST, late: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, late) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                if child.level:
                    package = f"nnlab.{module}".strip(".").split(".")
                    up = child.level - is_package
                    base = ".".join([*package[: len(package) - up], *filter(None, [base])])
                yield from (Import(f"{base}.{a.name}", child.lineno, late) for a in child.names)
            else:
                yield from walk(child, late or _runs_later(child))

    return list(walk(ast.parse(source), False))


def _runs_later(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def within(name: str, families: frozenset[str]) -> bool:
    return any(name == family or name.startswith(family + ".") for family in families)


def rule_of(module: str) -> tuple[str, Rule]:
    """The family a module belongs to, and its rule."""
    parts = module.split(".")
    names = [".".join(parts[:n]) for n in range(len(parts), 0, -1)] if module else [""]
    for name in names:
        if name in RULES:
            return name, RULES[name]
    raise AssertionError(f"nnlab.{module} has no rank: give it a line in RULES.")


def broken(module: str, source: str, is_package: bool = False) -> list[str]:
    """One sentence for each import that breaks the table."""
    family, allowed = rule_of(module)
    sentences = []
    for item in imports(source, module, is_package):
        top, _, rest = item.name.partition(".")
        here = f"nnlab.{module}:{item.line}"
        if top == "nnlab":
            own = frozenset({family.split(".")[0]}) - {""}
            # `import nnlab` alone asks where the package lies.
            # `from nnlab import x` names a module.
            if rest not in ("", "__version__") and not within(rest, allowed.nnlab | own):
                sentences.append(f"{here} imports {item.name}, which {family or 'nnlab'} may not.")
        elif top not in sys.stdlib_module_names:
            if top in allowed.late and not item.late:
                sentences.append(f"{here} imports {top} at the top; import it inside the function.")
            elif top not in allowed.packages | allowed.late:
                sentences.append(f"{here} imports {top}, which {family or 'nnlab'} may not.")
        if item.name.startswith(("matplotlib.pyplot", "pylab")):
            sentences.append(f"{here} imports pyplot; use matplotlib.figure.Figure.")
    return sentences


@pytest.mark.parametrize("path", MODULES, ids=lambda path: module_name(path) or "nnlab")
def test_imports_follow_the_ranks(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert broken(module_name(path), source, path.name == "__init__.py") == []


LAYERS = sorted(set((ROOT / "core" / "layers").glob("*.py")) - {ROOT / "core/layers/__init__.py"})


@pytest.mark.parametrize("path", LAYERS, ids=lambda path: path.stem)
def test_layers_never_import_each_other(path: Path) -> None:
    """What all layers share stands in core/layers/base.py."""
    names = [item.name for item in imports(path.read_text(encoding="utf-8"), module_name(path))]
    siblings = [name for name in names if within(name, frozenset({"nnlab.core.layers"}))]
    assert [name for name in siblings if not name.startswith("nnlab.core.layers.base.")] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: module_name(path) or "nnlab")
def test_every_module_says_what_it_is(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring, f"{path} has no docstring."
    assert docstring.splitlines()[0].rstrip().endswith((".", ":")), f"{path}: end the sentence."


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.name == "__init__.py"],
    ids=lambda path: module_name(path) or "nnlab",
)
def test_a_package_names_modules_that_exist(path: Path) -> None:
    """In a table `module  what it is`, and wherever a file or a module of nnlab is named."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    listed = re.findall(r"^ *([a-z]\w+)  +[a-z`]", text, re.MULTILINE)
    files = re.findall(r"\b((?:\w+/)*\w+)\.py\b", text)
    dotted = re.findall(r"\bnnlab\.([a-z_.]+\w)\b(?![(\[])", text)
    missing = [name for name in listed if not _is_module(path.parent, name)]
    tops = (path.parent, ROOT, ROOT.parent)
    missing += [name for name in files if not any(_is_module(top, name) for top in tops)]
    missing += [name for name in dotted if not _is_module(ROOT, name.replace(".", "/"))]
    assert missing == []


def _is_module(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()


LIMIT_FUNCTION = 80  # lines

# Names that several modules define on purpose: commands are found by file, figures by catalogue.
PROTOCOLS = frozenset({"command", "draw"})

MEASURE = run_path(str(ROOT.parent / "docs" / "measure.py"))


def test_a_public_name_stands_in_one_module() -> None:
    duplicates = MEASURE["duplicates"](MEASURE["read_folder"](ROOT))
    assert duplicates.keys() - PROTOCOLS == set()


def test_files_stay_short_and_functions_simple() -> None:
    sources = MEASURE["read_folder"](ROOT)
    places = {place for _, place in MEASURE["complex_functions"](sources)}
    places |= {place for _, place in MEASURE["long_files"](sources)}
    places |= {
        f"{source.path}:{name}"
        for source in sources
        for name, lines, _ in source.functions
        if lines > LIMIT_FUNCTION
    }
    assert {Path(place).relative_to(ROOT).as_posix() for place in places} == set()


@pytest.mark.parametrize(
    ("module", "source", "message"),
    [
        ("core.x", "import nnlab.run", "nnlab.core.x:1 imports nnlab.run, which core may not."),
        ("core.x", "import yaml", "nnlab.core.x:1 imports yaml, which core may not."),
        (
            "training",
            "def f():\n    from nnlab.config import load",
            "nnlab.training:2 imports nnlab.config.load, which training may not.",
        ),
        (
            "training",
            "from nnlab.data.split import split",
            "nnlab.training:1 imports nnlab.data.split.split, which training may not.",
        ),
        (
            "core.layers.x",
            "from ...run import folder",
            "nnlab.core.layers.x:1 imports nnlab.run.folder, which core may not.",
        ),
        (
            "data.x",
            "import sklearn.datasets",
            "nnlab.data.x:1 imports sklearn at the top; import it inside the function.",
        ),
        (
            "show.figures.x",
            "def f():\n    from matplotlib.pyplot import plot",
            "nnlab.show.figures.x:2 imports pyplot; use matplotlib.figure.Figure.",
        ),
        (
            "show.page.x",
            "def f():\n    from nnlab.race import run",
            "nnlab.show.page.x:2 imports nnlab.race.run, which show.page may not.",
        ),
        (
            "experiment",
            "from nnlab.show import figures",
            "nnlab.experiment:1 imports nnlab.show.figures, which experiment may not.",
        ),
    ],
)
def test_a_broken_import_is_seen(module: str, source: str, message: str) -> None:
    assert broken(module, source) == [message]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("core.x", "import numpy as np\nfrom nnlab.core.types import Array"),
        ("training", "from nnlab.data.batches import batches"),
        ("data.x", "def f():\n    import sklearn.datasets"),
        (
            "show.figures.x",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import matplotlib",
        ),
        ("cli.x", "def f():\n    from nnlab.experiment import run"),
    ],
)
def test_an_allowed_import_passes(module: str, source: str) -> None:
    assert broken(module, source) == []
