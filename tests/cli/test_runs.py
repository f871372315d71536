"""`nnlab runs`, `nnlab init`, and how a run is named."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import Result

from nnlab.api.runs import runs as nnlab_runs
from nnlab.config.files import shipped
from nnlab.errors import UsageError

Nnlab = Callable[..., Result]


@pytest.fixture
def two(nnlab: Nnlab, tmp_path: Path) -> list[str]:
    """The names of two runs, newest first: a completed and a diverged run."""
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
        (["--sort", "val_loss"], [0, 1]),  # the run without a value is last
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


COLUMNS = "run, status, data, epochs, train_loss, val_loss, test_loss, accuracy, mae, r2, time"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sort", "size"], "No run has a column or a setting 'size'."),
        (
            ["--sort", "acuracy"],
            "No run has a column or a setting 'acuracy'. Did you mean 'accuracy'?",
        ),
        (
            ["--where", "optimzer.lr<1"],
            "No run has a column or a setting 'optimzer.lr'. Did you mean 'optimizer.lr'?",
        ),
        (["--where", "adam.beta1<1"], "No run has a column or a setting 'adam.beta1'."),
    ],
)
def test_a_key_that_no_run_has(
    nnlab: Nnlab, two: list[str], options: list[str], message: str
) -> None:
    result = nnlab("runs", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"{message} The columns are {COLUMNS}; a setting is named as in --set: optimizer.lr.\n"
    )


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("data=csv", ["flowers"]),
        ("data!=csv", ["xor"]),
        ("data=flowers.csv", ["flowers"]),
        ("data=./flowers.csv", ["flowers"]),
        ("data={xor: line}", ["xor"]),
        ("data={xor: square}", []),
        ("data.path=flowers.csv", ["flowers"]),
        ("data.name=csv", ["flowers"]),
        ("data.xor=line", ["xor"]),
        ("loss=cross_entropy", ["flowers"]),
        ("loss=mse", ["xor"]),
        ("loss={mse: sum}", ["xor"]),
        ("loss={mse: mean}", []),
        ("optimizer={sgd: 0.5}", ["flowers"]),
        ("optimizer!={sgd: 0.5}", ["xor"]),
        ("optimizer={sgd: {learning_rate: 0.5}}", ["flowers"]),
        ("network.0={dense: 4}", ["flowers"]),
        ("network.0.dense=4", ["flowers"]),
        ("seed=0", ["flowers"]),
        ("status=completed", ["flowers", "xor"]),
    ],
)
def test_short_forms_in_conditions(
    nnlab: Nnlab, flowers: Path, condition: str, expected: list[str]
) -> None:
    options = ["--set", "epochs=1", "--set", "data={xor: line}", "--seed", "3"]
    assert nnlab("train", "xor", "--no-plots", *options).exit_code == 0
    result = nnlab("runs", "--where", condition, "--json")
    assert (
        sorted(run["name"].split("-")[2] for run in json.loads(result.stdout)["runs"]) == expected
    )


def test_runs_in_folders_below(nnlab: Nnlab, two: list[str], tmp_path: Path) -> None:
    runs, course = tmp_path / "runs", tmp_path / "course"
    (course / "alice").mkdir(parents=True)
    (course / "2026/bob").mkdir(parents=True)
    (course / "a/b/c/too_deep").mkdir(parents=True)
    (course / ".hidden").mkdir()
    (runs / two[0]).rename(course / "alice" / two[0])
    (runs / two[1]).rename(course / "2026/bob" / two[1])
    (course / "link").symlink_to(course / "alice")
    (course / "loop").symlink_to(course)
    (course / "a/b/c/too_deep" / two[1]).mkdir()
    (course / ".hidden" / two[1]).mkdir()
    (course / "alice" / two[0] / "20260101-000000-inner-aaaaaa").mkdir()
    result = nnlab("runs", "course", "--json")
    assert {run["path"] for run in json.loads(result.stdout)["runs"]} == {
        f"course/alice/{two[0]}",
        f"course/2026/bob/{two[1]}",
    }
    stamps = [run["name"][:15] for run in json.loads(result.stdout)["runs"]]
    assert stamps == sorted(stamps, reverse=True)
    shown = {row[0] for row in cells(nnlab("runs", "course").stdout)[1:]}
    assert shown == {f"alice/{two[0]}", f"2026/bob/{two[1]}"}
    for name in shown:  # as the table writes it
        assert nnlab("plot", name, "--list", "--runs", "course").exit_code == 0
    assert nnlab("runs", "course/alice", "--csv").stdout.splitlines()[1].startswith(two[0])


def test_a_sweep_in_a_folder_below_is_one_line(nnlab: Nnlab, tmp_path: Path) -> None:
    options = ["--set", "epochs=1", "--no-plots", "--runs", "course/alice", "--name", "s"]
    assert nnlab("sweep", "lr=0.1,0.2", *options).exit_code == 0
    printed = json.loads(nnlab("runs", "course", "--json").stdout)
    assert printed["runs"] == []
    assert [sweep["sweep"] for sweep in printed["sweeps"]] == ["alice/s"]
    assert len(json.loads(nnlab("runs", "course/alice/s", "--json").stdout)["runs"]) == 2


@pytest.mark.parametrize(
    ("condition", "near"),
    [
        ("data=cvs", "csv"),
        ("optimizer=SGD", "sgd"),
        ("loss=CrossEntropyLoss", "cross_entropy"),
        ("status=complete", "completed"),
        ("data=spirals", ""),
    ],
)
def test_a_value_that_no_run_has(nnlab: Nnlab, flowers: Path, condition: str, near: str) -> None:
    hint = f" Did you mean '{near}'?" if near else ""
    result = nnlab("runs", "--where", condition)
    assert result.stderr == f"There is no run for which this is true in runs.{hint}\n"


NO_CONDITION = (
    "is not a condition. Write KEY, one of = != < <= > >=, and a value: 'optimizer.lr<0.1'."
)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("lr", f"'lr' {NO_CONDITION}"),
        ("lr<", f"'lr<' {NO_CONDITION}"),
        ("lr=[1]", "'lr=[1]': the value must be a single value, not a list."),
        (
            "lr={",
            "'lr={': '{' is not a value in YAML; put text with brackets or colons in quotes of its "
            "own.",
        ),
        (
            "lr=\x1b[2J",
            "'lr=\\x1b[2J': '\\x1b[2J' is not a value in YAML; put text with brackets or colons "
            "in quotes of its own.",
        ),
    ],
)
def test_what_is_no_condition(nnlab: Nnlab, condition: str, message: str) -> None:
    result = nnlab("runs", "--where", condition)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"{message}\n")


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (["optimizer.lr<1"], [1]),
        (["lr>1e8"], [0]),
        (["lr > 0.01", "epochs=3"], [1]),  # epochs: those that were done
        (["training.epochs>=3"], [0, 1]),
        (["epochs<9", "training.epochs=20"], [0]),
        (["data=digits"], [0]),
        (["data.binary=5"], [0]),  # a setting that the other run does not have
        (["data.binary!=5"], []),
        (["data.binary!=4"], [0]),
        (["optimizer=sgd"], [0, 1]),
        (["network.0.units=3"], [1]),
        (["network.0.bias=false"], [1]),
        (["network.0.bias=0"], []),  # a number is no truth value
        (["hidden=3"], [1]),
        (["hidden>3", "activation=relu"], [0]),
        (["batch_size=full"], [1]),
        (["batch_size<20"], [0]),  # text is not below a number
        (["status==diverged", "train_loss>1e100"], [0]),
        (["data.test=null"], [1]),
        (["name>y"], [0]),  # text by the alphabet
        (["optimizer.momentum=0"], [0, 1]),  # 0.0
    ],
)
def test_where(nnlab: Nnlab, two: list[str], conditions: list[str], expected: list[int]) -> None:
    options = [part for condition in conditions for part in ("--where", condition)]
    result = nnlab("runs", *options, "--json")
    names = {run["name"] for run in json.loads(result.stdout)["runs"]}
    assert names == {two[i] for i in expected}


def test_settings_that_are_asked_for_become_columns(nnlab: Nnlab, two: list[str]) -> None:
    header, *rows = cells(nnlab("runs", "--sort", "lr", "--where", "batch_size!=7").stdout)
    assert header[-3:] == ["batch_size", "lr", "time"]
    assert [row[-3:-1] for row in rows] == [["full", "0.1"], ["15", "1e+09"]]
    reverse = cells(nnlab("runs", "--sort", "lr", "--reverse").stdout)
    assert [row[0] for row in reverse[1:]] == [two[0], two[1]]
    printed = json.loads(nnlab("runs", "--where", "lr=1e9", "--json").stdout)["runs"]
    assert [run["config"] for run in printed] == [{"lr": 1e9}]


def test_csv_has_every_column_and_digit(nnlab: Nnlab, two: list[str], tmp_path: Path) -> None:
    result = nnlab("runs", "--csv", "--status", "completed")
    header, row = result.stdout.splitlines()
    assert header == COLUMNS.replace(" ", "")
    summary = json.loads((tmp_path / "runs" / two[1] / "summary.json").read_text())
    final = summary["final"]
    assert row.split(",") == [
        *(two[1], "completed", "xor", "3", repr(final["train_loss"]), "", ""),
        *(repr(final["train_accuracy"]), "", "", repr(final["seconds"])),
    ]
    empty = nnlab("runs", "--csv", "--where", "lr=7")
    assert empty.stdout == f"{header}\n"
    assert empty.stderr == "There is no run for which this is true in runs.\n"
    for command in (["runs"], ["grade", "runs", "--against", "xor"]):
        for flags in (["--csv", "--json"], ["--json", "--csv"]):
            both = nnlab(*command, *flags)
            assert (both.exit_code, both.stdout) == (2, "")
            assert both.stderr.endswith("\nError: --csv and --json exclude each other.\n")


def test_columns_and_limit(nnlab: Nnlab, two: list[str]) -> None:
    """The columns that are named, in their order, of the first runs after sorting."""
    every = nnlab("runs", "--csv", "--columns", "lr,epochs", "--sort", "epochs").stdout
    header, first, *rest = every.splitlines()
    assert header == "run,lr,epochs"
    assert rest
    limited = nnlab("runs", "--csv", "--columns", "lr,epochs", "--sort", "epochs", "--limit", "1")
    assert limited.stdout.splitlines() == [header, first]
    assert nnlab("runs", "--columns", "epochs , lr").stdout.split()[:3] == ["run", "epochs", "lr"]
    unknown = nnlab("runs", "--columns", "epohcs")
    assert (unknown.exit_code, unknown.stdout) == (2, "")
    assert "'epohcs'. Did you mean 'epochs'?" in unknown.stderr
    assert len(nnlab_runs("runs", limit=1)) == 1
    with pytest.raises(UsageError, match=r"^limit is 0; it must be at least 1\.$"):
        nnlab_runs("runs", limit=0)


def test_no_runs(nnlab: Nnlab, tmp_path: Path) -> None:
    """In a folder that is empty, or in the default folder before the first run."""
    (tmp_path / "empty").mkdir()
    for arguments, where in ((["runs"], "runs"), (["runs", "empty"], "empty")):
        result = nnlab(*arguments)
        assert (result.exit_code, result.stdout) == (0, "")
        assert result.stderr == f"There is no run yet in {where}.\n"
    result = nnlab("runs", "empty", "--status", "completed")
    assert result.stderr == "There is no run with this status in empty.\n"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(["nowhere"], " To choose among runs, write --where data=xor."), (["--runs", "nowhere"], "")],
)
def test_a_folder_that_is_not_there(nnlab: Nnlab, arguments: list[str], hint: str) -> None:
    result = nnlab("runs", *arguments)
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr == f"There is no folder nowhere.{hint}\n"


def test_the_older_spelling_of_the_folder_works(nnlab: Nnlab, two: list[str]) -> None:
    old, new = nnlab("runs", "--runs", "runs"), nnlab("runs", "runs")
    assert (old.exit_code, old.stdout) == (0, new.stdout)
    assert old.stderr == "Write nnlab runs runs instead of --runs runs, which still works.\n"
    assert "--runs" not in nnlab("runs", "--help").stdout


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
        f"There is no run '{wrong}', neither as a path nor in runs. Did you mean '{two[1]}'"
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
    assert result.stderr == (
        "Editors complete and check it with nnlab.schema.json.\n"
        f"Train it with: nnlab train {copy}\n"
    )
    name = arguments[0].replace("-", "_")
    head = b"# yaml-language-server: $schema=nnlab.schema.json\n"
    assert (tmp_path / copy).read_bytes() == head + shipped()[name].read_bytes()
    assert nnlab("check", copy).exit_code == 0


@pytest.mark.parametrize("name", ["textbook", "landscape"])
def test_a_copy_names_its_schema(nnlab: Nnlab, tmp_path: Path, name: str) -> None:
    """As an editor reads it, also after the folder was moved."""
    Path("made").mkdir()
    assert nnlab("init", name, "made").exit_code == 0
    Path("made").rename("moved")
    copy = Path("moved", f"{name}.yaml")
    head, _, _ = copy.read_text(encoding="utf-8").partition("\n")
    path = copy.with_name(head.removeprefix("# yaml-language-server: $schema="))
    validator = jsonschema.Draft7Validator(json.loads(path.read_text(encoding="utf-8")))
    content = yaml.safe_load(copy.read_text(encoding="utf-8"))
    assert validator.is_valid(content)
    assert not validator.is_valid({**content, "optimiser": "adam"})
    options = ["--race"] if name == "landscape" else []
    assert nnlab("schema", *options).stdout == path.read_text(encoding="utf-8")


def test_init_replaces_only_a_schema_of_its_own(nnlab: Nnlab, tmp_path: Path) -> None:
    schema = tmp_path / "nnlab.schema.json"
    nnlab("init", "xor")
    text = schema.read_text(encoding="utf-8")
    for content, after in ((text[:200], text), ("mine", "mine"), ("{}", "{}")):
        schema.write_text(content, encoding="utf-8")
        assert nnlab("init", "xor", "--force").exit_code == 0
        assert schema.read_text(encoding="utf-8") == after


def test_init_copies_the_weights_that_a_config_begins_with(nnlab: Nnlab, tmp_path: Path) -> None:
    result = nnlab("init", "transfer", "mine.yaml")
    assert result.stdout == "mine.yaml\ntransfer.safetensors\n"
    assert nnlab("train", "mine.yaml", "--no-plots", "--set", "epochs=1").exit_code == 0
    (tmp_path / "mine.yaml").unlink()
    again = nnlab("init", "transfer", "mine.yaml")
    assert again.stderr == "transfer.safetensors exists already; --force overwrites it.\n"
    assert not (tmp_path / "mine.yaml").exists()


def test_init_never_overwrites_unasked(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "xor.yaml").write_text("mine")
    result = nnlab("init", "xor")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "xor.yaml exists already; --force overwrites it.\n"
    assert (tmp_path / "xor.yaml").read_text() == "mine"
    assert nnlab("init", "xor", "--force").exit_code == 0
    assert (tmp_path / "xor.yaml").read_bytes().endswith(shipped()["xor"].read_bytes())


def test_init_of_an_unknown_name(nnlab: Nnlab) -> None:
    result = nnlab("init", "identity")
    assert result.exit_code == 2
    assert result.stderr == (
        "There is no shipped config 'identity'. Did you mean 'identity8'? `nnlab init` lists "
        "them.\n"
    )
