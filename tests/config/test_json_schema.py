"""The JSON schema agrees with the builder: both are read off the same annotations."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nnlab.config.dump import settings_of
from nnlab.config.json_schema import json_schema
from nnlab.config.load import describes_race, load_config, parse_config
from nnlab.config.problems import Problems
from nnlab.config.tree import Source, to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.errors import ConfigError
from tests.config.test_every_key import KEYS

VALIDATOR = jsonschema.Draft7Validator(json_schema())
CONFIGS = [path for path in sorted(Path("configs").glob("*.yaml")) if not describes_race(path)]
BASE = "data: xor\nnetwork: [dense: 2]\nloss: mse\n"


def is_valid(text: str) -> bool:
    problems = Problems()
    content = to_plain(read_yaml(Source("x.yaml", text, Path()), problems))
    problems.raise_any()
    return bool(VALIDATOR.is_valid(content))


def is_accepted(text: str) -> bool:
    try:
        parse_config(text, "x.yaml", check=False)
    except ConfigError:
        return False
    return True


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_shipped_configs_are_valid(path: Path) -> None:
    assert is_valid(path.read_text())
    assert is_valid(json.dumps(settings_of(load_config(path, check=False).config)))


@pytest.mark.parametrize(
    "text",
    [
        "data: moons",
        "data: {moons: 40}",
        "data: {moons: {noise: 0.1, test: 0.5}}",
        "data: {name: moons, samples: 40, validation: test, scale: unit, seed: 3}",
        "data: {name: moons, wrong: 1}",
        "data: {moons: 40, test: 0.5}",
        "data: {csv: {path: a.csv, target: [a, 1]}}",
        "data: {name: csv, path: a.csv}",
        "network: [dense: 2, relu, {name: dense, units: 1, init: zeros}, {sigmoid: }]",
        "network: [{dense: {units: 2}}]",
        "network: [dense]",
        "network: [{dense: 2, relu: }]",
        "network: []",
        "network: [dense: -2]",
        "init: {run: runs/a}",
        "init: {normal: 0.1}",
        "init: {file: 3}",
        "optimizer: 0.1",
        "optimizer: {lr: 0.1}",
        "optimizer: {learning_rate: 0.1}",
        "optimizer: {adam: 0.1}",
        "optimizer: {name: adam, lr: fast}",
        "optimizer: {adam: {lr: 0.1, name: adam}}",
        "schedule: {step: 10}",
        "schedule: {multistep: }",
        "training: {batch_size: full, early_stopping: null}",
        "training: {early_stopping: {patience: 3}, augment: [flip, {shift: 2}]}",
        "training: {epoch: 3}",
        "sweeps: {lr: {values: [0.1, 0.2], set: {training.epochs: 5}}}",
        "sweeps: {lr: {values: []}}",
        "seed: 1.5",
        "speed: 1",
    ],
)
def test_it_allows_what_the_builder_accepts(text: str) -> None:
    key = text.partition(":")[0]
    lines = [line for line in BASE.splitlines() if not line.startswith(f"{key}:")]
    config = "\n".join([*lines, text])
    assert is_valid(config) == is_accepted(config)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_every_key(key: Any) -> None:
    assert not is_valid(key.text(f"{key.field}x", "1"))
    for value in ("-1", "null", '[[[["x"]]]]'):
        text = key.text(key.field, value)
        # The schema does not compare one setting with another.
        assert is_valid(text) == is_accepted(text) or key.id == "data.curve.high"
