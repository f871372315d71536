"""`-` in place of a file: standard input, or standard output."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import Result

from nnlab.cli import main, options
from nnlab.config.files import shipped
from nnlab.run.folder import RunFolder

Nnlab = Callable[..., Result]
NO_DASH = "'-' (standard input or output) does not work here; name a file."
TWICE = "standard input is read once: only one argument can be '-'."


def all_params() -> Iterator[tuple[str, click.Parameter]]:
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        yield from ((name, param) for param in command.params)


def test_every_config_can_be_standard_input() -> None:
    configs = [(name, each) for name, each in all_params() if "CONFIG" in (each.metavar or "")]
    assert len(configs) == 12
    assert [name for name, each in configs if each.type is not options.CONFIG] == []


def test_every_output_can_be_standard_output() -> None:
    outputs = [(name, each) for name, each in all_params() if each.name == "output"]
    assert [name for name, _ in outputs] == ["predict", "export", "plot", "report", "handin"]
    for name, output in outputs:
        assert "- is stdout" in (output.help or ""), name  # type: ignore[attr-defined]
        assert output.opts == ["-o", "--output", "--out"]


@pytest.mark.parametrize(
    "line",
    [
        "check CONFIG",
        "gradcheck CONFIG --rows 4",
        "doctor CONFIG",
        "sweep lr=0.1,1 CONFIG --set epochs=2 --dry-run",
        "tune CONFIG --search space.yaml --dry-run",
    ],
)
def test_a_config_on_standard_input_is_as_in_a_file(
    nnlab: Nnlab, flowers: Path, tmp_path: Path, line: str
) -> None:
    (tmp_path / "space.yaml").write_text("lr: [0.1, 1]")
    text = (tmp_path / "flowers.yaml").read_text()
    named = nnlab(*line.replace("CONFIG", "flowers.yaml").split())
    piped = nnlab(*line.replace("CONFIG", "-").split(), input=f"name: flowers\n{text}")
    assert (piped.exit_code, piped.stderr) == (named.exit_code, named.stderr) == (0, named.stderr)
    assert piped.stdout.replace("OK: -", "OK: flowers.yaml") == named.stdout


def test_a_race_on_standard_input(nnlab: Nnlab) -> None:
    text = shipped()["landscape"].read_text()
    named = nnlab("descend", "landscape", "--no-plots")
    piped = nnlab("descend", "-", "--no-plots", input=text)
    assert piped.stdout.rpartition("\n\n")[0] == named.stdout.rpartition("\n\n")[0] != ""
    wrong = nnlab("train", "-", input=text)
    assert wrong.exit_code == 2
    assert wrong.stderr.endswith("trains no network: `nnlab descend -` runs it.\n")


def test_a_training_from_standard_input(
    nnlab: Nnlab, flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths start at the current folder; the run continues in another one."""
    text = (tmp_path / "flowers.yaml").read_text()
    done = nnlab("train", "-", "--no-plots", "--json", input=text)
    assert done.exit_code == 0, done.stderr
    run = RunFolder.open(tmp_path / json.loads(done.stdout)["folder"])
    assert run.config_path().read_text().startswith("name: stdin\n")
    assert (run.path / "config.yaml").read_text() == text
    (place := tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(place)
    more = nnlab("resume", str(run.path), "--set", "epochs=70", "--no-plots", "--json")
    assert json.loads(more.stdout)["summary"]["final"]["epoch"] == 70


def test_a_base_of_standard_input_is_found_from_the_current_folder(
    nnlab: Nnlab, flowers: Path
) -> None:
    result = nnlab("check", "-", "--json", input="extends: flowers.yaml\nseed: 7\n")
    assert json.loads(result.stdout)["config"]["seed"] == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr: 1", "<stdin>:1:1: the config has no setting 'lr'."),
        ("", "<stdin>:1:1: the config is empty."),
        (b"\xff\xfea", "<stdin> is UTF-16 text; save it as UTF-8."),
        (b"#" * (1 << 20) + b"#", "<stdin> is larger than 1 MiB; a config is a few lines."),
    ],
)
def test_a_mistake_is_placed_in_standard_input(
    nnlab: Nnlab, text: str | bytes, message: str
) -> None:
    result = nnlab("train", "-", input=text)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("data describe -", f"Invalid value for 'FILE': {NO_DASH}"),
        ("runs -", f"Invalid value for '[DIR]': {NO_DASH}"),
        ("runs --runs -", f"Invalid value for '--runs': {NO_DASH}"),
        ("sweep lr=1 - -", f"Invalid value for 'AXIS... [CONFIG]': {TWICE}"),
        ("report latest -o - --json", "-o - and --json exclude each other."),
        ("init xor - --json", "FILE - and --json exclude each other."),
        ("report latest -o - --open", "-o - and --open exclude each other."),
        ("plot latest -o - --only curves --only network", "-o - is for a single file, "),
        ("export latest --to torch -o -", "-o - is for a single file, and this is "),
        ("export latest --to tensorboard -o -", "-o - is for a single file, and this is "),
    ],
)
def test_a_dash_is_no_file_name(
    nnlab: Nnlab, flowers: Path, tmp_path: Path, line: str, message: str
) -> None:
    result = nnlab(*line.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.rpartition("Error: ")[2].startswith(message)
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize(
    "line",
    [
        "plot latest --only curves --format svg",
        "plot --activation relu",
        "export latest --to c",
    ],
)
def test_a_file_on_standard_output_is_the_file(
    nnlab: Nnlab, flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    (place := tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    before = set(tmp_path.rglob("*"))
    piped = nnlab(*line.split(), "-o", "-")
    assert (piped.exit_code, piped.stderr) == (0, "")
    assert set(tmp_path.rglob("*")) == before
    (path,) = json.loads(nnlab(*line.split(), "--json").stdout)["paths"]
    written = (tmp_path / path).read_bytes()
    assert piped.stdout_bytes == written


def test_a_page_on_standard_output(nnlab: Nnlab, tmp_path: Path) -> None:
    assert nnlab("descend", "landscape", "--no-plots").exit_code == 0
    page = nnlab("report", "latest", "-o", "-")
    assert page.stdout.startswith("<!DOCTYPE html>")
    assert (page.stderr, list(tmp_path.rglob("report.html"))) == ("", [])


@pytest.mark.parametrize("command", ["predict latest", "evaluate latest --data"])
def test_a_dash_is_standard_input(
    nnlab: Nnlab, flowers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A table, or an archive of arrays; nothing is left of the copy."""
    (place := tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    text = (tmp_path / "flowers.csv").read_text()
    named = nnlab(*command.split(), "flowers.csv")
    piped = nnlab(*command.split(), "-", input=text)
    assert (piped.exit_code, piped.stderr) == (0, "")
    assert piped.stdout.replace("standard input", "flowers.csv") == named.stdout
    bad = nnlab(*command.split(), "-", input="length\n1\n")
    assert (bad.exit_code, bad.stdout) == (3, "")
    assert bad.stderr.startswith("standard input")
    archive = nnlab(*command.split(), "-", input=b"PK\x03\x04")
    assert (archive.exit_code, archive.stdout) == (3, "")
    assert archive.stderr.startswith("standard input")
    if command.startswith("evaluate"):
        as_json = nnlab(*command.split(), "-", "--json", input=text).stdout
        assert json.loads(as_json)["part"] == "standard input"
    assert list(place.iterdir()) == []


def test_the_proposed_config_alone_goes_to_stdout(nnlab: Nnlab, flowers: Path) -> None:
    whole = nnlab("data", "describe", "flowers.csv").stdout
    config = nnlab("data", "describe", "flowers.csv", "-o", "-").stdout
    assert whole.endswith(config)
    assert config.startswith("name: flowers\n")


def test_init_to_stdout(nnlab: Nnlab, tmp_path: Path) -> None:
    result = nnlab("init", "xor", "-")
    assert result.stdout.encode() == shipped()["xor"].read_bytes()
    assert (result.stderr, list(tmp_path.iterdir())) == ("", [])


@pytest.mark.parametrize("line", ["predict latest flowers.csv", "predict latest --targets"])
def test_predictions_as_json(nnlab: Nnlab, flowers: Path, line: str) -> None:
    rows = json.loads(nnlab(*line.split(), "--json").stdout)["rows"]
    header, *cells = (text.split(",") for text in nnlab(*line.split()).stdout.splitlines())
    assert [list(row) for row in rows] == [header] * 6
    assert [row["predicted"] for row in rows] == [row[header.index("predicted")] for row in cells]


def test_the_list_of_figures_as_json(nnlab: Nnlab, flowers: Path) -> None:
    figures = json.loads(nnlab("plot", "latest", "--list", "--json").stdout)["figures"]
    suits = {figure["name"]: figure["suits"] for figure in figures}
    assert (suits["curves"], suits["lr"]) == (True, False)


def test_the_shipped_configs_as_json(nnlab: Nnlab, tmp_path: Path) -> None:
    configs = json.loads(nnlab("init", "--json").stdout)["configs"]
    assert [config["name"] for config in configs] == list(shipped())
    made = nnlab("init", "xor", "--json")
    assert json.loads(made.stdout) == {"paths": ["xor.yaml"]}
