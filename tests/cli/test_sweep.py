"""`nnlab sweep` as a user meets it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

CONFIG = """# Blobs.
data: {name: blobs, samples: 40, test: 0.25, noise: 0.5}
network: [{dense: 4}, relu, {dense: 3}, softmax]
loss: cross_entropy
training: {epochs: 3}
sweeps:
  lr: {values: [0.1, 0.2], caption: Two rates.}
"""
Run = Callable[..., Result]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    path = tmp_path / "case.yaml"
    path.write_text(CONFIG.replace(", noise: 0.5", ""))
    return path


def test_a_study(nnlab: Run, case: Path, tmp_path: Path) -> None:
    result = nnlab("sweep", "lr", "-c", "case.yaml")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("sweep-case-lr: 2 trials: 2 to run\n")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["lr", "train_loss", "test_loss", "test_accuracy"]
    assert [line.split()[0] for line in lines[1:3]] == ["0.1", "0.2"]
    assert lines[-2].startswith("2 of 2 trials done in ")
    assert lines[-1] == "runs/sweep-case-lr"
    folder = tmp_path / "runs" / "sweep-case-lr"
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("lock"))
    assert names[-3:] == ["figures", "summary.csv", "sweep.yaml"]
    assert [path.name for path in sorted((folder / "figures").iterdir())] == [
        "curves.png",
        "final.png",
    ]
    again = nnlab("sweep", "lr", "-c", "case.yaml", "--no-plots")
    assert again.stderr == "sweep-case-lr: 2 trials: 2 done, 0 to run\n"


@pytest.mark.parametrize("command", ["resume", "verify", "evaluate"])
def test_commands_for_a_run_say_that_it_is_a_sweep(nnlab: Run, case: Path, command: str) -> None:
    nnlab("sweep", "lr", "-c", "case.yaml", "--no-plots")
    result = nnlab(command, "sweep-case-lr")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "runs/sweep-case-lr is a sweep, not a run: name one of its trials, for example "
        "runs/sweep-case-lr/"
    )
    assert result.stderr.endswith("To continue the sweep, repeat its command.\n")


def test_seeds_show_median_and_quartiles(nnlab: Run, case: Path) -> None:
    result = nnlab("sweep", "lr=0.1,0.2", "-c", "case.yaml", "--seeds", "3", "--no-plots")
    header, row, *_ = result.stdout.splitlines()
    assert header.startswith("lr   trials  train_loss  ")
    assert re.match(r"0.1 +3  \d\.\d+ \(\d\.\d+ to \d\.\d+\)  ", row)
    assert "\nNumbers: median (quartiles) over the seeds.\n\n" in result.stdout
    assert "6 of 6 trials done" in result.stdout


def test_json(nnlab: Run, case: Path) -> None:
    result = nnlab("sweep", "lr", "-c", "case.yaml", "--seeds", "2", "--json", "--no-plots")
    found = json.loads(result.stdout)
    assert found["folder"] == "runs/sweep-case-lr"
    assert [cell["cell"] for cell in found["cells"]] == [{"lr": 0.1}, {"lr": 0.2}]
    assert all(cell["done"] == 2 for cell in found["cells"])
    assert set(found["cells"][0]["numbers"]["test_loss"]) == {"median", "low", "high"}
    assert len(found["trials"]) == 4


def test_a_trial_is_an_ordinary_run(nnlab: Run, case: Path, tmp_path: Path) -> None:
    nnlab("sweep", "lr", "-c", "case.yaml", "--no-plots")
    (trial, _) = sorted((tmp_path / "runs" / "sweep-case-lr").glob("*/run.json"))
    name = str(trial.parent)
    assert nnlab("verify", name).exit_code == 0
    assert "is complete: nothing to do." in nnlab("resume", name).stderr
    assert nnlab("plot", name, "--only", "curves").exit_code == 0
    assert nnlab("evaluate", name).exit_code == 0
    short = nnlab("evaluate", trial.parent.name[:6], "--runs", "runs/sweep-case-lr")
    assert short.exit_code == 0, short.output


def test_plot_draws_the_study(nnlab: Run, case: Path) -> None:
    nnlab("sweep", "lr", "-c", "case.yaml", "--no-plots")
    result = nnlab("plot", "sweep-case-lr", "--format", "svg")
    assert result.stdout.splitlines() == [
        "runs/sweep-case-lr/figures/curves.svg",
        "runs/sweep-case-lr/figures/final.svg",
    ]


def test_runs_shows_a_sweep_as_one_line(nnlab: Run, case: Path) -> None:
    nnlab("sweep", "lr", "-c", "case.yaml", "--no-plots")
    nnlab("train", "case.yaml", "--no-plots")
    lines = nnlab("runs").stdout.splitlines()
    assert lines[0].startswith("run ")
    assert lines[-2].split() == ["sweep", "axes", "trials", "done", "failed"]
    assert lines[-1].split() == ["sweep-case-lr", "lr", "2", "2", "0"]
    assert len(nnlab("runs", "runs/sweep-case-lr").stdout.splitlines()) == 3
    Path("runs/sweep-case-lr/sweep.yaml").write_text("{")
    assert nnlab("runs").stdout.splitlines()[-1].split()[:2] == ["sweep-case-lr", "unreadable"]
    assert nnlab("plot", "sweep-case-lr").exit_code == 6


def test_dry_run_leaves_nothing(nnlab: Run, case: Path, tmp_path: Path) -> None:
    result = nnlab("sweep", "lr", "-c", "case.yaml", "--dry-run")
    assert result.exit_code == 0
    assert "2 to run" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_diverged_trial_is_exit_code_8(nnlab: Run, case: Path) -> None:
    case.write_text(case.read_text().replace("cross_entropy", "mse").replace(", softmax", ""))
    result = nnlab("sweep", "lr=0.1,1e30", "-c", "case.yaml")
    assert result.exit_code == 8, result.output
    table, lost = result.stdout.split("\n\n")[:2]
    assert "failed" in table.splitlines()[0]
    assert "diverged in epoch" in lost
    assert "1 of 2 trials have no result. --retry-failed runs them again." in result.stderr


def test_another_sweep_in_the_folder(nnlab: Run, case: Path) -> None:
    nnlab("sweep", "lr", "-c", "case.yaml", "--no-plots")
    case.write_text(case.read_text().replace("epochs: 3", "epochs: 4"))
    result = nnlab("sweep", "lr", "-c", "case.yaml", "--no-plots")
    assert result.exit_code == 2
    assert result.stderr == (
        "runs/sweep-case-lr belongs to another sweep:\n"
        "  training.epochs: 3 there, 4 here\n"
        "Give this one another name, or remove that one.\n"
    )
    other = nnlab("sweep", "lr", "-c", "case.yaml", "--no-plots", "--name", "longer")
    assert other.stdout.splitlines()[-1] == "runs/longer"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lrr=1"], "Did you mean 'lr'?"),
        (["lrr"], "case.yaml has no study 'lrr'. Did you mean 'lr'?"),
        ([], "Which axis? case.yaml has the study lr."),
        (["lr="], "The axis lr has no values."),
        (["lr=range(0)"], "The axis lr has no values."),
        (["lr=0.1,x"], "optimizer.lr is 'x'."),
        (["lr=linspace(1, 2, 4000)", "seed=range(3)"], "has 12,000 trials"),
        (["lr", "--jobs", "0"], "0 is not in the range x>=1"),
        (["lr", "--seeds", "0"], "0 is not in the range x>=1"),
        (["lr", "--timeout", "0"], "0.0 is not in the range x>0"),
        (["lr", "--memory", "much"], "'much' is not a size; write 500M or 2G."),
        (["lr", "--memory", "0"], "'0' is not a size; write 500M or 2G."),
        (["lr", "--name", "../x"], "a name cannot"),
        (["lr", "--random", "0"], "0 is not in the range x>=1"),
    ],
)
def test_bad_input(nnlab: Run, case: Path, tmp_path: Path, arguments, message: str) -> None:
    result = nnlab("sweep", "-c", "case.yaml", *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_missing_config(nnlab: Run) -> None:
    result = nnlab("sweep", "lr", "-c", "nowhere.yaml")
    assert result.exit_code == 2
    assert "There is no file nowhere.yaml" in result.stderr


def test_of_two_sweeps_in_a_folder_one_waits_for_nobody(
    nnlab: Run, case: Path, tmp_path: Path
) -> None:
    from nnlab.run.lock import hold_lock

    folder = tmp_path / "runs" / "sweep-case-lr"
    folder.mkdir(parents=True)
    with hold_lock(folder):
        result = nnlab("sweep", "lr", "-c", "case.yaml")
    assert result.exit_code == 5
    assert "is writing into runs/sweep-case-lr" in result.stderr


def test_kernels_are_compiled_before_the_trials(
    nnlab: Run, case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every dtype once, with a line that says so: not within the time that a trial may take."""
    objects = pytest.importorskip("nnlab.engine.compiled.objects")
    compiled: list[str] = []
    monkeypatch.setattr(objects, "is_compiled", lambda kernels: kernels in compiled)
    monkeypatch.setattr(objects, "function", compiled.append)
    axes = ["training.dtype=float32,float64", "training.engine=numpy,compiled"]
    result = nnlab("sweep", *axes, "-c", "case.yaml", "--seeds", "2", "--no-plots", "--jobs", "2")
    assert result.exit_code == 0, result.output
    assert compiled == ["float32-dense", "float64-dense"]
    lines = result.stderr.splitlines()
    assert lines[0].endswith(": 8 trials: 8 to run")
    assert lines[1:3] == [
        "Compiling the kernels of dense layers in float32, once per installation: about 10 s.",
        "Compiling the kernels of dense layers in float64, once per installation: about 10 s.",
    ]
    assert not any(line.startswith("Compiling") for line in lines[3:])
    assert "8 of 8 trials done" in result.stdout


def test_the_config_may_stand_anywhere_among_the_axes(nnlab: Run) -> None:
    for words in (["lr", "xor"], ["xor", "lr"], ["lr", "-c", "xor"]):
        result = nnlab("sweep", *words, "--dry-run")
        assert (result.exit_code, result.stderr) == (0, "sweep-xor-lr: 5 trials: 5 to run\n")


def test_without_a_config_it_is_identity8_and_says_so(nnlab: Run) -> None:
    first, second = nnlab("sweep", "lr", "--dry-run").stderr.splitlines()
    assert first == "No CONFIG is named, so it is identity8: nnlab sweep AXIS CONFIG"
    assert second.startswith("sweep-identity8-lr: ")


def test_two_configs_are_refused(nnlab: Run) -> None:
    result = nnlab("sweep", "lr", "xor", "linear")
    assert (result.exit_code, result.stderr) == (2, "A sweep has one config, not 2: xor linear.\n")
