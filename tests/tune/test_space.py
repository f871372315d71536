"""space.yaml: what may be searched, and every mistake with its place."""

from pathlib import Path
from typing import Any

import pytest

from nnlab.config.variants import base
from nnlab.errors import ConfigError
from nnlab.tune.space import (
    Choice,
    Dimension,
    Span,
    as_mapping,
    as_text,
    check_space,
    read_space,
    refuse_fixed,
)


def space(folder: Path, text: str) -> list[Dimension]:
    path = folder / "space.yaml"
    path.write_text(text)
    return read_space(path)


@pytest.mark.parametrize(
    ("text", "among"),
    [
        ("{low: 1e-3, high: 1, log: true}", Span(1e-3, 1, True, None, False)),
        ("{low: 1, high: 8}", Span(1, 8, False, None, True)),
        ("{low: 1.0, high: 8}", Span(1.0, 8, False, None, False)),
        ("{low: 1, high: 8, int: false}", Span(1, 8, False, None, False)),
        ("{low: 2.0, high: 8.0, int: true}", Span(2.0, 8.0, False, None, True)),
        ("{low: 2, high: 16, step: 2}", Span(2, 16, False, 2, True)),
        ("{low: 0, high: 1, step: 0.25}", Span(0, 1, False, 0.25, False)),
        ("[relu, tanh]", Choice(("relu", "tanh"))),
        ("[relu, {leaky_relu: 0.1}, 3, null]", Choice(("relu", {"leaky_relu": 0.1}, 3, None))),
        ("[1, 1.0, true]", Choice((1, 1.0, True))),  # three different values
    ],
)
def test_where_to_search(tmp_path: Path, text: str, among: Choice | Span) -> None:
    (found,) = space(tmp_path, f"lr: {text}\n")
    assert (found.key, found.among) == ("lr", among)


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
        ("lr: {low: 1}", "1:5", "'lr' has no high."),
        ("lr: {lo: 1, low: 1, high: 2}", "1:6", "a range has no 'lo'. Did you mean 'low'?"),
        ("lr: {low: 2, high: 2}", "1:20", "'lr': high is 2, which is not above low, 2."),
        ("lr: {low: a, high: 2}", "1:11", "low is 'a'."),
        ("lr: {low: true, high: 2}", "1:11", "low is true."),
        (
            "lr: {low: 0, high: 2, log: true}",
            "1:11",
            "'lr': low is 0; with log it must be above 0.",
        ),
        ("lr: {low: 1, high: 2, log: 1}", "1:28", "log is 1."),
        (
            "lr: {low: 1, high: 8, log: true, step: 2}",
            "1:40",
            "'lr': step and log cannot be had both.",
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
    ],
)
def test_what_the_config_does_not_take(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_space(space(tmp_path, text), base("xor"))
    assert message in str(error.value)


def test_a_setting_is_searched_or_fixed(tmp_path: Path) -> None:
    found = space(tmp_path, "lr: [0.1]\n")
    with pytest.raises(ConfigError, match="'lr' is searched, so --set cannot fix it"):
        refuse_fixed(found, ["optimizer.lr=3"])
    refuse_fixed(found, ["epochs=3"])


def test_a_space_is_kept_as_plain_values(tmp_path: Path) -> None:
    found = space(tmp_path, "lr: {low: 1e-3, high: 1, log: true}\nactivation: [relu]\n")
    assert as_mapping(found) == {
        "lr": {"low": 1e-3, "high": 1, "log": True, "step": None, "int": False},
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
    from nnlab.config.reader import read
    from nnlab.config.tree import Source, plain

    assert as_text(value) == text
    again = plain(read(checked(Source("--set", text, Path())), Problems()))
    assert (again, type(again)) == (value, type(value))
