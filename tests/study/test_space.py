"""space.yaml: what may be searched, and every mistake with its place."""

from pathlib import Path
from typing import Any

import pytest

from nnlab.config.load import load_base
from nnlab.errors import ConfigError
from nnlab.study.space import (
    Choice,
    Dimension,
    Span,
    check_space,
    read_space,
    refuse_fixed,
    setting_text,
)


def space(folder: Path, text: str) -> list[Dimension]:
    path = folder / "space.yaml"
    path.write_text(text)
    return read_space(path)


@pytest.mark.parametrize(
    ("text", "among"),
    [
        ("lr: {low: 1e-3, high: 1, log: true}", Span(1e-3, 1, True, None, False)),
        ("lr: {low: 1, high: 8}", Span(1, 8, False, None, False)),
        ("lr: {low: 1, high: 8, log: true}", Span(1, 8, True, None, False)),
        ("lr: {low: 1.0, high: 8}", Span(1.0, 8, False, None, False)),
        ("optimizer.weight_decay: {low: 0, high: 1}", Span(0, 1, False, None, False)),
        ("optimizer.weight_decay: {low: 0, high: 1, step: 0.25}", Span(0, 1, False, 0.25, False)),
        ("optimizer.weight_decay: {low: 0, high: 8, step: 2}", Span(0, 8, False, 2, False)),
        ("lr: {low: 1, high: 8, int: false}", Span(1, 8, False, None, False)),
        ("lr: {low: 2.0, high: 8.0, int: true}", Span(2, 8, False, None, True)),
        ("optimizer.lr: {low: 1, high: 2}", Span(1, 2, False, None, False)),
        ("learning_rate: {low: 1, high: 2}", Span(1, 2, False, None, False)),
        ("init.normal: {low: 1, high: 2}", Span(1, 2, False, None, False)),
        ("data.test: {low: 0.25, high: 0.75}", Span(0.25, 0.75, False, None, False)),
        ("data.test: {low: 3, high: 9}", Span(3, 9, False, None, True)),  # rows, or a share
        ("hidden: {low: 2, high: 16, step: 2}", Span(2, 16, False, 2, True)),
        ("hidden: {low: 2.0, high: 16.0}", Span(2, 16, False, None, True)),
        ("hidden: {low: 2, high: 16, log: true}", Span(2, 16, True, None, True)),
        ("network.0.units: {low: 2, high: 3}", Span(2, 3, False, None, True)),
        ("network.0.dense: {low: 2, high: 3}", Span(2, 3, False, None, True)),
        ("batch_size: {low: 1, high: 8}", Span(1, 8, False, None, True)),  # or the word full
        ("seed: {low: 0, high: 8}", Span(0, 8, False, None, True)),
        ("activation: [relu, tanh]", Choice(("relu", "tanh"))),
        ("training.shuffle: [true, false]", Choice((True, False))),
        ("lr: [1, 0.5]", Choice((1, 0.5))),
        ("batch_size: [4, full]", Choice((4, "full"))),
        ("activation: [relu, {leaky_relu: 0.1}]", Choice(("relu", {"leaky_relu": 0.1}))),
    ],
)
def test_where_to_search(tmp_path: Path, text: str, among: Choice | Span) -> None:
    """The type of the setting decides whether numbers are whole, not how they are written."""
    (found,) = check_space(space(tmp_path, f"{text}\n"), load_base("xor"))
    assert (found.key, found.among) == (text.partition(":")[0], among)
    assert repr(found.among) == repr(among)  # 2 is not 2.0


KINDS = "With log: true the logarithm is searched evenly, with int: true only whole numbers."
LIST = "Write a list such as [relu, tanh]."


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        ("{min: 1e-4, max: 1}", ["low", "high"]),
        ("{from: 1, to: 8}", ["low", "high"]),
        ("{lower: 1, upper: 8, log: true}", ["low", "high"]),
        ("{start: 1, stop: 8, step: 2}", ["low", "high"]),
        ("{Minimum: 1, Maximum: 8}", ["low", "high"]),
        ("{low: 1, hi: 8}", ["high"]),
        ("{low: 1, high: 8, q: 2}", ["step"]),
        ("{low: 1, high: 8, integer: true}", ["int"]),
        ("{low: 1, high: 8, type: loguniform}", [KINDS]),
        ("{low: 1, high: 8, type: int}", [KINDS]),
        ("{low: 1, high: 8, scale: log}", [KINDS]),
        ("{distribution: log_uniform, min: 1, max: 8}", [KINDS, "low", "high"]),
        ("{loguniform: [1, 8]}", ["Write low, high and log: true."]),
        ("{uniform: [1, 8]}", ["Write low and high."]),
        ("{choices: [1, 8]}", [LIST]),
        ("{values: [1, 8]}", [LIST]),
        ("{type: categorical, values: [1]}", [KINDS, LIST]),
    ],
)
def test_words_of_other_libraries(tmp_path: Path, text: str, hints: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        space(tmp_path, f"lr: {text}\n")
    found = [problem.hint for problem in error.value.problems]  # type: ignore[attr-defined]
    assert found == [
        f" {hint}" if hint.endswith(".") else f" Did you mean '{hint}'?" for hint in hints
    ]


FORMS = "{low: 1e-4, high: 1, log: true}, {low: 2, high: 16, step: 2}, or a list [relu, tanh]"


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ("", "1:1", "the space is empty; it maps settings to where to search."),
        ("{}", "1:1", "the space is empty; it maps settings to where to search."),
        ("[lr]", "1:1", "the space is empty; it maps settings to where to search."),
        ("lr: 3", "1:5", "'lr' is 3, where to search?"),
        ("lr: []", "1:5", "'lr' has no values to choose from."),
        ("lr: [1, 2, 1]", "1:12", "'lr' has the value 1 twice."),
        ("lr: {low: 1}", "1:5", "lr needs 'high'."),
        ("lr: {lo: 1, low: 1, high: 2}", "1:6", "lr has no setting 'lo'. Did you mean 'low'?"),
        ("lr: {low: 2, high: 2}", "1:20", "'lr': high is 2, which is not above low, 2."),
        ("lr: {low: a, high: 2}", "1:11", "lr.low is 'a'."),
        ("lr: {low: true, high: 2}", "1:11", "lr.low is true."),
        (
            "lr: {low: 0, high: 2, log: true}",
            "1:11",
            "'lr': low is 0; with log it must be above 0.",
        ),
        ("lr: {low: 1, high: 2, log: 1}", "1:28", "lr.log is 1."),
        (
            "lr: {low: 1, high: 8, log: true, step: 2}",
            "1:40",
            "'lr': step and log exclude each other.",
        ),
        (
            "lr: {low: 1, high: 8, step: 9}",
            "1:29",
            "'lr': step is 9; it must be above 0 and fit between low and high.",
        ),
        (
            "lr: {low: 1.5, high: 8, int: true}",
            "1:11",
            "'lr': low is 1.5, and with int it must be a whole number.",
        ),
        (
            "lr: [1]\noptimizer.lr: [2]",
            "2:1",
            "'optimizer.lr' is the same setting as 'lr'.",
        ),
        (
            "lr: [1]\nlr: [2]",
            "2:1",
            "the key 'lr' stands here again; it was first given in line 1.",
        ),
    ],
)
def test_what_is_no_space(tmp_path: Path, text: str, place: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        space(tmp_path, text)
    assert str(error.value).splitlines()[0] == f"{tmp_path}/space.yaml:{place}: {sentence}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lrr: [0.1]", "space.yaml:1:1: there is no setting 'lrr'. Did you mean 'lr'?"),
        ("lr: {low: -1.0, high: 1}", "space.yaml:1:1: optimizer.lr is -1.0."),
        ("activation: [relu, rellu]", "Did you mean 'relu'?"),
        ("network.9: [relu]", "'9' is no place in this list."),
        ("hidden: {low: 2.5, high: 8}", "'hidden' takes whole numbers, and low is 2.5."),
        ("hidden: {low: 2, high: 8, step: 1.5}", "'hidden' takes whole numbers, and step is 1.5."),
        ("hidden: {low: 2, high: 8, int: false}", "'hidden' takes no fractions, so int: false"),
        ("hidden: {low: 0, high: 8}", "network.0.units is 0."),
        ("optimizer.momentum: {low: 0, high: 1}", "optimizer.momentum is 1."),
        ("training.shuffle: {low: 0, high: 1}", "training.shuffle is 0."),
        ("activation: {low: 0, high: 1}", "0"),
        ("seed: {low: 0, high: 1e30}", "whole numbers are searched up to 9,007,199,254,740,992."),
    ],
)
def test_what_the_config_does_not_take(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_space(space(tmp_path, text), load_base("xor"))
    assert message in str(error.value)


def test_a_setting_is_searched_or_fixed(tmp_path: Path) -> None:
    found = space(tmp_path, "lr: [0.1]\n")
    with pytest.raises(ConfigError, match="'lr' is searched, so it cannot be set"):
        refuse_fixed(found, ["optimizer.lr=3"])
    refuse_fixed(found, ["epochs=3"])


def test_a_space_is_kept_as_plain_values(tmp_path: Path) -> None:
    found = space(tmp_path, "lr: {low: 1e-3, high: 1, log: true}\nactivation: [relu]\n")
    assert {dimension.key: dimension.among.settings for dimension in found} == {
        "lr": {"low": 1e-3, "high": 1, "log": True, "step": None, "int": None},
        "activation": ["relu"],
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("relu", "relu"),
        ("true", '"true"'),
        ("1e-3", '"1e-3"'),
        (1e-05, "1e-05"),
        (0.1 + 0.2, "0.30000000000000004"),
        (3, "3"),
        (True, "true"),
        (None, "null"),
        ({"leaky_relu": 0.1}, '{"leaky_relu": 0.1}'),
    ],
)
def test_a_value_as_set_takes_it(value: Any, text: str) -> None:
    from nnlab.config.files import checked
    from nnlab.config.problems import Problems
    from nnlab.config.tree import Source, to_plain
    from nnlab.config.yaml12 import read_yaml

    assert setting_text(value) == text
    again = to_plain(read_yaml(checked(Source("--set", text, Path())), Problems()))
    assert (again, type(again)) == (value, type(value))
