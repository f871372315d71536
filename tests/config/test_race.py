"""The config of a race: what is understood, what is refused and how, and what stays itself."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from nnlab.config.annotations import allowed, hints, options
from nnlab.config.dump import settings_of
from nnlab.config.load import KINDS, describes_race, load_config, parse_config
from nnlab.config.schema import Config
from nnlab.core.optimizers import Adam, Sgd
from nnlab.core.schedules import ConstantSchedule as Constant
from nnlab.core.schedules import Exponential
from nnlab.errors import ConfigError
from nnlab.race.config import (
    LANDSCAPE,
    MOST_RUNS,
    MOST_STEPS,
    Race,
    Runner,
    dump_race,
    load_race,
    parse_race,
)
from nnlab.race.landscapes import Quadratic, Rosenbrock, WavyBowl

TEXT = """\
function: wavy_bowl
start: [3, 2]
runs:
  - {name: slow, optimizer: {sgd: 0.1}, steps: 10}
  - {optimizer: {adam: 0.5}, schedule: {exponential: 0.8}, start: [1, -1]}
"""
WHOLE = Race(
    name="x",
    function=WavyBowl(),
    start=(3.0, 2.0),
    runs=(
        Runner(name="slow", optimizer=Sgd(lr=0.1), schedule=Constant(), steps=10, start=None),
        Runner(
            name="adam lr 0.5, exponential gamma 0.8",
            optimizer=Adam(lr=0.5),
            schedule=Exponential(gamma=0.8),
            steps=100,
            start=(1.0, -1.0),
        ),
    ),
)
NAMES = "name, function, start, runs"
FUNCTIONS = "wavy_bowl, rosenbrock, himmelblau, beale, saddle, quadratic"
OPTIMIZERS = "sgd, adagrad, rmsprop, adam, adamw, lbfgs"
RUN = "name, optimizer, schedule, steps, start"
FINITE = "nan and inf are no values for a setting, nor is more than 1.8e308."
LIST = "a list of runs, such as [{sgd: 0.1}, {adam: 0.5}]"


def near(hint: str) -> str:
    """The name in " Did you mean 'x'?"; any other hint as it is."""
    return hint.removeprefix(" Did you mean '").removesuffix("'?")


def problems(text: str, *overrides: str) -> list[tuple[str, str, str]]:
    """Sentence, what is allowed, and the nearest name of every mistake; none in a good config."""
    try:
        parse_race(text, "x.yaml", overrides)
    except ConfigError as error:
        found: list[Any] = list(error.problems)
        return [(one.sentence, one.allowed, near(one.hint)) for one in found]
    return []


def test_a_race() -> None:
    assert parse_race(TEXT, "x.yaml") == WHOLE


def test_it_survives_being_written_down() -> None:
    text = dump_race(WHOLE)
    assert parse_race(text, "other.yaml") == WHOLE
    assert dump_race(parse_race(text, "other.yaml")) == text
    assert list(settings_of(WHOLE)) == ["name", "function", "start", "runs"]
    assert all(set(run) == set(hints(Runner)) for run in settings_of(WHOLE)["runs"])


@pytest.mark.parametrize(
    "run",
    [
        "{optimizer: {name: adam, lr: 0.1}, schedule: {name: constant}}",
        "{optimizer: {adam: 0.1}}",
        "{optimizer: {adam: {learning_rate: 0.1}}, schedule: constant}",
        "{adam: 0.1}",
        "{adam: {lr: 0.1}}",
    ],
)
def test_short_forms_of_a_run(run: str) -> None:
    race = parse_race(f"function: beale\nruns: [{run}]")
    assert race.runs == (
        Runner(name="adam lr 0.1", optimizer=Adam(lr=0.1), schedule=Constant(), steps=100),
    )


def test_without_a_start_it_is_the_functions_own() -> None:
    race = parse_race("function: rosenbrock\nruns: [sgd]")
    assert race.start == Rosenbrock().start == (-1.2, 1.0)
    assert race.start_of(race.runs[0]) == (-1.2, 1.0)


def test_a_run_may_begin_elsewhere() -> None:
    race = parse_race(TEXT)
    assert [race.start_of(run) for run in race.runs] == [(3.0, 2.0), (1.0, -1.0)]


LABELS = {
    "sgd": "sgd lr 0.01",
    "{name: sgd, lr: 1e-3, momentum: 0.9, nesterov: true}": ("sgd lr 0.001 momentum 0.9 nesterov"),
    "{name: adam, beta2: 0.99}": "adam lr 0.001 beta2 0.99",
    "{name: rmsprop, alpha: 0.9, centered: true, momentum: 0.123456, eps: 1e-6}": (
        "rmsprop lr 0.01 alpha 0.9 eps 1e-06 momentum 0...."
    ),
}


@pytest.mark.parametrize("optimizer", LABELS)
def test_a_name_says_what_is_set(optimizer: str) -> None:
    race = parse_race(f"function: beale\nruns: [{{optimizer: {optimizer}}}]")
    assert [run.name for run in race.runs] == [LABELS[optimizer]]


def test_names_differ() -> None:
    runs = "[sgd, sgd, {optimizer: sgd, start: [1, 2]}, {name: sgd lr 0.01 (2), optimizer: adam}]"
    race = parse_race(f"function: beale\nruns: {runs}")
    assert [run.name for run in race.runs] == [
        "sgd lr 0.01",
        "sgd lr 0.01 (3)",
        "sgd lr 0.01, from (1, 2)",
        "sgd lr 0.01 (2)",
    ]


# The lines of a config with something wrong in them -> all that is said about it.
WRONG: dict[str, list[tuple[str, str, str]]] = {
    "function: rosenbrok\nruns: [sgd]": [
        ("there is no function 'rosenbrok'.", FUNCTIONS, "rosenbrock"),
    ],
    "function: beale\nruns: [{adam: 0.1, weight_decay: 0.01, steps: 5}]": [
        (
            "runs.0 names no optimizer.",
            "name, optimizer, schedule, steps, start",
            " Write `optimizer: {name: adam, lr: 0.1, weight_decay: 0.01}`.",
        ),
    ],
    "function: 5\nruns: [sgd]": [("function is 5.", f"a function: {FUNCTIONS}", "")],
    "function:\nruns: [sgd]": [("function is empty.", f"a function: {FUNCTIONS}", "")],
    "function: {quadratic: 0.5}\nruns: [sgd]": [
        ("function.condition is 0.5.", "a number >= 1", ""),
    ],
    "function: {beale: 3}\nruns: [sgd]": [("beale takes no value.", "no settings", "")],
    "runs: [sgd]": [("the key 'function' is missing.", "", "")],
    "function: beale": [("the key 'runs' is missing.", "", "")],
    "function: beale\nruns:": [("runs is empty.", LIST, "")],
    "function: beale\nruns: []": [("runs is an empty list.", LIST, "")],
    "function: beale\nruns: sgd": [("runs is 'sgd'.", LIST, "")],
    "function: beale\nruns: [3]": [("runs.0 is 3.", f"a mapping with {RUN}", "")],
    "function: beale\nruns: [null]": [("runs.0 is empty.", f"a mapping with {RUN}", "")],
    f"function: beale\nruns: [{', '.join(['sgd'] * 21)}]": [
        ("runs has 21 entries.", "1 to 20", "")
    ],
    "function: beale\nruns: [{optimizer: adm}]": [
        ("there is no optimizer 'adm'.", OPTIMIZERS, "adam"),
    ],
    "function: beale\nruns: [{optimzer: adam}]": [
        ("runs.0 has no setting 'optimzer'.", RUN, "optimizer"),
    ],
    "function: beale\nruns: [adm]": [("there is no optimizer 'adm'.", OPTIMIZERS, "adam")],
    "function: beale\nruns: [{sgd: 0}]": [("runs.0.optimizer.lr is 0.", "a number > 0", "")],
    "function: beale\nruns: [{optimizer: {name: adam, momentum: 0.5}}]": [
        (
            "adam has no setting 'momentum'.",
            "lr, weight_decay, l1, clip_norm, clip_value, beta1, beta2, eps",
            " It is a setting of sgd and rmsprop.",
        ),
    ],
    "function: beale\nruns: [{optimizer: sgd, schedule: {step: 0}}]": [
        ("runs.0.schedule.every is 0.", "a whole number >= 1", ""),
    ],
    "function: beale\nruns: [{optimizer: sgd, steps: 0}]": [
        ("runs.0.steps is 0.", "a whole number >= 1 and <= 10000", ""),
    ],
    "function: beale\nruns: [{optimizer: sgd, steps: 10001}]": [
        ("runs.0.steps is 10001.", "a whole number >= 1 and <= 10000", ""),
    ],
    "function: beale\nruns: [{optimizer: sgd, steps: 2.5}]": [
        ("runs.0.steps is 2.5.", "a whole number >= 1 and <= 10000", ""),
    ],
    "function: beale\nstart: [1, 2, 3]\nruns: [sgd]": [
        ("start is a list of 3.", "two numbers, [x, y]", ""),
    ],
    "function: beale\nstart: [1]\nruns: [sgd]": [
        ("start is a list of 1.", "two numbers, [x, y]", "")
    ],
    "function: beale\nstart: 3\nruns: [sgd]": [
        ("start is 3.", "two numbers, [x, y]", ""),
    ],
    "function: beale\nstart: [1, x]\nruns: [sgd]": [
        ("start.1 is 'x'.", "two numbers, [x, y]", ""),
    ],
    "function: beale\nstart: [1, .nan]\nruns: [sgd]": [(FINITE, "", "")],
    "function: beale\nstart: [1e200, 2]\nruns: [sgd, adam]": [
        ("beale or its gradient is not finite at (1e+200, 2).", "a start nearer to 0", ""),
    ],
    "function: beale\nruns: [sgd, {optimizer: sgd, start: [0, 1e200]}]": [
        ("beale or its gradient is not finite at (0, 1e+200).", "a start nearer to 0", ""),
    ],
    "function: beale\nruns: [{optimizer: sgd, start: [1, 2, 3]}]": [
        ("runs.0.start is a list of 3.", "two numbers, [x, y], or null", ""),
    ],
    "function: beale\nruns: [{name: a, optimizer: sgd}, {name: a, optimizer: adam}]": [
        ("runs.1.name: 'a' is the name of another run.", "", ""),
    ],
    "function: beale\nruns: [{name: '', optimizer: sgd}]": [
        ("runs.0.name is ''.", "a text (1 to 60 characters)", ""),
    ],
    "function: beale\nname: a/b\nruns: [sgd]": [("a name cannot contain '/'.", "", "")],
    "function: beale\nlr: 0.1\nruns: [sgd]": [
        ("the config has no setting 'lr'.", NAMES, "runs.0.optimizer.lr"),
    ],
    "function: beale\nfunctions: saddle\nruns: [sgd]": [
        ("the config has no setting 'functions'.", NAMES, "function"),
    ],
    "[1, 2]": [("the config is a list.", f"a mapping with {NAMES}", "")],
    "": [("the config is empty.", f"a mapping with {NAMES}", "")],
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_told(text: str) -> None:
    assert problems(text) == WRONG[text]


def test_the_limits_themselves_are_allowed() -> None:
    runs = ", ".join([f"{{optimizer: sgd, steps: {MOST_STEPS}}}", *["sgd"] * (MOST_RUNS - 1)])
    assert problems(f"function: saddle\nstart: [1e150, 0]\nruns: [{runs}]") == []


def test_all_mistakes_are_told_at_once_with_their_places() -> None:
    text = "function: himelblau\nstart: [1]\nruns:\n  - {adam: -1}\n  - {optimizer: sgd, stps: 3}\n"
    with pytest.raises(ConfigError) as error:
        parse_race(text, "bad.yaml")
    assert str(error.value) == (
        "bad.yaml:1:11: there is no function 'himelblau'. Did you mean 'himmelblau'?\n"
        "    function: himelblau\n"
        "              ^\n"
        f"    allowed: {FUNCTIONS}\n"
        "bad.yaml:2:8: start is a list of 1.\n"
        "    start: [1]\n"
        "           ^\n"
        "    allowed: two numbers, [x, y]\n"
        "bad.yaml:4:12: runs.0.optimizer.lr is -1.\n"
        "      - {adam: -1}\n"
        "               ^\n"
        "    allowed: a number > 0\n"
        "bad.yaml:5:22: runs.1 has no setting 'stps'. Did you mean 'steps'?\n"
        "      - {optimizer: sgd, stps: 3}\n"
        "                         ^\n"
        f"    allowed: {RUN}"
    )


SETTINGS = [
    *((name, field.name, cls) for name, cls in LANDSCAPE.members.items()
      for field in dataclasses.fields(cls)),
    ("run", "name", Runner),
    ("run", "steps", Runner),
    ("run", "start", Runner),
]  # fmt: skip


@pytest.mark.parametrize(("owner", "field", "cls"), SETTINGS)
@pytest.mark.parametrize("value", ["null", ".nan", "1e400", "-1", "1" + "0" * 30, '[[["x"]]]'])
def test_no_setting_takes_what_it_cannot_mean(
    owner: str, field: str, cls: type[Any], value: str
) -> None:
    """As tests/config/test_every_key.py holds for trainings."""
    hint = hints(cls)[field]
    run: dict[str, Any] = {"optimizer": "sgd"}
    config: dict[str, Any] = {"function": "beale", "runs": [run]}
    if owner == "run":
        run[field] = "VALUE"
    else:
        config["function"] = {"name": owner, field: "VALUE"}
    found = problems(json.dumps(config).replace('"VALUE"', value))
    if value == "null" and type(None) in options(hint):
        assert found == []
        return
    ((sentence, words, _),) = found
    if value in (".nan", "1e400"):
        assert sentence == FINITE
    elif value.startswith("10"):
        assert sentence == "this whole number does not fit into 64 bits."
    else:
        assert field in sentence
        assert words in (allowed(hint), "two numbers, [x, y]")


CHANGES: dict[str, dict[str, Any]] = {
    "steps=7": {"runs.0.steps": 7, "runs.1.steps": 7},
    "lr=0.3": {"runs.0.optimizer.lr": 0.3, "runs.1.optimizer.lr": 0.3, "runs.0.steps": 10},
    "learning_rate=0.3": {"runs.0.optimizer.lr": 0.3, "runs.1.optimizer.lr": 0.3},
    "runs.0.optimizer.lr=0.3": {"runs.0.optimizer.lr": 0.3, "runs.1.optimizer.lr": 0.5},
    "runs.0.optimizer.sgd=0.3": {"runs.0.optimizer.lr": 0.3},
    "runs.0.optimizer.momentum=0.9": {"runs.0.optimizer.momentum": 0.9},
    "runs.*.start=[1, 2]": {"runs.0.start": [1.0, 2.0], "runs.1.start": [1.0, 2.0]},
    "runs.1.optimizer=adagrad": {"runs.1.optimizer.name": "adagrad", "runs.0.steps": 10},
    "runs.1.schedule={step: 3}": {"runs.1.schedule.every": 3, "runs.1.optimizer.lr": 0.5},
    "runs.1.schedule.exponential=0.5": {"runs.1.schedule.gamma": 0.5},
    "runs=[{sgd: 0.2}]": {"runs.0.optimizer.lr": 0.2, "runs.0.steps": 100},
    "function=saddle": {"function": {"name": "saddle"}},
    "function={quadratic: 5}": {"function": {"name": "quadratic", "condition": 5.0}},
    "start=[1, 2]": {"start": [1.0, 2.0], "runs.1.start": [1.0, -1.0]},
    "runs.0.start=[1, 2]": {"start": [3.0, 2.0], "runs.0.start": [1.0, 2.0]},
    "name=other": {"name": "other"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_set(change: str) -> None:
    found = settings_of(parse_race(TEXT, "x.yaml", [change]))
    for path, wanted in CHANGES[change].items():
        value: Any = found
        for step in path.split("."):
            value = value[int(step)] if isinstance(value, list) else value[step]
        assert value == wanted


def test_set_goes_below_a_function_by_its_name() -> None:
    changes = ["function=quadratic", "function.quadratic=7"]
    assert parse_race(TEXT, "x.yaml", changes).function == Quadratic(condition=7.0)


UNFIT = {
    "epochs=5": (
        "there is no setting 'epochs'.",
        "name, function, start, runs, lr, learning_rate, momentum, steps",
        "",
    ),
    "runs.2.steps=5": ("'2' is no place in this list.", "0 to 1", ""),
    "runs.0.step=5": ("runs.0 has no setting 'step'.", RUN, "steps"),
    "steps=0": ("runs.0.steps is 0.", "a whole number >= 1 and <= 10000", ""),
    "lr": ("a setting is written as key=value.", "", ""),
}


@pytest.mark.parametrize("change", UNFIT)
def test_set_what_cannot_be(change: str) -> None:
    assert problems(TEXT, change) == [UNFIT[change]]


def test_set_in_all_runs_where_there_are_none() -> None:
    found = problems("function: beale\nruns: 5", "steps=3")
    assert ("there is no list whose items it could change.", "", "") in found


def test_a_training_and_a_race_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config("landscape")
    assert str(error.value) == (
        "landscape is a race of optimizers on a function, and trains no network: "
        "`nnlab descend landscape` runs it."
    )
    with pytest.raises(ConfigError) as error:
        load_race("xor")
    assert str(error.value) == (
        "xor trains a network, and is no race of optimizers on a function: "
        "`nnlab train xor` runs it."
    )
    with pytest.raises(ConfigError, match=r"^\\x1b is a race of optimizers on a function"):
        parse_config(TEXT, "\x1b")
    with pytest.raises(ConfigError, match="the key 'data' is missing"):
        parse_config("functions: beale")  # neither: told as the training that was asked for
    (tmp_path / "broken.yaml").write_text("function: [")
    assert describes_race(tmp_path / "broken.yaml") is False
    assert describes_race(tmp_path / "nowhere.yaml") is False


def test_the_text_of_the_file_is_kept(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf# a comment\r\nfunction: saddle\r\nruns: [sgd]\r\n"
    path = tmp_path / "my race.yaml"
    path.write_bytes(data)
    loaded = load_race(path)
    assert loaded.text == data
    assert loaded.race.name == "my race"


def test_a_config_with_keys_of_both_kinds_is_refused_for_its_keys() -> None:
    text = "data: xor\nfunction: beale\nruns: [sgd]"
    assert problems(text) == [("the config has no setting 'data'.", NAMES, "")]
    with pytest.raises(ConfigError, match="the config has no setting 'function'"):
        parse_config(text)


def test_the_two_kinds_of_config_are_told_apart_by_their_own_keys() -> None:
    """`load.KINDS` names keys that only one kind has, as a rank below the race cannot see them."""
    keys = {"train": set(hints(Config)), "descend": set(hints(Race))}
    for command, (own, _) in KINDS.items():
        other = keys["descend" if command == "train" else "train"]
        assert own <= keys[command] - other, command
