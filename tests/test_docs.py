"""The generated pages say what the program says, and links between pages lead somewhere."""

import ast
import re
import tomllib
from pathlib import Path
from runpy import run_path

import pytest

import nnlab
from nnlab import errors

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs/how-to").glob("*.md")]
)


GENERATE = run_path(str(ROOT / "docs" / "generate.py"))


@pytest.mark.parametrize(
    "name", ["cli.md", "config.md", "environment.md", "explain.md", "man/nnlab.1"]
)
def test_generated_pages_are_current(name: str) -> None:
    path = ROOT / "docs" / name
    assert GENERATE["difference"](path, GENERATE["pages"]()[path]) == "", "run `make docs`"


def test_a_stale_page_is_shown_as_a_difference(tmp_path: Path) -> None:
    page = tmp_path / "cli.md"
    page.write_text("one\ntwo\n")
    shown = GENERATE["difference"](page, "one\nthree\n")
    assert shown.splitlines()[-2:] == ["-two", "+three"]
    assert GENERATE["difference"](page, "one\ntwo\n") == ""


def test_the_walks_name_what_is_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    steps = re.findall(r"`([\w/]+\.py): ([\w.]+)`", text)
    assert len(steps) > 20
    assert [step for step in steps if not is_defined(*step)] == []


def is_defined(module: str, name: str) -> bool:
    """Whether a module defines a name, or a class of it the attribute behind the dot."""
    place: ast.AST = ast.parse((ROOT / "nnlab" / module).read_text(encoding="utf-8"))
    for part in name.split("."):
        defined = {own: node for node in ast.iter_child_nodes(place) for own in names_of(node)}
        if part not in defined:
            return False
        place = defined[part]
    return True


def names_of(node: ast.AST) -> list[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = [*getattr(node, "targets", ()), getattr(node, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "`code`", page.read_text(encoding="utf-8"))
    links = re.findall(r"\]\(([^)#]+)", text)
    local = [link for link in links if not link.startswith("http")]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_the_version_stands_in_one_place_and_its_copy_agrees() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert "version" in project["dynamic"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {nnlab.__version__}\n" in citation


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_ask_nnlab(shell: str) -> None:
    """The wheel installs what click writes; other versions of click may differ in blanks."""
    script = (ROOT / "docs" / "completion" / f"nnlab.{shell}").read_text(encoding="utf-8")
    assert f"_NNLAB_COMPLETE={shell}_complete" in script


def test_every_exit_code_of_an_error_has_a_row_with_a_remedy() -> None:
    page = (ROOT / "docs" / "environment.md").read_text("utf-8")
    for error in errors.NnlabError.__subclasses__():
        if error.__module__ == "nnlab.errors" and error is not errors.Interrupted:
            (row,) = re.findall(rf"^\| {error.exit_code} \| (.+) \| (.+) \|$", page, re.MULTILINE)
            assert error.remedy in row[1] or error is errors.UsageError  # 2 is that of a config
