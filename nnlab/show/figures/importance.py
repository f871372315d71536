"""Which inputs of a table a network needs: permutation importance."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nnlab.core.metrics import ACCURACY, R2, BatchAnswers, SumMetric, Targets
from nnlab.core.types import Array, FloatArray
from nnlab.engine import blas
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import distinct
from nnlab.show.figures.maps import image_shape
from nnlab.show.figures.mpl import Figure
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.probe import LossOfRows, rows_within_limit, rows_words, too_expensive
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View

REPEATS = 10
MOST_ROWS = 1000
FEWEST_ROWS = 10
MOST_COLUMNS = 500
MOST_BARS = 20
ROW = 0.2  # inches of a bar
LETTERS = 24  # of a name
SEEDS = 2**32  # of NumPy's older generator


@dataclass(frozen=True, eq=False)
class Importance:
    """How much worse a metric gets for rows in which a column is shuffled: drops (C, R).

    columns: their names; a table without names counts its inputs from 1.
    """

    metric: SumMetric
    score: float  # of the rows as they are
    columns: list[str]
    drops: FloatArray
    rows: SavedRows


def _no_table(run: View) -> str | None:
    if image_shape(run):
        return "its inputs are images; occlusion is for those"
    if run.data.task == "identity":
        return "its inputs are the targets"
    columns = run.schema.columns
    if not 2 <= len(columns) <= MOST_COLUMNS:
        return f"it compares 2 to {MOST_COLUMNS} inputs; here are {len(columns):,}"
    if not run.rows:
        return "no rows are saved"
    rows = run.held_out
    if len(rows) < FEWEST_ROWS:
        return f"it needs at least {FEWEST_ROWS} rows; {len(rows)} are saved"
    return None if _rows(run) else too_expensive(len(columns) * REPEATS)


def _rows(run: View) -> SavedRows | None:
    passes = len(run.schema.columns) * REPEATS
    return rows_within_limit(run, run.held_out, passes, MOST_ROWS)


def permutation_importance(run: View) -> Importance:
    """importance_jr = s - s_jr: s the metric of rows, s_jr with column j shuffled, time r.

    Breiman, Random forests (2001). The shuffles are those of scikit-learn's function of this name
    with random_state = seed. The inputs that a categorical column became are shuffled together.
    """
    rows = _rows(run) or run.held_out
    metric, loss = (R2 if run.data.kind == "regression" else ACCURACY), LossOfRows(run, rows)
    values, targets = run.latest_network.values, Targets.of(run.data.kind, run.loss.decode(loss.t))

    def score(inputs: Array) -> float:
        answers = BatchAnswers(
            run.data.kind, run.loss, loss.logits(values, run.scaled(inputs)), loss.t
        )
        sums = [item.parts(answers, 1)[0] for item in metric.sums]
        return float(metric.value(sums, len(rows), targets))

    stops = np.cumsum([len(column.inputs) for column in run.schema.columns]).tolist()
    seed = np.random.RandomState(run.config.seed % SEEDS).randint(2**31)
    with blas.one_thread():
        whole = score(rows.inputs)
        scores = [
            _shuffled_scores(score, rows.inputs, slice(start, stop), seed)
            for start, stop in pairwise([0, *stops])
        ]
    return Importance(metric, whole, _column_names(run), whole - np.stack(scores), rows)


def _column_names(run: View) -> list[str]:
    names = [column.name for column in run.schema.columns]
    named = run.schema.named and run.data.feature_names
    return names if named else [f"input {i + 1}" for i in range(len(names))]


def _shuffled_scores(
    score: Callable[[Array], float], inputs: Array, place: slice, seed: int
) -> FloatArray:
    """The scores (R,) with some columns of the inputs (N, n) shuffled, again and again."""
    shuffles, order, inputs = np.random.RandomState(seed), np.arange(len(inputs)), inputs.copy()
    scores = []
    for _ in range(REPEATS):
        shuffles.shuffle(order)
        inputs[:, place] = inputs[order, place]
        scores.append(score(inputs))
    return np.array(scores)


def draw_importance(run: View) -> Figure:
    """A bar per input, the most important first, with the deviation over the repeats."""
    found = run.once(permutation_importance)
    means, spread = found.drops.mean(axis=1), found.drops.std(axis=1)
    order = np.argsort(-means, kind="stable")[:MOST_BARS]
    width, height = style.PANEL[0] * 1.4, ROW * len(order) + 0.9
    figure = style.canvas(width, height, *run.title, _explain(run, found))
    ax = figure.subplots()
    colors = [look().blue if means[column] > 0 else look().faint for column in order]
    places = np.arange(len(order))
    whiskers = {"ecolor": look().ink, "elinewidth": 1.0, "capsize": 2}
    ax.barh(places, means[order], xerr=spread[order], color=colors, error_kw=whiskers, height=0.7)
    names = distinct(found.columns, LETTERS)
    ax.set_yticks(places, [names[column] for column in order])
    ax.invert_yaxis()
    ax.axvline(0, color=look().faint, linewidth=0.8)
    ax.grid(visible=False, axis="y")
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(f"drop of the {found.metric.label} where the input is shuffled")
    return figure


def _explain(run: View, found: Importance) -> str:
    left_out = len(found.columns) - MOST_BARS
    more = f" The {MOST_BARS} largest of {len(found.columns)}." if left_out > 0 else ""
    return (
        f"{found.metric.label} {found.score:.3f} on {rows_words(run, found.rows)}. Bars: mean drop "
        f"over {REPEATS} shuffles of that input among the rows, with its standard deviation.{more} "
        "Inputs that carry the same information share their importance."
    )


def _details(run: View) -> str:
    found = run.once(permutation_importance)
    means, names = found.drops.mean(axis=1), found.columns
    largest = [f"{names[i]} {means[i]:.3g}" for i in np.argsort(-means, kind="stable")[:3]]
    return f"the {found.metric.label} of {found.score:.3f} drops most for {', '.join(largest)}"


FIGURES = {
    "importance": Plot(
        "Importance of the inputs",
        "How much worse the network gets when the values of an input are exchanged among the rows "
        "(permutation importance): 0 for an input that it does not need.",
        _no_table,
        draw_importance,
        _details,
        on_request=True,
    )
}
