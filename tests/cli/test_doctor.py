"""`nnlab doctor`, and the line about a serious finding at the end of `nnlab train`."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import Result

from nnlab.diagnosis import rules
from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.findings import Diagnosis
from nnlab.run.folder import RunFolder

Nnlab = Callable[..., Result]


FAULTS = {
    "equal-units": ["init=zeros"],
    "rate-too-low": ["lr=1e-6"],
    "diverged": ["lr=1e6", "activation=leaky_relu", "network.5=linear"],
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_a_run_and_a_probe_have_the_same_first_finding(nnlab: Nnlab, kind: str, engine: str):
    pytest.importorskip("numba")
    settings = [*FAULTS[kind], "data=moons", "epochs=20", f"training.engine={engine}"]
    options = [word for setting in settings for word in ("--set", setting)]
    trained = nnlab("train", "xor", "--no-plots", *options)
    assert trained.exit_code == (4 if kind == "diverged" else 0)
    of_run, of_config = (
        json.loads(nnlab("doctor", *what, "--json").stdout)
        for what in (["latest"], ["xor", *options])
    )
    assert of_run["findings"][0]["kind"] == of_config["findings"][0]["kind"] == kind
    assert of_run["findings"][0] == of_config["findings"][0]


def test_the_text_says_what_was_seen_why_and_what_to_try(nnlab: Nnlab):
    result = nnlab("doctor", "xor", "--set", "init=zeros", "--set", "epochs=50")
    assert result.exit_code == 0
    assert "1. All 3 units of layer 0 (dense) are the same" in result.stdout
    assert "--set init=xavier_uniform" in result.stdout
    assert all(word in result.stdout for word in ("evidence", "why", "try"))
    assert result.stdout.splitlines()[-1] == (
        "To try a line: nnlab train xor --set init=zeros --set epochs=50, followed by its settings."
    )
    healthy = nnlab("doctor", "identity8")
    assert healthy.stdout == "identity8: nothing found in 10,000 epochs.\n"


def test_train_ends_with_a_line_about_a_serious_finding(nnlab: Nnlab):
    options = ["--no-plots", "--set", "epochs=50", "--set", "training.engine=numpy"]
    ill = nnlab("train", "xor", *options, "--set", "init=zeros")
    line = ill.stderr.splitlines()[-1]
    assert line.startswith("All 3 units of layer 0 (dense) are the same")
    command = shlex.split(line.partition("nnlab ")[2])
    assert "1. All 3 units" in nnlab(*command).stdout
    well = nnlab("train", "identity8_fast", "--no-plots")
    assert "doctor" not in well.stderr
    untrained = nnlab("train", "xor", "--no-plots", "--set", "epochs=0")
    assert "doctor" not in untrained.stderr


@pytest.mark.parametrize("epochs", [0, 1, 2, 3])
def test_hardly_trained_runs_are_examined(nnlab: Nnlab, epochs: int):
    setting = ["--set", f"epochs={epochs}"]
    assert nnlab("train", "digits_binary", "--no-plots", *setting).exit_code == 0
    assert nnlab("doctor", "latest").exit_code == 0
    assert nnlab("doctor", "digits_binary", *setting).exit_code == 0


@pytest.mark.parametrize("layer", ["sigmoid", "layer_norm"])
def test_a_network_without_weights_is_examined(nnlab: Nnlab, tmp_path: Path, layer: str):
    config = f"data: identity8\nnetwork: [{layer}]\nloss: mse\noptimizer: {{weight_decay: 0.1}}\n"
    (tmp_path / "bare.yaml").write_text(config)
    assert nnlab("train", "bare.yaml", "--no-plots").exit_code == 0
    for what in ("latest", "bare.yaml"):
        result = nnlab("doctor", what, "--json")
        assert result.exit_code == 0, result.stderr
        assert "decay-too-strong" not in result.stdout


def test_a_loss_that_is_not_finite_before_training_is_examined(nnlab: Nnlab, tmp_path: Path):
    config = (
        "data: {name: curve, function: cubic, low: -1.0e+12, high: 1.0e+12, samples: 20}\n"
        "network: [dense: 1]\nloss: mse\n"
    )
    (tmp_path / "huge.yaml").write_text(config)
    assert nnlab("train", "huge.yaml", "--no-plots").exit_code == 4
    for what in ("latest", "huge.yaml"):
        findings = json.loads(nnlab("doctor", what, "--json").stdout)["findings"]
        kinds = [finding["kind"] for finding in findings]
        assert kinds == ["targets-unscaled", "inputs-unscaled", "diverged"]


def test_a_sum_over_many_rows_is_no_exploding_gradient(nnlab: Nnlab):
    settings = ["data=moons", "epochs=2", "activation=leaky_relu", "network.5=linear"]
    options = [word for setting in settings for word in ("--set", setting)]
    result = nnlab("doctor", "xor", *options, "--json")
    assert result.exit_code == 0
    assert "exploding" not in result.stdout


def test_a_damaged_run_is_refused_or_examined(nnlab: Nnlab, tmp_path: Path):
    nnlab("train", "xor", "--no-plots", "--set", "epochs=5")
    (folder,) = (tmp_path / "runs").iterdir()
    about = json.loads((folder / "run.json").read_text())
    about |= {"status": "diverged", "failure": {"epoch": "x"}}
    (folder / "run.json").write_text(json.dumps(about))
    assert "update unknown" in nnlab("doctor", "latest").stdout
    (folder / "run.json").write_text(json.dumps(about | {"failure": None}))
    table = (folder / "metrics.csv").read_text()
    for damaged in ("", table.splitlines()[0] + "\n", table.replace("train_loss", "other")):
        (folder / "metrics.csv").write_text(damaged)
        result = nnlab("doctor", "latest")
        assert result.exit_code == 6
        assert "metrics.csv has no training loss." in result.stderr


def test_an_interrupted_run_is_examined_by_its_checkpoint(nnlab: Nnlab, tmp_path: Path):
    nnlab("train", "xor", "--no-plots", "--set", "epochs=30")
    (folder,) = (tmp_path / "runs").iterdir()
    for name in ("summary.json", "weights/final.npz", "weights/best.npz", "snapshots.npz"):
        (folder / name).unlink()
    assert nnlab("doctor", str(folder)).exit_code == 0


def test_examining_adds_the_findings_and_changes_nothing_else(nnlab: Nnlab, tmp_path: Path):
    nnlab("train", "xor", "--no-plots", "--set", "epochs=9")
    (folder,) = (tmp_path / "runs").iterdir()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert folder / "findings.json" not in before  # of a short run, only when it is asked for
    answer = json.loads(nnlab("doctor", "latest", "--json").stdout)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    saved = json.loads(after.pop(folder / "findings.json"))
    assert after == before
    assert {"of": folder.name, **saved} == answer
    assert (saved["epochs"], saved["updates"]) == (9, 9)


def test_train_saves_findings_with_the_place_where_they_appeared(nnlab: Nnlab, tmp_path: Path):
    options = ["--no-plots", "--set", "training.engine=numpy", "--set", "data=moons"]
    slow = ["--set", "lr=1e-6", "--set", "epochs=40", "--set", "batch_size=50"]
    nnlab("train", "xor", *options, *slow)
    (folder,) = (tmp_path / "runs").iterdir()
    saved = json.loads((folder / "findings.json").read_text())
    assert (saved["epochs"], saved["updates"]) == (40, 160)
    finding = next(f for f in saved["findings"] if f["kind"] == "rate-too-low")
    assert 0 < finding["epoch"] < 40  # not only at the end
    assert finding["step"] == 4 * finding["epoch"]
    with RunFolder(folder).lock():
        busy = nnlab("doctor", str(folder))
    assert busy.exit_code == 0
    assert "not saved: another process is writing" in busy.stderr


def test_a_diverged_run_saves_findings_and_names_another_cause(nnlab: Nnlab, tmp_path: Path):
    config = (
        "data: {name: curve, function: cubic, low: -1.0e+3, high: 1.0e+3, samples: 20}\n"
        "network: [dense: 8, relu, dense: 1]\nloss: mse\n"
    )
    (tmp_path / "huge.yaml").write_text(config)
    result = nnlab("train", "huge.yaml", "--no-plots")
    assert result.exit_code == 4
    assert "The targets are not scaled" in result.stderr
    assert "diverged in epoch" in result.stderr.splitlines()[-1]
    (folder,) = (tmp_path / "runs").iterdir()
    findings = json.loads((folder / "findings.json").read_text())["findings"]
    failure = json.loads((folder / "run.json").read_text())["failure"]
    diverged = next(finding for finding in findings if finding["kind"] == "diverged")
    assert (diverged["epoch"], diverged["step"]) == (failure["epoch"], failure["step"])


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nosuch"], 6, "There is no run 'nosuch'"),
        (["latest"], 6, "no run"),
        (["xor", "--set", "lr=-1"], 2, "lr"),
        (["latest", "--set", "lr=1"], 2, "latest"),
        (["missing.yaml"], 2, "missing.yaml"),
    ],
)
def test_bad_words_get_one_clear_message(nnlab: Nnlab, words: list[str], code: int, says: str):
    result = nnlab("doctor", *words)
    assert result.exit_code == code
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_changed_data_is_refused(nnlab: Nnlab, tmp_path: Path):
    table = "x,y\n" + "".join(f"{i / 10},{i % 2}\n" for i in range(40))
    (tmp_path / "t.csv").write_text(table)
    config = "data: {name: csv, path: t.csv, target: y}\nnetwork: [{dense: 1}]\nloss: mse\n"
    (tmp_path / "t.yaml").write_text(config)
    assert nnlab("train", "t.yaml", "--no-plots").exit_code == 0
    (tmp_path / "t.csv").write_text(table.replace("0.1,1", "0.1,5"))
    assert nnlab("doctor", "latest").exit_code == 3
    (tmp_path / "t.csv").unlink()
    assert nnlab("doctor", "latest").exit_code == 3


def test_a_row_has_the_number_that_explain_takes(nnlab: Nnlab, tmp_path: Path):
    rows = [",1", *(f"{i / 40},{i % 7 / 2}" for i in range(40))]
    rows[7] = "0.5,900000"
    (tmp_path / "t.csv").write_text("\n".join(["x,y", *rows, ""]))
    config = (
        "data: {name: csv, path: t.csv, target: y, missing: drop}\nnetwork: [dense: 1]\nloss: mse\n"
    )
    (tmp_path / "t.yaml").write_text(config)
    assert nnlab("train", "t.yaml", "--no-plots").exit_code in (0, 4)
    (finding, *_) = json.loads(nnlab("doctor", "latest", "--json").stdout)["findings"]
    assert finding["advice"] == "First look at row 8 of the data: it alone makes them large."
    assert "The target is 9e+05." in nnlab("explain", "latest", "--row", "8", "--epoch", "0").stdout


def test_a_network_with_a_step_is_refused(nnlab: Nnlab):
    assert nnlab("train", "box", "--no-plots").exit_code == 0
    for what in ("box", "latest"):
        result = nnlab("doctor", what)
        assert result.exit_code == 2
        assert result.stderr.startswith("Layer 1 (step) has no derivative, so the network cannot")


def test_a_race_and_a_sweep_are_refused(nnlab: Nnlab):
    nnlab("descend", "landscape", "--no-plots")
    assert nnlab("doctor", "latest").exit_code == 2
    nnlab("sweep", "lr", "--values", "0.1,1", "--set", "epochs=3", "--no-plots", "--name", "s")
    assert nnlab("doctor", "runs/s").exit_code in (2, 6)


@dataclass
class MadeUp:
    """A rule that always finds something."""

    def __call__(self, e: Evidence) -> Diagnosis:
        return Diagnosis("made-up", 1.0, f"{e.epochs} epochs.", (), "Because.")


def test_a_rule_is_one_entry_of_the_table(nnlab: Nnlab, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rules, "RULES", (*rules.RULES, rules.FindingRule(MadeUp())))
    result = nnlab("doctor", "xor", "--set", "epochs=7", "--json")
    assert json.loads(result.stdout)["findings"][0]["kind"] == "made-up"


@pytest.mark.parametrize("text", [None, "", "epoch,train_loss\n", "epoch,train_loss\n0,x\n"])
def test_a_run_without_training_losses_is_one_clear_line(
    nnlab: Nnlab, tmp_path: Path, text: str | None
):
    nnlab("train", "xor", "--no-plots", "--set", "epochs=30")
    (folder,) = (tmp_path / "runs").iterdir()
    (folder / "metrics.csv").unlink()
    if text is not None:
        (folder / "metrics.csv").write_text(text)
    result = nnlab("doctor", "latest")
    assert result.exit_code == 6
    assert "metrics.csv has no training loss" in result.stderr


@pytest.mark.parametrize(
    "settings",
    [
        ["epochs=0"],
        ["network=[sigmoid]", "data=identity"],
        ["network=[batch_norm]", "data=identity", "training.batch_size=full"],
        ["network=[{dense: 4}, tanh, {dense: 1}]", "init={normal: 1e30}", "data=random"],
    ],
)
def test_odd_configs_and_their_runs_are_examined(nnlab: Nnlab, settings: list[str]):
    if settings[-1] == "data=random":
        settings = [*settings[:-1], "data={name: random, outputs: 1}"]
    options = [
        word for setting in ["epochs=3", "sweeps={}", *settings] for word in ("--set", setting)
    ]
    of_config = nnlab("doctor", "xor", *options, "--json")
    assert of_config.exit_code == 0
    assert nnlab("train", "xor", "--no-plots", *options).exit_code in (0, 4)
    of_run = nnlab("doctor", "latest", "--json")
    kinds = [[f["kind"] for f in json.loads(r.stdout)["findings"]] for r in (of_config, of_run)]
    assert kinds[0] == kinds[1]


def test_a_remedy_stands_on_one_line(nnlab: Nnlab):
    network = "network=[{dense: 30}, {dense: 30}, {dense: 30}, {dense: 30}, {dense: 1}, sigmoid]"
    settings = [network, "sweeps={}", "data=moons", "epochs=5"]
    options = [word for setting in settings for word in ("--set", setting)]
    result = nnlab("doctor", "xor", *options)
    lines = [line for line in result.stdout.splitlines() if "--set" in line]
    assert any(len(line) > 100 for line in lines)
    for line in lines:
        assert shlex.split(line.partition("--set")[2])
