"""What the tab key offers, asked as the shell asks: by name, the beginning of a word at its end."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nnlab.config.files import shipped
from nnlab.config.load import describes_race
from tests.process import python

Nnlab = Callable[..., Result]
RACES = [name for name, path in shipped().items() if describes_race(path)]
TRAININGS = [name for name in shipped() if name not in RACES]


def request(*words: str) -> dict[str, str]:
    """The environment in which bash asks."""
    return {
        "_NNLAB_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["nnlab", *words]),
        "COMP_CWORD": str(len(words)),
    }


def offered(nnlab: Nnlab, *words: str) -> list[str]:
    """The completions that bash gets, as `type,value`."""
    done = nnlab(env=request(*words))
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.split()


def test_a_process_answers(tmp_path: Path) -> None:
    done = python("-m", "nnlab", cwd=tmp_path, **request("train", "xo"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "plain,xor\n", "")


def test_there_are_both_kinds_of_configs() -> None:
    assert "landscape" in RACES
    assert "xor" in TRAININGS


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["des"], ["plain,descend"]),
        (["train", "xo"], ["plain,xor"]),
        (["train", ""], [f"plain,{name}" for name in TRAININGS]),
        (["check", "identity8_"], ["plain,identity8_fast"]),
        (["tune", "xo"], ["plain,xor"]),
        (["sweep", "-c", "xo"], ["plain,xor"]),
        (["descend", ""], [f"plain,{name}" for name in RACES]),
        (["descend", "la"], ["plain,landscape"]),
        (["train", "la"], ["file,la"]),  # a race is nothing to train
        (["descend", "xo"], ["file,xo"]),  # and a training no race
        (["descend", "mine/"], ["file,mine/"]),
        (["descend", "landscape", "--no-p"], ["plain,--no-plots"]),
        (["resume", "la"], ["plain,latest"]),
        (["report", "nothing"], ["dir,nothing"]),
    ],
    ids=" ".join,
)
def test_completions(nnlab: Nnlab, words: list[str], expected: list[str]) -> None:
    assert offered(nnlab, *words) == expected


@pytest.mark.parametrize("command", ["resume", "plot", "report", "verify", "evaluate", "compare"])
def test_runs_are_offered(nnlab: Nnlab, flowers: Path, tmp_path: Path, command: str) -> None:
    """From where --runs says; elsewhere there are none."""
    begun = flowers.name[:6]
    flowers.parent.rename(tmp_path / "there")
    assert offered(nnlab, command, "--runs", "there", begun) == [f"plain,{flowers.name}"]
    assert offered(nnlab, command, begun) == [f"dir,{begun}"]
