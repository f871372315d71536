"""The report of several runs side by side: what differs between them, and what they reached."""

import os
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nnlab.core import columns
from nnlab.core.metrics import METRICS, is_share, label_of
from nnlab.run.folder import REPORT, RunFolder
from nnlab.run.settings import dotted, training_settings
from nnlab.run.text import mapping_or_empty
from nnlab.run.text import shown as quoted_name
from nnlab.show.figures import View, curves, overlay, view
from nnlab.show.page.charts import chart_record
from nnlab.show.page.pictures import Album, Scripted
from nnlab.show.page.render import Page, Report, render
from nnlab.show.page.tables import Notices, Table, TableCell, number_cell, setting_cell
from nnlab.show.words import duration, shorten

MOST_CURVES = 8  # more in one chart cannot be told apart
MOST_SETTINGS = 8  # columns
ROWS = columns.row_names({})


def report_runs(folders: Sequence[RunFolder], out: Path) -> Report:
    """The report of several runs, to be written to `out`: links in it start there.

    Raises RunUnreadable when the run.json of one cannot be read.
    """
    notices, runs = Notices(), [view(folder) for folder in folders]
    for run in runs:
        if newer := notices.attempt(run.folder.name, partial(getattr, run, "newer_format"), None):
            notices.add(newer)
    parents = {folder.path.resolve().parent.name for folder in folders}
    place = quoted_name(parents.pop()) if len(parents) == 1 else "several folders"
    title = f"{len(runs)} runs"
    page = Page("Report of several runs", title, _experiments(runs), "runs in", place, notices)
    album = Album(notices)
    page.charts = notices.attempt("The curves", lambda: _charts(runs, album, notices), [])
    album.add_dark_variants()
    page.runs = _summary(runs, out, notices)
    return render(page)


def _experiments(runs: Sequence[View]) -> str:
    quiet = Notices()
    titles = [quiet.attempt("", partial(getattr, run, "title"), ("", "")) for run in runs]
    names = dict.fromkeys(name for name, _ in titles)
    return shorten(", ".join(filter(None, names)), 120)


def _charts(runs: Sequence[View], album: Album, notices: Notices) -> list[Scripted]:
    """A chart for each quantity that every run has, with a curve for each run."""
    if len(runs) > MOST_CURVES:
        notices.add(f"The curves are those of the first {MOST_CURVES} of {len(runs)} runs.")
    runs = [run for run in runs[:MOST_CURVES] if curves.no_epoch(run) is None]
    shared = _shared_columns(runs)
    labels = overlay.run_labels([run.settings for run in runs], [run.name for run in runs])
    charts = []
    for quantity in columns.quantities(shared):
        part = next(p for p in reversed(columns.WATCHED) if columns.name(p, quantity) in shared)
        drawn = [curves.part_curves(run.metrics, quantity)[part] for run in runs]
        shown = dict(zip(labels, drawn, strict=True))
        title = f"{label_of(quantity)} on the {ROWS[part]} rows"
        paint = partial(overlay.draw_runs, runs, [quantity])
        record = chart_record(title, shown, share=is_share(quantity))
        charts += album.add_chart(record, paint)
    return charts


def _shared_columns(runs: Sequence[View]) -> list[str]:
    """The columns of metrics.csv that all runs have."""
    tables = [run.metrics for run in runs]
    return [name for name in chain(*tables[:1]) if all(name in table for table in tables)]


def _summary(runs: Sequence[View], out: Path, notices: Notices) -> Table:
    """A row per run: a link to it, how it ended, what differs, and what it reached."""
    none: dict[str, Any] = {}
    settings = [notices.attempt(run.folder.name, partial(_settings, run), none) for run in runs]
    keys = overlay.differing_settings(settings)[:MOST_SETTINGS]
    nothing: dict[str, TableCell] = {}
    results = [notices.attempt(run.folder.name, partial(_results, run), nothing) for run in runs]
    reached = list(dict.fromkeys(key for result in results for key in result))
    rows = [
        [
            TableCell(run.folder.name, link=report_link(run.folder, out)),
            TableCell(notices.attempt(run.folder.name, run.folder.status, "unreadable")),
            *(setting_cell(chosen.get(key)) for key in keys),
            *(result.get(name, number_cell(None)) for name in reached),
        ]
        for run, chosen, result in zip(runs, settings, results, strict=True)
    ]
    return Table("Runs", ["run", "status", *keys, *reached], rows, kind="runs")


def _settings(run: View) -> dict[str, Any]:
    """Every setting of the training by its key."""
    return dotted(training_settings(run.settings))


def _results(run: View) -> dict[str, TableCell]:
    """The epochs of a run, its best validation or training metrics, the test, and the time."""
    epochs = run.last_row.get("epoch")
    results = {"epochs": number_cell(None if epochs is None else int(epochs))}
    best, test = (mapping_or_empty(run.summary.get(key)) for key in ("best", "test"))
    for quantity in (columns.LOSS, *METRICS):
        for part in reversed(columns.WATCHED):
            if (column := columns.name(part, quantity)) in best:
                results[f"best {ROWS[part]} {label_of(quantity)}"] = number_cell(best[column])
                break
    for quantity in (columns.LOSS, *METRICS):
        if quantity in test:
            results[f"test {label_of(quantity)}"] = number_cell(test[quantity])
    return results | {"time": duration_cell(run.seconds)}


def duration_cell(seconds: Any) -> TableCell:
    """A duration, sorted by its seconds."""
    return TableCell(duration(seconds), number_cell(seconds).order)


def report_link(folder: RunFolder, out: Path) -> str:
    """The address of a run's own report, else of its folder, as seen from the page `out`."""
    target = folder.path / REPORT
    target = target if target.is_file() else folder.path
    try:
        relative = os.path.relpath(target.resolve(), out.resolve().parent)
    except ValueError:  # another drive of Windows
        return target.resolve().as_uri()
    return quote(Path(relative).as_posix()) + ("" if target.name == REPORT else "/")
