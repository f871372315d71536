"""`nnlab train`: what it prints where, and how it fails."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import Result

from nnlab.cli import training_output
from nnlab.cli.training_output import results_table, training_time
from nnlab.core.layers import LAYERS
from nnlab.data import images
from nnlab.data.sources import SOURCES
from nnlab.run.folder import RunFolder
from nnlab.run.run import Run
from nnlab.show.words import duration

Nnlab = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]
FOLDER = r"runs/\d{8}-\d{6}-[\w-]+-[0-9a-f]{6}"


@pytest.mark.parametrize(
    ("training", "total", "text"),
    [
        (0.4, 15.2, "0.40 s (15.2 s in all)"),
        (0.05, 0.4, "50 ms"),
        (100.0, 103.0, "1 min 40 s"),
        (100.0, 160.0, "1 min 40 s (2 min 40 s in all)"),
        (None, 2.0, "2.00 s"),  # no epoch came to its end
    ],
)
def test_the_time_is_that_of_training(training: float | None, total: float, text: str) -> None:
    """The clock advances while figures are drawn."""
    row = {} if training is None else {"seconds": training}
    assert training_time(SimpleNamespace(last_row=row, seconds=total)) == text


def only_run(path: Path) -> RunFolder:
    (folder,) = (path / "runs").iterdir()
    return RunFolder.open(folder)


def test_the_time_of_compiling_is_no_time_of_training(
    nnlab: Nnlab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the clock goes back by an hour meanwhile."""
    asked: list[str] = []
    monkeypatch.setattr(training_output, "compile_kernels", lambda name, tell: asked.append(name))
    monkeypatch.setattr(training_output, "perf_counter", iter((3600.0, 0.0)).__next__)
    result = nnlab("train", "identity8", "--no-plots")
    assert asked == ["float64-dense"]
    assert re.search(r"^80,000 updates in 1 h", result.stderr + result.stdout, re.MULTILINE)


def test_a_single_update_is_no_plural(nnlab: Nnlab) -> None:
    result = nnlab("train", "xor", "--no-plots", "--set", "epochs=1")
    assert "\n1 update in " in result.stdout


def test_what_is_printed(nnlab: Nnlab) -> None:
    result = nnlab("train", "digits_binary", "--no-plots", "--set", "epochs=2", "--seed", "3")
    assert result.exit_code == 0
    head, first, last = result.stderr.split("\n", 3)[0:2], *result.stderr.splitlines()[2:]
    assert head == [
        "digits-binary: digits, rows: 898 to train, 899 to validate and test",
        "64-32-1, 2,113 parameters, float64, engine numpy, seed 3",
    ]
    pattern = r"epoch {}/2  val_loss 0\.\d+  val_accuracy 0\.\d+{}"
    assert re.fullmatch(pattern.format(1, r"  [\d.]+ m?s left"), first)
    assert re.fullmatch(pattern.format(2, ""), last)
    header, *rows, empty, time, where = result.stdout.splitlines()
    assert header.split() == ["part", "epoch", "loss", "accuracy"]
    assert [re.split("  +", row)[:2] for row in rows] == [
        ["train (while training)", "2 (best)"],
        ["validation", "2 (best)"],
        ["test", "2 (best)"],
    ]
    assert empty == ""
    training = RunFolder.open(only_run(Path()).path).read_table("metrics.csv")["seconds"][-1]
    assert re.fullmatch(r"118 updates in (.+ s|.+ ms)( \(.+ in all\))?, saved in", time)
    assert time.startswith(f"118 updates in {duration(training)}")
    assert re.fullmatch(FOLDER, where)


ROW = {"step": 5, "lr": 0.1, "train_loss": 0.5, "val_loss": 0.75}
TABLES = [
    # Weights of the last epoch are kept, and an earlier epoch was better.
    (30, 25, {"loss": 0.5}, """\
part                    epoch        loss
train (while training)  30 (last)  0.5000
validation              30 (last)  0.7500
train (while training)  25 (best)  0.5000
validation              25 (best)  0.7500
test                    30 (last)  0.5000"""),
    (30, 30, {}, """\
part                    epoch        loss
train (while training)  30 (best)  0.5000
validation              30 (best)  0.7500"""),
    (0, 0, {"loss": 0.5}, """\
part        epoch       loss
train       0 (best)  0.5000
validation  0 (best)  0.7500
test        0 (best)  0.5000"""),
]  # fmt: skip


@pytest.mark.parametrize(("final", "best", "test", "table"), TABLES)
def test_the_table_says_which_epoch_is_the_best(
    final: int, best: int, test: dict[str, float], table: str
) -> None:
    summary = {"final": ROW | {"epoch": final}, "best": ROW | {"epoch": best}, "test": test}
    assert results_table(summary) == table


def test_the_network_in_a_line_is_what_mixes_numbers(nnlab: Nnlab) -> None:
    """batch_norm has parameters but makes no layer wider."""
    result = nnlab("train", "digits_conv", "--no-plots", "--set", "epochs=0")
    assert result.stderr.splitlines()[1].startswith("64-8x8x16-4x4x32-10, 6,138 parameters")


def test_json_is_one_strict_object(nnlab: Nnlab, tmp_path: Path) -> None:
    result = nnlab("train", "xor", "--no-plots", "--set", "epochs=5", "--json", "-q")
    assert result.stderr == ""
    printed = json.loads(result.stdout, parse_constant=pytest.fail)
    run = only_run(tmp_path)
    assert printed == {
        "folder": f"runs/{run.name}",
        "status": "completed",
        "summary": run.read_json("summary.json"),
    }


@pytest.mark.parametrize("place", ["before", "after"])
def test_quiet_may_stand_before_and_after_the_command(nnlab: Nnlab, place: str) -> None:
    arguments = ["train", "xor", "--no-plots", "--set", "epochs=5"]
    result = nnlab("-q", *arguments) if place == "before" else nnlab(*arguments, "--quiet")
    assert result.stderr == ""
    assert result.stdout != ""


def test_verbose_shows_every_epoch_and_the_figures(nnlab: Nnlab) -> None:
    result = nnlab("train", "xor", "--set", "epochs=4", "-v")
    lines = result.stderr.splitlines()[2:]
    assert [line.split()[1] for line in lines[:4]] == ["1/4", "2/4", "3/4", "4/4"]
    assert re.fullmatch(rf"{FOLDER}/figures/curves\.png", lines[4])


def test_notes_about_dropped_settings(nnlab: Nnlab) -> None:
    options = ["--set", "epochs=1", "--set", "momentum=0.5", "--set", "optimizer=adagrad"]
    result = nnlab("train", "xor", "--no-plots", *options)
    first = result.stderr.splitlines()[0]
    assert first == "optimizer=adagrad drops momentum, which adagrad does not have."


def test_name_runs_and_epochs_0(nnlab: Nnlab, tmp_path: Path) -> None:
    result = nnlab("train", "box", "--runs", "here", "--name", "mine", "--no-plots")
    assert result.exit_code == 0
    (folder,) = (tmp_path / "here").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}-mine-[0-9a-f]{6}", folder.name)
    assert result.stderr.splitlines()[2].startswith("epoch 0/0  loss ")


def test_threads_reach_the_blas(process: Process, tmp_path: Path) -> None:
    arguments = ["train", "xor", "--no-plots", "--set", "epochs=1", "--threads", "1"]
    result = process("-m", "nnlab", *arguments)
    assert result.returncode == 0, result.stderr
    threads = only_run(tmp_path).read_json("run.json")["threads"]
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    assert [threads[name] for name in names] == ["1", "1", "1"]
    assert threads["blas"] in (1, None)  # None: no threadpoolctl to ask


FIVE = """data: xorr
network:
  - dense: -3
  - sigmod
loss: mse
optimizer: {name: sgd, learningrate: 0.1}
training: {epochs: many}
"""
FIVE_MISTAKES = f"""\
five.yaml:1:7: there is no data set 'xorr'. Did you mean 'xor'?
    data: xorr
          ^
    allowed: {", ".join(SOURCES)}
five.yaml:3:12: network.0.units is -3.
      - dense: -3
               ^
    allowed: a whole number > 0
five.yaml:4:5: there is no layer 'sigmod'. Did you mean 'sigmoid'?
      - sigmod
        ^
    allowed: {", ".join(LAYERS)}
five.yaml:6:24: sgd has no setting 'learningrate'. Did you mean 'lr'?
    optimizer: {{name: sgd, learningrate: 0.1}}
                           ^
    allowed: lr, weight_decay, l1, clip_norm, clip_value, momentum, nesterov
five.yaml:7:20: training.epochs is 'many'.
    training: {{epochs: many}}
                       ^
    allowed: a whole number >= 0 and <= 1000000000
"""


def test_five_mistakes_are_five_errors(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "five.yaml").write_text(FIVE)
    result = nnlab("train", "five.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == FIVE_MISTAKES
    assert not (tmp_path / "runs").exists()


def test_an_unknown_config(nnlab: Nnlab) -> None:
    result = nnlab("train", "identity9")
    assert result.exit_code == 2
    sentence, shipped = result.stderr.splitlines()
    assert sentence == (
        "There is no file identity9, and no shipped config of that name. Did you mean 'identity8'?"
    )
    assert shipped.startswith("    shipped: approximate, autoencoder, box, ")


def test_missing_data_offline(
    nnlab: Nnlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors = ("http://127.0.0.1:9/a/", "http://127.0.0.1:9/b/")  # no server listens there
    collection = replace(images.MNIST, mirrors=mirrors)
    monkeypatch.setattr(images.Mnist, "files", collection)
    monkeypatch.setenv("NNLAB_DATA_DIR", str(tmp_path / "empty"))
    result = nnlab("train", "mnist_online")
    name = "train-images-idx3-ubyte.gz"
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        f"Downloading http://127.0.0.1:9/a/{name}\n"
        f"Downloading http://127.0.0.1:9/b/{name}\n"
        f"{name} is not in {tmp_path}/empty/mnist and could not be downloaded:\n"
        f"  http://127.0.0.1:9/a/{name}: there is no connection, or it broke.\n"
        f"  http://127.0.0.1:9/b/{name}: there is no connection, or it broke.\n"
        "Put the file there by hand, or set NNLAB_DATA_DIR to a folder that has "
        f"mnist/{name}.\n"
    )
    assert not (tmp_path / "runs").exists()


def test_a_text_cell(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b,kind\n1,2,x\n3,high,y\n")
    (tmp_path / "t.yaml").write_text(
        "data: {name: csv, path: t.csv, target: kind}\n"
        "network: [{dense: 2}, softmax]\nloss: cross_entropy\n"
    )
    result = nnlab("train", "t.yaml")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        f"{tmp_path}/t.csv, line 3, column 'b': 'high' is not a finite number. "
        "List the column under categorical to make it one-hot, or under ignore to leave it out.\n"
    )


def test_a_rate_that_blows_up(nnlab: Nnlab, tmp_path: Path) -> None:
    result = nnlab("train", "digits_binary", "--set", "lr=1e9", "--seed", "0")
    run = only_run(tmp_path)
    failure = run.read_json("run.json")["failure"]
    assert (result.exit_code, run.status()) == (4, "diverged")
    assert result.stderr.splitlines()[-1] == (
        f"The run diverged in epoch {failure['epoch']}, at update {failure['step']}: "
        f"the {failure['what']} is not finite. The last finite weights are in "
        f"runs/{run.name}/weights/final.npz. "
        "Try a smaller lr (it was 1e+09), or optimizer.clip_norm: 1."
    )
    assert re.fullmatch(r"(output|gradient|\w+) of layer \d \(\w+\)", failure["what"])
    assert re.search(r"\b(nan|inf)\b", result.output, re.I) is None
    assert "NaN" not in (run.path / "summary.json").read_text()
    assert "curves.png" in os.listdir(run.path / "figures")
    theta = Run(run.path).network("final").theta
    assert np.isfinite(theta).all()
    assert np.any(theta != Run(run.path).network("initial").theta)


def test_a_failing_figure_costs_a_warning(
    nnlab: Nnlab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnlab.show import figures

    def fail(run: figures.View) -> str | None:
        raise RuntimeError("no \x1b[31mink")

    broken = {"curves": replace(figures.FIGURES["curves"], unsuited=fail)}
    monkeypatch.setattr(figures, "FIGURES", broken)
    result = nnlab("train", "xor", "--set", "epochs=1")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1] == (
        "Warning: The figure curves could not be drawn (RuntimeError: no \\x1b[31mink)."
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
@pytest.mark.parametrize("colour", [True, False])
def test_a_bar_on_a_terminal(tmp_path: Path, colour: bool) -> None:
    """stderr is a terminal, stdout is not and stays clean."""
    import pty

    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "TERM": "xterm-256color", "NO_COLOR": "" if colour else "1"}
    leader, follower = pty.openpty()
    arguments = ["train", "identity8", "--no-plots", "--set", "epochs=2000"]
    with subprocess.Popen(
        [sys.executable, "-m", "nnlab", *arguments, "--runs", str(tmp_path)],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=follower,
        text=True,
    ) as child:
        os.close(follower)
        seen = b""
        while chunk := read(leader):
            seen += chunk
        assert child.stdout is not None
        out = child.stdout.read()
    os.close(leader)
    assert child.returncode == 0
    assert "\x1b" not in out
    text = seen.decode()
    assert re.search(r"epoch \d+/2000", text)
    assert "accuracy" in text
    assert text.index("\x1b[?25l") < text.index("\x1b[?25h")  # the cursor comes back
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]", text)) is colour


def read(descriptor: int) -> bytes:
    """What the terminal got; nothing once its other end is closed, which Linux calls an error."""
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""
