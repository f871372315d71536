"""The report of a race: one HTML page."""

from typing import Any

from nnlab.config.dump import settings_of
from nnlab.config.tree import Node, to_plain
from nnlab.race.config import expand_race, parse_race
from nnlab.race.figure import FIGURES, race_of, setting
from nnlab.race.folder import ends
from nnlab.race.landscapes import Landscape
from nnlab.run.folder import RunFolder
from nnlab.show.figures import View, view
from nnlab.show.page import tables
from nnlab.show.page.again import again
from nnlab.show.page.asked import asked
from nnlab.show.page.notices import Notices
from nnlab.show.page.numbers import duration, text
from nnlab.show.page.page import render
from nnlab.show.page.pictures import pictures
from nnlab.show.page.single import Report, RunPage

STORIES = {
    "completed": "The race came to its end",
    "diverged": "Every run of the race diverged: a number became infinite or was none",
    "interrupted": "The race was interrupted",
    "failed": "The race failed",
    "running": "The race is still running",
}


def of_race(run: RunFolder) -> Report:
    """The report of a race, whatever its state, from the files that can be read.

    Raises RunUnreadable when run.json cannot be read.
    """
    seen, notices = view(run), Notices()
    attempt = notices.attempt
    if newer := attempt("The format", lambda: seen.newer, None):
        notices.say(newer)
    race = attempt("The race", lambda: race_of(seen), None)
    page = RunPage(
        title=race.name if race else run.name,
        setting=setting(race) if race else "",
        folder=run.name,
        key=_key(race.function) if race else [],
        asked=attempt("The config", lambda: asked(seen, in_full), None),
        story=_story(seen),
        charts=[],
        tables=attempt("The table of runs", lambda: _tables(seen), []),
        epochs=[],
        epoch_count=0,
        replay=None,
        figures=attempt("The figure", lambda: pictures(seen, [], notices, FIGURES), []),
        again=attempt("How it was run", lambda: again(seen), None),
        notices=notices,
        kind="Report of a race",
        command="descend",
    )
    return Report(render("run.html", page), tuple(notices))


def in_full(config: str, filename: str, tree: Node) -> tuple[dict[str, Any], Any]:
    """The config with all defaults; and what is written in it in full form."""
    base = settings_of(parse_race(config, filename))
    return base, to_plain(expand_race(tree))


def _tables(seen: View) -> list[tables.Table]:
    return tables.of_records("Where each run ended", ends(seen.summary), {})


def _story(seen: View) -> str:
    status = seen.folder.status()
    story = STORIES.get(status, f"The race is {status}")
    return f"{story}, in {duration(seen.about.get('seconds'))}."


def _key(function: Landscape) -> list[tuple[str, str]]:
    return [] if function.lowest is None else [("lowest value", text(function.lowest))]
