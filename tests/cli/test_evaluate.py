"""`nnlab evaluate` and `nnlab predict`."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from nnlab.run.folder import RunFolder
from nnlab.run.run import Run

Nnlab = Callable[..., Result]


def test_evaluate_shows_all_tables(nnlab: Nnlab, flowers: Path) -> None:
    result = nnlab("evaluate", "latest")
    assert (result.exit_code, result.stderr) == (0, "")
    title, numbers, scores, classes, confusion = result.stdout.rstrip("\n").split("\n\n")
    assert title == f"{flowers.name}, final weights, train"
    assert numbers.split("\n")[0].split() == ["rows", "loss", "accuracy"]
    assert [line.split() for line in classes.split("\n")] == [
        ["class", "precision", "recall", "f1", "support"],
        ["iris", "1.0000", "1.0000", "1.0000", "3"],
        ["rose", "1.0000", "1.0000", "1.0000", "3"],
        ["macro", "mean", "1.0000", "1.0000", "1.0000", "-"],
        ["weighted", "mean", "1.0000", "1.0000", "1.0000", "-"],
    ]
    assert ["ROC", "AUC", "1.0000000"] in [line.split() for line in scores.split("\n")]
    assert confusion == (
        "true \\ predicted  iris  rose\n"
        "iris                 3     0\n"
        "rose                 0     3"
    )  # fmt: skip


def test_evaluate_as_json_on_weights_and_files(nnlab: Nnlab, flowers: Path) -> None:
    own = json.loads(nnlab("evaluate", "latest", "--json").stdout)
    file = json.loads(nnlab("evaluate", "latest", "--data", "flowers.csv", "--json").stdout)
    first = json.loads(nnlab("evaluate", "latest", "--weights", "initial", "--json").stdout)
    assert (own["weights"], own["part"], own["rows"]) == ("final", "train", 6)
    assert file["part"] == "flowers.csv"
    same = ("loss", "accuracy", "classes", "confusion")
    assert {key: own[key] for key in same} == {key: file[key] for key in same}
    assert first["loss"] > own["loss"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--part", "test"], 2, "This run has no test part; it has train.\n"),
        (
            ["--part", "test", "--data", "x.csv"],
            2,
            "Usage: nnlab evaluate [OPTIONS] RUN\nTry 'nnlab evaluate --help' for help.\n\n"
            "Error: --part and --data exclude each other.\n",
        ),
        (["--data", "x.csv"], 3, "There is no file x.csv.\n"),
    ],
)
def test_evaluate_refuses(
    nnlab: Nnlab, flowers: Path, options: list[str], code: int, message: str
) -> None:
    result = nnlab("evaluate", "latest", *options)
    assert (result.exit_code, result.stderr, result.stdout) == (code, message, "")


def test_predict_reads_columns_by_name(nnlab: Nnlab, flowers: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("colour,extra,length\nred,a,1.1\nblue,b,2.4\n")
    result = nnlab("predict", "latest", "new.csv")
    assert (result.exit_code, result.stderr) == (0, "")
    header, *rows = list(csv.reader(io.StringIO(result.stdout)))
    assert header == ["iris", "rose", "predicted"]
    assert [row[2] for row in rows] == ["rose", "iris"]
    # length, then one-hot blue, red, white
    inputs = [[1.1, 0, 1, 0], [2.4, 1, 0, 0]]
    expected = Run(flowers).predict(inputs)
    printed = np.array([row[:2] for row in rows], np.float32)
    np.testing.assert_array_equal(printed, expected)  # all digits are there


def test_weights_that_overflow(nnlab: Nnlab, tmp_path: Path) -> None:
    options = ["--no-plots", "--set", "lr=1e9", "--seed", "0"]
    assert nnlab("train", "digits_binary", *options).exit_code == 4
    np.savez(tmp_path / "new.npz", x=np.full((1, 64), 16.0))
    result = nnlab("predict", "latest", "new.npz")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "p(below 5),predicted\nnan,\n"
    judged = nnlab("evaluate", "latest")
    assert (judged.exit_code, judged.stderr) == (0, "")
    assert re.search(r"\b(nan|inf)\b", judged.stdout) is None


def test_predict_into_a_file(nnlab: Nnlab, flowers: Path, tmp_path: Path) -> None:
    printed = nnlab("predict", "latest", "flowers.csv").stdout
    result = nnlab("predict", "latest", "flowers.csv", "-o", "out.csv")
    assert (result.stdout, result.stderr) == ("", "6 rows written to out.csv\n")
    assert (tmp_path / "out.csv").read_text() == printed
    dash = nnlab("predict", "latest", "flowers.csv", "-o", "-")
    assert (dash.stdout, dash.stderr, (tmp_path / "-").exists()) == (printed, "", False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "length,colour\n1,red\ntall,blue\n",
            "new.csv, line 3, column 'length': 'tall' is not a finite number.",
        ),
        (
            "length,colour\n1,red\n2\n",
            "new.csv, line 3: there are 1 cells, but 2 columns.",
        ),
        (
            "length,colour\n1,\x1b[31m\n",
            "new.csv, line 2, column 'colour': '\\x1b[31m' is none of the categories of the "
            "training data, 'blue', 'red', 'white'.",
        ),
        (
            "colour\nred\n",
            "new.csv has no column 'length'; its columns are 'colour'.",
        ),
    ],
)
def test_predict_names_row_and_column(
    nnlab: Nnlab, flowers: Path, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "new.csv").write_text(text)
    result = nnlab("predict", "latest", "new.csv")
    assert (result.exit_code, result.stderr, result.stdout) == (3, f"{message}\n", "")


@pytest.mark.parametrize(
    ("config", "width", "header"),
    [
        ("digits_binary", 64, ["p(below 5)", "predicted"]),
        ("identity8", 8, [f"output_{i}" for i in range(8)]),
        ("curve.yaml", 1, ["cubic"]),
    ],
)
def test_the_names_of_outputs(
    nnlab: Nnlab, tmp_path: Path, config: str, width: int, header: list[str]
) -> None:
    curve = "data: {name: curve, function: cubic}\nnetwork: [{dense: 1}]\nloss: mse\n"
    (tmp_path / "curve.yaml").write_text(curve)
    assert nnlab("train", config, "--no-plots", "--set", "epochs=1").exit_code == 0
    np.savez(tmp_path / "new.npz", x=np.zeros((3, width)))
    result = nnlab("predict", "latest", "new.npz")
    lines = list(csv.reader(io.StringIO(result.stdout)))
    assert (lines[0], len(lines)) == (header, 4)
    np.savez(tmp_path / "wrong.npz", x=np.zeros((3, width + 1)))
    wrong = nnlab("predict", "latest", "wrong.npz")
    assert (wrong.exit_code, wrong.stdout) == (3, "")
    assert wrong.stderr == (
        f"wrong.npz, array 'x' has rows of {width + 1} numbers; the network takes {width}.\n"
    )


HOLES = """a,b,id,y
1,5,p,0.5
,7,q,1.5
5,,r,2.5
3,9,s,3.5
1000,,t,4.5
"""
HOLES_CONFIG = """data: {name: csv, path: holes.csv, target: y, ignore: [id], missing: mean,
  test: 1, split: ordered, scale: standardize}
network: [{dense: 1}]
loss: mse
training: {epochs: 2, dtype: float64}
"""


def test_missing_cells_are_filled_from_the_training_rows(nnlab: Nnlab, tmp_path: Path) -> None:
    """Also when the run measures and answers its own file again."""
    (tmp_path / "holes.csv").write_text(HOLES)
    (tmp_path / "holes.yaml").write_text(HOLES_CONFIG)
    assert nnlab("train", "holes.yaml", "--no-plots").exit_code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    saved = Run(folder)
    assert saved.data.scaling.fill == (3.0, 7.0)
    parts = [nnlab("evaluate", "latest", "--json", "--part", name) for name in ("train", "test")]
    train, test = (json.loads(result.stdout) for result in parts)
    own = json.loads(nnlab("evaluate", "latest", "--json", "--data", "holes.csv").stdout)
    assert own["loss"] == pytest.approx((4 * train["loss"] + test["loss"]) / 5)
    lines = nnlab("predict", "latest", "holes.csv").stdout.split()
    full = [[1, 5], [3, 7], [5, 7], [3, 9], [1000, 7]]
    np.testing.assert_array_equal([[float(line)] for line in lines[1:]], saved.predict(full))
    np.testing.assert_array_equal(saved.predict([[None, 7]]), saved.predict([[3, 7]]))
    (tmp_path / "named.csv").write_text("b,a\n,2\n")
    assert nnlab("predict", "latest", "named.csv").exit_code == 0


def test_a_missing_cell_for_a_run_that_has_no_mean(
    nnlab: Nnlab, flowers: Path, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("length,colour\n,red\n")
    result = nnlab("predict", "latest", "new.csv")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "new.csv, line 2, column 'length': the cell is missing. Fill it: the run was not trained "
        "to fill it in.\n"
    )


@pytest.mark.parametrize("option", ["--part", "--data"])
def test_a_part_can_be_named_either_way(nnlab: Nnlab, flowers: Path, option: str) -> None:
    result = nnlab("evaluate", "latest", option, "train", "--json")
    printed = json.loads(result.stdout)
    assert (printed["part"], printed["rows"]) == ("train", 6)
    hint = "Write --part train instead of --data train, which still works.\n"
    assert result.stderr == (hint if option == "--data" else "")


@pytest.mark.parametrize("command", [["evaluate", "latest"], ["predict", "latest", "flowers.csv"]])
def test_a_run_that_was_interrupted(nnlab: Nnlab, flowers: Path, command: list[str]) -> None:
    """As it is left by Ctrl-C: a checkpoint, no final weights and no summary."""
    whole = nnlab(*command)
    for name in ("summary.json", "weights/final.npz", "weights/best.npz"):
        (flowers / name).unlink()
    RunFolder.open(flowers).update_status("interrupted")
    result = nnlab(*command)
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr == (
        f"The run {flowers.name} has not come to its end (it is interrupted), so it has no final "
        "weights. It has checkpoint weights.\n"
    )
    assert nnlab(*command, "--weights", "initial").exit_code == 0
    saved = whole.stdout.replace("final weights", "checkpoint weights")
    assert nnlab(*command, "--weights", "checkpoint").stdout == saved
    for path in flowers.glob("checkpoint*"):
        path.unlink()
    assert nnlab(*command).stderr.endswith("It has initial weights.\n")
    missing = nnlab(*command, "--weights", "checkpoint")
    assert (missing.exit_code, missing.stderr) == (
        6,
        f"The run {flowers.name} has no checkpoint.\n",
    )


def test_predict_with_targets_of_a_file(nnlab: Nnlab, flowers: Path, tmp_path: Path) -> None:
    """The plain table between the row's number and target, and its loss."""
    plain = list(csv.reader(io.StringIO(nnlab("predict", "latest", "flowers.csv").stdout)))
    result = nnlab("predict", "latest", "flowers.csv", "--targets")
    assert (result.exit_code, result.stderr) == (0, "")
    header, *lines = csv.reader(io.StringIO(result.stdout))
    assert header == ["row", "target", *plain[0], "loss"]
    assert [line[2:-1] for line in lines] == plain[1:]
    assert [line[0] for line in lines] == [str(number) for number in range(1, 7)]
    for _, target, iris, rose, _, loss in lines:
        chance = float(iris if target == "iris" else rose)
        assert float(loss) == pytest.approx(-np.log(chance), rel=1e-4)


def test_predict_with_targets_of_the_runs_own_data(nnlab: Nnlab) -> None:
    """All 100 points of `linear`: truth and prediction, and the mean of the losses is the loss."""
    nnlab("train", "linear", "--set", "epochs=3", "--no-plots")
    evaluated = json.loads(nnlab("evaluate", "latest", "--json").stdout)
    header, *lines = csv.reader(io.StringIO(nnlab("predict", "latest", "--targets").stdout))
    assert header == ["row", "target", "p(x > y)", "predicted", "loss"]
    assert len(lines) == evaluated["rows"] == 100
    assert np.mean([float(line[-1]) for line in lines]) == pytest.approx(evaluated["loss"])
    right = np.mean([line[1] == line[3] for line in lines])
    assert right == pytest.approx(evaluated["accuracy"])
    assert nnlab("predict", "latest", "--targets", "--part", "train").stdout.count("\n") == 101


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'FILE'. Without one, --targets shows the run's own data."),
        (["--part", "train"], "--part needs --targets and no FILE."),
        (["flowers.csv", "--targets", "--part", "train"], "--part needs --targets and no FILE."),
        (["--targets", "--part", "test"], "This run has no test part; it has train."),
    ],
)
def test_predict_says_what_is_missing(
    nnlab: Nnlab, flowers: Path, arguments: list[str], message: str
) -> None:
    result = nnlab("predict", "latest", *arguments)
    assert result.exit_code == 2
    assert result.stderr.rstrip().endswith(message)
