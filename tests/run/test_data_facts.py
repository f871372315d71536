"""data.json is built from the annotations of DataFacts, by the builder of the configs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nnlab.errors import RunUnreadable
from nnlab.run.data_facts import read_data_facts
from nnlab.run.text import to_json

FACTS: dict[str, Any] = {
    "name": "table.csv",
    "sha256": "0",
    "task": "classes",
    "kind": "classes",
    "inputs": [3],
    "outputs": 2,
    "class_names": ["a", "b"],
    "feature_names": ["x", "c=u", "c=v"],
    "columns": [{"name": "x", "categories": None}, {"name": "c", "categories": ["u", "v"]}],
    "class_weight": [0.5, 2.0],
    "target_names": [],
    "image_shape": None,
    "input_range": [0.0, 255.0],
    "scaling": {"kind": "unit", "shift": [0.0, 0.5, 1.0], "factor": 1.0, "fill": None},
    "rows": {"train": 5, "validation": None, "test": 2},
    "validation_is_test": False,
    "learn": "targets",
    "row_class_names": [],
}

NEWER = {"columns", "class_weight", "learn", "row_class_names"}  # than the first versions


def read(content: dict[str, Any]) -> Any:
    return read_data_facts(content, Path("data.json"), Path("missing"))


def test_what_is_written_is_read() -> None:
    facts = read(FACTS)
    assert json.loads(to_json(asdict(facts))) == FACTS
    assert list(asdict(facts)) == list(FACTS)
    assert facts.columns[1].inputs == ("c=u", "c=v")


def test_older_and_newer_versions() -> None:
    older = {key: FACTS[key] for key in FACTS if key not in ("columns", "class_weight")}
    facts = read(older | {"scaling": {"kind": "none", "shift": 0, "factor": 1}})
    assert (facts.columns, facts.class_weight, facts.scaling.fill) == ((), None, None)
    newer = FACTS | {"colour": 3, "rows": FACTS["rows"] | {"spare": 1}}
    assert read(newer) == read(FACTS)


def nested(depth: int) -> list[Any]:
    lists: list[Any] = []
    for _ in range(depth):
        lists = [lists]
    return lists


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": []}, "inputs is an empty list."),
        ({"inputs": [3, 0]}, "inputs.1 is 0."),
        ({"inputs": [1 << 30]}, "'inputs' is larger than any weights here."),
        ({"inputs": nested(2000)}, "it is nested too deeply."),
        ({"outputs": True}, "outputs is true."),
        ({"outputs": 10**30}, "this whole number does not fit into 64 bits."),
        ({"task": "sorting"}, "task is 'sorting'. Allowed: one of classes,"),
        ({"class_names": ["a", 3]}, "class_names.1 is 3."),
        ({"columns": [{}] * 1000}, "columns.0 needs 'name'."),
        ({"columns": [{"name": "a", "categories": "b"}]}, "columns.0.categories is 'b'."),
        ({"scaling": {"kind": "none", "shift": 0.0}}, "scaling needs 'factor'."),
        ({"scaling": FACTS["scaling"] | {"factor": float("nan")}}, "nan and inf"),
        ({"inputs": [2]}, "scaling.shift has 3 numbers for 2 inputs."),
        ({"scaling": FACTS["scaling"] | {"fill": []}}, "scaling.fill has 0 numbers for 3 inputs."),
        ({"class_names": ["a"]}, "class_names has 1 names for 2 classes."),
        ({"kind": "regression"}, "kind is regression for the task classes."),
        (
            {"outputs": 3, "class_names": ["a", "b", "c"], "kind": "binary"},
            "kind is binary for 3 classes.",
        ),
        ({"rows": None}, "rows is empty. Allowed: a mapping with train, validation, test."),
        ({"rows": FACTS["rows"] | {"test": -1}}, "rows.test is -1."),
    ],
)
def test_the_first_mistake_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RunUnreadable) as caught:
        read(FACTS | change)
    assert str(caught.value).startswith(f"Cannot read data.json: {message}")


@pytest.mark.parametrize("key", sorted(FACTS.keys() - NEWER))
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(RunUnreadable, match=f"the key '{key}' is missing"):
        read({name: value for name, value in FACTS.items() if name != key})
