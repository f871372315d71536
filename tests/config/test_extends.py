"""`extends`: what a file takes from another one, and where its mistakes are."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from nnlab.config.dump import settings_of
from nnlab.config.json_schema import json_schema
from nnlab.config.load import load_config, parse_config
from nnlab.errors import ConfigError

BASE = """\
name: base
seed: 5
data: {name: moons, samples: 40, validation: 0.2}
network: [{dense: 4}, tanh, {dense: 2}, softmax]
loss: cross_entropy
optimizer: {adam: 0.02}
training: {epochs: 3, batch_size: 8}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "base.yaml").write_text(BASE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def extended(text: str, name: str = "own.yaml") -> dict[str, Any]:
    Path(name).write_text(text)
    return settings_of(load_config(name).config)


def changed(text: str) -> dict[str, Any]:
    """The sections that differ from those of the base."""
    base = settings_of(load_config("base.yaml").config)
    return {key: value for key, value in extended(text).items() if value != base[key]}


def test_all_settings_but_the_name_come_from_the_base() -> None:
    assert changed("extends: base.yaml\n") == {"name": "own"}
    assert changed("extends: base.yaml\nname: mine\n") == {"name": "mine"}


def test_sections_are_completed_and_members_replaced() -> None:
    own = changed("extends: base.yaml\ntraining: {epochs: 9}\noptimizer: sgd\nseed: 6\n")
    assert (own["training"]["epochs"], own["training"]["batch_size"]) == (9, 8)
    assert own["optimizer"]["name"] == "sgd"
    assert own["optimizer"]["lr"] == 0.01  # that of sgd, and not of the base's adam
    assert own["seed"] == 6


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("{validation: 0.5}", ("moons", 40, 0.5)),
        ("{samples: 50}", ("moons", 50, 0.2)),
        ("{name: circles}", ("circles", 200, None)),
        ("{circles: {samples: 50}}", ("circles", 50, None)),
        ("circles", ("circles", 200, None)),
    ],
)
def test_data_of_another_name_replace_those_of_the_base(data: str, expected: Any) -> None:
    own = extended(f"extends: base.yaml\ndata: {data}\n")["data"]
    assert (own["name"], own["samples"], own["validation"]) == expected


def test_a_base_may_be_shipped_or_extend_another(folder: Path) -> None:
    assert extended("extends: xor\nseed: 1\n")["network"] == extended("extends: xor\n")["network"]
    Path("middle.yaml").write_text("extends: base.yaml\ntraining: {epochs: 4}\n")
    own = extended("extends: middle.yaml\ntraining: {batch_size: 2}\n")["training"]
    assert (own["epochs"], own["batch_size"]) == (4, 2)


def test_relative_paths_start_at_the_file_in_which_they_stand(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep/rows.csv").write_text("x,y\n1,2\n2,3\n")
    (folder / "deep/base.yaml").write_text(
        "data: {csv: {path: rows.csv, target: y}}\nnetwork: [{dense: 1}]\nloss: mse\n"
    )
    own = extended("extends: deep/base.yaml\ndata: {validation: 1}\n")["data"]
    assert own["path"] == str(folder / "deep/rows.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: base.yaml\nseed: x\n", "own.yaml:2:7: seed is 'x'"),
        ("extends: wrong.yaml\n", "wrong.yaml:2:7: seed is -1"),
        ("extends: absent.yaml\n", "own.yaml:1:10: There is no file "),
        ("extends: xor.yaml\n", "own.yaml:1:10: There is no file "),  # the shipped one is xor
        ("extends: 5\n", "own.yaml:1:10: extends names no file."),
        ("extends: own.yaml\n", "own.yaml leads back to itself by extends."),
        ("extends: loop.yaml\n", "loop.yaml:1:10: "),
        ("extends: binary.yaml\n", "binary.yaml"),
        ("extends: race.yaml\n", "is a race of optimizers on a function"),
    ],
)
def test_a_mistake_is_named_in_its_own_file(folder: Path, text: str, expected: str) -> None:
    (folder / "wrong.yaml").write_text("extends: base.yaml\nseed: -1\n")
    (folder / "loop.yaml").write_text("extends: own.yaml\n")
    (folder / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (folder / "race.yaml").write_text("function: quadratic\nstart: [1, 1]\nruns: []\n")
    with pytest.raises(ConfigError) as error:
        extended(text)
    assert expected in str(error.value)
    assert "is missing" not in str(error.value)


def test_a_long_chain_is_refused(folder: Path) -> None:
    for number in range(30):
        (folder / f"{number}.yaml").write_text(f"extends: {number + 1}.yaml\n")
    with pytest.raises(ConfigError, match=r"20\.yaml:1:10: More than 20 files in a row"):
        load_config("0.yaml")


def test_settings_of_a_run_and_texts_follow_no_file(folder: Path) -> None:
    """They may come from a stranger, and a message would show lines of the file."""
    (folder / "own.yaml").write_text("extends: base.yaml\n")
    with pytest.raises(ConfigError, match="extends"):
        load_config("own.yaml", check=False)
    with pytest.raises(ConfigError, match="extends"):
        parse_config("extends: base.yaml\n", str(folder / "own.yaml"))


def test_an_editor_asks_for_no_key_that_the_base_may_have() -> None:
    validator = Draft7Validator(json_schema())
    assert validator.is_valid(yaml.safe_load("extends: base.yaml\nseed: 1\n"))
    assert validator.is_valid(yaml.safe_load(BASE))
    assert not validator.is_valid({"seed": 1})
