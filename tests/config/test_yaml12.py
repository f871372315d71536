"""What words mean: the table of YAML 1.2's core schema, and what is refused in single values."""

from pathlib import Path

import pytest

from nnlab.config.problems import Problems
from nnlab.config.tree import Source, to_plain
from nnlab.config.yaml12 import read_yaml
from nnlab.errors import ConfigError


def value(text: str) -> object:
    problems = Problems()
    node = read_yaml(Source("x.yaml", text, Path()), problems)
    problems.raise_any()
    return to_plain(node)


WORDS = {
    "1e-3": 0.001,
    "1e3": 1000.0,
    "1.0e3": 1000.0,
    "1E+3": 1000.0,
    ".5": 0.5,
    "5.": 5.0,
    "-0.0": -0.0,
    "+.5e1": 5.0,
    "0": 0,
    "-7": -7,
    "+12": 12,
    "010": 10,
    "0o17": 15,
    "0x1F": 31,
    "0b11": "0b11",
    "1_000": "1_000",
    "1:30": "1:30",
    "2024-02-30": "2024-02-30",
    "2024-01-01": "2024-01-01",
    "e5": "e5",
    ".": ".",
    "-": [None],
    "no": "no",
    "No": "No",
    "off": "off",
    "yes": "yes",
    "on": "on",
    "y": "y",
    "n": "n",
    "true": True,
    "True": True,
    "FALSE": False,
    "tRUE": "tRUE",
    "null": None,
    "Null": None,
    "~": None,
    "": None,
    "# only a comment": None,
    "nULL": "nULL",
    "'1'": "1",
    '"true"': "true",
    "!!str 1": "1",
    "!!float 1": 1.0,
    "!!int '0x10'": 16,
    "! 12": "12",
    "nan": "nan",
    "inf": "inf",
    "=": "=",
    "<<": "<<",
    "|\n  two\n  lines\n": "two\nlines\n",
    '"\\t\\u00e9"': "\té",
    "9223372036854775807": 2**63 - 1,
}


@pytest.mark.parametrize("text", WORDS, ids=repr)
def test_a_word_means_what_yaml_1_2_says(text: str) -> None:
    found = value(text)
    assert (type(found), repr(found)) == (type(WORDS[text]), repr(WORDS[text]))


def test_keys_are_not_read_as_values() -> None:
    assert value("{no: 1, on: 2, 1e: 3, 1:30: 4}") == {"no": 1, "on": 2, "1e": 3, "1:30": 4}


def test_an_alias_repeats_its_anchor() -> None:
    assert value("{a: &x [1, {b: 2}], c: *x}") == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


REFUSED = {
    ".nan": "1:1: nan and inf are no values for a setting, nor is more than 1.8e308.",
    "-.INF": "1:1: nan and inf are no values for a setting, nor is more than 1.8e308.",
    "1e999": "1:1: nan and inf are no values for a setting, nor is more than 1.8e308.",
    "!!float nan": "1:1: nan and inf are no values for a setting, nor is more than 1.8e308.",
    "9223372036854775808": "1:1: this whole number does not fit into 64 bits.",
    "-9223372036854775809": "1:1: this whole number does not fit into 64 bits.",
    "1" * 101: "1:1: this number has 101 characters; at most 100 are read.",
    "!!int x": "1:1: 'x' is not a number.",
    "!!bool no": "1:1: 'no' is not a value of the type !!bool.",
    "!!null x": "1:1: 'x' is not a value of the type !!null.",
    "a: 1\nb: 2\na: 3": "3:1: the key 'a' stands here again; it was first given in line 1.",
    "a: 1\n2: 3": "2:1: the key 2 is not a name; write it in quotes if you mean text.",
    "true: 1": "1:1: the key true is not a name; write it in quotes if you mean text.",
    "? [1]\n: 2": "1:3: the key a list is not a name; write it in quotes if you mean text.",
    "a: &x {b: 1}\nc:\n  <<: *x": "3:3: merge keys (<<) are not part of YAML 1.2; write the "
    "settings out.",
    "a: !!set {b}": "1:4: the tag '!!set' is not allowed; a config holds plain values.",
    "a: !!python/object/apply:os.system [ls]": "1:4: the tag '!!python/object/apply:os.system' is "
    "not allowed; a config holds plain values.",
    "!mine 5": "1:1: the tag '!mine' is not allowed; a config holds plain values.",
    "!!seq {a: 1}": "1:1: the tag '!!seq' is not allowed; a config holds plain values.",
    '"\\0"': "1:1: this text holds the character U+0000.",
    '"\\e[31m"': "1:1: this text holds the character U+001B.",
    '"\\ud800"': "1:1: this text holds the character U+D800.",
    "a: [1": "1:6: this is not valid YAML: expected ',' or ']', but got '<stream end>'.",
    "a: 'x": "1:6: this is not valid YAML: found unexpected end of stream.",
    '"\\UFFFFFFFF"': "1:4: this is not valid YAML.",
    "*x": "1:1: the alias 'x' has no finished anchor before it.",
    "&x [*x]": "1:5: the alias 'x' has no finished anchor before it.",
    "[&x 1, &x 2]": "1:8: the anchor 'x' is defined twice.",
    "a: 1\n---\nb: 2": "2:1: a second document begins here; a config is one document.",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text)[:40])
def test_what_is_refused_says_why_and_where(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        value(text)
    assert str(error.value).split("\n")[0] == f"x.yaml:{REFUSED[text]}"


def test_mistakes_in_single_values_are_reported_together() -> None:
    with pytest.raises(ConfigError) as error:
        value("a: .nan\nb: !x 1\na: 2\n3: 4\n")
    assert [line[:9] for line in str(error.value).split("\n") if line.startswith("x.yaml")] == [
        "x.yaml:1:",
        "x.yaml:2:",
        "x.yaml:3:",
        "x.yaml:4:",
    ]
