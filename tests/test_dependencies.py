"""Every package that nnlab imports is declared, and every declared package is imported."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.lowest import floors
from tests.test_architecture import MODULES, imports, module_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Where the name of an import is not that of its package.
PACKAGES = {"sklearn": "scikit-learn", "yaml": "pyyaml", "annotated_types": "annotated-types"}
# A package pins its companion to the exact version, so it declares it for us.
COMPANIONS = {"llvmlite": "numba"}
# distributed imports it for the certificate of `--cluster local:N`, and does not declare it.
INDIRECT = {"cryptography"}
# Used where the user has them: the program that shows a notebook, and data frames.
GUESTS = {"IPython", "pandas"}
# Imported by modules for which the extra is needed, and nowhere else.
OPTIONAL = {
    "fast": "engine.compiled",
    "cluster": "study",
    "tune": "study",
    "live": "live",
    "torch": "peers",
    "export": "exports",
}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=~!\[]", requirement)[0] for requirement in requirements} - {"nnlab"}


def imported(folder: str = "") -> set[str]:
    """The packages that nnlab imports, anywhere or in one folder of it."""
    packages = set()
    for path in MODULES:
        module = module_name(path)
        if module == folder or module.startswith(f"{folder}." if folder else ""):
            source = path.read_text("utf-8")
            tops = {
                item.name.partition(".")[0]
                for item in imports(source, module, path.name == "__init__.py")
            }
            packages |= tops - set(sys.stdlib_module_names) - {"nnlab"}
    return {COMPANIONS.get(name, PACKAGES.get(name, name)) for name in packages}


def test_what_is_imported_is_declared() -> None:
    declared = names(PROJECT["dependencies"])
    extras = {name for extra in OPTIONAL for name in names(EXTRAS[extra])}
    assert imported() == (declared | extras | GUESTS) - INDIRECT


@pytest.mark.parametrize("extra", OPTIONAL)
def test_an_extra_is_imported_where_it_is_needed(extra: str) -> None:
    assert names(EXTRAS[extra]) - INDIRECT <= imported(OPTIONAL[extra])


def test_the_lowest_versions_are_those_of_the_project() -> None:
    floor = dict(line.split("==") for line in floors())
    every = [
        *PROJECT["dependencies"],
        *(requirement for extra in OPTIONAL for requirement in EXTRAS[extra]),
    ]
    assert [f"{name}>={version}" for name, version in floor.items()] == every
