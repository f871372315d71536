"""The doctor's rules: the first finding is right, and its remedies can be pasted.

Here each kind of fault is planted once; `make doctor` trains all of them and the remedies too.
"""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

import nnlab as package
from nnlab.api import resolve_config
from nnlab.config.load import load_config
from nnlab.diagnosis.gather import evidence_of_run
from nnlab.diagnosis.remedies import is_change
from nnlab.diagnosis.rules import RULES, diagnose
from nnlab.show.figures import FIGURES
from tests.diagnosis.planted import HEALTHY, PLANTED, examined
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
    for remedy in findings[0].remedies:  # as `--set` takes them from a shell
        words = shlex.split(" ".join(map(shlex.quote, remedy)))
        assert load_config(file, words).config != load_config(file, ()).config


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
    config = resolve_config("xor", [("init", "he_normal"), ("epochs", 3)]).config
    assert not is_change(config, ("init=he_normal",))
    assert not is_change(config, ("nosuch=1",))
    assert is_change(config, ("init=zeros",))
