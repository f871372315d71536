"""Text as run folders and messages hold it: strict JSON, and names that are safe to print."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.errors import RunUnreadable

MOST_JSON = 64 << 20  # bytes of a JSON file; the parser makes up to 20 times as much of them


def shown(path: str | os.PathLike[str]) -> str:
    """`path` with every character that a terminal could obey written as an escape."""
    text = os.fspath(path)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def plain(value: Any, finite: bool = True) -> Any:
    """`value` built from dict, list, str, int, float, bool and None alone.

    NumPy scalars become Python numbers and arrays become nested lists, with all their digits.
    With `finite`, a number that JSON cannot hold (nan, inf) becomes None.

    Raises:
        TypeError: a value of another type.
    """
    if value is None or isinstance(value, str | bool | np.bool_):
        return bool(value) if isinstance(value, np.bool_) else value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) or not finite else None
    if isinstance(value, Mapping):
        return {str(key): plain(item, finite) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), finite)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [plain(item, finite) for item in value]
    raise TypeError(f"JSON cannot hold a {type(value).__name__}")


def to_bytes(text: str) -> bytes:
    """UTF-8; a lone surrogate, as of a file name in another encoding, becomes an escape."""
    return text.encode("utf-8", "backslashreplace")


def to_json(value: Mapping[str, Any]) -> bytes:
    """Strict JSON in UTF-8, one key a line, floats with all their digits, nan and inf as null."""
    return to_bytes(f"{json.dumps(plain(value), allow_nan=False, ensure_ascii=False, indent=2)}\n")


def from_json(data: bytes, path: Path) -> dict[str, Any]:
    """The object in `data`; `path` is for the message.

    Raises:
        RunUnreadable: not UTF-8, not JSON, nested too deep, or not an object.
    """
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RunUnreadable(f"Cannot read {shown(path)}: not valid JSON ({error}).") from error
    if not isinstance(value, dict):
        raise RunUnreadable(f"Cannot read {shown(path)}: not a JSON object.")
    return value


def mapping_or_empty(value: object) -> dict[str, Any]:
    """`value` if it is an object of JSON, else an empty one."""
    return value if isinstance(value, dict) else {}
