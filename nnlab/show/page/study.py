"""The report of a sweep: its figures, and every trial with a link to its run."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.metrics import METRICS, is_share, label_of
from nnlab.core.types import FloatArray
from nnlab.run.sweeps import SweepFolder, TrialRecord
from nnlab.show.figures.study import Cell, Study
from nnlab.show.figures.sweeps import SWEEP_FIGURES
from nnlab.show.page.again import SweepAgain, sweep_again
from nnlab.show.page.charts import Chart, Series, chart, column
from nnlab.show.page.notices import Notices
from nnlab.show.page.numbers import as_yaml, duration, shorter
from nnlab.show.page.page import render
from nnlab.show.page.pictures import Drawing, draw
from nnlab.show.page.several import CURVES, StudyPage, link
from nnlab.show.page.single import Report
from nnlab.show.page.tables import Cell as TableCell
from nnlab.show.page.tables import Table, cell

FAILED = ("failed", "diverged", "unreadable")


def of_sweep(folder: SweepFolder, out: Path) -> Report:
    """The report of a sweep, to be written to `out`: links in it start there.

    Raises RunUnreadable when sweep.yaml cannot be read.
    """
    notices, study = Notices(), Study(folder)
    about = study.about
    records = [  # in the order of the axes
        trial
        for one in study.cells
        for trial in sorted(one.trials, key=lambda trial: trial.seed or 0)
    ]
    records += [record for record in folder.records() if record not in records]
    for record in records:
        if record.status in FAILED:
            notices.say(f"Trial {record.name}: {record.reason or record.status}.")
    nothing: list[Chart] = []
    unknown: SweepAgain | None = None
    names = [record.name for record in records]
    curves = notices.attempt("The curves", lambda: charts(study), nothing)
    page = StudyPage(
        title=f"{about.get('name', folder.name)}: {' and '.join(study.keys)}",
        setting=notices.attempt("The setting", lambda: study.setting, ""),
        folder=folder.name,
        notices=notices,
        charts=curves,
        tables=[trials(folder, study, records, out)],
        figures=draw(_drawings(study, bool(curves)), notices),
        story=_story(about, records),
        asked="\n".join(_axes(study)),
        kind="Report of a sweep",
        folder_kind="sweep",
        again=notices.attempt("How it was run", lambda: sweep_again(folder, about, names), unknown),
    )
    return Report(render("study.html", page), tuple(notices))


def charts(study: Study) -> list[Chart]:
    """A chart for each quantity, with a curve for each cell: the median over its seeds.

    None where there are more cells than can be told apart.
    """
    cells = [one for one in study.cells if one.done]
    if len(cells) > CURVES:
        return []
    names = list(dict.fromkeys(name for table in study.tables.values() for name in table))
    found = []
    for quantity in columns.quantities(names):
        series = [
            Series(study.words(one.values), f"c{number}", *median(study, one, quantity))
            for number, one in enumerate(cells)
        ]
        rows = study.part_name(study.part)
        title = f"{label_of(quantity)} on the {rows} rows"
        found.append(chart(quantity, title, series, share=is_share(quantity)))
    return [one for one in found if one is not None]


def median(study: Study, one: Cell, quantity: str) -> tuple[FloatArray, FloatArray]:
    """Epochs, and the median over the seeds of a cell, as far as all of them came."""
    tables = [study.tables[trial.name] for trial in one.done if trial.name in study.tables]
    name = columns.name(study.part, quantity)
    curves = [column(table[name], len(table["epoch"])) for table in tables if name in table]
    if not curves:
        return np.zeros(0), np.zeros(0)
    shortest = min(map(len, curves))
    epochs = column(tables[0]["epoch"], 0)[:shortest]
    return epochs, np.median([values[:shortest] for values in curves], axis=0)


def trials(folder: SweepFolder, study: Study, records: list[TrialRecord], out: Path) -> Table:
    """A row a trial: a link to its run, what it was given, how it ended and what it reached."""
    # Where the test part is what is watched, val_ and test say the same.
    same = study.part_name(columns.VAL) == columns.TEST
    parts = (columns.TRAIN,) if same else columns.WATCHED
    results = [_results(record, parts) for record in records]
    names = list(dict.fromkeys(name for result in results for name in result))
    rows = [
        [
            TableCell(record.name, link=link(folder.trial(record.name), out)),
            *(_value(record.cell.get(key)) for key in study.keys),
            cell(record.seed),
            TableCell(record.status),
            cell(record.epochs),
            *(cell(result.get(name)) for name in names),
            TableCell(duration(record.seconds), record.seconds, "number"),
        ]
        for record, result in zip(records, results, strict=True)
    ]
    header = ["trial", *study.keys, "seed", "status", "epochs", *names, "time"]
    return Table("Every trial", header, rows, kind="runs")


def _results(record: TrialRecord, parts: tuple[str, ...]) -> dict[str, Any]:
    """The final figures of a trial, part by part."""
    numbers = dict(record.final) | columns.named(columns.TEST, record.test)
    return {
        f"{part} {name}": numbers[key]
        for part in (*parts, columns.TEST)
        for name in (columns.LOSS, *METRICS)
        if (key := columns.name(part, name)) in numbers
    }


def _value(value: Any) -> TableCell:
    """What an axis gave a trial, sorted as a number where it is one."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    text = shorter(as_yaml(value), 40)
    return TableCell(text, float(value) if number else None, "number" * number)


def _drawings(study: Study, curves: bool) -> list[Drawing]:
    """The figures of the sweep; its curves only where the page has none of its own."""
    found = []
    for name, plot in SWEEP_FIGURES.items():
        if name != "curves" or not curves:
            caption = plot.caption(study)
            alt = f"{plot.title} of {study.folder.name}. {caption}"
            found.append(
                Drawing(
                    name=name,
                    title=plot.title,
                    caption=caption,
                    alt=partial(str, alt),
                    suits=partial(plot.suits, study),
                    paint=partial(plot.painter, study),
                )
            )
    return found


def _story(about: dict[str, Any], records: list[TrialRecord]) -> str:
    """How many trials there are, and how they ended."""
    counts = dict.fromkeys(record.status for record in records)
    ended = [f"{sum(one.status == status for one in records)} {status}" for status in counts]
    seeds = about.get("seeds")
    seeds = len(seeds) if isinstance(seeds, list) else 1
    times = f", each with {seeds} seeds" if seeds > 1 else ""
    caption = str(about.get("caption") or "")
    return f"{len(records)} trials{times}: {', '.join(ended)}. {caption}".strip()


def _axes(study: Study) -> list[str]:
    """lr: [0.01, 0.1], a line an axis."""
    return [f"{axis['key']}: {as_yaml(axis['values'])}" for axis in study.axes]
