"""The generated pages say what the program says, and links between pages lead somewhere."""

import re
from pathlib import Path
from runpy import run_path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


GENERATE = run_path(str(ROOT / "docs" / "generate.py"))


@pytest.mark.parametrize("name", ["cli.md", "config.md"])
def test_generated_pages_are_current(name: str) -> None:
    path = ROOT / "docs" / name
    assert GENERATE["difference"](path, GENERATE["pages"]()[path]) == "", "run `make docs`"


def test_a_stale_page_is_shown_as_a_difference(tmp_path: Path) -> None:
    page = tmp_path / "cli.md"
    page.write_text("one\ntwo\n")
    shown = GENERATE["difference"](page, "one\nthree\n")
    assert shown.splitlines()[-2:] == ["-two", "+three"]
    assert GENERATE["difference"](page, "one\ntwo\n") == ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]+)", text)
    local = [link for link in links if not link.startswith("http")]
    assert [link for link in local if not (page.parent / link).exists()] == []
