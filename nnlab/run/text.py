"""Text of run folders and messages: strict JSON, printable names."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.errors import RunUnreadable

MOST_JSON = 64 << 20  # bytes of a JSON file; the parser takes up to 20 times as much memory


def shown(path: str | os.PathLike[str]) -> str:
    """`path` with every control character as an escape, safe for a terminal."""
    text = os.fspath(path)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def unreadable(path: str | os.PathLike[str], reason: str) -> RunUnreadable:
    """The error for what cannot be read; the reason is a clause."""
    return RunUnreadable(f"Cannot read {shown(path)}: {reason}.")


def printable(text: str) -> str:
    """The text with the control characters of a terminal escaped, but for line breaks."""
    return "\n".join(shown(line) for line in text.split("\n"))


def json_value(value: Any, finite: bool = True) -> Any:
    """`value` as dict, list, str, int, float, bool and None.

    NumPy scalars become Python numbers and arrays nested lists, with all their digits. With
    `finite`, nan and inf, which JSON does not have, become None. TypeError for another type.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and finite and not math.isfinite(value):
        return None
    if isinstance(value, str | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): json_value(item, finite) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item, finite) for item in value]
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")


def to_bytes(text: str) -> bytes:
    """`text` in UTF-8; lone surrogates, of file names in other encodings, become escapes."""
    return text.encode("utf-8", "backslashreplace")


def to_json(value: Mapping[str, Any]) -> bytes:
    """Strict JSON in UTF-8, one key per line, all digits, nan and inf as null."""
    text = json.dumps(json_value(value), allow_nan=False, ensure_ascii=False, indent=2)
    return to_bytes(f"{text}\n")


def from_json(data: bytes, path: Path) -> dict[str, Any]:
    """The JSON object in `data`, or RunUnreadable that names `path`."""
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise unreadable(path, f"not valid JSON ({error})") from error
    if not isinstance(value, dict):
        raise unreadable(path, "not a JSON object")
    return value


def mapping_or_empty(value: object) -> dict[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}
