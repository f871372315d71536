"""What the tab key offers, asked as the shell asks: by name, the beginning of a word at its end."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nnlab.config.files import shipped
from nnlab.config.load import describes_race
from nnlab.core.optimizers import OPTIMIZERS
from tests.process import python

Nnlab = Callable[..., Result]
RACES = [name for name, path in shipped().items() if describes_race(path)]
OPTIMIZERS_AD = [f"plain,optimizer={name}" for name in OPTIMIZERS if name.startswith("ad")]
NESTEROV = ["plain,optimizer.nesterov=true", "plain,optimizer.nesterov=false"]
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
        (["init", "l"], [f"plain,{name}" for name in shipped() if name.startswith("l")]),
        (["train", "xor", "--set", "op"], ["plain,optimizer=", "plain,optimizer."]),
        (["train", "xor", "--set", "optimizer=ad"], OPTIMIZERS_AD),
        (["train", "xor", "--set", "optimizer.n"], ["plain,optimizer.nesterov="]),
        (["train", "xor", "--set", "optimizer.nesterov="], NESTEROV),
        (["check", "xor", "--set", "data=mn"], ["plain,data=mnist"]),
        (["check", "xor", "--set", "training.eng"], ["plain,training.engine="]),
        (["descend", "landscape", "--set", "st"], ["plain,steps=", "plain,start="]),
        (["sweep", "hid"], ["plain,hidden="]),
        (["sweep", "activation=relu,ta"], ["plain,activation=relu,tanh"]),
        (["sweep", "xo"], ["plain,xor"]),
        (["sweep", "identity8", "lr"], ["plain,lr", "plain,lr="]),
        (["plot", "latest", "--only", "conf"], ["plain,confusion"]),
        (["plot", "--activation", "ta"], ["plain,tanh"]),
        (["data", "fetch", "fa"], ["plain,fashion_mnist"]),
        (["runs", "--sort", "acc"], ["plain,accuracy"]),
        (["runs", "--columns", "lr,acc"], ["plain,lr,accuracy"]),
        (["runs", "--where", "momen"], ["plain,momentum="]),
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
