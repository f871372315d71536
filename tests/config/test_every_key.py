"""Promise S3: every key of the schema x {typo, wrong type, null, nan, inf, negative, huge}.

The keys come from the dataclasses themselves, so a new one is tested as soon as it exists. What
is accepted stands in two short lists below: everything else must be refused, at its place.
"""

import dataclasses
import json
import re
from typing import Any

import pytest

from nnlab.config.annotations import allowed, hints, item_hint, options
from nnlab.config.families import (
    AUGMENTATION,
    INITIALIZER,
    LAYER,
    LOSS,
    OPTIMIZER,
    SCHEDULE,
    SOURCE,
    family_of,
    own_keys,
)
from nnlab.config.load import parse_config
from nnlab.config.schema import Data, EarlyStopping, Training
from nnlab.errors import ConfigError

BASE: dict[str, Any] = {
    "data": {"name": "xor"},
    "network": [{"name": "dense", "units": 2}],
    "loss": {"name": "mse"},
}
# Settings without a default.
REQUIRED: dict[str, dict[str, Any]] = {
    "network.dense": {"units": 2},
    "network.conv2d": {"filters": 2},
    "network.reshape": {"shape": [2]},
    "init.constant": {"value": 0.5},
    "data.csv": {"path": "a.csv", "target": "y"},
    "data.npz": {"path": "a.npz"},
    "data.images": {"path": "a"},
    "data.openml": {"id": 61},
    "schedule.multistep": {"milestones": [3]},
    "early_stopping": {"patience": 3},
}
FAMILIES = {
    "data": SOURCE,
    "network": LAYER,
    "init": INITIALIZER,
    "loss": LOSS,
    "optimizer": OPTIMIZER,
    "schedule": SCHEDULE,
    "augment": AUGMENTATION,
}


@dataclasses.dataclass(frozen=True)
class Key:
    """One setting: where it stands in the file, and its annotation."""

    top: str
    member: str  # "" for training and early stopping
    field: str
    cls: type

    @property
    def id(self) -> str:
        return ".".join(filter(None, (self.top, self.member, self.field)))

    @property
    def hint(self) -> Any:
        return hints(self.cls)[self.field]

    def text(self, key: str, value: str) -> str:
        """A config in JSON, which is YAML, with `key: value` where this setting stands."""
        settings = dict(REQUIRED.get(self.id.rpartition(".")[0], {}))
        settings.pop(key, None)
        settings[key] = "VALUE"
        if self.member:
            settings = {"name": self.member, **settings}
        config = dict(BASE)
        if self.top == "early_stopping":
            config["training"] = {"early_stopping": settings}
        elif self.top == "augment":
            config["training"] = {"augment": [settings]}
        else:
            config[self.top] = [settings] if self.top == "network" else settings
        return json.dumps(config).replace('"VALUE"', value)


KEYS = [
    Key(top, name, field.name, cls)
    for top, family in FAMILIES.items()
    for name, cls in family.members.items()
    for field in dataclasses.fields(cls)
]
KEYS += [Key("training", "", name, Training) for name in hints(Training)]
KEYS += [Key("early_stopping", "", name, EarlyStopping) for name in hints(EarlyStopping)]
every_key = pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)


def problems(text: str) -> list[Any]:
    """The problems of a text; none if it is a good config."""
    try:
        parse_config(text, "x.yaml", check=False)
    except ConfigError as error:
        return list(error.problems)
    return []


def the_only_problem(key: Key, value: str) -> Any:
    """The one problem that `value` makes; its caret stands at the value."""
    text = key.text(key.field, value)
    (found,) = problems(text)
    assert found.place.line == 1
    assert text[found.place.column - 1 :].startswith(value)
    return found


def test_there_are_keys() -> None:
    assert len(KEYS) > 100
    assert len({key.id for key in KEYS}) == len(KEYS)


def test_the_table_above_names_real_keys() -> None:
    named = {f"{path}.{field}" for path, fields in REQUIRED.items() for field in fields}
    assert named <= {key.id for key in KEYS}


@every_key
def test_a_typo_names_the_key_that_was_meant(key: Key) -> None:
    typo = key.field + "x"
    text = key.text(typo, "1")
    found = [p for p in problems(text) if "has no setting" in p.sentence]
    assert len(found) == 1
    owner = key.member or ("training.early_stopping" if key.top == "early_stopping" else key.top)
    assert found[0].sentence == f"{owner} has no setting '{typo}'."
    match = re.fullmatch(r" Did you mean '(\w+)'\?", found[0].hint)
    assert match is not None
    assert match[1] in hints(key.cls) or match[1] in own_keys(Data)
    assert key.field in found[0].allowed.split(", ")
    assert text[found[0].place.column - 1 :].startswith(f'"{typo}"')


@every_key
def test_a_wrong_type_is_told_with_what_is_allowed(key: Key) -> None:
    value = '[[[["x"]]]]'  # four lists: deeper than any setting
    text = key.text(key.field, value)
    (found,) = problems(text)
    assert f"{key.field}" in found.sentence
    assert found.sentence.endswith(("is a list.", "is 'x'."))
    assert found.allowed


@every_key
def test_null_is_refused_unless_it_is_a_value(key: Key) -> None:
    if type(None) in options(key.hint):
        assert problems(key.text(key.field, "null")) == []
        return
    found = the_only_problem(key, "null")
    assert found.sentence.endswith(f"{key.field} is null.")
    family = family_of(item_hint(key.hint))
    assert found.allowed == (f"a list of {family.plural}" if family else allowed(key.hint))


@every_key
@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "1e400"])
def test_nan_and_inf_are_no_numbers(key: Key, value: str) -> None:
    found = the_only_problem(key, value)
    assert found.sentence == "nan and inf are no values for a setting, nor is more than 1.8e308."


@every_key
def test_a_negative_number_is_refused_where_it_means_nothing(key: Key) -> None:
    if key.id in ("data.curve.low", "init.constant.value"):
        assert problems(key.text(key.field, "-1")) == []
        return
    if key.id == "data.curve.high":
        (found,) = problems(key.text(key.field, "-9"))
        assert "low (-5.0) must be below high (-9.0)" in found.sentence
        return
    found = the_only_problem(key, "-1")
    assert found.sentence.endswith(f"{key.field} is -1.")
    assert found.allowed


@every_key
def test_a_huge_number_is_refused(key: Key) -> None:
    found = the_only_problem(key, "1" + "0" * 30)
    assert found.sentence == "this whole number does not fit into 64 bits."


ROWS = {
    "test": ("1.5", "a number > 0 and < 1, or a whole number >= 1, or null"),
    "validation": ("'tset'", "a number > 0 and < 1, or a whole number >= 1, or test, or null"),
    "pool": ("1", "true or false"),
    "split": ("sorted", "one of shuffled, ordered"),
    "scale": ("max", "one of none, unit, standardize, standardize_all"),
    "seed": ("0.5", "a whole number >= 0"),
}


@pytest.mark.parametrize("key", ROWS)
def test_the_keys_that_choose_rows(key: str) -> None:
    value, words = ROWS[key]
    text = f"data: {{name: xor, {key}: {value}}}\nnetwork: [{{dense: 2}}]\nloss: mse"
    (found,) = problems(text)
    assert found.sentence.startswith(f"data.{key} is ")
    assert found.allowed == words


TOP = {
    "name: 5": "name is 5.",
    "name: a/b": "a name cannot contain '/'.",
    "seed: -1": "seed is -1.",
    "seed: null": "seed is null.",
    "seed: true": "seed is true.",
    "data: null": "data is empty.",
    "data: 5": "data is 5.",
    "data: [xor]": "data is a list.",
    "data: {variant: line, test: 1}": "data names no data set.",
    "data: {name: 5}": "there is no data set 5.",
    "network: null": "network is empty.",
    "network: []": "network is an empty list.",
    "network: relu": "network is 'relu'.",
    "network: [null]": "network.0 is empty.",
    "network: [5]": "network.0 is 5.",
    "network: [{}]": "network.0 is empty.",
    "network: [{dense: 2, relu: 3}]": "network.0 names no layer.",
    "network: [{relu: 3}]": "relu takes no value.",
    "network: [{dense: null}]": "dense needs 'units'.",
    "network: [{dense: {units: 2, init: hee_normal}}]": "there is no initializer 'hee_normal'.",
    "network: [{dense: {units: 2, weight: [[1], [x]]}}]": "network.0.weight.1.0 is 'x'.",
    "loss: null": "loss is empty.",
    "loss: crossentropy": "there is no loss 'crossentropy'.",
    "optimizer: {lr: 0.1, mometum: 0.5}": "sgd has no setting 'mometum'.",
    "schedule: sine": "there is no schedule 'sine'.",
    "init: {run: ''}": "init.run is ''.",
    "init: {run: x, std: 1}": "init has no setting 'std'.",
    "training: null": "training is empty.",
    "training: 5": "training is 5.",
    "training: {augment: flip}": "training.augment is 'flip'.",
    "training: {augment: [flop]}": "there is no augmentation 'flop'.",
    "training: {augment: [{shift: 0}]}": "training.augment.0.pixels is 0.",
    "training: {augment: [{rotate: {degrees: 5, zom: 1}}]}": "rotate has no setting 'zom'.",
    "training: {early_stopping: 5}": "training.early_stopping is 5.",
    "training: {early_stopping: {}}": "training.early_stopping needs 'patience'.",
    "sweeps: 5": "sweeps is 5.",
    "sweeps: {lr: [1]}": "sweeps.lr is a list.",
    "sweeps: {lr: {}}": "sweeps.lr needs 'values'.",
    "sweeps: {lr: {values: 5}}": "sweeps.lr.values is 5.",
    "sweeps: {lr: {values: [1], set: 5}}": "sweeps.lr.set is 5.",
    "sweeps: {lr: {values: [1], sett: {}}}": "sweeps.lr has no setting 'sett'.",
    "sweeps: {lr: {values: [0.1, -1]}}": "optimizer.lr is -1.",
    "sweeps: {lrr: {values: [0.1]}}": "there is no setting 'lrr'.",
    "sweeps: {x: {key: lr, values: [0.1], set: {epoch: 3}}}": "there is no setting 'epoch'.",
    "sweeps: {optimizer: {values: [sgd, adma]}}": "there is no optimizer 'adma'.",
    "epochs: 5": "the config has no setting 'epochs'.",
}


@pytest.mark.parametrize("line", TOP)
def test_the_keys_at_the_top(line: str) -> None:
    key = line.split(":")[0]
    texts = {"data": "data: xor", "network": "network: [{dense: 2}]", "loss": "loss: mse"}
    (found,) = problems("\n".join({**texts, key: line}.values()))
    assert found.sentence == TOP[line]
