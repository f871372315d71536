"""The report of several runs side by side: what differs between them, and what came of it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from nnlab.core import columns
from nnlab.core.metrics import METRICS, is_share, label_of
from nnlab.run.folder import REPORT, RunFolder
from nnlab.run.text import shown
from nnlab.show.figures import View, view
from nnlab.show.page.again import SweepAgain
from nnlab.show.page.charts import Chart, Series, chart, column
from nnlab.show.page.notices import Notices
from nnlab.show.page.numbers import as_yaml, duration, shorter
from nnlab.show.page.page import render
from nnlab.show.page.pictures import Picture
from nnlab.show.page.single import Report
from nnlab.show.page.tables import Cell, Table, cell

CURVES = 8  # more in one chart cannot be told apart
SETTINGS = 8  # columns
ROWS = columns.row_names({})


@dataclass(frozen=True)
class StudyPage:
    """What the template of several runs is given."""

    title: str
    setting: str
    folder: str
    notices: list[str]
    charts: list[Chart]
    tables: list[Table]
    figures: list[Picture] = field(default_factory=list)
    story: str = ""
    asked: str = ""
    kind: str = "Report of several runs"
    folder_kind: str = "runs in"
    again: SweepAgain | None = None

    key: ClassVar[list[tuple[str, str]]] = []

    @property
    def sections(self) -> list[tuple[str, str]]:
        """Anchors and names of what there is."""
        found = [("happened", "What happened"), ("runs", "Every run")]
        if self.asked:
            found.insert(0, ("asked", "What was asked"))
        return [*found, ("again", "How to repeat it")] if self.again is not None else found


def of_runs(runs: Sequence[RunFolder], out: Path) -> Report:
    """The report of several runs, to be written to `out`: links in it start there.

    Raises RunUnreadable when the run.json of one cannot be read.
    """
    notices = Notices()
    seen = [view(run) for run in runs]
    for one in seen:
        if newer := notices.attempt(one.folder.name, partial(getattr, one, "newer"), None):
            notices.say(newer)
    settings = [_settings(one, notices) for one in seen]
    differing = different(settings)
    names = _names(seen, settings, differing)
    page = StudyPage(
        title=f"{len(runs)} runs",
        setting=_common(seen),
        folder=_folder(runs),
        notices=notices,
        charts=notices.attempt("The curves", lambda: charts(seen, names, notices), []),
        tables=[summary(seen, settings, differing, out, notices)],
    )
    return Report(render("study.html", page), tuple(notices))


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one mapping, `optimizer.lr` and so on, without the named sweeps."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        elif isinstance(value, list) and all(isinstance(one, Mapping) for one in value) and value:
            found |= flat({str(i): one for i, one in enumerate(value)}, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return {key: value for key, value in found.items() if not key.startswith("sweeps")}


def different(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The settings that are not the same everywhere, in their order."""
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if any(one.get(key) != settings[0].get(key) for one in settings)]


def charts(seen: Sequence[View], names: Sequence[str], notices: Notices) -> list[Chart]:
    """A chart for each quantity that every run has, with a curve for each run."""
    if len(seen) > CURVES:
        notices.say(f"The curves are those of the first {CURVES} of {len(seen)} runs.")
    chosen = list(zip(seen, names, strict=True))[:CURVES]
    tables = [list(one.metrics) for one, _ in chosen]
    shared = [name for name in tables[0] if all(name in other for other in tables)]
    found = []
    for quantity in columns.quantities(shared):
        part = columns.watched_part(n for n in shared if columns.split(n)[1] == quantity)
        measured = columns.name(part, quantity)
        series = [
            Series(name, f"c{number}", epochs, column(one.metrics[measured], len(epochs)))
            for number, (one, name) in enumerate(chosen)
            for epochs in [column(one.metrics.get("epoch", ()), 0)]
        ]
        title = f"{label_of(quantity)} on the {ROWS[part]} rows"
        found.append(chart(quantity, title, series, share=is_share(quantity)))
    return [one for one in found if one is not None]


def summary(
    seen: Sequence[View],
    settings: Sequence[Mapping[str, Any]],
    differing: Sequence[str],
    out: Path,
    notices: Notices,
) -> Table:
    """A row a run: a link to it, how it ended, what differs, and what it reached."""
    keys = list(differing)[:SETTINGS]
    nothing: dict[str, Cell] = {}
    found = [notices.attempt(one.folder.name, partial(results, one), nothing) for one in seen]
    reached = list(dict.fromkeys(key for one in found for key in one))
    rows = []
    for one, chosen, result in zip(seen, settings, found, strict=True):
        rows.append(
            [
                Cell(one.folder.name, link=link(one.folder, out)),
                Cell(notices.attempt(one.folder.name, one.folder.status, "unreadable")),
                *(_setting(chosen.get(key)) for key in keys),
                *(result.get(name, cell(None)) for name in reached),
            ]
        )
    return Table("Runs", ["run", "status", *keys, *reached], rows, kind="runs")


def results(seen: View) -> dict[str, Cell]:
    """What a run reached: its epochs, the best validation or training figures, and the test."""
    epochs = seen.metrics.get("epoch", ())
    found = {"epochs": cell(int(epochs[-1]) if len(epochs) else None)}
    best, test = (seen.summary.get(key) for key in ("best", "test"))
    best, test = (one if isinstance(one, dict) else {} for one in (best, test))
    for name in (columns.LOSS, *METRICS):
        for part in reversed(columns.WATCHED):
            if (key := columns.name(part, name)) in best:
                found[f"best {ROWS[part]} {label_of(name)}"] = cell(best[key])
                break
    for name in (columns.LOSS, *METRICS):
        if name in test:
            found[f"test {label_of(name)}"] = cell(test[name])
    seconds = seen.seconds
    return found | {"time": Cell(duration(seconds), cell(seconds).order, "number")}


def link(run: RunFolder, out: Path) -> str:
    """The address of a run's own report, else of its folder, as seen from the page `out`."""
    target = run.path / REPORT
    target = target if target.is_file() else run.path
    try:
        relative = os.path.relpath(target.resolve(), out.resolve().parent)
    except ValueError:  # another drive of Windows
        return target.resolve().as_uri()
    return quote(Path(relative).as_posix()) + ("" if target.name == REPORT else "/")


def _settings(seen: View, notices: Notices) -> dict[str, Any]:
    nothing: dict[str, Any] = {}
    return notices.attempt(seen.folder.name, lambda: flat(seen.settings), nothing)


def _setting(value: Any) -> Cell:
    """A setting as it was written, sorted as a number where it is one."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return Cell(shorter(as_yaml(value), 40), float(value) if number else None, "number" * number)


def _names(
    seen: Sequence[View], settings: Sequence[Mapping[str, Any]], differing: Sequence[str]
) -> list[str]:
    """What a curve is called: what differs, where that is short and unique; else the folder."""
    keys = [key for key in differing if key != "name"][:2]
    names = [
        ", ".join(f"{key.rpartition('.')[2]} {as_yaml(one.get(key))}" for key in keys)
        for one in settings
    ]
    unique = len(set(names)) == len(names) and all(0 < len(name) <= 40 for name in names)
    return names if unique else [one.folder.name for one in seen]


def _common(seen: Sequence[View]) -> str:
    """The names of the experiments."""
    quiet = Notices()
    titles = [quiet.attempt("", partial(getattr, one, "title"), ("", "")) for one in seen]
    names = dict.fromkeys(name for name, _ in titles)
    return shorter(", ".join(name for name in names if name), 120)


def _folder(runs: Sequence[RunFolder]) -> str:
    parents = {run.path.resolve().parent.name for run in runs}
    return shown(parents.pop()) if len(parents) == 1 else "several folders"
