"""Short forms and the full forms they stand for."""

import pytest

from nnlab.config.dump import settings_of
from nnlab.config.files import name_from_stem, name_problem
from nnlab.config.load import from_mapping, parse_config

BASE = {"data": "xor", "network": ["relu"], "loss": "mse"}

SAME: list[tuple[str, object, object]] = [
    ("data", "xor", {"name": "xor"}),
    ("data", {"xor": "line"}, {"name": "xor", "variant": "line"}),
    (
        "data",
        {"xor": {"variant": "line", "test": 3}},
        {"name": "xor", "variant": "line", "test": 3},
    ),
    ("data", "identity8", {"name": "identity", "size": 8}),
    ("data", {"identity8": 4}, {"name": "identity", "size": 4}),
    ("data", {"name": "identity8", "size": 4}, {"name": "identity", "size": 4}),
    ("network", ["relu"], [{"name": "relu"}]),
    ("network", [{"relu": None}], [{"name": "relu"}]),
    ("network", [{"relu": {}}], [{"name": "relu"}]),
    ("network", [{"dense": 256}], [{"name": "dense", "units": 256}]),
    ("network", [{"dense": {"units": 10}}], [{"name": "dense", "units": 10}]),
    (
        "network",
        [{"dense": {"units": 1, "init": {"normal": 0.1}}}],
        [{"name": "dense", "units": 1, "init": {"name": "normal", "std": 0.1}}],
    ),
    (
        "network",
        [{"name": "dense", "units": 1, "init": "zeros"}],
        [{"name": "dense", "units": 1, "init": {"name": "zeros"}}],
    ),
    ("loss", "mse", {"name": "mse", "reduction": "mean"}),
    ("loss", {"mse": "sum"}, {"name": "mse", "reduction": "sum"}),
    ("loss", {"huber": 2}, {"name": "huber", "delta": 2.0}),
    ("loss", "cross_entropy", {"name": "cross_entropy", "reduction": "batch_mean"}),
    ("init", {"normal": 0.1}, {"name": "normal", "std": 0.1}),
    ("init", {"uniform": 0.1}, {"name": "uniform", "bound": 0.1}),
    ("optimizer", "adam", {"name": "adam", "lr": 0.001}),
    ("optimizer", {"adam": 0.1}, {"name": "adam", "lr": 0.1}),
    ("optimizer", {"adam": {"learning_rate": 0.1}}, {"name": "adam", "lr": 0.1}),
    ("optimizer", {"learning_rate": 0.1}, {"name": "sgd", "lr": 0.1}),
    ("optimizer", {"lr": 0.1, "momentum": 0.5}, {"name": "sgd", "lr": 0.1, "momentum": 0.5}),
    ("schedule", {"step": 7}, {"name": "step", "every": 7}),
    ("schedule", {"exponential": 0.5}, {"name": "exponential", "gamma": 0.5}),
    ("schedule", {"warmup": 3}, {"name": "constant", "warmup": 3}),
]


@pytest.mark.parametrize(("key", "short", "full"), SAME, ids=lambda value: str(value)[:40])
def test_a_short_form_is_its_full_form(key: str, short: object, full: object) -> None:
    config = from_mapping({**BASE, key: short}, check=False)
    assert config == from_mapping({**BASE, key: full}, check=False)
    assert contains(settings_of(config)[key], full)


def contains(found: object, wanted: object) -> bool:
    """Everything in `wanted` is in `found`, which may have more keys."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(key in found and contains(found[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return all(map(contains, found, wanted))
    return found == wanted


def test_defaults() -> None:
    config = settings_of(from_mapping(BASE, check=False))
    assert config["seed"] == 0
    assert config["init"] == {"name": "xavier_uniform"}
    assert config["optimizer"]["name"] == "sgd"
    assert config["optimizer"]["lr"] == 0.01
    assert config["schedule"] == {"name": "constant", "warmup": 0, "per": "epoch"}
    assert config["training"] == {
        "epochs": 10,
        "batch_size": 32,
        "shuffle": True,
        "drop_last": False,
        "dtype": "float32",
        "engine": "auto",
        "early_stopping": None,
        "monitor": "train_loss",
        "metrics": [],
        "checkpoint_every": None,
        "record_steps": False,
        "ema": None,
        "swa": None,
        "augment": [],
    }


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("data: mnist", ("data", "scale"), "unit"),
        ("data: digits", ("data", "scale"), "unit"),
        ("data: {name: mnist, scale: none}", ("data", "scale"), "none"),
        ("data: moons", ("data", "scale"), "none"),
        ("seed: 7\ndata: moons", ("data", "seed"), 7),
        ("seed: 7\ndata: {moons: {seed: 3}}", ("data", "seed"), 3),
        ("data: {moons: {validation: 0.5}}", ("training", "monitor"), "val_loss"),
        ("data: {moons: {}}\ntraining: {early_stopping: {patience: 2}}", ("training",), "min"),
        (
            "data: moons\ntraining: {monitor: train_accuracy, early_stopping: {patience: 2}}",
            ("training",),
            "max",
        ),
    ],
)
def test_defaults_that_follow_from_other_keys(
    text: str, path: tuple[str, ...], value: object
) -> None:
    found: object = settings_of(parse_config(f"{text}\nnetwork: [relu]\nloss: mse", check=False))
    for key in path:
        found = found[key]  # type: ignore[index]
    if path == ("training",):
        found = found["early_stopping"]["mode"]  # type: ignore[index]
    assert found == value


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("xor.yaml", "xor"),
        ("a/b c.yml", "b c"),
        (".hidden.yaml", "hidden"),
        ("a:b.yaml", "a-b"),
        ("日.yaml", "日"),
    ],
)
def test_the_name_is_the_stem_of_the_file(filename: str, name: str) -> None:
    assert parse_config("data: xor\nnetwork: [relu]\nloss: mse", filename, check=False).name == name


BEGIN = "a name cannot begin with '.', '-' or a space, end with '.' or one, or hold '..'."
LONG = "the name is longer than 100 characters or 200 bytes."


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "the name is empty."),
        ("..", BEGIN),
        ("a..b", BEGIN),
        (".a", BEGIN),
        ("-a", BEGIN),
        (" a", BEGIN),
        ("a.", BEGIN),
        ("a/b", "a name cannot contain '/'."),
        ("a\\b", "a name cannot contain '\\\\'."),
        ("a:b", "a name cannot contain ':'."),
        ("a\0b", "a name cannot contain '\\x00'."),
        ("a\u202eb", "a name cannot contain '\\u202e'."),
        ("a" * 101, LONG),
        ("日" * 67, LONG),
        ("a" * 100, None),
        ("identity 8 (fast), 0.1", None),
    ],
)
def test_names_stay_inside_the_runs_folder(name: str, sentence: str | None) -> None:
    assert name_problem(name) == sentence
    assert name_problem(name_from_stem(name)) is None
