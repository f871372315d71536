"""What happened in a run: its curves and its tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nnlab.core import columns
from nnlab.core.losses import plain_losses
from nnlab.core.metrics import is_share, label_of
from nnlab.core.types import FloatArray
from nnlab.show.figures.view import View
from nnlab.show.page import tables
from nnlab.show.page.charts import Chart, Mark, Series, chart, column
from nnlab.show.page.numbers import text
from nnlab.show.page.tables import Cell, Table

ROWS = 40  # of the table of epochs
LR = "learning rate"


def watched(config: Mapping[str, Any]) -> dict[str, str]:
    """Part -> what its rows are called, for the parts that are measured after every epoch."""
    names = columns.row_names(config)
    return {part: names[part] for part in columns.WATCHED}


def loss_name(config: Mapping[str, Any]) -> str:
    """The loss with its name, and how it is added up."""
    loss = config.get("loss")
    if not isinstance(loss, Mapping):
        return "loss"
    name = str(loss.get("name", "")).replace("_", " ")
    summed = name in plain_losses() and loss.get("reduction") in ("sum", "batch_mean")
    return f"loss ({name}, summed over outputs)" if summed else f"loss ({name})"


def charts(seen: View) -> list[Chart]:
    """A chart for each quantity, and one of the learning rate where it moved."""
    table = seen.metrics
    epochs = column(table.get("epoch", ()), 0)
    if len(epochs) < 2:
        return []
    limit = _divergence(seen)
    parts = watched(seen.settings)
    found = []
    for quantity in columns.quantities(table):
        series = [
            Series(label, part, epochs, column(table[name], len(epochs)))
            for part, label in parts.items()
            if (name := columns.name(part, quantity)) in table
        ]
        title = loss_name(seen.settings) if quantity == columns.LOSS else label_of(quantity)
        mark = _best(seen.summary, series, epochs)
        found.append(chart(quantity, title, series, mark, limit, is_share(quantity)))
    rates = column(table.get("lr", ()), len(epochs))
    if len(rates) == len(epochs) and len(np.unique(rates[np.isfinite(rates)])) > 1:
        found.append(chart("lr", LR, [Series(LR, columns.TRAIN, epochs, rates)], rate=True))
    return [one for one in found if one is not None]


def numbers(seen: View) -> list[Table]:
    """A row for each part of the last and the best epoch, and the test; none before the end."""
    final, best = (_mapping(seen.summary.get(key)) for key in ("final", "best"))
    parts = watched(seen.settings)
    records: list[dict[str, Any]] = []
    for kind, row in (("final", final), ("best", best)):
        if not row or (kind == "best" and row.get("epoch") == final.get("epoch")):
            continue
        for short, part in parts.items():
            values = columns.of_part(row, short)
            if values:
                training = short == columns.TRAIN and row.get("epoch")
                weights = "while training" if training else kind
                head = {"rows": part, "weights": weights, "epoch": row.get("epoch")}
                records.append(head | values)
    if test := _mapping(seen.summary.get("test")):
        head = {"rows": "test", "weights": "final", "epoch": final.get("epoch")}
        records.append(head | test)
    labels = {name: label_of(name) for record in records for name in record}
    return tables.of_records("What the run ended in", records, labels)


def classes(seen: View) -> list[Table]:
    """Precision, recall, f1 and support of each class; none where there are no classes."""
    rows = seen.summary.get("classes")
    if not isinstance(rows, list):
        return []
    records = [row for row in rows if isinstance(row, dict)]
    return tables.of_records(f"Each class, on the {_part(seen)} rows", records, {"f1": "F1"})


def confusion(seen: View) -> list[Table]:
    """The confusion matrix as a shaded table; rows are the true classes."""
    matrix, rows = seen.summary.get("confusion"), seen.summary.get("classes")
    if not isinstance(matrix, list) or not isinstance(rows, list):
        return []
    counts = np.asarray(matrix, np.float64)
    names = [str(_mapping(row).get("class", "")) for row in rows]
    if counts.shape != (len(names), len(names)) or not np.isfinite(counts).all():
        return []
    totals = np.maximum(counts.sum(1, keepdims=True), 1)
    shades = np.clip(np.ceil(9 * counts / totals), 0, 9).astype(int)
    body = [
        [Cell(name), *(Cell(text(int(n)), float(n), f"s{s}") for n, s in zip(a, b, strict=True))]
        for name, a, b in zip(names, counts, shades, strict=True)
    ]
    caption = f"Confusion matrix of the {_part(seen)} rows (true classes downwards)"
    return [Table(caption, ["true", *names], body, sortable=False, kind="confusion")]


def epochs(seen: View) -> tuple[list[Table], int]:
    """A table of some epochs, evenly spread, and how many there are."""
    table = seen.metrics
    count = len(table.get("epoch", ()))
    which = np.unique(np.linspace(0, max(count - 1, 0), min(count, ROWS)).astype(int))
    records = [{name: _plain(values[i]) for name, values in table.items()} for i in which]
    return tables.of_records("Epoch by epoch", records, {}), count


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _best(summary: dict[str, Any], series: list[Series], epochs: FloatArray) -> Mark | None:
    best = _mapping(summary.get("best")).get("epoch")
    if not isinstance(best, int) or not series:
        return None
    found = series[-1].values[epochs == best]
    return Mark(f"best epoch, {best:,}", best, float(found[0])) if found.size else None


def _divergence(seen: View) -> tuple[float, str] | None:
    content = seen.about
    epoch = _mapping(content.get("failure")).get("epoch")
    if content.get("status") != "diverged" or not isinstance(epoch, int):
        return None
    return float(epoch), f"diverged in epoch {epoch:,}"


def _part(seen: View) -> str:
    part = str(seen.summary.get("part") or "last")
    return columns.row_names({}).get(part, part)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
