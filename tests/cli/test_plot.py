"""`nnlab plot`: which figures, where they go, and the messages when a figure cannot be drawn."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.process import printed_by

Nnlab = Callable[..., Result]


@pytest.fixture
def xor(nnlab: Nnlab, tmp_path: Path) -> Path:
    """A run of three epochs."""
    return train(nnlab, tmp_path, "epochs=3")


def train(nnlab: Nnlab, place: Path, *settings: str, code: int = 0) -> Path:
    before = set((place / "runs").glob("*"))
    options = [
        part for setting in (*settings, "training.engine=numpy") for part in ("--set", setting)
    ]
    result = nnlab("train", "xor", "--no-plots", *options)
    assert result.exit_code == code, result.stderr
    (folder,) = set((place / "runs").glob("2*")) - before
    return folder


def names(result: Result) -> list[str]:
    return [Path(line).name for line in result.stdout.splitlines()]


def test_every_figure_that_suits_is_drawn_into_the_run(nnlab: Nnlab, xor: Path) -> None:
    result = nnlab("plot", "latest")
    assert (result.exit_code, result.stderr) == (0, "")
    drawn = ["curves", "network", "weights", "outputs", "activations", "confusion", "scatter"]
    drawn += ["boundary", "boundary_epochs", "histograms"]
    assert names(result) == [f"{name}.png" for name in drawn]
    assert all((xor / "figures" / name).is_file() for name in names(result))


def test_only_those_asked_for_in_the_form_asked_for(nnlab: Nnlab, xor: Path) -> None:
    result = nnlab(
        *("plot", "latest", "--only", "curves", "--only", "network", "--format", "svg"),
        *("--format", "pdf", "--dark", "--scale", "log", "--out", "here/there"),
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"here/there/{name}-dark.{kind}"
        for name in ("curves", "network")
        for kind in ("svg", "pdf")
    ]
    assert not (xor / "figures").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plot"], "Missing argument 'RUN...'."),
        (["plot", "latest", "latest", "--only", "lr"], "--only and --list are for one RUN"),
        (["plot", "--activation", "relu", "--list"], "--only and --list are for one RUN"),
        (
            ["plot", "latest", "--only", "curve"],
            "There is no figure 'curve'. Did you mean 'curves'",
        ),
        (["plot", "latest", "--only", "zzz"], "There is no figure 'zzz'. There are curves, "),
        (["plot", "--activation", "rel"], "There is no activation 'rel'. Did you mean 'relu'? "),
        (["plot", "latest", "--scale", "cubic"], "'cubic' is not one of 'linear', 'log'."),
    ],
)
def test_a_wrong_request(nnlab: Nnlab, xor: Path, arguments: list[str], message: str) -> None:
    result = nnlab(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert not (xor / "figures").exists()


def test_a_figure_that_does_not_suit_says_why(nnlab: Nnlab, xor: Path) -> None:
    reason = f"The figure fit does not suit {xor.name}: it is for a regression.\n"
    result = nnlab("plot", "latest", "--only", "fit")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", reason)
    result = nnlab("plot", "latest", "--only", "fit", "--only", "curves")
    assert (result.exit_code, names(result), result.stderr) == (0, ["curves.png"], reason)


def test_the_list_says_which_suit_and_why_not_the_others(nnlab: Nnlab, xor: Path) -> None:
    result = nnlab("plot", "latest", "--list")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.splitlines()}
    assert lines["curves"] == "yes Learning curves"
    assert lines["lr"] == "no the learning rate never changed"
    assert not (xor / "figures").exists()


def test_several_runs_are_laid_over_each_other(nnlab: Nnlab, xor: Path, tmp_path: Path) -> None:
    other = train(nnlab, tmp_path, "epochs=3", "lr=0.5")
    result = nnlab("plot", xor.name, other.name)
    assert (result.exit_code, result.stderr) == (0, "")
    (line,) = result.stdout.splitlines()
    assert (tmp_path / line).is_file()
    assert Path(line).parts[:1] == ("runs",)
    assert Path(line).parts[1].startswith("compare-")
    assert nnlab("plot", xor.name, other.name).stdout == result.stdout
    assert nnlab("runs").stdout.count("xor") == 4  # name and data: the comparison is no run
    result = nnlab("plot", xor.name, other.name, "--out", ".", "--format", "svg")
    assert result.stdout == "curves.svg\n"
    text = (tmp_path / "curves.svg").read_text()
    assert "lr 0.1" in text
    assert "lr 0.5" in text


def test_an_activation_needs_no_run(nnlab: Nnlab, tmp_path: Path) -> None:
    result = nnlab("plot", "--activation", "relu", "--activation", "gelu")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == ["activation-relu.png", "activation-gelu.png"]
    assert (tmp_path / "activation-gelu.png").is_file()


# --- folders that something is wrong with ------------------------------------------------------


def test_a_folder_that_is_no_run(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = nnlab("plot", "empty")
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr == "Cannot read empty: it has no run.json, so it is not a run.\n"


def test_a_run_before_its_first_epoch(nnlab: Nnlab, tmp_path: Path, xor: Path) -> None:
    """As a kill right at the start leaves it."""
    for name in ("metrics.csv", "summary.json", "predictions.npz", "snapshots.npz"):
        (xor / name).unlink()
    for path in [*xor.glob("checkpoint*"), xor / "weights/final.npz", xor / "weights/best.npz"]:
        path.unlink()
    result = nnlab("plot", "latest")
    assert (result.exit_code, result.stderr) == (0, "")
    assert names(result) == ["network.png", "weights.png", "histograms.png"]
    result = nnlab("plot", "latest", "--only", "curves")
    assert result.exit_code == 2
    assert result.stderr.endswith(": no epoch was finished.\n")


def test_a_diverged_run(nnlab: Nnlab, tmp_path: Path) -> None:
    train(nnlab, tmp_path, "network=[{dense: 2}, relu, {dense: 1}]", "lr=1e6", "loss=mse", code=4)
    result = nnlab("plot", "latest")
    assert (result.exit_code, result.stderr) == (0, "")
    assert names(result) == ["curves.png", "network.png", "weights.png", "histograms.png"]


def test_missing_weights(nnlab: Nnlab, xor: Path) -> None:
    path = Path("runs", xor.name, "weights", "final.npz")
    (xor / "weights" / "final.npz").unlink()
    result = nnlab("plot", "latest")
    assert result.exit_code == 0
    assert names(result) == ["curves.png", "outputs.png", "confusion.png", "scatter.png"]
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: The figures network, weights, activations, boundary, ")
    assert line.endswith(f"could not be drawn: Cannot read {path}: it does not exist.")
    result = nnlab("plot", "latest", "--only", "weights")
    assert (result.exit_code, result.stdout) == (6, "")


def test_a_run_of_a_newer_version(nnlab: Nnlab, xor: Path) -> None:
    about = json.loads((xor / "run.json").read_text())
    (xor / "run.json").write_text(json.dumps(about | {"format": 2, "versions": {"nnlab": "9.9"}}))
    resolved = (xor / "resolved.yaml").read_text()
    (xor / "resolved.yaml").write_text(f"{resolved}warmth: 3\n")
    result = nnlab("plot", "latest")
    assert result.exit_code == 0
    assert names(result) == ["curves.png", "confusion.png"]
    first, second = result.stderr.splitlines()
    assert first == (
        f"Warning: The run {xor.name} is of format 2, and this nnlab knows format 1: "
        "what it does not know is not drawn."
    )
    assert second.startswith("Warning: The figures network, weights, outputs, activations, ")
    assert f"could not be drawn: runs/{xor.name}/resolved.yaml:" in second
    assert second.endswith("the config has no setting 'warmth'. The run was made by nnlab 9.9.")


def test_where_nothing_can_be_written(nnlab: Nnlab, xor: Path) -> None:
    """A file in the place of the folder: also root cannot write into that."""
    (xor / "figures").write_text("")
    result = nnlab("plot", "latest")
    assert (result.exit_code, result.stdout) == (6, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Cannot write into runs/{xor.name}/figures: ")
    assert line.endswith("Use -o DIR to write figures elsewhere.")
    assert nnlab("plot", "latest", "--out", "there").exit_code == 0


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_folder_without_permission(nnlab: Nnlab, xor: Path) -> None:
    xor.chmod(0o500)
    try:
        result = nnlab("plot", "latest")
    finally:
        xor.chmod(0o700)
    assert result.exit_code == 7
    assert "Permission denied" in result.stderr


def test_a_file_of_nonsense_costs_its_figures_alone(nnlab: Nnlab, xor: Path) -> None:
    (xor / "predictions.npz").write_bytes(b"PK nonsense")
    result = nnlab("plot", "latest")
    assert result.exit_code == 0
    assert names(result) == ["curves.png", "network.png", "weights.png", "confusion.png"]
    (line,) = result.stderr.splitlines()
    assert "predictions.npz" in line


def test_rows_that_do_not_fit_the_data(nnlab: Nnlab, xor: Path) -> None:
    content = json.loads((xor / "data.json").read_text())
    (xor / "data.json").write_text(json.dumps(content | {"outputs": 1, "class_names": ["a"]}))
    result = nnlab("plot", "latest", "--only", "scatter")
    assert (result.exit_code, result.stdout) == (6, "")
    assert "the saved rows of the part train do not fit data.json." in result.stderr


def test_training_without_plots_never_imports_matplotlib(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom nnlab.cli import main\n"
        "try:\n    main(['train', 'xor', '--no-plots', '-q', '--set', 'epochs=1', '--set', "
        "'training.engine=numpy'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "print('matplotlib' in sys.modules)\n"
    )
    assert printed_by("-c", code, cwd=tmp_path).splitlines()[-1] == "False"
