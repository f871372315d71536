"""How mistakes are told: all at once, each with its place, what was found and what is allowed."""

from pathlib import Path

import pytest

from nnlab.config.load import parse_config
from nnlab.config.problems import MOST, Problem, Problems, clean, shown_value
from nnlab.config.tree import Place, Source
from nnlab.errors import ConfigError

FIVE_MISTAKES = """\
name: bad
data: {name: xor, varaint: line}
network:
  - dense: 3
  - sigmoyd
  - dense: {units: -1}
  - sigmoid
loss: mse
optimizer: {name: adam, lr: 0.001, momentum: 0.9}
training:
  epochs: "10"
"""

FIVE_SENTENCES = """\
bad.yaml:2:19: xor has no setting 'varaint'. Did you mean 'variant'?
    data: {name: xor, varaint: line}
                      ^
    allowed: variant, name, test, validation, pool, split, stratify, rows, fold, folds, scale, \
seed, scale_target, learn
bad.yaml:5:5: there is no layer 'sigmoyd'. Did you mean 'sigmoid'?
      - sigmoyd
        ^
    allowed: {layers}
bad.yaml:6:20: network.2.units is -1.
      - dense: {units: -1}
                       ^
    allowed: a whole number > 0
bad.yaml:9:36: adam has no setting 'momentum'. It is a setting of sgd and rmsprop.
    optimizer: {name: adam, lr: 0.001, momentum: 0.9}
                                       ^
    allowed: lr, weight_decay, l1, clip_norm, clip_value, beta1, beta2, eps
bad.yaml:11:11: training.epochs is '10'. Write 10, without quotes.
      epochs: "10"
              ^
    allowed: a whole number >= 0 and <= 1000000000"""


def test_five_mistakes_are_told_at_once() -> None:
    from nnlab.core.layers import LAYERS

    with pytest.raises(ConfigError) as error:
        parse_config(FIVE_MISTAKES, "bad.yaml")
    assert str(error.value) == FIVE_SENTENCES.replace("{layers}", ", ".join(LAYERS))
    assert len(error.value.problems) == 5
    assert error.value.exit_code == 2


def test_mistakes_in_settings_show_the_setting() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(
            "data: xor\nnetwork: [{dense: 2}]\nloss: mse\n",
            "x.yaml",
            ["optimizer.lr=-1", "lrr=3", "network.9=relu", "x", "seed=.nan", "loss=[", "a.b=1"],
        )
    assert (
        str(error.value)
        == """\
--set: a setting is written as key=value.
    --set x
          ^
--set: there is no setting 'lrr'. Did you mean 'lr'?
    --set lrr=3
          ^
    allowed: name, seed, data, network, init, loss, optimizer, schedule, training, sweeps, expect, \
lr, learning_rate, momentum, batch_size, epochs, fold, hidden, depth, activation
--set: '9' is no place in this list.
    --set network.9=relu
          ^
    allowed: 0 to 0
--set: there is no setting 'a'.
    --set a.b=1
          ^
    allowed: name, seed, data, network, init, loss, optimizer, schedule, training, sweeps, expect, \
lr, learning_rate, momentum, batch_size, epochs, fold, hidden, depth, activation
--set: nan and inf are no values for a setting, nor is more than 1.8e308.
    --set seed=.nan
               ^
--set: this is not valid YAML: expected the node content, but found '<stream end>'.
    --set loss=[
                ^
--set: optimizer.lr is -1.
    --set optimizer.lr=-1
                       ^
    allowed: a number > 0"""
    )


def test_mistakes_in_a_mapping_have_no_place() -> None:
    from nnlab.config.load import from_mapping

    with pytest.raises(ConfigError) as error:
        from_mapping({"data": "xor", "network": [{"dense": 2}], "loss": "mes"}, [("lr", -1)])
    assert (
        str(error.value)
        == """\
config: there is no loss 'mes'. Did you mean 'mse'?
    allowed: mse, mae, huber, log_cosh, poisson, quantile, bce, cross_entropy, hinge
lr: optimizer.lr is -1.
    allowed: a number > 0"""
    )


def test_missing_keys_are_told_at_the_start() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config("name: x\n", "x.yaml")
    assert [str(problem).split("\n")[0] for problem in error.value.problems] == [  # type: ignore[attr-defined]
        "x.yaml:1:1: the key 'data' is missing.",
        "x.yaml:1:1: the key 'network' is missing.",
        "x.yaml:1:1: the key 'loss' is missing.",
    ]


def line(text: str, column: int) -> list[str]:
    place = Place(Source("x", text, Path()), 1, column)
    return str(Problem(place, "s.")).split("\n")[1:]


@pytest.mark.parametrize(
    ("text", "column", "shown"),
    [
        ("ab\tc", 4, ["    ab c", "       ^"]),
        ("a\u202eb", 3, ["    a\\u202eb", "           ^"]),
        ("日本x", 3, ["    日本x", "        ^"]),
        ("e\u0301x", 3, ["    e\u0301x", "     ^"]),
        ("ab", 9, ["    ab", "      ^"]),
        ("", 1, ["    ", "    ^"]),
        ("y" * 300, 1, ["    " + "y" * 100 + "...", "    ^"]),
        ("y" * 300, 200, ["    ..." + "y" * 100 + "...", " " * 57 + "^"]),
        ("y" * 300, 300, ["    ..." + "y" * 51, " " * 57 + "^"]),
    ],
)
def test_the_caret_stands_below_the_character(text: str, column: int, shown: list[str]) -> None:
    assert line(text, column) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (1e-5, "1e-05"),
        ("x\x1b[2J", "'x\\x1b[2J'"),
        ("z" * 100, "'" + "z" * 39 + "... (102 characters)"),
        ([], "an empty list"),
        ([1], "a list"),
        ({}, "a mapping"),
    ],
)
def test_values_are_shown_short_and_harmless(value: object, shown: str) -> None:
    assert shown_value(value) == shown


def test_clean_keeps_what_prints() -> None:
    assert clean("é日 a\x00\x7f\x9b\u200b\ud800") == "é日 a\\x00\\x7f\\x9b\\u200b\\ud800"


def test_fifty_are_shown_and_the_others_counted() -> None:
    text = "training: {" + ", ".join(f"k{n}: 1" for n in range(60)) + "}\ndata: xor\n"
    with pytest.raises(ConfigError) as error:
        parse_config(text + "network: [relu]\nloss: mse", "x.yaml", check=False)
    assert str(error.value).endswith("\n... and 10 more mistakes.")
    assert len(error.value.problems) == 60


def test_the_search_ends_at_many() -> None:
    problems = Problems()
    place = Place(Source("x", "", Path()))
    for number in range(MOST - 1):
        problems.add(place, f"{number}.")
    with pytest.raises(ConfigError, match=rf"and {MOST - 50} more mistakes"):
        problems.add(place, "one more.")


@pytest.mark.parametrize(
    ("setting", "home", "yaml"),
    [
        ("lr: 0.1", "optimizer.lr", "lr: 0.1"),
        ("learning_rate: 0.1", "optimizer.lr", "lr: 0.1"),
        ("learning_rate_init: 0.1", "optimizer.lr", "lr: 0.1"),
        ("epochs: 5", "training.epochs", "epochs: 5"),
        ("max_iter: 5", "training.epochs", "epochs: 5"),
        (
            "early_stopping: {patience: 3}",
            "training.early_stopping",
            "early_stopping: {patience: 3}",
        ),
        ("patience: 3", "training.early_stopping.patience", "early_stopping: {patience: 3}"),
        ("validation: 0.2", "data.validation", "validation: 0.2"),
        ("val_split: 0.2", "data.validation", "validation: 0.2"),
        ("test_size: 30", "data.test", "test: 30"),
        ("weight_decay: 0.1", "optimizer.weight_decay", "weight_decay: 0.1"),
        ("nesterov: true", "optimizer.nesterov", "nesterov: true"),
        ("warmup: 5", "schedule.warmup", "warmup: 5"),
        ("min_delta: 0.1", "training.early_stopping.min_delta", "early_stopping: {min_delta: 0.1}"),
    ],
)
def test_a_setting_at_the_top_is_shown_its_place(setting: str, home: str, yaml: str) -> None:
    key = setting.partition(":")[0]
    with pytest.raises(ConfigError) as error:
        parse_config(f"{setting}\ndata: xor\nnetwork: [{{dense: 2}}]\nloss: mse\n", "x.yaml")
    assert str(error.value) == (
        f"x.yaml:1:1: the config has no setting '{key}'. Did you mean '{home}'? "
        f"Write `{yaml}` under `{home.partition('.')[0]}:`.\n"
        f"    {setting}\n    ^\n    allowed: name, seed, data, network, init, loss, optimizer, "
        "schedule, training, sweeps, expect"
    )


@pytest.mark.parametrize(
    ("optimizer", "wrong", "nearest"),
    [
        ("{name: adam, learningrate: 0.1}", "learningrate", "lr"),
        ("{name: adam, l2: 0.1}", "l2", "weight_decay"),
    ],
)
def test_other_words_for_a_setting(optimizer: str, wrong: str, nearest: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(
            f"data: xor\nnetwork: [{{dense: 2}}]\nloss: mse\noptimizer: {optimizer}", "x.yaml"
        )
    assert str(error.value).split("\n")[0] == (
        f"x.yaml:4:25: adam has no setting '{wrong}'. Did you mean '{nearest}'?"
    )


def test_a_schedule_without_its_milestones() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config("data: xor\nnetwork: [{dense: 2}]\nloss: mse\nschedule: multistep\n", "x.yaml")
    assert str(error.value).split("\n")[0] == "x.yaml:4:11: multistep needs 'milestones'."
