"""The door to races: a file in, a checked Race out; and a race as text again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.config.dump import settings_of, to_yaml
from nnlab.config.files import checked, decode, read_bytes
from nnlab.config.kinds import refuse_training
from nnlab.config.locate import locate
from nnlab.config.names import name_from_stem
from nnlab.config.overrides import Override, apply, settings
from nnlab.config.problems import Problems
from nnlab.config.race.construct import construct
from nnlab.config.race.schema import Race
from nnlab.config.race.words import GRAMMAR, expand
from nnlab.config.reader import read
from nnlab.config.tree import Source


@dataclass(frozen=True)
class LoadedRace:
    """A race, and the file's content byte for byte."""

    race: Race
    text: bytes


def load_race(config: str | Path, overrides: Sequence[Override] = ()) -> LoadedRace:
    """Read a file, or the shipped config of that name, with the overrides applied.

    Raises ConfigError with all mistakes.
    """
    path = locate(config)
    data = read_bytes(path)
    source = decode(data, str(path), path.resolve().parent)
    return LoadedRace(_finish(source, overrides, name_from_stem(path.stem), str(config)), data)


def parse_race(
    text: str, filename: str = "config.yaml", overrides: Sequence[Override] = ()
) -> Race:
    """The race in a text; `filename` is what messages call it."""
    path = Path(filename)
    source = checked(Source(filename, text, path.absolute().parent))
    return _finish(source, overrides, name_from_stem(path.stem), filename)


def dump_race(race: Race) -> str:
    """The text of resolved.yaml, all defaults written out; reading it gives an equal race."""
    return to_yaml(race_mapping(race))


def race_mapping(race: Race) -> dict[str, Any]:
    """The same as nested dicts, lists and scalars."""
    return {**settings_of(race), "runs": [settings_of(run) for run in race.runs]}


def _finish(source: Source, overrides: Sequence[Override], name: str, shown: str) -> Race:
    problems = Problems()
    root = read(source, problems)
    refuse_training(root, shown)
    changes = settings(overrides, Path.cwd(), problems)
    root = apply(expand(root), changes, problems, [], GRAMMAR)
    race = construct(root, problems, name)
    problems.raise_any()
    assert race is not None  # else there is a problem
    return race
