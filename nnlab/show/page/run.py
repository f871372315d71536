"""The report of one run."""

from functools import partial
from itertools import product
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.metrics import MAE, R2, label_of
from nnlab.explanation.saved import explain_first_update
from nnlab.run.folder import FINDINGS, LABELS, RunFolder, weights_file
from nnlab.run.labels import read_labels
from nnlab.run.text import mapping_or_empty
from nnlab.show.figures import FIGURES, View, curves, view
from nnlab.show.page.charts import run_charts
from nnlab.show.page.explanation import ExplainedRow, explained_row
from nnlab.show.page.findings import overview_of_findings
from nnlab.show.page.pictures import Album, Scripted
from nnlab.show.page.render import Page, Report, render
from nnlab.show.page.repeat import repeat_run
from nnlab.show.page.replay import make_replay
from nnlab.show.page.scenes import SCENES
from nnlab.show.page.settings import explain_settings
from nnlab.show.page.tables import Notices, Table, table_of_records
from nnlab.show.words import NOTHING, count, duration, format_number
from nnlab.status import Status

STORIES = {
    "completed": "The training came to its end",
    "early_stopped": "The training stopped early, because the watched metric no longer improved",
    "diverged": "The training diverged: a number became infinite or not a number",
    "interrupted": "The training was interrupted; `nnlab resume` continues it",
    "failed": "The training failed",
    "running": "The training is still running",
    Status.RESUMABLE: "The training was killed; `nnlab resume` continues it",
}
WEIGHTS = ("initial", "best", "final")
CHARTS = ("curves", "lr")  # the figures that the page shows as charts
EPOCH_ROWS = 40  # of the table of epochs


def report_run(folder: RunFolder, with_slow: bool = False) -> Report:
    """The report of a run folder, whatever its status: it shows what can be shown.

    with_slow: whether it has the figures, too, that `train` leaves out.

    Raises RunUnreadable when run.json cannot be read: then nothing is known of the run.
    """
    run, notices = view(folder), Notices()
    album, attempt = Album(notices), notices.attempt
    status = folder.status()
    _note_state(run, status, notices)
    title, setting = attempt("The setting", lambda: run.title, (folder.name, ""))
    page = Page("Report of a run", title, setting, "run folder", folder.name, notices)
    page.labels = attempt(LABELS, lambda: read_labels(folder).lines, [])
    page.key_numbers = attempt("The summary", lambda: key_numbers(run), [])
    page.settings = attempt("The config", lambda: explain_settings(run), None)
    nothing: list[Table] = []
    epochs = attempt("The table of epochs", lambda: _epochs(run), (nothing, 0))
    page.epochs, page.epoch_count = epochs
    page.story = run_story(run, status, page.epoch_count)
    page.charts = attempt("The curves", lambda: _charts(run, album), [])
    page.tables = [
        *attempt("The table of metrics", lambda: _results(run), nothing),
        *attempt("The table of scores", lambda: _scores(run), nothing),
        *attempt("The table of classes", lambda: _classes(run), nothing),
    ]
    page.replay = attempt("The recorded epochs", lambda: make_replay(run, album), None)
    scenes = page.replay.scenes if page.replay else []
    shown = {*CHARTS, *(name for scene in scenes for name in SCENES[scene.data["kind"]].figures)}
    rest = {
        name: plot
        for name, plot in FIGURES.items()
        if name not in shown and (with_slow or not plot.on_request)
    }
    page.explained = attempt("The first update", lambda: _first_update(run), [])
    page.figures = album.add_plots(run, rest)
    album.add_dark_variants()
    page.doctor = attempt(FINDINGS, lambda: overview_of_findings(run, page.figure_names), None)
    page.repeat = attempt("How it was run", lambda: repeat_run(run), None)
    return render(page)


def _first_update(run: View) -> list[ExplainedRow]:
    """A row of the first update, of a small network."""
    explained = explain_first_update(run)
    return [explained_row(explained, folded=True)] if explained else []


def _note_state(run: View, status: Status, notices: Notices) -> None:
    """Note what a reader must know before the figures."""
    if newer := notices.attempt("The format", lambda: run.newer_format, None):
        notices.add(newer)
    rows = notices.attempt("metrics.csv", lambda: len(run.metrics.get("epoch", ())), 2)
    epochs = notices.attempt("resolved.yaml", lambda: _epochs_asked(run), None)
    if rows < 2 and epochs != 0:
        notices.add(f"The run {run.folder.name} has not finished an epoch: there are no curves.")
    if status == "diverged":
        failure = mapping_or_empty(run.about.get("failure"))
        what = str(failure.get("what", "number")).replace("_", " ")
        epoch, step = (format_number(failure.get(key)) for key in ("epoch", "step"))
        notices.add(
            f"The run diverged in epoch {epoch}, at update {step}: the {what} is not finite. "
            "The last finite weights are shown."
        )
    missing = [name for name in WEIGHTS if not run.folder.has(weights_file(name))]
    if missing and status.ended:
        names = ", ".join(f"weights/{name}.npz" for name in missing)
        notices.add(f"The run {run.folder.name} has lost {names}.")


def _epochs_asked(run: View) -> Any:
    return mapping_or_empty(run.settings.get("training")).get("epochs")


def run_story(run: View, status: Status, rows: int) -> str:
    """How the run ended, in a sentence."""
    if rows == 1 and status == "completed":
        return "Nothing was trained: the network was built and evaluated with its first weights."
    epochs, wanted = max(rows - 1, 0), _epochs_asked(run)
    trained = count(epochs, "epoch")
    if isinstance(wanted, int) and epochs < wanted:
        trained = f"{epochs:,} of {wanted:,} epochs"
    took = duration(run.seconds)
    end = f", in {took}" if took != NOTHING else ""
    story = STORIES.get(status, f"The run is {status}")
    return f"{story}. {trained} {'was' if epochs == 1 else 'were'} trained{end}."


def key_numbers(run: View) -> list[tuple[str, str]]:
    """The few numbers that a reader looks for."""
    final, test = run.summary.get("final") or run.last_row, run.summary.get("test")
    part, values = columns.TEST, test
    if not isinstance(test, dict) and isinstance(final, dict):
        part = columns.watched_part(final)
        values = columns.of_part(final, part)
    rows = columns.row_names({})[part]
    numbers = {
        f"{rows} {label_of(name)}": value for name, value in mapping_or_empty(values).items()
    }
    numbers["parameters"] = run.about.get("parameters")
    return [(name, format_number(v)) for name, v in numbers.items() if isinstance(v, int | float)]


def _charts(run: View, album: Album) -> list[Scripted]:
    """A chart for each quantity, and one of the learning rate where it changed."""
    charts = []
    for record in run_charts(run):
        quantity = record["quantity"]
        paint = (
            partial(curves.draw_curves, run, [quantity])
            if quantity
            else partial(curves.draw_rate, run)
        )
        charts += album.add_chart(record, paint)
    return charts


def _results(run: View) -> list[Table]:
    """A row for each part of the last and the best epoch, and the test; none before the end."""
    final, best = (mapping_or_empty(run.summary.get(key)) for key in ("final", "best"))
    names = columns.row_names(run.settings)
    rows = {_final_weights(run): final}
    if best.get("epoch") != final.get("epoch"):
        rows["best"] = best
    records: list[dict[str, Any]] = []
    for (kind, row), part in product(rows.items(), columns.WATCHED):
        if values := columns.of_part(row, part):
            epoch = row.get("epoch")
            weights = "while training" if part == columns.TRAIN and epoch else kind
            records.append({"rows": names[part], "weights": weights, "epoch": epoch} | values)
    if test := mapping_or_empty(run.summary.get("test")):
        head = {"rows": "test", "weights": "final", "epoch": final.get("epoch")}
        records.append(head | test)
    labels = {name: label_of(name) for record in records for name in record}
    return table_of_records("What the run ended in", records, labels)


def _scores(run: View) -> list[Table]:
    """All metrics of rows of the part that the run is judged by; none in older runs."""
    found = mapping_or_empty(run.summary.get("scores"))
    scores = [{"score": label_of(name), "value": value} for name, value in found.items()]
    return table_of_records(f"Scores, on the {_part(run)} rows", scores, {})


def _part(run: View) -> str:
    """The rows that scores and tables over classes are of, in a word."""
    part = str(run.summary.get("part") or "last")
    return columns.row_names({}).get(part, part)


def _final_weights(run: View) -> str:
    """The weights of the last epoch; those of final.npz are later where the run diverged."""
    return "after that epoch" if run.written_status is Status.DIVERGED else "final"


def _classes(run: View) -> list[Table]:
    """The scores of each class or label, or the errors of each target, where there are several."""
    rows, targets = run.summary.get("classes"), run.summary.get("targets")
    part = f"on the {_part(run)} rows"
    if isinstance(targets, list):
        records = [row for row in targets if isinstance(row, dict)]
        return table_of_records(
            f"Each target, {part}", records, {name: label_of(name) for name in (MAE.name, R2.name)}
        )
    if not isinstance(rows, list):
        return []
    records = [row for row in rows if isinstance(row, dict)]
    first = next((str(key) for row in records for key in row), "class")  # class, or label
    averages = mapping_or_empty(run.summary.get("averages")).items()
    records += [{first: f"{name} mean"} | mapping_or_empty(row) for name, row in averages]
    return table_of_records(f"Each {first}, {part}", records, {"f1": "F1"})


def _epochs(run: View) -> tuple[list[Table], int]:
    """A table of some epochs, evenly spread (none of a single row), and how many there are."""
    table = run.metrics
    rows = len(table.get("epoch", ()))
    which = np.unique(np.linspace(0, max(rows - 1, 0), min(rows, EPOCH_ROWS)).astype(int))
    records = [{name: _plain(values[row]) for name, values in table.items()} for row in which]
    return table_of_records("Epoch by epoch", records, {}) if rows > 1 else [], rows


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
