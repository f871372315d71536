"""The folder of a sweep: what is in it, and what is made of its runs."""

import csv
import json
from pathlib import Path

import pytest

from nnlab.errors import RunUnreadable
from nnlab.run import durable
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder, find_all, ranking
from nnlab.show.words import axis_value, cell_name

ABOUT = {"format": 1, "axes": [{"key": "lr", "values": [0.1, 0.2]}], "base": {"seed": 3}}
NAME, OTHER = "0123456789ab", "ba9876543210"


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    found = SweepFolder(tmp_path / "runs" / "sweep-case-lr")
    found.create()
    found.write_about(ABOUT)
    return found


def add(folder: SweepFolder, name: str, **about: object) -> Path:
    path = folder.path / name
    path.mkdir()
    content = {"status": "completed", "trial": {"cell": {"lr": 0.1}, "seed": 3}, **about}
    (path / "run.json").write_text(json.dumps(content))
    return path


def test_what_is_written_is_read(folder: SweepFolder) -> None:
    assert folder.exists()
    assert folder.read_about() == ABOUT
    assert not SweepFolder(folder.path / NAME).exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1, 2]",
        "a: b",
        "axes: 3",
        "axes: [3]",
        "axes: [{key: a}]",
        "a: [",
        "\x00",
        "axes: [&a *a]",
    ],
)
def test_a_broken_description(folder: SweepFolder, text: str) -> None:
    (folder.path / "sweep.yaml").write_text(text)
    with pytest.raises(RunUnreadable, match="Cannot read"):
        folder.read_about()


def test_records(folder: SweepFolder) -> None:
    path = add(folder, NAME, seconds=1.5)
    (path / "summary.json").write_text('{"final": {"train_loss": 0.5}, "test": {"loss": 0.7}}')
    (path / "metrics.csv").write_text("epoch,train_loss\n0,0.9\n7,0.5\n")
    add(folder, OTHER, status="failed", error="because")
    (folder.path / "not-a-trial").mkdir()
    (folder.path / "cccccccccccc").mkdir()  # a trial that did not come as far as run.json
    first, second = folder.records()
    assert (first.name, first.cell, first.seed, first.done) == (NAME, {"lr": 0.1}, 3, True)
    assert (first.epochs, first.seconds, first.final, first.test) == (
        7, 1.5, {"train_loss": 0.5}, {"loss": 0.7},
    )  # fmt: skip
    assert (second.status, second.reason, second.done) == ("failed", "because", False)


def test_records_have_the_order_of_the_axes_and_the_seeds(folder: SweepFolder) -> None:
    # As their names are hashes, they have an order of their own.
    for name, lr, seed in [
        ("aaaaaaaaaaaa", 0.2, 3),
        ("bbbbbbbbbbbb", 0.1, 10),
        ("cccccccccccc", 0.1, 9),
        ("dddddddddddd", 0.05, 3),  # a trial of an axis that has changed comes last
        ("eeeeeeeeeeee", 0.1, 11),
    ]:
        add(folder, name, trial={"cell": {"lr": lr}, "seed": seed})
    assert "".join(one.name[0] for one in folder.records()) == "cbead"
    text = folder.write_summary(["lr"], folder.records()).read_text()
    rows = csv.DictReader(text.splitlines())
    assert [(row["lr"], row["seed"]) for row in rows][:2] == [("0.1", "9"), ("0.1", "10")]
    (folder.path / "sweep.yaml").write_text("damaged: [")
    assert len(folder.records()) == 5


def test_a_broken_trial_is_one_unreadable_record(folder: SweepFolder) -> None:
    (add(folder, NAME) / "run.json").write_text("{")
    (record,) = folder.records()
    assert record.status == "unreadable"
    assert "not valid JSON" in str(record.reason)


def test_summary(folder: SweepFolder) -> None:
    path = add(folder, NAME)
    (path / "summary.json").write_text('{"final": {"epoch": 7, "train_loss": 0.5}}')
    add(folder, OTHER, status="failed", error="a, b\nc")
    records = folder.records()
    with folder.write_summary(["lr"], records).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == [NAME, OTHER]
    assert rows[0]["lr"] == "0.1"
    assert rows[0]["final_train_loss"] == "0.5"
    assert rows[1]["reason"] == "a, b\nc"
    assert rows[1]["final_train_loss"] == ""


def test_an_axis_may_be_called_like_a_column(folder: SweepFolder) -> None:
    add(folder, NAME, trial={"cell": {"epochs": 9, "seed": 1}, "seed": 1})
    with folder.write_summary(["epochs", "seed"], folder.records()).open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row[".epochs"], row["epochs"], row["seed"]) == ("9", "", "1")


def test_find(folder: SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = folder.path.parent
    assert SweepFolder.find("sweep-case-lr", runs) == folder
    assert SweepFolder.find(str(folder.path), Path("elsewhere")) == folder
    for spec in ("", "latest", "a\0b", "x" * 500):
        assert SweepFolder.find(spec, runs) is None
    assert find_all(runs) == [folder]
    assert find_all(runs / "nowhere") == []


def test_discarding_a_trial(folder: SweepFolder) -> None:
    path = add(folder, NAME)
    (path / "weights").mkdir()
    (path / "weights" / "final.npz").write_text("")
    folder.discard(NAME)
    folder.discard(NAME)
    assert [one.name for one in folder.path.iterdir()] == ["sweep.yaml"]


def test_what_a_kill_left_is_removed(folder: SweepFolder) -> None:
    left = folder.path / f".{NAME}.1-2.tmp"
    (left / "weights").mkdir(parents=True)
    (left / "weights" / "final.npz").write_text("")
    (folder.path / ".sweep.yaml.1-3.tmp").write_text("")
    folder.tidy()
    assert [one.name for one in folder.path.iterdir()] == ["sweep.yaml"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0001, "0.0001"),
        (1e-05, "1e-05"),
        (10, "10"),
        (True, "true"),
        (None, "null"),
        ("relu", "relu"),
        ({"leaky_relu": 0.1}, "{leaky_relu: 0.1}"),
        ([1, "a"], "[1, a]"),
    ],
)
def test_labels(value: object, text: str) -> None:
    assert axis_value(value) == text


def test_a_cell_in_words() -> None:
    assert cell_name({"lr": 0.001, "hidden": 3}) == "lr 0.001, hidden 3"


def test_a_trial_that_was_never_begun_is_removed(tmp_path: Path) -> None:
    """Its process was killed before run.json; one that is being begun now stays."""
    folder = SweepFolder(tmp_path)
    left, now, begun = (tmp_path / (letter * 12) for letter in "abc")
    for path in (left, now, begun):
        path.mkdir()
        (path / "config.yaml").write_text("")
    (begun / "run.json").write_text("{}")
    with RunFolder(now).lock():
        folder.tidy()
    assert sorted(p.name[0] for p in tmp_path.iterdir()) == ["b", "c"]


@pytest.mark.parametrize("foreign", ["thesis.txt", "weights/final.npz", ".notes.tmp", "a/b"])
def test_a_folder_of_the_user_that_is_called_like_a_trial_stays(
    tmp_path: Path, foreign: str
) -> None:
    mine = tmp_path / "202611261234"
    (mine / foreign).parent.mkdir(parents=True)
    (mine / foreign).write_text("Mine.")
    SweepFolder(tmp_path).tidy()
    assert (mine / foreign).read_text() == "Mine."


def test_a_folder_with_hidden_files_is_not_empty(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path)
    with folder.lock(), durable.staged(tmp_path / "sweep.yaml", b""):
        assert folder.is_empty()
    (tmp_path / ".notes.tmp").write_text("Mine.")
    assert not folder.is_empty()


@pytest.mark.parametrize(
    "values", [[0.1, 0.2, 1, "a", None], [[8], [8, 4], "relu"], [1, True, 1.0]]
)
def test_a_rank_is_an_index_found_at_once(values: list[object]) -> None:
    rank = ranking(values)
    for value in (*values, 1, 1.0, True, [8], [4], "b", None):
        assert rank(value) == (values.index(value) if value in values else len(values))


def test_a_rank_compares_no_value_with_all_others() -> None:
    compared = 0

    class Value(float):
        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return float.__eq__(self, other)  # type: ignore[arg-type]

        __hash__ = float.__hash__

    values = [Value(number) for number in range(300)]
    rank = ranking(values)
    assert [rank(Value(number)) for number in range(300)] == list(range(300))
    assert compared < 3000
