"""The table of synonyms leads to things that exist; messages that use it give whole YAML."""

import re
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module

import pytest

from nnlab.cli import COMMANDS, data
from nnlab.config.annotations import choices, hints
from nnlab.config.families import (
    AUGMENTATION,
    INITIALIZER,
    LAYER,
    LOSS,
    OPTIMIZER,
    SCHEDULE,
    SOURCE,
)
from nnlab.config.load import parse_config
from nnlab.config.schema import Config, Data, EarlyStopping, Training
from nnlab.core import columns
from nnlab.core.metrics import METRICS
from nnlab.data.split import Split
from nnlab.errors import ConfigError
from nnlab.race.config import LANDSCAPE
from nnlab.study.space import Span
from nnlab.suggest import Synonym, certain_name, did_you_mean, lookup, squeezed, synonyms

FAMILIES = (LAYER, LOSS, OPTIMIZER, SCHEDULE, INITIALIZER, SOURCE, AUGMENTATION, LANDSCAPE)
BY_WORD = {family.word: family for family in FAMILIES}
BASE = {"data": "xor", "network": "[{dense: 1}]", "loss": "mse"}


def settings() -> set[str]:
    """Every name that a setting of a member, of the training or of the data can have."""
    members = {
        name for family in FAMILIES for member in family.members for name in family.settings(member)
    }
    classes = (Training, EarlyStopping, Split, Data)
    return members | {field.name for cls in classes for field in fields(cls)} | set(hints(Config))


def words() -> set[str]:
    """Every word that some setting allows as its value."""
    classes: list[type] = [Training, EarlyStopping, Split, Data]
    classes += [cls for family in FAMILIES for cls in family.members.values()]
    return {word for cls in classes for hint in hints(cls).values() for word in choices(hint)}


def options() -> set[str]:
    """Every option of a command."""
    commands = [import_module(f"nnlab.cli.{name}").command for name in COMMANDS]
    return {name for command in commands for option in command.params for name in option.opts}


def metrics() -> set[str]:
    names = {columns.LOSS, *METRICS}
    return names | {columns.name(part, name) for part in columns.PARTS for name in names}


def accepted(text: str) -> None:
    """Raises ConfigError where a config with this piece of YAML in it is refused."""
    if text.startswith("- "):
        pieces = BASE | {"network": f"\n  {text}\n  - dense: 1"}
    else:
        key, _, value = text.partition(":")
        pieces = BASE | {key: value}
    parse_config("\n".join(f"{key}: {value}" for key, value in pieces.items()), check=False)


def pieces(row: Synonym) -> Iterator[str]:
    """What stands in backticks and has a colon or begins a list."""
    for text in re.findall(r"`([^`]*)`", row.advice):
        if ":" in text or text.startswith("-"):
            yield text


def rows() -> list[pytest.param]:  # type: ignore[valid-type]
    return [pytest.param(row, id=f"{row.family}-{row.words[0]}") for row in synonyms()]


@pytest.mark.parametrize("row", rows())
def test_a_row_leads_to_something_that_exists(row: Synonym) -> None:
    assert row.name or row.advice
    leaf = row.name.rpartition(".")[2]
    if row.family in BY_WORD and row.name:
        assert row.name in BY_WORD[row.family].members
    elif row.family == "setting" and row.name.startswith("."):
        assert leaf in settings()
    elif row.family == "setting" and row.name:
        with pytest.raises(ConfigError) as error:  # the path leads somewhere, [[]] fits nowhere
            parse_config(
                "\n".join(f"{k}: {v}" for k, v in BASE.items()), overrides=[f"{row.name}=[[]]"]
            )
        assert "has no setting" not in str(error.value)
        assert "there is no setting" not in str(error.value)
    elif row.family == "command":
        assert not row.name or leaf in (*COMMANDS, *data.command.commands)
    elif row.family == "option":
        assert not row.name or f"--{leaf}" in options()
    elif row.family == "value":
        assert leaf in words()
    elif row.family == "metric":
        assert leaf in metrics()
    elif row.family == "range":
        assert not row.name or leaf in hints(Span)
    else:
        assert not row.name


@pytest.mark.parametrize("row", rows())
def test_the_yaml_of_a_row_is_accepted(row: Synonym) -> None:
    for text in pieces(row):
        accepted(text)


@pytest.mark.parametrize("row", rows())
def test_no_word_of_a_row_hides_a_name_of_its_family(row: Synonym) -> None:
    """A word that is spelled like a member has to be a trap that is meant: `Linear` is dense."""
    family = BY_WORD.get(row.family)
    names = {squeezed(name) for name in family.members} if family else set()
    traps = {"linear", "csv", "npz"}
    assert {squeezed(word) for word in row.words} & names <= traps


def test_no_word_has_two_meanings_in_one_place() -> None:
    seen: dict[tuple[str, str], Synonym] = {}
    for row in synonyms():
        if row.family in BY_WORD:
            for word in row.words:
                assert seen.setdefault((row.family, squeezed(word)), row) is row, word


FOREIGN = {
    "layer": "Linear Conv2D Dropout BatchNorm1d MaxPooling2D Flatten ReLU LeakyReLU Softmax Tanh "
    "AvgPool2d Embedding LSTM swish logistic identity hard_sigmoid Mish GELU SiLU SELU Softplus "
    "BatchNormalization LayerNormalization GlobalAveragePooling2D Conv1d InputLayer Activation",
    "loss": "binary_crossentropy mean_squared_error mean_absolute_error BCEWithLogitsLoss MSELoss "
    "CrossEntropyLoss sparse_categorical_crossentropy NLLLoss hinge SmoothL1Loss log_loss L1Loss "
    "squared_error categorical_crossentropy BinaryCrossentropy KLDivLoss HuberLoss BCELoss focal",
    "optimizer": "SGD Adam AdamW lbfgs RMSprop momentum Adagrad Adadelta Nadam nesterov LBFGS",
    "schedule": "StepLR ReduceLROnPlateau CosineAnnealingLR ExponentialLR MultiStepLR OneCycleLR "
    "LinearLR CosineDecay ExponentialDecay invscaling adaptive",
    "initializer": "glorot kaiming orthogonal random_normal GlorotUniform HeNormal he xavier "
    "kaiming_normal_ truncated_normal ones",
    "setting": "learning_rate_init hidden_layer_sizes batch n_epochs max_iter alpha dropout_rate "
    "l2 patience validation_split val_split test_size random_state units neurons nodes "
    "kernel_size filters out_channels",
}


@pytest.mark.parametrize(
    ("family", "word"),
    [(family, word) for family, text in FOREIGN.items() for word in text.split()],
)
def test_words_of_other_libraries_have_an_answer(family: str, word: str) -> None:
    names = settings() if family == "setting" else set(BY_WORD[family].members)
    answer = did_you_mean(word, names - {word}, family)
    assert lookup(word, names, family) is not None or certain_name(word, names, family), answer


HINTS = [
    ("optimizer: {adam: 0.01, weight_decay: 0.1}",
     "Write `optimizer: {name: adam, lr: 0.01, weight_decay: 0.1}`."),
    ("optimizer: {adam: {lr: 0.01}, weight_decay: 0.1}",
     "Write `optimizer: {name: adam, lr: 0.01, weight_decay: 0.1}`."),
    ("optimizer: {type: adam}", "Write `optimizer: adam`."),
    ("optimizer: {solver: adam}", "Write `optimizer: adam`."),
    ("loss: {criterion: MSELoss}", "Write `loss: mse`."),
    ("network: [{Linear: [2, 3]}, relu, {dense: 1}]", "Write `- dense: 3`."),
    ("network: [{Conv2d: [1, 16, 3]}, {dense: 1}]", ""),
    ("network: {hidden: [3], activation: relu}", ""),
    ("optimizer: {kind: Adam, lr: 0.1}", "Write `optimizer: {adam: 0.1}`."),
    ("optimizer: {class: rms_prop, lr: 0.1, alpha: 0.9}",
     "Write `optimizer: {name: rmsprop, lr: 0.1, alpha: 0.9}`."),
    ("optimizer: {adam: 0.1, foo: 3}",
     "Write `optimizer: {adam: 0.1}`. adam has no setting 'foo'."),
    ("optimizer: {cg: 0.1}",
     "`optimizer: lbfgs`, with `training: {batch_size: full}`, comes nearest."),
    ("optimizer: {algorithm: lbfgs}", "Write `optimizer: lbfgs`."),
    ("optimizer: {solver: LBFGS, history_size: 5}",
     "Write `optimizer: {name: lbfgs, history: 5}`."),
    ("optimizer: {Adam: {lr: 0.1, betas: [0.9, 0.99]}}",
     "Write `optimizer: {adam: 0.1}`. adam has no setting 'betas'."),
    ("optimizer: {adam: {name: sgd}}", "Write `optimizer: adam`. adam has no setting 'name'."),
    ("optimizer: [adam]", "Write `optimizer: adam`."),
    ("optimizer: [{adam: 0.1}]", "Write `optimizer: {adam: 0.1}`."),
    ("loss: {type: squared_hinge}", "`loss: hinge` comes nearest."),
    ("loss: {kind: msee}", "Did you mean 'mse'?"),
    ("data: {dataset: xor}", "Write `data: xor`."),
    ("network: [{BatchNorm1d: 8}]", "Write `- batch_norm`."),
    ("network: [{activation: {name: relu}}]", "Write `- relu`."),
    ("network: [{dense: 2, name: hidden}]", "Write `- dense: 2`. It has no name."),
    ("network: [3]", "Write `- dense: 3`."),
    ("loss: {type: mse}", "Write `loss: mse`."),
    ("schedule: {exponential: {decay: 0.7}}", "Did you mean 'gamma'?"),
    ("schedule: {plateau: {lr_decay: 0.7}}", "Did you mean 'factor'?"),
    ("loss: {bce: mean, class_weight: balanced}",
     "Write `loss: {name: bce, reduction: mean, class_weight: balanced}`."),
    ("loss: binary_crossentropy",
     "Did you mean 'bce'? The last layers are then `- dense: 1` and `- sigmoid`."),
    ("schedule: {step: 10, gamma: 0.1}", "Write `schedule: {name: step, every: 10, gamma: 0.1}`."),
    ("schedule: {type: cosine, T_max: 10}", "Write `schedule: {name: cosine, length: 10}`."),
    ("init: {type: normal, stddev: 0.1}", "Write `init: {normal: 0.1}`."),
    ("init: {name: normal, mean: 1}", ""),
    ("data: {csv: my.csv, target: y}", "Write `data: {name: csv, path: my.csv, target: y}`."),
    ("data: {path: my.csv, target: y}", "Write `data: {name: csv, path: my.csv, target: y}`."),
    ("data: {xor: line, val_split: 0.2}",
     "Write `data: {name: xor, variant: line, validation: 0.2}`."),
    ("network: [{dense: 2, bias: false}]", "Write `- {name: dense, units: 2, bias: false}`."),
    ("network: [{dense: 2, activation: relu}]",
     "Write `- dense: 2` and `- relu`, each on a line of its own."),
    ("network: [{Dense: {units: 2, activation: ReLU, use_bias: false}}]",
     "Write `- {name: dense, units: 2, bias: false}` and `- relu`, each on a line of its own."),
    ("network: [{type: Linear, out_features: 2}]", "Write `- dense: 2`."),
    ("network: [{units: 2, type: dense}]", "Write `- dense: 2`."),
    ("network: [{Linear: 2}]", "Write `- dense: 2`."),
    ("network: [{linear: 2}]",
     "Did you mean 'dense'? Write `- dense: 10` for 10 units; `linear` is the activation "
     "f(x) = x."),
    ("network: [{relu: 2}]", ""),
    ("network: ['Dense(10)']", "Write `- dense: 10`."),
    ("network: ['dense:10']", "Write `- dense: 10`."),
    ("network: [dense 10]", "Write `- dense: 10`."),
    ("network: ['Dropout(0.5)']", "Write `- dropout: 0.5`."),
    ("network: {dense: 2, relu: null}",
     "Write `- dense: 2` and `- relu`, each on a line of its own."),
    ("network: [{activation: relu}]", "Write `- relu`."),
    ("network: [{name: dense, units: 2, activation: tanh}]",
     "It is a layer of its own: write `- tanh` below."),
    ("network: [{conv2d: 8, kernel_size: 5}]", "Write `- {name: conv2d, filters: 8, kernel: 5}`."),
    ("network: [{name: leaky_relu, alpha: 0.1}]", "Did you mean 'slope'?"),
    ("training: {augment: {shift: 2, rotate: 10}}",
     "Write `- shift: 2` and `- rotate: 10`, each on a line of its own."),
    ("training: {lr: 0.1}", "Did you mean 'optimizer.lr'? Write `lr: 0.1` under `optimizer:`."),
    ("training: {optimizer: adam}", "Write `optimizer: adam` at the top."),
    ("training: {early_stopping: 5}", "Write `early_stopping: {patience: 5}`."),
    ("training: {early_stopping: true}", "Write `early_stopping: {patience: 10}`."),
    ("optimizer: {name: sgd, type: Adam}", "Write `name: adam`."),
    ("optimizer: {lr: '0,1'}", "Write 0.1."),
    ("optimizer: {lr: '0.1'}", "Write 0.1, without quotes."),
    ("training: {epochs: 1_000}", "Write 1000."),
    ("data: {name: xor, test: 20%}", "Write 0.2."),
    ("optimizer: {lr: 0.1.2}", ""),
    ("training: {shuffle: yes}", "Did you mean 'true'?"),
    ("training: {dtype: double}", "Did you mean 'float64'?"),
    ("data: {name: xor, scale: minmax}", "Did you mean 'unit'?"),
    ("sweeps: {lr: [0.1, 0.2]}", "Write `lr: {values: [0.1, 0.2]}`."),
    ("random_state: 3", "Did you mean 'seed'?"),
    ("hidden_layer_sizes: [10]",
     "Write the layers down: `network: [{dense: 32}, relu, {dense: 1}]`."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "hint"), HINTS, ids=[text for text, _ in HINTS])
def test_what_a_message_says_to_write(text: str, hint: str) -> None:
    key = text.partition(":")[0]
    rest = "".join(f"{name}: {value}\n" for name, value in BASE.items() if name != key)
    with pytest.raises(ConfigError) as error:
        parse_config(f"{text}\n{rest}", check=False)
    (problem,) = error.value.problems
    assert problem.hint.strip() == hint  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", [text for text, hint in HINTS if hint.startswith("Write `")])
def test_what_a_message_says_to_write_is_accepted(text: str) -> None:
    hint = next(hint for other, hint in HINTS if other == text)
    if text.startswith(("training", "sweeps")):
        return  # pieces below the top
    for piece in re.findall(r"`([^`]*)`", hint):
        accepted(piece)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("sgdd", " Did you mean 'sgd'?"),
        ("ADAM", " Did you mean 'adam'?"),
        ("Adam_W", " Did you mean 'adamw'?"),
        ("zzz", ""),
        ("", ""),
        ("adam" * 20, ""),
    ],
)
def test_without_the_table_the_spelling_decides(word: str, hint: str) -> None:
    assert did_you_mean(word, ["sgd", "adam", "adamw"]) == hint


def test_several_names() -> None:
    names = ["run-a", "run-b", "run-c"]
    assert did_you_mean("run-x", names, most=2).count("'") == 4
    assert did_you_mean("run", names[:1], most=3) == " Did you mean 'run-a'?"
