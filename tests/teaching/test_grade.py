"""`nnlab handin` and `nnlab grade`: the honest are verified, the others are named."""

import io
import json
import pickle
import re
import shutil
import stat
import sys
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from threadpoolctl import threadpool_limits

import nnlab
from nnlab.cli import main
from nnlab.errors import RunUnreadable, UsageError
from nnlab.experiment.state import file_hash
from nnlab.run.arrays import read_npz, write_npz
from nnlab.run.folder import TRAINING_FILES, RunFolder
from nnlab.run.run import Run
from nnlab.teaching import grade as grading
from nnlab.teaching.grade import Verdict, grade_handins
from nnlab.teaching.handin import MOST, find_handins, pack_handin, read_handin
from nnlab.teaching.task import read_task

TASK = """data: {name: moons, samples: 40, noise: 0.1, seed: 0, validation: 0.25}
network: [{dense: ???}, ???, {dense: 2}, softmax]
loss: cross_entropy
optimizer: {name: ???, lr: 0.1}
seed: ???
training: {epochs: 5, batch_size: 8, engine: numpy}
expect: {val_loss: "< 100", parameters: "<= 20"}
"""
Change = Callable[[Path], None]


def text(old: str, new: str, *files: str) -> Change:
    """Replaces a text in files, which must hold it."""

    def change(run: Path) -> None:
        for file in files:
            content = (run / file).read_text()
            assert old in content, file
            (run / file).write_text(content.replace(old, new))

    return change


def better_metrics(run: Path) -> None:
    """The last row of metrics.csv, and the summary that belongs to it."""
    *rows, last = (run / "metrics.csv").read_text().splitlines()
    at = rows[0].split(",").index("val_accuracy")
    cells = last.split(",")
    cells[at] = "1.0" if cells[at] != "1.0" else "0.9"
    (run / "metrics.csv").write_text("\n".join([*rows, ",".join(cells), ""]))
    summary = json.loads((run / "summary.json").read_text())
    for row in (summary["final"], summary["best"]):
        if row["epoch"] == 5:
            row["val_accuracy"] = float(cells[at])
    (run / "summary.json").write_text(json.dumps(summary))


def better_scores(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    summary["scores"]["auc"] = 0.123
    (run / "summary.json").write_text(json.dumps(summary))


def other_weights(run: Path) -> None:
    """Sealed again, as nnlab itself would write them."""
    arrays = read_npz(run / "weights" / "final.npz")
    write_npz(run / "weights" / "final.npz", {k: a + np.float32(1e-3) for k, a in arrays.items()})


def other_start(run: Path) -> None:
    about = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(about | {"started": "2026-01-01T00:00:00+00:00"}))


def other_times(run: Path) -> None:
    head, *rows = (run / "metrics.csv").read_text().splitlines()
    assert head.endswith(",seconds")
    rows = [f"{row.rpartition(',')[0]},{number}.5" for number, row in enumerate(rows)]
    (run / "metrics.csv").write_text("\n".join([head, *rows, ""]))
    summary = json.loads((run / "summary.json").read_text())
    for row in (summary["final"], summary["best"]):
        row["seconds"] = row["epoch"] + 0.5
    (run / "summary.json").write_text(json.dumps(summary))


def pickled(run: Path) -> None:
    (run / "weights" / "final.npz").write_bytes(
        _zip({"0.dense.weight.npy": b"\x93NUMPY\x01\x00" + pickle.dumps([1])})
    )


# A cheat: what is trained, what is changed, the verdict, and the words in its reason.
BLANKS = ("network.0.units=4", "network.1=tanh", "optimizer=sgd", "seed=99")
CHEATS: dict[str, tuple[str, Change, Verdict, str]] = {
    "metrics": ("", better_metrics, Verdict.EDITED, "val_accuracy of epoch 5 is"),
    "scores": ("", better_scores, Verdict.EDITED, "summary.json: scores.auc is 0.123"),
    "weights": ("", other_weights, Verdict.EDITED, "weights/final.npz: 0.dense"),
    "rate": (
        "lr=0.5",
        text("lr: 0.5", "lr: 0.1", "resolved.yaml"),
        Verdict.EDITED,
        "metrics.csv: lr of epoch 0 is 0.5, the training here gives 0.1",
    ),
    "config": (
        "network.0.units=5",
        text("units: 5", "units: 4", "resolved.yaml"),
        Verdict.EDITED,
        "weights/initial.npz",
    ),
    "epochs": (
        "epochs=9",
        text("epochs: 9", "epochs: 5", "resolved.yaml"),
        Verdict.EDITED,
        "the config asks for 5 epochs, 9 are recorded",
    ),
    "declared": ("epochs=9", lambda run: None, Verdict.OTHER, "epochs is 9, the task says 5"),
    "null": ("training.ema=0.9", lambda run: None, Verdict.OTHER, "ema is 0.9, the task says null"),
    "seed": (
        "seed=7",
        text("\nseed: 7", "\nseed: 8", "resolved.yaml"),
        Verdict.EDITED,
        "train_loss of epoch 0",
    ),
    "data": (
        "data.noise=0.01",
        text("noise: 0.01", "noise: 0.1", "resolved.yaml"),
        Verdict.OTHER,
        "other data",
    ),
    "code": (
        "",
        text("name: cross_entropy", "name: !!python/object/apply:os.abort []", "resolved.yaml"),
        Verdict.REFUSED,
        "the tag '!!python/object/apply:os.abort' is not allowed",
    ),
    "pickle": ("", pickled, Verdict.EDITED, "weights"),
}


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with task.yaml, and in handins/ 20 honest hand-ins and others."""
    top = tmp_path_factory.mktemp("school")
    (top / "task.yaml").write_text(TASK)
    handins = top / "handins"
    for number in range(20):  # each pair has the same settings, and its own training
        run = _train(top, f"seed={number // 2}")
        where = handins / ("group 1" if number % 2 else "") / f"honest{number}.zip"
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(pack_handin(RunFolder(run), b"report"))
    shutil.copytree(run, handins / "deep" / "er" / "honest folder")
    (handins / "group 1" / "honest19.zip").unlink()  # it is the folder
    for name, (setting, change, _, _) in CHEATS.items():
        run = _train(top, setting)
        change(run)
        (handins / f"{name}.zip").write_bytes(pack_handin(RunFolder(run), b""))
    run = _train(top, "seed=50")
    (handins / "source.zip").write_bytes(pack_handin(RunFolder(run), b""))
    other_start(run)
    own = run.rename(run.parent / "own")
    (handins / "copy.zip").write_bytes(pack_handin(RunFolder(own), b""))
    other_times(own)
    (handins / "slower.zip").write_bytes(pack_handin(RunFolder(own), b""))
    for name, data in tricks(
        _zip({f"r/{k}": v for k, v in read_handin(run.parent / "own").items()})
    ):
        (handins / f"{name}.zip").write_bytes(data)
    return top


def _train(top: Path, setting: str) -> Path:
    settings = [*BLANKS, setting] if setting else BLANKS
    changes = [word for each in settings for word in ("--set", each)]
    arguments = ("train", str(top / "task.yaml"), *changes, "--no-plots")
    with threadpool_limits(1):  # as the processes that train again
        result = CliRunner().invoke(main, [*arguments, "--runs", str(top / "runs"), "-q"])
    assert result.exit_code == 9, result.output  # it has too many parameters
    return max((top / "runs").iterdir(), key=lambda path: path.stat().st_ctime_ns)


def _zip(files: dict[str, bytes], link: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def tricks(honest: bytes) -> Iterator[tuple[str, bytes]]:
    """Zips that are no hand-ins."""
    with zipfile.ZipFile(io.BytesIO(honest)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    yield "link", _zip(files, link="r/metrics2.csv")
    yield "parent", _zip({**files, "../../run2.json": b"{}"})
    yield "absolute", _zip({**files, "/tmp/x": b"{}"})
    yield "huge", _zip({**files, "r/more.bin": bytes(MOST)})
    yield "two", _zip({**files, "s/run.json": b"{}"})
    yield "empty", _zip({})
    yield "cut", honest[:-100]
    yield "nozip", b"hello"


def test_all_cheats_are_named_and_no_honest_hand_in(school: Path) -> None:
    before = {p: (p.stat().st_mtime_ns, file_hash(p)) for p in _files(school / "handins")}
    task = read_task(school / "task.yaml")
    graded = {each.name: each for each in grade_handins(school / "handins", task)}
    assert {p: (p.stat().st_mtime_ns, file_hash(p)) for p in _files(school / "handins")} == before
    honest = [each for name, each in graded.items() if "honest" in name]
    assert len(honest) == 20
    assert {(each.verdict, each.reason) for each in honest} == {(Verdict.VERIFIED, "")}
    assert {each.row["met"] for each in honest} == {"1/2"}  # 22 parameters
    for name, (_, _, verdict, reason) in CHEATS.items():
        each = graded[f"{name}.zip"]
        assert (each.verdict, reason in each.reason) == (verdict, True), (name, each.reason)
    shared = [graded[f"{name}.zip"] for name in ("copy", "slower", "source")]
    assert [each.verdict for each in shared] == [Verdict.SHARED] * 3
    assert [each.reason for each in shared] == [
        "the same training as source.zip; it began in the same millisecond as slower.zip",
        "it began in the same millisecond as copy.zip",
        "the same training as copy.zip",
    ]
    reasons = {
        "link": "it holds the link r/metrics2.csv",
        "parent": "it holds the path ../../run2.json, which leads out of it",
        "absolute": "it holds the path /tmp/x, which leads out of it",
        "two": "it holds 2 runs; hand in one",
        "empty": "it holds 0 runs; hand in one",
    }
    for name in ("link", "parent", "absolute", "huge", "two", "empty", "cut", "nozip"):
        each = graded[f"{name}.zip"]
        assert each.verdict is Verdict.REFUSED
        assert each.reason == reasons.get(name, each.reason)
    assert "it unpacks to" in graded["huge.zip"].reason
    assert "not an intact .zip file" in graded["nozip.zip"].reason


def _files(top: Path) -> list[Path]:
    return [path for path in top.rglob("*") if path.is_file()]


def test_the_marks_are_those_of_the_training_here(school: Path, tmp_path: Path) -> None:
    for name in ("honest0", "metrics"):
        shutil.copy(school / "handins" / f"{name}.zip", tmp_path)
    arguments = ["grade", str(tmp_path), "--against", str(school / "task.yaml"), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stderr.endswith("2 hand-ins: 1 edited.\n")) == (9, True)
    rows = json.loads(result.stdout)["handins"]
    graded = nnlab.grade(tmp_path, school / "task.yaml", jobs=2)
    assert graded.to_dict() == {"folder": str(tmp_path), "handins": rows}
    assert list(graded.table["verdict"]) == ["verified", "edited"]
    assert graded.to_csv().startswith("hand-in,verdict,met,val_loss,parameters,reason\n")
    assert str(graded).splitlines()[1].split()[:3] == ["honest0.zip", "verified", "1/2"]
    assert [row["verdict"] for row in rows] == ["verified", "edited"]
    honest = read_handin(tmp_path / "honest0.zip")
    assert rows[0]["val_loss"] == json.loads(honest["summary.json"])["final"]["val_loss"]


def test_another_machine_makes_the_verdict_mild(
    school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But where some numbers came out the same to the last bit, the others were edited."""
    monkeypatch.setattr(grading, "environment_changes", lambda *_: ["cpu was A, now B"])
    for name in ("rate", "metrics", "weights"):
        shutil.copy(school / "handins" / f"{name}.zip", tmp_path)
    verdicts = {
        each.name: each for each in grade_handins(tmp_path, read_task(school / "task.yaml"))
    }
    assert verdicts["rate.zip"].verdict is Verdict.UNCLEAR
    assert verdicts["rate.zip"].reason.endswith("; cpu was A, now B")
    assert verdicts["metrics.zip"].verdict is Verdict.EDITED
    assert verdicts["weights.zip"].verdict is Verdict.EDITED


def test_another_version_or_rounding_accuses_nobody(school: Path) -> None:
    """Other fields; and a batch for validation that is rounded in another way than for training."""
    numbers = grading._numbers(Run(school / "handins" / "deep" / "er" / "honest folder"))
    machine, loss = ["cpu was A, now B"], "summary.json: scores.log_loss"
    assert grading._compare(numbers, {**numbers, "more": 1}, machine) == (Verdict.VERIFIED, "")
    verdict, reason = grading._compare(numbers, {**numbers, "more": 1}, [])
    assert (verdict, reason.startswith("more is 1")) == (Verdict.EDITED, True)
    for change, wanted in ((1e-6, Verdict.VERIFIED), (1e-3, Verdict.EDITED)):
        changed = {**numbers, loss: numbers[loss] * (1 + change)}
        assert grading._compare(numbers, changed, machine)[0] is wanted


def test_a_training_without_end_is_ended(school: Path, tmp_path: Path) -> None:
    shutil.copy(school / "handins" / "honest0.zip", tmp_path)
    (each,) = grade_handins(tmp_path, read_task(school / "task.yaml"), timeout=1e-9)
    assert (each.verdict, each.row["met"]) == (Verdict.FAILED, None)
    assert each.reason == "over the time limit of 1e-09 s"


@pytest.mark.skipif(sys.platform != "linux", reason="no other system limits a process")
def test_a_training_beyond_its_memory_is_ended(school: Path, tmp_path: Path) -> None:
    shutil.copy(school / "handins" / "honest0.zip", tmp_path)
    (each,) = grade_handins(tmp_path, read_task(school / "task.yaml"), memory=1000)
    assert (each.verdict, "\n" in each.row["reason"]) == (Verdict.FAILED, False)


def test_no_member_unpacks_to_more_than_it_announces(tmp_path: Path) -> None:
    path, size = tmp_path / "bomb.zip", 1 << 26
    data = _zip({"r/run.json": b"{}", "r/metrics.csv": bytes(size)})
    path.write_bytes(data.replace(size.to_bytes(4, "little"), (10).to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(RunUnreadable, match="Bad CRC-32"):
        read_handin(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 8
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:  # without such a limit
        archive.writestr("r/run.json", "{}")
    with pytest.raises(RunUnreadable, match=re.escape("r/run.json has an unusual compression")):
        read_handin(path)


def test_equal_runs_are_equal_files_with_nothing_else(school: Path, tmp_path: Path) -> None:
    folder = school / "handins" / "deep" / "er" / "honest folder"
    first = pack_handin(RunFolder(folder), b"page")
    copy = tmp_path / "honest folder"
    shutil.copytree(folder, copy)
    (copy / "secret.txt").write_text("x")
    (copy / "figures").mkdir(exist_ok=True)
    assert pack_handin(RunFolder(copy), b"page") == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        inside = {name.removeprefix("honest folder/") for name in archive.namelist()}
    assert inside <= {*TRAINING_FILES, "report.html"}
    (copy / "metrics.csv").unlink()
    (copy / "metrics.csv").symlink_to(folder / "metrics.csv")
    (each,) = grade_handins(tmp_path, read_task(school / "task.yaml"))
    assert (each.verdict, each.reason) == (Verdict.REFUSED, "metrics.csv is a link")


DAMAGES: tuple[bytes, ...] = (b"", b"\xff\xfe", b"[" * 5000)


def test_no_file_of_a_hand_in_ends_the_grading(school: Path, tmp_path: Path) -> None:
    """A row per hand-in, whatever its files hold; nothing in it moves the cursor of a terminal."""
    honest = read_handin(school / "handins" / "honest0.zip")
    summary = json.loads(honest["summary.json"])
    forged: dict[str, object] = {
        "final": 5,
        "best": {"epoch": 0, "lr": 10**400},
        "part": "\x1b[31m\n" + "x" * 10**5,
        "\x1b[2J": 1,
        "x" * 10**5: 1,
        "scores": [[1], [2, 3]],
        "epochs": 10**400,
    }
    files = {f"{name} {n}": {name: data} for name in honest for n, data in enumerate(DAMAGES)}
    for number, (key, value) in enumerate(forged.items()):
        data = json.dumps({**summary, key: value}).encode()
        files[f"forged {number}"] = {"summary.json": data}
    for name, changed in files.items():
        content = {f"r/{k}": v for k, v in {**honest, **changed}.items()}
        (tmp_path / f"{name.replace('/', ' ')}.zip").write_bytes(_zip(content))
    graded = grade_handins(tmp_path, read_task(school / "task.yaml"))
    verdicts = {each.name.removesuffix(".zip"): each.verdict for each in graded}
    assert len(verdicts) == len(files)
    for each in graded:
        assert each.reason.isprintable(), each
        assert len(each.reason) < 500, each
        assert str(tmp_path.parent) not in each.reason
    unread = {v for name, v in verdicts.items() if name.startswith(("run.json", "metrics.csv"))}
    assert unread == {Verdict.REFUSED, Verdict.EDITED}  # an empty metrics.csv can be read
    edited = {verdict for name, verdict in verdicts.items() if name.startswith("forged")}
    assert edited == {Verdict.EDITED}


def test_a_run_is_handed_in_from_python(
    school: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nnlab.show.page.run.FIGURES", {})  # they take seconds
    run = nnlab.load(school / "handins" / "deep" / "er" / "honest folder").tag("good")
    assert nnlab.handin(run) == Path("honest folder.zip")
    assert read_handin(nnlab.handin(run.path, "ada.zip")) == read_handin(run.path)
    with pytest.raises(UsageError, match="jobs is 0"):
        nnlab.grade(".", "xor", jobs=0)
    with pytest.raises(RunUnreadable, match="no run and no zip"):
        nnlab.grade(school / "none", "xor")


def test_links_to_folders_are_not_entered(school: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(school / "handins")
    assert find_handins(tmp_path) == []
    result = CliRunner().invoke(main, ["grade", str(tmp_path), "--against", "xor"])
    assert (result.exit_code, "There is no run and no zip in" in result.stderr) == (6, True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: moons", "name: ???", "a task says itself what its data is."),
        ("samples: 40", "sample: 40", "moons has no setting 'sample'"),
        ("batch_size: 8", "batch_size: -1", "training.batch_size is -1."),
    ],
)
def test_a_task_with_mistakes(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "task.yaml").write_text(TASK.replace(old, new))
    arguments = ["grade", str(tmp_path), "--against", str(tmp_path / "task.yaml")]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, message in result.stderr) == (2, True), result.stderr
