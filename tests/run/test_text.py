"""JSON is strict, and no path can drive a terminal."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.errors import RunUnreadable
from nnlab.run import text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1 + 0.2, 0.30000000000000004),
        (np.float32(0.1), 0.10000000149011612),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (True, True),
        (2**127, 2**127),
        (math.nan, None),
        (-math.inf, None),
        ("Größe", "Größe"),
        ((1, 2), [1, 2]),
        (np.array([[1.0, math.nan]]), [[1.0, None]]),
        ({"a": {"b": ()}}, {"a": {"b": []}}),
        (None, None),
    ],
)
def test_json_of(value: Any, expected: Any) -> None:
    def refuse(name: str) -> None:
        pytest.fail(f"{name} is not JSON")

    got = json.loads(text.to_json({"x": value}), parse_constant=refuse)["x"]
    assert got == expected
    assert type(got) is type(expected)


def test_json_is_readable_text() -> None:
    assert (
        text.to_json({"a": 1, "ü": [0.5]}) == '{\n  "a": 1,\n  "ü": [\n    0.5\n  ]\n}\n'.encode()
    )


def test_file_names_that_are_not_utf8_are_escaped() -> None:
    data = text.to_json({"argv": ["\udcff"]})
    assert json.loads(data.decode("utf-8"))["argv"] == ["\udcff"]


def test_json_value_keeps_infinity_when_asked() -> None:
    assert text.json_value({"best": math.inf}, finite=False) == {"best": math.inf}


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, 1j])
def test_other_types_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=f"JSON cannot hold a {type(value).__name__}"):
        text.json_value({"x": [value]})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "not valid JSON ("),
        (b"\xff", "not valid JSON ("),
        (b'{"a": ' + b"[" * 100_000, "not valid JSON ("),
        (b"", "not valid JSON ("),
        (b"[1]", "not a JSON object."),
    ],
)
def test_from_json_refuses(data: bytes, reason: str) -> None:
    with pytest.raises(RunUnreadable) as caught:
        text.from_json(data, Path("run.json"))
    assert str(caught.value).startswith(f"Cannot read run.json: {reason}")


def test_shown() -> None:
    assert text.shown(Path("runs/ü a")) == "runs/ü a"
    assert text.shown("a\x1b[2J\n\u202e") == "a\\x1b[2J\\n\\u202e"
