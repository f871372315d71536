"""Which value a word of YAML stands for: the core schema of YAML 1.2."""

from __future__ import annotations

import math
import re

import yaml
from yaml.scanner import ScannerError

from nnlab.config.problems import show

MAX_DEPTH = 32
MAX_DIGITS = 100
TAG = "tag:yaml.org,2002:"


class CoreLoader(yaml.SafeLoader):
    """SafeLoader with the resolvers of YAML 1.2's core schema instead of YAML 1.1's."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the base class has no ClassVar either

    def check_printable(self, data: str) -> None:
        """Nothing: `files.checked` did it, and lets bytes of file names pass."""

    def fetch_flow_collection_start(self, TokenClass: type) -> None:
        """Stop at too many open brackets: looking ahead over them takes quadratic time."""
        if self.flow_level >= MAX_DEPTH:
            raise ScannerError(None, None, f"more than {MAX_DEPTH} open brackets", self.get_mark())
        yaml.SafeLoader.fetch_flow_collection_start(self, TokenClass)


for _tag, _pattern, _first in (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)", list("-+0123456789")),
    (
        "float",
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))",
        list("-+.0123456789"),
    ),
):
    CoreLoader.add_implicit_resolver(TAG + _tag, re.compile(rf"\A{_pattern}\Z"), _first)


def number(text: str, tag: str) -> int | float:
    """The value of a number's text; raises ValueError with a sentence for one that is no use."""
    if len(text) > MAX_DIGITS:
        raise ValueError(f"this number has {len(text)} characters; at most {MAX_DIGITS} are read.")
    try:
        if tag == "float":
            value: int | float = float(re.sub(r"\.(?=[in])", "", text.lower()))
        else:
            value = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    except ValueError:
        raise ValueError(f"{show(text)} is not a number.") from None
    return finite(value)


def finite(value: int | float) -> int | float:
    """The same number; raises ValueError for nan, inf and whole numbers beyond 64 bits."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("nan and inf are no values for a setting, nor is more than 1.8e308.")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("this whole number does not fit into 64 bits.")
    return value
