"""The report of a race: one HTML page."""

from typing import Any

from nnlab.config.dump import settings_of
from nnlab.config.tree import Node, to_plain
from nnlab.race.config import expand_race, parse_race
from nnlab.race.figure import FIGURES, race_of, race_setting
from nnlab.race.folder import ends
from nnlab.run.folder import LABELS, RunFolder
from nnlab.run.labels import read_labels
from nnlab.show.figures import view
from nnlab.show.page.pictures import Album
from nnlab.show.page.render import Page, Report, render
from nnlab.show.page.repeat import repeat_run
from nnlab.show.page.settings import explain_settings
from nnlab.show.page.tables import Notices, table_of_records
from nnlab.show.words import duration, format_number

STORIES = {
    "completed": "The race came to its end",
    "diverged": "Every run of the race diverged: a number became infinite or not a number",
    "interrupted": "The race was interrupted",
    "failed": "The race failed",
    "running": "The race is still running",
}


def report_race(folder: RunFolder) -> Report:
    """The report of a race, whatever its status, from the files that can be read.

    Raises RunUnreadable when run.json cannot be read.
    """
    run, notices = view(folder), Notices()
    attempt = notices.attempt
    if newer := attempt("The format", lambda: run.newer_format, None):
        notices.add(newer)
    race = attempt("The race", lambda: race_of(run), None)
    page = Page("Report of a race", folder.name, "", "run folder", folder.name, notices)
    if race:
        page.title, page.setting = race.name, race_setting(race)
        lowest = race.function.lowest
        page.key_numbers = [] if lowest is None else [("lowest value", format_number(lowest))]
    page.labels = attempt(LABELS, lambda: read_labels(folder).lines, [])
    page.settings = attempt("The config", lambda: explain_settings(run, in_full), None)
    status = run.folder.status()
    story = STORIES.get(status, f"The race is {status}")
    page.story = f"{story}, in {duration(run.about.get('seconds'))}."
    page.tables = attempt(
        "The table of runs",
        lambda: table_of_records("Where each run ended", ends(run.summary), {}),
        [],
    )
    album = Album(notices)
    page.figures = album.add_plots(run, FIGURES)
    album.add_dark_variants()
    page.repeat = attempt("How it was run", lambda: repeat_run(run, "descend"), None)
    return render(page)


def in_full(config: str, filename: str, tree: Node) -> tuple[dict[str, Any], Any]:
    """The config with all defaults; and what is written in it, in full form."""
    return settings_of(parse_race(config, filename)), to_plain(expand_race(tree))
