"""The doctor's rules: the first finding is right, and its remedies can be pasted.

Here each kind of fault is planted once; `make doctor` trains all of them and the remedies too.
"""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import nnlab as package
from nnlab.config.load import load_config
from nnlab.diagnosis import rules
from nnlab.diagnosis.curves import gain_of_more
from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.gather import evidence_of_run
from nnlab.diagnosis.remedies import is_change
from nnlab.diagnosis.rules import RULES, FindingRule, diagnose
from nnlab.show.figures import FIGURES
from tests.diagnosis.planted import HEALTHY, PLANTED, examined, read_trainings
from tests.diagnosis.tables import write_tables

FIRST = {sick.kind: sick.config for sick in reversed(PLANTED)}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    write_tables(folder)
    return folder


@pytest.fixture
def in_tables(tables: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tables)
    return tables


def test_every_rule_has_a_planted_fault():
    assert len(FIRST) == len(RULES)
    assert all(sum(kind == sick.kind for sick in PLANTED) >= 3 for kind in FIRST)


@pytest.mark.parametrize("kind", FIRST)
def test_the_first_finding_names_the_planted_fault(in_tables: Path, kind: str):
    config = FIRST[kind]
    findings = diagnose(examined(config))
    assert findings[0].kind == kind
    assert findings[0].sentence.endswith(".")
    assert findings[0].why.endswith(".")
    assert {finding.figure for finding in findings} <= {*FIGURES, ""}
    file = in_tables / "pasted.yaml"
    file.write_text(yaml.safe_dump(config, sort_keys=False))
    for remedy in (remedy for finding in findings for remedy in finding.remedies):
        # As `--set` takes them from a shell.
        words = shlex.split(" ".join(map(shlex.quote, remedy)))
        assert load_config(file, words).config != load_config(file, ()).config


@pytest.mark.parametrize(
    ("file", "kind", "known_by", "text"),
    [
        ("planted.yaml", "rate-too-low", "exponential", "The schedule makes the learning rate too"),
        ("planted.yaml", "decay-too-strong", "gauss7.csv", "weight_decay 5 keeps the weights"),
        ("planted.yaml", "small-steps", "0.0003", "optimizer.clip_norm 0.0003 makes them"),
        ("planted.yaml", "constant-data", "same_rows", "training rows have the same inputs"),
        ("planted.yaml", "dropout-too-strong", "0.5", "layer 3 drops 50 % of its inputs"),
        ("planted.yaml", "underfitting", "{'dense': 1}, 'tanh', {'dense': 10}", "single unit of"),
        ("planted.yaml", "validation-too-small", "rides.csv", "error of the validation loss is"),
        ("held_out.yaml", "saturated", "14.0", "100 % of the outputs of layer 1 (sigmoid)"),
        ("held_out.yaml", "leak", "echo.csv", "in the training part too, but for little noise"),
        ("held_out.yaml", "leak", "told.csv", "alone tells the target"),
        ("held_out.yaml", "constant-predictions", "class_weight", "counts little in the loss"),
        ("held_out.yaml", "batch-too-small", "batch_norm", "batch_norm averages over only 2 rows"),
    ],
)
def test_a_fault_is_seen_by_its_other_signs(
    in_tables: Path, file: str, kind: str, known_by: str, text: str
):
    sick = next(s for s in read_trainings(file).planted if s.kind == kind and known_by in str(s))
    finding = diagnose(examined(sick.config))[0]
    assert finding.kind in (kind, *sick.also)
    assert text in " ".join([finding.sentence, *finding.evidence])


@pytest.mark.parametrize(
    ("kind", "known_by", "remedy"),
    [
        ("small-steps", "100000", ("schedule.warmup=0",)),
        ("small-steps", "100.0", ("optimizer.eps=1.0e-08",)),
        ("dropout-too-strong", "0.95", ("network.2.rate=0.2",)),
        ("dropout-too-strong", "0.5", ("network.3.rate=0",)),
        ("rate-too-high", "0.995", ("lr=0.01", "optimizer.momentum=0.9")),
    ],
)
def test_a_remedy_undoes_what_did_it(
    in_tables: Path, kind: str, known_by: str, remedy: tuple[str, ...]
):
    sick = next(s for s in PLANTED if s.kind == kind and known_by in str(s))
    assert diagnose(examined(sick.config))[0].remedies[0] == remedy


def test_a_run_that_does_well_is_not_called_ill(monkeypatch: pytest.MonkeyPatch):
    """Its losses jump. Rounding decides how it ends, so its accuracy is set here."""
    jumping = next(config for config in HEALTHY if "0.999" in str(config))
    evidence, column = examined(jumping), Evidence.column

    def ended_with(accuracy: float) -> list[str]:
        def as_set(self: Evidence, part: str, name: str) -> Any:
            rows = column(self, part, name)
            return np.full_like(rows, accuracy) if name == "accuracy" else rows

        monkeypatch.setattr(Evidence, "column", as_set)
        return [finding.kind for finding in diagnose(evidence)]

    assert ended_with(0.99) == []
    assert ended_with(0.8)[0] == "rate-too-high"


def test_a_consequence_of_a_surer_finding_is_left_out(
    in_tables: Path, monkeypatch: pytest.MonkeyPatch
):
    """Weights that hardly move leave the loss where it is: that is one finding, not two."""
    sick = next(s for s in PLANTED if s.kind == "rate-too-low" and "gauss7" in str(s))
    evidence = examined(sick.config)
    assert [finding.kind for finding in diagnose(evidence)] == ["rate-too-low"]
    monkeypatch.setattr(rules, "RULES", [FindingRule(rule.check) for rule in RULES])
    assert [finding.kind for finding in diagnose(evidence)] == ["rate-too-low", "plateau"]


@pytest.mark.parametrize(
    ("losses", "gain"),
    [
        ([16, 14, 12, 10, 8, 6, 4, 2, 1], 1.0),  # cannot fall below 0
        ([64.0] * 2 + [32.0] * 3 + [24.0] * 2 + [20.0] * 2, 4 * (1 - 0.5**8)),  # falls of 8, 4, 2
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.0),
    ],
)
def test_the_gain_of_more_epochs_is_that_of_a_geometric_series(losses: list[float], gain: float):
    assert gain_of_more(np.array(losses, float)) == pytest.approx(gain)


@pytest.mark.parametrize("place", range(0, len(HEALTHY), 13))
def test_a_healthy_training_has_no_finding(in_tables: Path, place: int):
    assert diagnose(examined(HEALTHY[place])) == []


def test_the_python_function_takes_runs_paths_and_configs(tmp_path: Path):
    run = package.train("xor", runs=tmp_path, epochs=50, init="zeros")
    kinds = [
        [finding.kind for finding in package.doctor(what, **settings)]
        for what, settings in (
            (run, {}),
            (run.path, {}),
            (str(run.path), {}),
            ("xor", {"epochs": 50, "init": "zeros"}),
        )
    ]
    assert kinds[0][0] == "equal-units"
    assert all(other == kinds[0] for other in kinds)


def test_moments_count_dead_and_flat_units(tmp_path: Path):
    """Against numbers worked out by hand from the outputs of a small network."""
    network = [{"dense": {"units": 4, "bias": [-9.0, 0.0, 0.0, 0.0]}}, "relu", {"dense": 1}]
    config = {"data": "moons", "network": [*network, "sigmoid"], "loss": "bce"}
    run = package.train(config, runs=tmp_path, epochs=1)
    first = evidence_of_run(run).first
    dead = run.network("initial")
    assert first.layers[1].dead == 0.25
    x = np.random.default_rng(0).normal(size=(50, 2))
    assert (dead.bind(50, depth=2).forward(x.astype(dead.dtype))[:, 0] == 0).all()
    assert replace(first.layers[1], dead=0.0) != first.layers[1]


def test_a_remedy_changes_something():
    """A rule that is there already is no remedy, nor is a setting that does not exist."""
    config = load_config("xor", [("init", "he_normal"), ("epochs", 3)]).config
    assert not is_change(config, ("init=he_normal",))
    assert not is_change(config, ("nosuch=1",))
    assert is_change(config, ("init=zeros",))
