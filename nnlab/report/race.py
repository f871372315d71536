"""The report of a race of optimizers on a function (`nnlab descend`)."""

from nnlab.core.landscapes import Landscape
from nnlab.plots import View, view
from nnlab.plots.landscape import race_of, setting
from nnlab.report import tables
from nnlab.report.again import Again, again
from nnlab.report.asked import Asked, asked
from nnlab.report.notices import Notices
from nnlab.report.numbers import duration, text
from nnlab.report.page import render
from nnlab.report.pictures import Picture, pictures
from nnlab.report.single import Report, RunPage
from nnlab.report.tables import Table
from nnlab.run.folder import RunFolder
from nnlab.run.races import ends

STORIES = {
    "completed": "The race came to its end",
    "diverged": "Every run of the race diverged: a number became infinite or was none",
    "interrupted": "The race was interrupted",
    "failed": "The race failed",
    "running": "The race is still running",
}


def of_race(run: RunFolder) -> Report:
    """The report of a race, in whatever state it is: what can be shown is shown.

    Raises RunUnreadable when run.json cannot be read: then nothing is known of the race.
    """
    seen, notices = view(run), Notices()
    attempt = notices.attempt
    if newer := attempt("The format", lambda: seen.newer, None):
        notices.say(newer)
    race = attempt("The race", lambda: race_of(seen), None)
    nothing: list[Table] = []
    no_pictures: list[Picture] = []
    no_settings: Asked | None = None
    unknown: Again | None = None
    page = RunPage(
        title=race.name if race else run.name,
        setting=setting(race) if race else "",
        folder=run.name,
        key=_key(race.function) if race else [],
        asked=attempt("The config", lambda: asked(seen), no_settings),
        story=_story(seen),
        charts=[],
        tables=attempt("The table of runs", lambda: table(seen), nothing),
        epochs=[],
        epoch_count=0,
        replay=None,
        figures=attempt("The figure", lambda: pictures(seen, [], notices), no_pictures),
        again=attempt("How it was run", lambda: again(seen), unknown),
        notices=notices,
        kind="Report of a race",
        command="descend",
    )
    return Report(render("run.html", page), tuple(notices))


def table(seen: View) -> list[Table]:
    """Where each run ended; no table before the end."""
    return tables.of_records("Where each run ended", ends(seen.summary), {})


def _story(seen: View) -> str:
    status = seen.folder.status()
    return (
        f"{STORIES.get(status, f'The race is {status}')}, in {duration(seen.about.get('seconds'))}."
    )


def _key(function: Landscape) -> list[tuple[str, str]]:
    return [] if function.lowest is None else [("lowest value", text(function.lowest))]
