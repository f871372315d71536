"""How well outputs rank and predict rows: ROC, precision and recall, calibration, residuals."""

from collections.abc import Callable
from functools import partial

import numpy as np

from nnlab.core.class_scores import class_scores
from nnlab.core.metrics import PartAnswers, row_metrics_of
from nnlab.core.scores import Curve, calibration, precision_recall_curve, roc_curve
from nnlab.core.types import Array
from nnlab.show.figures import style
from nnlab.show.figures.axes import dots, legend_below, short_label
from nnlab.show.figures.cells import output_names
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.palette import MARKERS
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import look
from nnlab.show.figures.view import PART_NAMES, View
from nnlab.show.words import true_minus

WORST = 4  # classes that have a colour of their own
BINS = 10
MOST_PANELS = 3
MOST_LABELS = 24


def _answers(run: View) -> PartAnswers:
    rows = run.judged
    return PartAnswers(run.data.kind, run.answers(rows.outputs), run.loss.decode(run.coded(rows)))


def _no_ranking(run: View) -> str | None:
    if not run.classes:
        return "it is for classes"
    if not run.rows:
        return "no rows are saved"
    if not run.judged.all:
        return "only some rows of the part are saved"
    return None if len(np.unique(run.labels(run.judged))) > 1 else "all rows are of one class"


def _draw_ranking(
    curve: Callable[[Array, Array, Array], Curve], x: str, y: str, run: View
) -> Figure:
    """A curve per class against the rest: the worst in colours, the others pale."""
    answers, names = _answers(run), output_names(run, run.judged.outputs.shape[1])
    curves = [
        (name, curve(truth, output, answers.weights))
        for name, truth, output in zip(names, answers.truth.T, answers.outputs.T, strict=True)
        if 0 < truth.sum() < len(truth)
    ]
    areas = [points.area for _, points in curves]
    figure, (ax,) = style.panels(1, *run.title, height=1.2)
    for place, number in enumerate(np.argsort(areas, kind="stable")):
        name, points = curves[number]
        if len(curves) == 1:
            ax.plot(*points, color=look().blue, label=f"{PART_NAMES[run.judged.part]} rows")
        elif place < WORST:
            color, label = look().lines[place], short_label(name, 16)
            ax.plot(*points, color=color, label=label, zorder=3 - place / WORST)
        else:
            (line,) = ax.plot(*points, color=look().faint, linewidth=0.7, zorder=1)
            if place == WORST:
                line.set_label("other classes")
    _unit_square(ax, x, y)
    note = f"{PART_NAMES[run.judged.part]} rows, each class against the rest"
    legend_below(figure, [ax], note if len(curves) > 1 else None)
    return figure


def _unit_square(ax: Axes, x: str, y: str) -> None:
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y)


def _no_probabilities(run: View) -> str | None:
    if reason := _no_ranking(run):
        return reason
    known = row_metrics_of(run.data.kind, run.config.network).values()
    if any(metric.of_probabilities for metric in known):
        return None
    return "the outputs are no probabilities; softmax or sigmoid as the last layer makes such"


def draw_calibration(run: View) -> Figure:
    """How often predictions come true, over their probability; below, how many rows there are."""
    answers = _answers(run)
    if run.data.kind == "classes":
        probability, true = (
            answers.outputs.max(axis=1),
            answers.outputs.argmax(axis=1) == answers.labels,
        )
        x, y = "probability of the predicted class", "share of right rows"
    else:
        probability, true = answers.outputs[:, 0], answers.truth[:, 0]
        x, y = f"probability of {short_label(run.classes[1], 20)}", "share of such rows"
    bins = calibration(true.astype(float), probability.astype(float), answers.weights, BINS)
    gap = float(np.sum(bins.weight * np.abs(bins.actual - bins.predicted)))
    note = f"mean gap {gap:.3f} on {len(true):,} {PART_NAMES[run.judged.part]} rows, {BINS} bins"
    figure = style.canvas(style.PANEL[0], style.PANEL[1] * 1.45, *run.title)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    top.plot([0, 1], [0, 1], color=look().faint, linewidth=0.9, label="as often as predicted")
    top.plot(bins.predicted, bins.actual, color=look().blue, marker="o", label="network")
    _unit_square(top, "", y)
    bottom.hist(probability, bins=np.linspace(0, 1, BINS + 1).tolist(), color=look().blue)
    bottom.set(xlabel=x, ylabel="rows")
    legend_below(figure, [top], note)
    return figure


def _no_labels(run: View) -> str | None:
    if run.data.task != "multilabel":
        return "it is for rows with several labels"
    return None if run.rows else "no rows are saved"


def draw_labels(run: View) -> Figure:
    """Precision, recall and F1 of each label, on a line of its own; the number of its rows."""
    rows = run.judged
    answers = PartAnswers(run.data.kind, rows.outputs, rows.targets)
    scores = [class_scores(matrix)[1] for matrix in answers.confusions][:MOST_LABELS]
    names = output_names(run, len(answers.confusions))[: len(scores)]
    places = np.arange(len(scores))
    figure = style.canvas(style.PANEL[0] * 1.3, 0.32 * len(scores) + 1.6, *run.title)
    ax = figure.subplots()
    for number, (score, marker) in enumerate(
        zip(("precision", "recall", "f1"), MARKERS, strict=False)
    ):
        values = np.array([row[score] for row in scores])
        color, label = look().lines[number], "F1" if score == "f1" else score
        dots(ax, values, places, marker=marker, markersize=5, color=color, label=label)
    counts = [
        f"{short_label(n, 20)} ({row['support']:,.0f})"
        for n, row in zip(names, scores, strict=True)
    ]
    ax.set_yticks(places, counts)
    ax.set(xlim=(-0.02, 1.02), ylim=(len(scores) - 0.5, -0.5), xlabel="score")
    more = len(answers.confusions) - len(scores)
    note = f"{PART_NAMES[rows.part]} rows; in brackets those with the label"
    legend_below(figure, [ax], note + (f"; {more} more labels" if more else ""))
    return figure


def _no_residuals(run: View) -> str | None:
    if run.data.kind != "regression":
        return "it is for a regression"
    return None if run.rows else "no rows are saved"


def draw_residuals(run: View) -> Figure:
    """For each output, prediction minus target over the prediction."""
    rows = run.judged
    outputs = run.answers(rows.outputs)
    count = outputs.shape[1]
    drawn = min(count, MOST_PANELS)
    figure, axes = style.panels(drawn, *run.title, width=1.0 if drawn == 1 else 0.75)
    names = output_names(run, count)
    for output, ax in enumerate(axes):
        predicted = outputs[:, output]
        error = predicted - rows.targets[:, output]
        ax.axhline(0, color=look().faint, linewidth=0.9)
        alpha = 1.0 if len(rows) < 300 else 0.5
        dots(ax, predicted, error, marker="o", markersize=3.2, color=look().blue, alpha=alpha)
        spread = true_minus(f"mean {error.mean():.3g}, standard deviation {error.std():.3g}")
        ax.set(xlabel=f"prediction of {short_label(names[output], 14)}", title=spread)
        ax.locator_params(nbins=5)
    axes[0].set_ylabel("prediction \N{MINUS SIGN} target")
    more = f", the first {drawn} of {count} outputs" if count > drawn else ""
    figure.supxlabel(f"{PART_NAMES[rows.part]} rows{more}", fontsize=8, x=0.02, ha="left")
    return figure


FIGURES = {
    "roc": Plot(
        "ROC curve",
        "How many rows of a class are caught, over how many others are taken for it, at every "
        "threshold.",
        _no_ranking,
        partial(_draw_ranking, roc_curve, "false positive rate", "true positive rate"),
        on_request=True,
    ),
    "precision_recall": Plot(
        "Precision and recall",
        "How many of the rows taken for a class are of it, over how many of its rows are caught.",
        _no_ranking,
        partial(_draw_ranking, precision_recall_curve, "recall", "precision"),
        on_request=True,
    ),
    "calibration": Plot(
        "Calibration",
        "How often predictions of each probability come true; on the line they are as good as "
        "they claim.",
        _no_probabilities,
        draw_calibration,
        on_request=True,
    ),
    "labels": Plot(
        "Labels",
        "Precision, recall and F1 of every label: how far to trust each answer of the network.",
        _no_labels,
        draw_labels,
    ),
    "residuals": Plot(
        "Residuals",
        "The error of every saved row over its prediction; a pattern is what the network missed.",
        _no_residuals,
        draw_residuals,
        on_request=True,
    ),
}
