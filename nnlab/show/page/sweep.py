"""The report of a sweep: its figures, and every trial with a link to its run."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from nnlab.core import columns
from nnlab.core.metrics import METRICS, is_share, label_of
from nnlab.run.sweeps import SweepFolder, TrialRecord
from nnlab.show.figures.sweep_plots import SWEEP_FIGURES, cell_curve, draw_sweep_curves
from nnlab.show.figures.sweep_view import SweepView
from nnlab.show.page.charts import chart_record
from nnlab.show.page.pictures import Album, Drawing, Scripted
from nnlab.show.page.render import Page, Report, render
from nnlab.show.page.repeat import repeat_sweep
from nnlab.show.page.runs import MOST_CURVES, duration_cell, report_link
from nnlab.show.page.tables import Notices, Table, TableCell, number_cell, setting_cell
from nnlab.show.words import count, setting_value

FAILED = ("failed", "diverged", "unreadable")


def report_sweep(folder: SweepFolder, out: Path) -> Report:
    """The report of a sweep, to be written to `out`: links in it start there.

    Raises RunUnreadable when sweep.yaml cannot be read.
    """
    notices, sweep = Notices(), SweepView(folder)
    about, album = sweep.about, Album(notices)
    records = sweep.folder.records()
    for record in records:
        if record.status in FAILED:
            notices.add(f"Trial {record.name}: {record.reason or record.status}.")
    names = [record.name for record in records]
    title = f"{about.get('name', folder.name)}: {' and '.join(sweep.keys)}"
    setting = notices.attempt("The setting", lambda: sweep.setting, "")
    page = Page("Report of a sweep", title, setting, "sweep", folder.name, notices)
    page.story = sweep_story(about, records)
    page.axes = "\n".join(f"{axis['key']}: {setting_value(axis['values'])}" for axis in sweep.axes)
    page.charts = notices.attempt("The curves", lambda: sweep_charts(sweep, album), [])
    page.figures = [*filter(None, map(album.add, _drawings(sweep, bool(page.charts))))]
    album.add_dark_variants()
    page.runs = trials_table(sweep, records, out)
    repeat = partial(repeat_sweep, folder, about, names)
    page.repeat = notices.attempt("How it was run", repeat, None)
    return render(page)


def sweep_charts(sweep: SweepView, album: Album) -> list[Scripted]:
    """A chart for each quantity, with a curve for each cell."""
    charts = []
    for record, quantity in sweep_records(sweep):
        charts += album.add_chart(record, partial(draw_sweep_curves, sweep, [quantity]))
    return charts


def sweep_records(sweep: SweepView) -> list[tuple[dict[str, Any], str]]:
    """The record of a chart for each quantity, with the median over the seeds of each cell.

    None where there are more cells than can be told apart.
    """
    cells = [cell for cell in sweep.cells if cell.done]
    if len(cells) > MOST_CURVES:
        return []
    names = list(dict.fromkeys(name for table in sweep.tables.values() for name in table))
    records = []
    for quantity in columns.quantities(names):
        column = columns.name(sweep.part, quantity)
        drawn = {sweep.cell_text(cell): cell_curve(sweep, cell, column) for cell in cells}
        medians = {label: (epochs, quartiles[1]) for label, (epochs, quartiles) in drawn.items()}
        title = f"{label_of(quantity)} on the {sweep.part_name(sweep.part)} rows"
        if record := chart_record(title, medians, share=is_share(quantity)):
            records.append((record, quantity))
    return records


def trials_table(sweep: SweepView, records: list[TrialRecord], out: Path | None = None) -> Table:
    """A row per trial: its settings, how it ended and what it reached; a link from `out`."""
    # Where the test part is what is watched, val_ and test say the same.
    same = sweep.part_name(columns.VAL) == columns.TEST
    parts = (columns.TRAIN,) if same else columns.WATCHED
    results = [_results(record, parts) for record in records]
    names = list(dict.fromkeys(name for result in results for name in result))

    def link(name: str) -> str:
        return report_link(sweep.folder.trial(name), out) if out is not None else ""

    rows = [
        [
            TableCell(record.name, link=link(record.name)),
            *(setting_cell(record.cell.get(key)) for key in sweep.keys),
            number_cell(record.seed),
            TableCell(record.status),
            number_cell(record.epochs),
            *(number_cell(result.get(name)) for name in names),
            duration_cell(record.seconds),
        ]
        for record, result in zip(records, results, strict=True)
    ]
    header = ["trial", *sweep.keys, "seed", "status", "epochs", *names, "time"]
    return Table("Every trial", header, rows, kind="runs")


def _results(record: TrialRecord, parts: tuple[str, ...]) -> dict[str, Any]:
    """The final metrics of a trial, part by part."""
    numbers = dict(record.final) | columns.named(columns.TEST, record.test)
    return {
        f"{part} {name}": numbers[key]
        for part in (*parts, columns.TEST)
        for name in (columns.LOSS, *METRICS)
        if (key := columns.name(part, name)) in numbers
    }


def _drawings(sweep: SweepView, charts: bool) -> list[Drawing]:
    """The figures of the sweep; its curves only where the page has no charts."""
    drawings = []
    for name, plot in SWEEP_FIGURES.items():
        if name != "curves" or not charts:
            caption, paint = plot.caption(sweep), partial(plot.draw_if_suited, sweep)
            alt = partial(str, f"{plot.title} of {sweep.folder.name}. {caption}")
            drawings.append(Drawing(name, plot.title, caption, alt, paint, early=True))
    return drawings


def sweep_story(about: dict[str, Any], records: list[TrialRecord]) -> str:
    """How many trials there are, and how they ended."""
    counts = Counter(record.status for record in records)
    ended = [f"{number} {status}" for status, number in counts.items()]
    seeds = about.get("seeds")
    seeds = len(seeds) if isinstance(seeds, list) else 1
    times = f", {seeds} seeds for each setting" if seeds > 1 else ""
    caption = str(about.get("caption") or "")
    return f"{count(len(records), 'trial')}{times}: {', '.join(ended)}. {caption}".strip()
