"""`--set`: what each key changes, in which order, and what it leaves alone."""

from pathlib import Path

import pytest

from nnlab.config.dump import settings_of
from nnlab.config.load import from_mapping, load_config, parse_base, parse_config
from nnlab.config.overrides import Override
from nnlab.config.schema import Config
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.errors import ConfigError

TEXT = """\
data: xor
network:
  - dense: {units: 8, bias: false}
  - relu
  - dropout: 0.1
  - dense: 2
  - softmax
loss: cross_entropy
optimizer: {name: sgd, lr: 0.5, momentum: 0.9}
training: {epochs: 3}
"""


def with_set(*overrides: Override) -> Config:
    return parse_config(TEXT, "x.yaml", overrides, check=False)


def at(config: Config, path: str) -> object:
    """The value at a dotted path of the resolved config."""
    value: object = settings_of(config)
    for step in path.split("."):
        value = value[int(step)] if isinstance(value, list) else value[step]  # type: ignore[index]
    return value


CHANGES: dict[str, dict[str, object]] = {
    "optimizer.lr=0.1": {"optimizer.lr": 0.1, "optimizer.momentum": 0.9},
    "optimizer.lr=1e-3": {"optimizer.lr": 0.001},
    "lr=0.1": {"optimizer.lr": 0.1},
    "learning_rate=0.1": {"optimizer.lr": 0.1},
    " lr = 0.1": {"optimizer.lr": 0.1},
    "momentum=0": {"optimizer.momentum": 0.0, "optimizer.lr": 0.5},
    "epochs=7": {"training.epochs": 7, "training.batch_size": 32},
    "batch_size=full": {"training.batch_size": "full", "training.epochs": 3},
    "training.early_stopping.patience=4": {
        "training.early_stopping.patience": 4,
        "training.early_stopping.mode": "min",
    },
    "training={shuffle: false}": {"training.shuffle": False, "training.epochs": 10},
    "seed=5": {"seed": 5, "data.seed": 5},
    "name=other": {"name": "other"},
    "init=he_uniform": {"init": {"name": "he_uniform"}},
    "init={normal: 0.1}": {"init": {"name": "normal", "std": 0.1}},
    "data.variant=line": {"data.variant": "line"},
    "data.xor=line": {"data.variant": "line"},
    "data.test=0.25": {"data.test": 0.25, "data.name": "xor"},
    "data=moons": {"data.name": "moons", "data.test": None},
    "loss=mse": {"loss": {"name": "mse", "reduction": "mean"}},
    "loss.label_smoothing=0.1": {"loss.label_smoothing": 0.1},
    "schedule={step: 5}": {"schedule.every": 5},
    "network.0.dense=5": {"network.0.units": 5, "network.0.bias": False},
    "network.0.units=5": {"network.0.units": 5, "network.0.bias": False},
    "network.0={dense: 5}": {"network.0.units": 5, "network.0.bias": True},
    "network.1=tanh": {"network.1": {"name": "tanh"}},
    "network.1.name=elu": {"network.1": {"name": "elu", "alpha": 1.0}},
    "network.2.dropout=0.7": {"network.2.rate": 0.7},
    "hidden=4": {"network.0.units": 4, "network.0.bias": False, "network.3.units": 2},
    "depth=1": {"network.3.units": 2},
    "depth=2": {
        "network.3": {
            "name": "dense",
            "units": 8,
            "bias": False,
            "init": None,
            "weight": None,
            "freeze": False,
        },
        "network.4": {"name": "relu"},
        "network.6.units": 2,
        "network.7": {"name": "softmax"},
    },
    "depth=0": {"network.0.units": 2, "network.1": {"name": "softmax"}},
    "activation=tanh": {"network.1": {"name": "tanh"}, "network.4": {"name": "softmax"}},
    "activation={leaky_relu: 0.2}": {"network.1": {"name": "leaky_relu", "slope": 0.2}},
    "optimizer=rmsprop": {
        "optimizer.name": "rmsprop",
        "optimizer.lr": 0.5,
        "optimizer.momentum": 0.9,
    },
    "optimizer=adam": {"optimizer.name": "adam", "optimizer.lr": 0.5},
    "optimizer.name=adam": {"optimizer.name": "adam", "optimizer.lr": 0.5},
    "optimizer={name: adam}": {"optimizer.name": "adam", "optimizer.lr": 0.001},
    "optimizer={adam: 0.2}": {"optimizer.name": "adam", "optimizer.lr": 0.2},
}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["init.normal=2", "init.file=/w.npz"], {"file": "/w.npz", "skip_mismatch": False}),
        (["init.file=/w.npz", "init.run=/r"], {"run": "/r", "skip_mismatch": False}),
        (["init.run=/r", "init.name=he_normal"], {"name": "he_normal"}),
    ],
)
def test_a_setting_of_another_form_takes_the_place_of_the_form(
    settings: list[str], expected: dict[str, object]
) -> None:
    assert at(with_set(*settings), "init") == expected


@pytest.mark.parametrize("setting", CHANGES)
def test_what_a_setting_changes(setting: str) -> None:
    config = with_set(setting)
    assert {path: at(config, path) for path in CHANGES[setting]} == CHANGES[setting]


REFUSED = {
    "lr": "a setting is written as key=value.",
    "=3": "a setting is written as key=value.",
    "": "a setting is written as key=value.",
    "lrr=3": "there is no setting 'lrr'. Did you mean 'lr'?",
    "target=y": "there is no setting 'target'. Did you mean 'data.target'?",
    "delta=3": "there is no setting 'delta'. Did you mean 'loss.delta'?",
    ".lr=3": "there is no setting ''.",
    "hidden.x=3": "there is no setting 'hidden.x'. Did you mean 'hidden'?",
    "optimizer.=3": "sgd has no setting ''.",
    "optimizer.mom=3": "sgd has no setting 'mom'.",
    "optimizer.lr.x=3": "optimizer.lr is a mapping.",
    "network.5=relu": "'5' is no place in this list.",
    "network.-1=relu": "'-1' is no place in this list.",
    "network.²=relu": "'²' is no place in this list.",
    "network.x.units=1": "'x' is no place in this list.",
    "network.1.units=1": "relu has no setting 'units'. It is a setting of dense.",
    "hidden=0": "network.0.units is 0.",
    "hidden=[4]": "network.0.units is a list.",
    "depth=-1": "depth is -1.",
    "depth=1.5": "depth is 1.5.",
    "depth=true": "depth is true.",
    "depth=1000000": "depth is 1000000.",
    "activation=rulu": "there is no layer 'rulu'. Did you mean 'relu'?",
    "optimizer=adma": "there is no optimizer 'adma'. Did you mean 'adam'?",
    "lr=[": "this is not valid YAML: expected the node content, but found '<stream end>'.",
    "lr=1e999": "nan and inf are no values for a setting, nor is more than 1.8e308.",
    "lr=x\x00": "the control character U+0000 cannot stand in a config.",
}


@pytest.mark.parametrize("setting", REFUSED, ids=repr)
def test_what_is_no_setting(setting: str) -> None:
    with pytest.raises(ConfigError) as error:
        with_set(setting)
    assert str(error.value).split("\n")[0].endswith(f": {REFUSED[setting]}")


@pytest.mark.parametrize(
    ("network", "setting", "sentence"),
    [
        ("[{dense: 2}]", "hidden=3", "--set: the network has no hidden dense layer."),
        ("[{dense: 2}]", "depth=3", "--set: the network has no hidden layers to repeat."),
        ("[relu]", "depth=3", "--set: the network has no dense layer."),
        ("[{dense: 2}]", "activation=relu", "--set: the network has no hidden activation to"),
    ],
)
def test_a_network_without_a_hidden_part(network: str, setting: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(f"data: xor\nnetwork: {network}\nloss: mse", "x.yaml", [setting], check=False)
    assert str(error.value).startswith(sentence)


def test_later_settings_win_over_earlier_ones_and_all_over_the_file() -> None:
    config = with_set("lr=0.1", "optimizer=adam", "lr=0.2", "hidden=3", "depth=2", "hidden=5")
    assert at(config, "optimizer.lr") == 0.2
    assert [at(config, f"network.{index}.units") for index in (0, 3, 6)] == [5, 5, 2]


def test_values_from_python_are_settings_too() -> None:
    config = with_set(("lr", 0.25), ("network.0.bias", [0.5] * 8), ("training.epochs", 2))
    assert at(config, "optimizer.lr") == 0.25
    assert at(config, "network.0.bias") == [0.5] * 8
    with pytest.raises(
        ConfigError, match=r"^lr: a setting is a number, a text, a list or a mapping, not object$"
    ):
        with_set(("lr", object()))


def test_a_default_learning_rate_is_not_kept() -> None:
    """Only what somebody wrote is worth keeping: adam's own default is another one."""
    text = "data: xor\nnetwork: [{dense: 2}]\nloss: mse"
    assert at(parse_config(text, overrides=["optimizer=adam"]), "optimizer.lr") == 0.001


def test_an_optimizer_that_searches_takes_over_the_penalty_alone() -> None:
    """Its lr is another thing: that of sgd would make its first trials far too short."""
    own = "{sgd: {lr: 0.01, l1: 0.1, weight_decay: 0.2}}"
    text = f"data: xor\nnetwork: [{{dense: 2}}]\nloss: mse\noptimizer: {own}"
    drops = "optimizer=lbfgs drops {}, which lbfgs understands otherwise."
    base = parse_base(text, "x.yaml", ["optimizer=lbfgs", "batch_size=full"])
    assert base.notes == (drops.format("lr"), drops.format("l1"))
    assert base.config.optimizer == OPTIMIZERS["lbfgs"](weight_decay=0.2)
    lower = parse_config(text, overrides=["optimizer=lbfgs", "lr=0.5", "batch_size=full"])
    assert at(lower, "optimizer.lr") == 0.5
    back = parse_config(text, overrides=["optimizer=lbfgs", "optimizer=adam"])
    assert back.optimizer == OPTIMIZERS["adam"](weight_decay=0.2)


def test_options_that_do_not_fit_are_dropped_and_named(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(TEXT, encoding="utf-8")
    loaded = load_config(path, ["optimizer=adam", "lr=0.1"], check=False)
    assert loaded.notes == ("optimizer=adam drops momentum, which adam does not have.",)
    assert load_config(path, ["optimizer=rmsprop"], check=False).notes == ()


def test_a_study_that_no_longer_fits_is_left_out_and_named() -> None:
    sweeps = {"momentum": {"values": [0.5, 0.9]}, "lr": {"values": [0.1]}}
    config = settings_of(with_set()) | {"sweeps": sweeps}
    loaded = load_config(config, ["optimizer=adam"])
    assert list(loaded.config.sweeps) == ["lr"]
    said = "The study momentum is left out: adam has no setting 'momentum'."
    assert loaded.notes[-1] == said
    assert list(load_config(config, ["lr=0.1"]).config.sweeps) == ["momentum", "lr"]


@pytest.mark.parametrize(
    ("value", "overrides", "message"),
    [
        (-1, [], r"optimizer\.momentum is -1"),
        (-1, ["epochs=3"], r"optimizer\.momentum is -1"),
        (-1, ["optimizer=adam"], "adam has no setting 'momentum'"),
        (0.5, ["sweeps.momentum.values=[-1]"], r"optimizer\.momentum is -1"),
        (0.5, [("sweeps.momentum.values", [-1])], r"optimizer\.momentum is -1"),
        (0.5, ["sweeps.momentum.key=optimizer.beta1"], "sgd has no setting 'beta1'"),
    ],
)
def test_a_study_that_is_itself_wrong_is_a_mistake(
    value: float, overrides: list[Override], message: str
) -> None:
    """Also beside a change that has nothing to do with it."""
    sweeps = {"momentum": {"values": [value]}}
    with pytest.raises(ConfigError, match=message):
        load_config(settings_of(with_set()) | {"sweeps": sweeps}, overrides)


def test_shorthand_in_the_file_is_changed_like_the_full_form() -> None:
    config = from_mapping(
        {"data": "xor", "network": [{"dense": 2}], "loss": "mse"}, ["data.variant=line"]
    )
    assert at(config, "data.variant") == "line"


@pytest.mark.parametrize(
    ("data", "setting", "kept", "notes"),
    [
        (
            "{name: moons, samples: 50, noise: 0.1, test: 0.3, validation: 0.2, scale: unit}",
            "data=circles",
            {"samples": 50, "noise": 0.1, "test": 0.3, "validation": 0.2, "scale": "unit"},
            (),
        ),
        (
            "{name: fashion_mnist, pool: true, test: 0.3, validation: 0.2}",
            "data.name=circles",
            {"pool": False, "test": 0.3, "validation": 0.2},
            ("data=circles drops pool, which circles has no official test part for.",),
        ),
        (
            "{name: fashion_mnist, pool: true, test: 0.3}",
            "data=mnist",
            {"pool": True, "test": 0.3},
            (),
        ),
        (
            "{name: moons, samples: 50, test: 0.3}",
            "data=mnist",
            {"test": None},
            (
                "data=mnist drops samples, which mnist does not have.",
                "data=mnist drops test, which mnist has an official test part for.",
            ),
        ),
        (
            "{name: npz, path: a.npz, inputs: rows}",
            "data=random",
            {"inputs": 10},
            (
                "data=random drops path, which random does not have.",
                "data=random drops inputs, which random does not have with the value 'rows'.",
            ),
        ),
    ],
)
def test_another_data_set_keeps_what_fits(
    tmp_path: Path, data: str, setting: str, kept: dict[str, object], notes: tuple[str, ...]
) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"data: {data}\nnetwork: [{{dense: 2}}]\nloss: mse\n", encoding="utf-8")
    loaded = load_config(path, [setting], check=False)
    assert {key: at(loaded.config, f"data.{key}") for key in kept} == kept
    assert loaded.notes == notes


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (
            "activation=swish",
            "--set: there is no layer 'swish'. Did you mean 'silu'?\n    --set activation=swish\n"
            "                     ^\n    allowed: ",
        ),
        (
            "hidden=0",
            "--set: network.0.units is 0.\n    --set hidden=0\n                 ^\n"
            "    allowed: a whole number > 0",
        ),
    ],
)
def test_a_value_that_is_wrong_in_many_places_is_told_once(setting: str, message: str) -> None:
    text = (
        "data: xor\nnetwork: [{dense: 3}, relu, {dense: 3}, relu, {dense: 2}]\nloss: mse\n"
        "training: {epochs: -1, batch_size: 0}\n"
    )
    with pytest.raises(ConfigError) as error:
        parse_config(text, "x.yaml", [setting], check=False)
    first, second, *others = [str(problem) for problem in error.value.problems]
    assert [first.split("\n")[0], second.split("\n")[0]] == [
        "x.yaml:4:20: training.epochs is -1.",
        "x.yaml:4:36: training.batch_size is 0.",
    ]
    assert len(others) == 1
    assert others[0].startswith(message)
