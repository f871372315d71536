"""What the pages tell a reader to type works: commands, configs, programs, the whole tutorial."""

import ast
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from docs.site import member_formulas, site_pages
from nnlab.cli import main
from nnlab.config.load import parse_config
from nnlab.core.layers import LAYERS
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.errors import ConfigError, DataError

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *(ROOT / "docs").glob("*/*.md")]
PAGES = [page for page in PAGES if page.name != "LOG.md" and page.parent.name != "generated"]
TUTORIAL = ROOT / "docs" / "tutorial.md"

# Drawing and sweeping take seconds, and have tests of their own.
QUICKER = {"train": ["--no-plots"], "sweep": ["--dry-run"]}

# What the tutorial says that its commands show.
SHOWN = {
    "nnlab check xor.yaml": "18",
    "nnlab evaluate latest": "1.000",
    "nnlab doctor latest": "The network answers about the same to every row.",
    "nnlab verify latest": "came out the same",
    "nnlab runs": "20",
    "nnlab sweep lr xor.yaml --seeds 3": "15 trials: 15 to run",
    "nnlab explain latest --row 3 --epoch 0": "FORWARD",
    "nnlab report latest": "report.html",
    "nnlab export latest --to script": "script.py",
}


def blocks(page: Path, *languages: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^```([^\n]*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [block for language, block in found if language in languages]


def commands(page: Path) -> Iterator[list[str]]:
    """The arguments of each nnlab command in a page; what stands behind # is a comment."""
    for block in blocks(page, "sh", "bash"):
        for line in block.splitlines():
            if line.startswith("nnlab ") and (words := shlex.split(line, comments=True)[1:]):
                yield words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    for words in commands(page):
        command: click.Command = main
        context = click.Context(main, **main.context_settings)
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            name, *words = words
            child = command.get_command(context, name)
            assert child is not None, f"nnlab {name} is no command"
            command = child
            context = click.Context(child, parent=context, **child.context_settings)
        command.make_parser(context).parse_args(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_blocks_of_a_page_are_configs_and_programs(page: Path) -> None:
    for block in blocks(page, "yaml"):
        if "data:" in block and "network:" in block:
            with suppress(DataError):  # the table that a page speaks of is not here
                try:
                    parse_config(block, "page.yaml")
                except ConfigError as error:  # the blanks of a template
                    if not all(getattr(each, "is_blank", False) for each in error.problems or [0]):
                        raise
    for block in blocks(page, "python"):
        ast.parse(block)


def test_the_tutorial_works_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NNLAB_RUNS", raising=False)
    shown = {}
    for block in blocks(TUTORIAL, "sh"):
        for line in block.splitlines():
            words = shlex.split(line)[1:]
            result = CliRunner().invoke(main, [*words, *QUICKER.get(words[0], [])])
            assert result.exit_code == 0, f"{line}: {result.output}"
            shown[line] = result.output
    assert [line for line, text in SHOWN.items() if text not in shown[line]] == []


def test_an_example_of_a_docstring_stays_together_on_the_site() -> None:
    blocks = re.findall(r"```python\n(.*?)```", site_pages()["python.md"], re.DOTALL)
    assert 'network = nnlab.Network([nnlab.LAYERS["dense"](3)' in blocks[0]
    assert blocks[0].startswith("import nnlab\n\nrun = nnlab.train(")
    ast.parse(blocks[0])
    assert not [block for block in blocks if "<class '" in block]  # Sphinx warns: no Python


def test_the_site_has_a_page_per_command_and_per_part_of_the_config() -> None:
    pages = site_pages()
    assert {f"commands/nnlab-{name}.md" for name in ("train", "sweep", "data-fetch")} <= set(pages)
    assert {"config/training.md", "config/optimizer-optimizers.md"} <= set(pages)
    assert all(text.startswith("# ") for text in pages.values())


def test_the_mathematics_page_has_the_formulas_that_explain_shows() -> None:
    page = site_pages()["mathematics.md"]
    for family in (LAYERS, OPTIMIZERS):
        assert [name for name in family if f"\n### {name}\n" not in page] == []
    formulas = [written.formula for written in member_formulas(OPTIMIZERS["adam"]())]
    assert formulas[-1] == "w - lr * m_hat / (sqrt(v_hat) + eps)"
    assert page.count("<math>") > 60
