"""The one "Did you mean ...?" of all messages: by the table of synonyms, else by spelling."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

TABLE = Path(__file__).with_name("synonyms.txt")
LONGEST = 64  # characters: difflib is quadratic, and no name is longer


@dataclass(frozen=True)
class Synonym:
    """A row of synonyms.txt: words for one name, and what to write in its place."""

    family: str
    name: str  # empty if nnlab has no such thing
    words: tuple[str, ...]
    advice: str = ""


@cache
def synonyms() -> tuple[Synonym, ...]:
    """The rows of synonyms.txt."""
    family, rows = "", list[Synonym]()
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        text = line.strip()
        if line.startswith("      "):
            rows[-1] = replace(rows[-1], advice=text)
        elif line.startswith("  "):
            name, _, words = text.partition(": ")
            rows.append(Synonym(family, name.removeprefix("-"), tuple(words.split())))
        elif not text.startswith("#"):
            family = text or family
    return tuple(rows)


def did_you_mean(
    word: str,
    names: Iterable[str],
    family: str = "",
    homes: Mapping[str, str] | None = None,
    value: str = "",
    likeness: float = 0.6,
    most: int = 1,
) -> str:
    """The end of a message about an unknown `word`: " Did you mean 'x'?", or nothing.

    family: where to look the word up in the table. homes: names that are right elsewhere, with
    their dotted paths. value: what was written behind the word, as YAML. likeness: of letters, 1
    is equality. most: how many similar names to offer.
    """
    names = tuple(names)
    row = lookup(word, names, family)
    if row is not None:
        leaf = row.name.rpartition(".")[2]
        path = leaf if leaf in names else row.name
        return f"{_offer(word, path, names, value)}{row.advice and f' {row.advice}'}"
    if homes is not None and word in homes:
        return _offer(word, homes[word], names, value)
    close = similar(word, names, likeness, most)
    return f" Did you mean {_either(close)}?" if close else ""


def lookup(word: str, names: Iterable[str], family: str) -> Synonym | None:
    """The row of the table for a word; one whose name is among `names` comes first."""
    if not family or len(word) > LONGEST:
        return None
    names = set(names)
    rows = _index().get((family, squeezed(word)), [])
    fits = [row for row in rows if row.name.rpartition(".")[2] in names]
    return next(iter([*fits, *(row for row in rows if not row.name.startswith("."))]), None)


def certain_name(word: str, names: Iterable[str], family: str) -> str:
    """The name that a word certainly means: itself, another spelling of it, or a synonym; or ''."""
    names = tuple(names)
    if word in names:
        return word
    row = lookup(word, names, family)
    if row is not None:
        leaf = row.name.rpartition(".")[2]
        return leaf if leaf in names else ""
    return next((name for name in names if squeezed(name) == squeezed(word)), "")


def similar(word: str, names: Iterable[str], likeness: float = 0.6, most: int = 1) -> list[str]:
    """The names that are spelled most like `word`, the best first."""
    if len(word) > LONGEST and most == 1:
        return []
    names = tuple(names)
    equal = [name for name in names if squeezed(name) == squeezed(word)]
    if equal:
        return equal[:most]
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower()[:200], lowered, n=most, cutoff=likeness)
    return [lowered[name] for name in close]


@lru_cache(maxsize=4096)
def squeezed(word: str) -> str:
    """A word without what differs between spellings: "nn.LeakyReLU(0.1)" is "leakyrelu"."""
    bare = re.split(r"[(:=\s]", word.strip(), maxsplit=1)[0].rpartition(".")[2]
    return re.sub(r"[\W_]", "", bare).lower()


@cache
def _index() -> dict[tuple[str, str], list[Synonym]]:
    index: dict[tuple[str, str], list[Synonym]] = {}
    for row in synonyms():
        for word in row.words:
            index.setdefault((row.family, squeezed(word)), []).append(row)
    return index


def _offer(word: str, path: str, names: Iterable[str], value: str) -> str:
    """The question; for a setting that belongs elsewhere also the YAML that puts it there."""
    if not path:
        return ""
    steps = path.split(".")
    question = f" Did you mean '{path}'?" if path != word else ""
    if path in names or not value or any(step.isdigit() for step in steps):
        return question
    inner = f"{steps[-1]}: {value}"
    for step in reversed(steps[1:-1]):
        inner = f"{step}: {{{inner}}}"
    where = f"under `{steps[0]}:`" if len(steps) > 1 else "at the top"
    return f"{question} Write `{inner}` {where}."


def _either(names: list[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
