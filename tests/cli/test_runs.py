"""`nnlab runs`, `nnlab init`, and how a run is named."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nnlab.config.locate import shipped

Nnlab = Callable[..., Result]


@pytest.fixture
def two(nnlab: Nnlab, tmp_path: Path) -> list[str]:
    """The names of two runs, newest first: one completed, one diverged."""
    assert nnlab("train", "xor", "--no-plots", "--set", "epochs=3").exit_code == 0
    options = ["--set", "lr=1e9", "--seed", "0", "--name", "z"]  # diverges in epoch 9
    assert nnlab("train", "digits_binary", "--no-plots", *options).exit_code == 4
    names = [folder.name for folder in (tmp_path / "runs").iterdir()]
    return sorted(names, key=lambda name: "-z-" not in name)


def cells(text: str) -> list[list[str]]:
    return [re.split(r"  +", line) for line in text.splitlines()]


def test_the_table_is_newest_first(nnlab: Nnlab, two: list[str]) -> None:
    header, *rows = cells(nnlab("runs").stdout)
    assert header == [
        *("run", "status", "data", "epochs", "train_loss", "val_loss", "accuracy", "time")
    ]
    assert {tuple(row[:3]) for row in rows} == {
        (two[0], "diverged", "digits"),
        (two[1], "completed", "xor"),
    }
    stamps = [row[0][:15] for row in rows]
    assert stamps == sorted(stamps, reverse=True)


@pytest.mark.parametrize(
    ("options", "order"),
    [
        (["--sort", "train_loss"], [1, 0]),
        (["--sort", "epochs"], [0, 1]),
        (["--sort", "val_loss"], [0, 1]),  # the run without one comes last
        (["--status", "completed"], [1]),
        (["--status", "resumable"], []),
    ],
)
def test_sorted_and_chosen(
    nnlab: Nnlab, two: list[str], options: list[str], order: list[int]
) -> None:
    result = nnlab("runs", *options, "--json")
    names = [run["name"] for run in json.loads(result.stdout)["runs"]]
    assert names == [two[i] for i in order]


def test_an_unknown_column(nnlab: Nnlab, two: list[str]) -> None:
    result = nnlab("runs", "--sort", "size")
    assert result.exit_code == 2
    assert result.stderr == (
        "There is no column 'size'; the columns are run, status, data, epochs, train_loss, "
        "val_loss, test_loss, accuracy, mae, r2, time.\n"
    )


def test_no_runs(nnlab: Nnlab, tmp_path: Path) -> None:
    """In a folder that is empty, or in the usual one before the first run."""
    (tmp_path / "empty").mkdir()
    for arguments, where in ((["runs"], "runs"), (["runs", "empty"], "empty")):
        result = nnlab(*arguments)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == f"There is no run yet in {where}.\n"
    result = nnlab("runs", "empty", "--status", "completed")
    assert result.stderr == "There is no run in this state in empty.\n"


@pytest.mark.parametrize("arguments", [["nowhere"], ["--runs", "nowhere"]])
def test_a_folder_that_is_not_there(nnlab: Nnlab, arguments: list[str]) -> None:
    result = nnlab("runs", *arguments)
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr == "There is no folder nowhere.\n"


def test_an_unreadable_run_is_listed(nnlab: Nnlab, two: list[str], tmp_path: Path) -> None:
    (tmp_path / "runs" / two[1] / "run.json").write_text("{")
    rows = cells(nnlab("runs", "--status", "unreadable").stdout)
    assert rows[1][:2] == [two[1], "unreadable"]


@pytest.mark.parametrize("command", ["evaluate", "plot"])
def test_a_run_that_is_not_there(nnlab: Nnlab, two: list[str], command: str) -> None:
    wrong = f"{two[1][:-1]}x"
    result = nnlab(command, wrong)
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr.startswith(
        f"There is no run '{wrong}', neither as a path nor in runs. Did you mean {two[1]}"
    )


def test_init_lists_what_is_shipped(nnlab: Nnlab) -> None:
    result = nnlab("init")
    assert re.findall(r"^(\w+)  ", result.stdout, re.M) == list(shipped())
    assert "xor                 Two crossing lines: 21 points" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "copy"),
    [
        (["xor"], "xor.yaml"),
        (["digits-binary"], "digits_binary.yaml"),
        (["xor", "a.yaml"], "a.yaml"),
        (["xor", "."], "xor.yaml"),
    ],
)
def test_init_copies(nnlab: Nnlab, tmp_path: Path, arguments: list[str], copy: str) -> None:
    result = nnlab("init", *arguments)
    assert (result.exit_code, result.stdout) == (0, f"{copy}\n")
    assert result.stderr == f"Train it with: nnlab train {copy}\n"
    name = arguments[0].replace("-", "_")
    assert (tmp_path / copy).read_bytes() == shipped()[name].read_bytes()


def test_init_never_overwrites_unasked(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "xor.yaml").write_text("mine")
    result = nnlab("init", "xor")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "xor.yaml exists already; --force overwrites it.\n"
    assert (tmp_path / "xor.yaml").read_text() == "mine"
    assert nnlab("init", "xor", "--force").exit_code == 0
    assert (tmp_path / "xor.yaml").read_bytes() == shipped()["xor"].read_bytes()


def test_init_of_an_unknown_name(nnlab: Nnlab) -> None:
    result = nnlab("init", "identity")
    assert result.exit_code == 2
    assert result.stderr == (
        "There is no shipped config 'identity'. Did you mean 'identity8'? `nnlab init` lists "
        "them.\n"
    )
