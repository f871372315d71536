"""Every shipped config is valid, says what it shows, and can be written down and read again."""

import re
from pathlib import Path

import pytest

from nnlab.config.dump import dump
from nnlab.config.load import describes_race, load_config, parse_config
from nnlab.race.config import dump_race, load_race, parse_race

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
RACES = [path for path in CONFIGS if describes_race(path)]
TRAININGS = [path for path in CONFIGS if path not in RACES]


@pytest.mark.parametrize("path", RACES, ids=lambda path: path.stem)
def test_a_race_loads_and_is_the_same_after_writing_it_down(path: Path) -> None:
    race = load_race(path).race
    assert race.name == path.stem.replace("_", "-")
    assert parse_race(dump_race(race)) == race


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_loads_without_a_note(path: Path) -> None:
    loaded = load_config(path)
    assert loaded.notes == ()
    assert loaded.config.name == path.stem.replace("_", "-")


@pytest.mark.parametrize("path", TRAININGS, ids=lambda path: path.stem)
def test_is_the_same_after_writing_it_down(path: Path) -> None:
    config = load_config(path).config
    assert parse_config(dump(config)) == config


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_begins_with_what_it_shows(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.match(r"# \S.{30,}", text)
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_stands_in_the_tour(path: Path) -> None:
    tour = (path.parents[1] / "docs" / "tour.md").read_text(encoding="utf-8")
    short = path.stem.removeprefix("digits_binary")
    assert f"`{path.stem}`" in tour or f"`{short}`" in tour
