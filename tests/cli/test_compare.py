"""`nnlab compare`: two runs side by side, and groups over seeds."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Nnlab = Callable[..., Result]


def train(nnlab: Nnlab, name: str, *changes: str, config: str = "xor", code: int = 0) -> str:
    """Trains and gives the folder, renamed so that a test knows it."""
    options = [part for change in changes for part in ("--set", change)]
    result = nnlab("train", config, "--no-plots", "--json", *options)
    assert result.exit_code == code, result.output
    folder = Path(json.loads(result.stdout)["folder"])
    folder.rename(folder.with_name(name))
    return f"runs/{name}"


def test_two_runs_side_by_side(nnlab: Nnlab) -> None:
    a = train(nnlab, "a", "epochs=30")
    b = train(nnlab, "b", "epochs=40", "schedule={name: step, every: 20, gamma: 0.5}")
    result = nnlab("compare", a, b)
    assert (result.exit_code, result.stderr) == (0, "")
    sections = result.stdout.split("\n\n")
    assert sections[0] == "   run     status\nA  runs/a  completed\nB  runs/b  completed"
    assert sections[1].splitlines() == [
        "config                  A     B",
        "schedule.name    constant  step",
        "schedule.every          -    20",
        "schedule.gamma          -   0.5",
        "training.epochs        30    40",
    ]
    assert sections[2].splitlines()[:2] == [
        "metric                     A       B",
        "final.epoch               30      40",
    ]
    # Epoch 21 is the first with half the rate; its loss is that before its only update.
    assert sections[3] == "The curves of A and B differ from epoch 22 on.\n"


def test_the_same_run_twice_over(nnlab: Nnlab) -> None:
    a, b = train(nnlab, "a", "epochs=30"), train(nnlab, "b", "epochs=30")
    text = nnlab("compare", a, b).stdout
    assert "\n\nThe configs are the same.\n\n" in text
    assert text.endswith("\n\nThe curves of A and B are bit-equal up to epoch 30.\n")


def test_another_machine(nnlab: Nnlab, tmp_path: Path) -> None:
    a, b = train(nnlab, "a", "epochs=3"), train(nnlab, "b", "epochs=3")
    path = tmp_path / b / "run.json"
    about = json.loads(path.read_text())
    here = about["versions"]["numpy"]
    about["versions"]["numpy"], about["threads"]["blas"] = "1.26.4", 7
    about["platform"]["release"] = "another"  # touches no number
    path.write_text(json.dumps(about))
    lines = nnlab("compare", a, b).stdout.split("\n\n")[-1].splitlines()
    assert [line.split()[0] for line in lines] == ["environment", "numpy", "BLAS"]
    assert lines[1].split() == ["numpy", here, "1.26.4"]


@pytest.fixture
def seeds(nnlab: Nnlab) -> list[str]:
    """Two groups of seven seeds: the second learns, the first hardly."""
    return [
        train(nnlab, f"{name}{seed}", f"seed={seed}", f"lr={lr}", "epochs=150")
        for name, lr in (("slow", 0.01), ("fast", 1))
        for seed in range(7)
    ]


def test_over_seeds(nnlab: Nnlab, seeds: list[str]) -> None:
    result = nnlab("compare", *seeds)
    assert (result.exit_code, result.stderr) == (0, "")
    table, sentences = result.stdout.split("\n\n")
    rows = [line.split() for line in table.splitlines()]
    assert rows[:4] == [
        ["group", "1", "2"],
        ["runs", "7", "7"],
        ["seeds", "0", "to", "6", "0", "to", "6"],
        ["optimizer.lr", "0.01", "1"],
    ]
    assert rows[-1] == ["Metrics:", "median", "(quartiles)", "of", "the", "finished", "runs."]
    first = sentences.splitlines()[0]
    assert first.startswith("final.train_loss: group 2 is 0.")
    assert " lower (better) than group 1, the mean over 7 shared seeds (95 % interval -" in first
    assert first.endswith("): more than the seed noise (p = 0.031, corrected for 2 values).")


def test_a_folder_stands_for_its_runs_and_json_has_all(nnlab: Nnlab, seeds: list[str]) -> None:
    found = json.loads(nnlab("compare", "runs", "--metric", "final.train_loss", "--json").stdout)
    assert [one["name"] for one in found["runs"]] == sorted(seed[5:] for seed in seeds)
    assert found["config"]["optimizer.lr"] == [1] * 7 + [0.01] * 7
    assert found["groups"] == [
        {"runs": [*range(7)], "seeds": [*range(7)]},
        {"runs": [*range(7, 14)], "seeds": [*range(7)]},
    ]
    (one,) = found["comparisons"]
    assert (one["metric"], one["verdict"], one["seeds"]) == (
        "final.train_loss",
        "larger",
        [*range(7)],
    )
    fast, slow = (
        [run["metrics"]["final.train_loss"] for run in found["runs"][part]]
        for part in (slice(0, 7), slice(7, 14))
    )
    assert one["differences"] == [s - f for f, s in zip(fast, slow, strict=True)]


def test_a_sweep_is_compared_in_the_order_of_its_settings(nnlab: Nnlab) -> None:
    options = ["-c", "xor", "--seeds", "5", "--set", "epochs=20", "--no-plots", "--jobs", "1"]
    assert nnlab("sweep", "lr=0.3,0.01,0.1", *options).exit_code == 0
    found = json.loads(nnlab("compare", "runs/sweep-xor-lr-epochs=20", "--json").stdout)
    rates = [0.01] * 5 + [0.1] * 5 + [0.3] * 5
    assert found["config"]["optimizer.lr"] == rates
    assert [one["runs"] for one in found["groups"]] == [
        [0, 1, 2, 3, 4],
        [5, 6, 7, 8, 9],
        [10, 11, 12, 13, 14],
    ]
    assert [run["seed"] for run in found["runs"]] == found["groups"][0]["seeds"] * 3


def test_many_runs_of_one_group_are_rows(nnlab: Nnlab) -> None:
    names = [train(nnlab, f"s{seed}", f"seed={seed}", "epochs=1") for seed in range(9)]
    lines = nnlab("compare", *names).stdout.splitlines()
    assert lines[0].split()[:4] == ["run", "status", "seed", "final.epoch"]
    assert [line.split()[:3] for line in lines[1:]] == [
        [f"s{seed}", "completed", str(seed)] for seed in range(9)
    ]


def test_other_data_is_said_and_compared(nnlab: Nnlab) -> None:
    a, b = train(nnlab, "a", "epochs=1"), train(nnlab, "b", "epochs=1", config="linear")
    result = nnlab("compare", a, b)
    assert result.exit_code == 0
    assert result.stderr == ("The data sets differ (xor, linear): the values are not comparable.\n")
    c = train(nnlab, "c", "epochs=1", "seed=1", config="linear")
    assert nnlab("compare", b, c).stderr == (
        "The rows of the data set linear are not the same in all runs (their SHA-256 "
        "differ): part of a difference may come from that.\n"
    )


def test_a_diverged_run(nnlab: Nnlab) -> None:
    good = train(nnlab, "good", "epochs=3", config="digits_binary")
    bad = train(nnlab, "bad", "lr=1e9", config="digits_binary", code=4)
    result = nnlab("compare", good, bad)
    assert result.exit_code == 0
    assert result.stderr == "B diverged: its values are the last finite values.\n"
    assert "test.loss" in result.stdout


def test_a_group_with_a_diverged_run(nnlab: Nnlab) -> None:
    names = [train(nnlab, f"a{s}", f"seed={s}", "epochs=3", config="digits_binary") for s in (0, 1)]
    names.append(train(nnlab, "b0", "lr=1e9", config="digits_binary", code=4))
    text = nnlab("compare", *names).stdout
    assert text.endswith(
        "test.loss: group 2 has no finished run, so nothing can be compared.\n"
        "test.accuracy: group 2 has no finished run, so nothing can be compared."
        "\nGroup 2 leaves out 1 of its 1 runs: seed 7 diverged.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "Two or more runs are needed to compare. `nnlab runs` lists them."),
        (
            ["runs/a", "runs/a"],
            2,
            "Two or more runs are needed to compare. runs/a is the only one named. "
            "`nnlab runs` lists them.",
        ),
        (["runs/a", "runs/x"], 6, "There is no run 'runs/x', neither as a path nor in runs."),
        (["runs/a", "."], 6, ". is not a run, and no run is in it."),
        (
            ["runs/a", "runs/b", "--metric", "final.train_los"],
            2,
            "No run has 'final.train_los'. Did you mean 'final.train_loss'? There are "
            "final.epoch, final.train_loss, final.train_accuracy, best.epoch, best.train_loss, "
            "best.train_accuracy.",
        ),
    ],
)
def test_bad_input(nnlab: Nnlab, arguments: list[str], code: int, message: str) -> None:
    for name in ("a", "b"):
        train(nnlab, name, "epochs=1")
    result = nnlab("compare", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", f"{message}\n")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("run.json", "{", "not valid JSON"),
        ("resolved.yaml", "a: [", "this is not valid YAML"),
        ("resolved.yaml", "- 1", "it holds no settings"),
        ("metrics.csv", "epoch,train_loss\n1\n", "row 2 has 1 cells, the header has 2"),
    ],
)
def test_an_unreadable_run(
    nnlab: Nnlab, tmp_path: Path, file: str, content: str, message: str
) -> None:
    a, b = train(nnlab, "a", "epochs=1"), train(nnlab, "b", "epochs=1")
    (tmp_path / b / file).write_text(content)
    result = nnlab("compare", a, b)
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr.startswith(f"Cannot read {b}/{file}: ")
    assert message in result.stderr
