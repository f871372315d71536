"""Tables of coloured cells: outputs, hidden activations and codes, the confusion matrix."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnlab.core.layers.activations import Activation
from nnlab.core.network import Network, layer_name
from nnlab.core.types import Array, FloatArray
from nnlab.run.rows import SavedRows
from nnlab.run.text import unreadable
from nnlab.show.figures import style
from nnlab.show.figures.axes import bare, distinct, short_label, slanted_ticks
from nnlab.show.figures.mpl import Axes, AxesImage, Figure
from nnlab.show.figures.palette import text_on
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.view import PART_NAMES, View

MOST_ROWS = 32
MOST_PAIRS = 4 * MOST_ROWS  # rows with a single output, in blocks beside each other
BLOCK = 2.4  # inches of a block
ROW = 0.27  # inches of a row
MOST_UNITS = 16  # outputs of a layer
MOST_LAYERS = 8  # of a deeper network the first and the last ones
THRESHOLD = 0.1  # an output above it counts as on; the notebook's
FITTING = 5  # letters of a name below a cell
MOST_CLASSES = 20  # the counts and the names of more are not written


def heat(
    ax: Axes,
    values: Array,
    form: str = "{:.2f}",
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    limits: tuple[float, float] | None = None,
) -> None:
    """Cells (N, m): darker for more, blue above and orange below zero, with the values in them."""
    finite = np.where(np.isfinite(values), values, np.nan)
    ends = float(np.nanmin(finite, initial=0)), float(np.nanmax(finite, initial=1e-9))
    low, high = limits or ends
    bound = max(-low, high, 1e-9)
    colors = style.diverging() if low < 0 else style.sequential()
    bottom, top = (-bound, bound) if low < 0 else (0.0, high)
    image = ax.imshow(finite, cmap=colors, vmin=bottom, vmax=top, aspect="auto")
    bare(ax)
    ax.tick_params(length=0)
    ax.set_yticks(range(len(rows)), list(rows))
    slanted_ticks(ax, range(len(columns)), columns, max(map(len, columns), default=0) > FITTING)
    write_cells(ax, image, values, form, 7.5)


def write_cells(ax: Axes, image: AxesImage, values: Array, form: str, size: float) -> None:
    """The values in the cells of an image of them, in black or white, whichever can be read."""
    for (row, column), value in np.ndenumerate(values):
        text = form.format(value + 0.0) if np.isfinite(value) else "-"
        if text.startswith("-0") and not text.strip("-0."):
            text = text[1:]  # no minus before a zero
        _write_cell(ax, row, column, text, size, _fill_of(image, value))


def _write_cell(ax: Axes, row: int, column: int, text: str, size: float, fill: str) -> None:
    ax.text(column, row, text, ha="center", va="center", fontsize=size, color=text_on(fill))


def _fill_of(image: AxesImage, value: Any) -> str:
    """The colour of a value in an image, as #rrggbb."""
    from matplotlib.colors import to_hex

    if not np.isfinite(value):
        return style.look().paper
    red, green, blue, _ = np.asarray(image.to_rgba(np.array(value))).tolist()
    return to_hex((red, green, blue))


def _row_names(run: View, rows: SavedRows) -> list[str]:
    """The name of each row: the unit that is on, a few numbers, or the row's number."""
    if run.data.task == "identity":
        return [str(int(row.argmax()) + 1) for row in rows.inputs]
    if rows.inputs.shape[1] <= 3:
        return [short_label(", ".join(f"{value:.3g}" for value in row), 18) for row in rows.inputs]
    return [str(number + 1) for number in rows.numbers]


# Outputs beside targets.


def too_many_rows(run: View) -> str | None:
    """Why the rows cannot be written down; None if they can."""
    if not run.rows:
        return "no rows are saved"
    rows = next(iter(run.rows.values()))
    most = MOST_PAIRS if rows.outputs.shape[1] == 1 and run.classes else MOST_ROWS
    if len(rows) > most or not rows.all:
        return f"there are more than {most} rows to write down"
    if rows.outputs.shape[1] > MOST_UNITS:
        return f"there are more than {MOST_UNITS} outputs to write down"
    return None


def draw_outputs(run: View) -> Figure:
    """Target and output of every training row; the rows of a long table in several blocks."""
    rows = next(iter(run.rows.values()))
    targets, outputs = run.coded(rows, run.loss.plain), rows.outputs
    count = outputs.shape[1]
    alone = run.data.task == "identity"  # there the target is the row itself
    blocks = -(-len(rows) // MOST_ROWS)
    high = -(-len(rows) // blocks)  # rows of a block
    wide = max(style.PANEL[0], (0.45 * count + 0.9) * (1 if alone else 2) + 0.5)
    wide = wide if blocks == 1 else BLOCK * blocks
    figure = style.canvas(wide, ROW * high + 1.1, *run.title)
    decimals = "{:.2f}" if count == 1 else "{:.1f}"
    truth = ("ground truth", targets, "{:.1f}" if (targets % 1).any() else "{:g}")
    tables = [("output", outputs, decimals)]
    tables = tables if alone else [truth, ("prediction", outputs, decimals)]
    limits = (min(0.0, float(targets.min())), max(float(targets.max()), 1e-9))
    names = distinct(output_names(run, count), 8) if count > 1 else []
    inputs = _row_names(run, rows)
    axes = figure.subplots(1, blocks * len(tables), squeeze=False)[0].tolist()
    for number, ax in enumerate(axes):
        block, kind = divmod(number, len(tables))
        part, (title, values, form) = slice(block * high, (block + 1) * high), tables[kind]
        heat(ax, values[part], form, [] if kind else inputs[part], names, limits=limits)
        ax.set_ylim(high - 0.5, -0.5)  # rows of all blocks have the same height
        ax.set_xlabel(title if blocks == 1 else title.removeprefix("ground "))
    axes[0].set_ylabel("input")
    return figure


def output_names(run: View, count: int) -> list[str]:
    """Names of the outputs; their numbers from 1 where they have none."""
    names = run.output_names
    if count == 1 or len(names) != count:  # several quantiles have one target
        names = run.data.target_names
    return list(names) if len(names) == count else [str(number + 1) for number in range(count)]


# Outputs of the hidden layers, as numbers, and as codes of on and off.


def hidden_layers(network: Network) -> list[int]:
    """The layers whose outputs are the hidden ones: each activation but the network's last.

    A layer with parameters that no activation follows counts itself.
    """
    hidden = []
    last = len(network.layers) - 1
    while last > 0 and isinstance(network.layers[last], Activation):
        last -= 1
    for index, layer in enumerate(network.layers[:last]):
        ends = isinstance(layer, Activation) or bool(layer.parameters(network.shapes[index]))
        if ends and not isinstance(network.layers[index + 1], Activation):
            hidden.append(index)
    if len(hidden) > MOST_LAYERS:
        return hidden[: MOST_LAYERS // 2] + hidden[-MOST_LAYERS // 2 :]
    return hidden


def hidden_outputs(run: View) -> list[FloatArray]:
    """The output (N, ...) of each hidden layer for the saved training rows."""
    inputs = run.rows["train"].inputs
    binding = run.latest_network.bind(len(inputs))
    with np.errstate(all="ignore"):
        binding.forward(run.scaled(inputs))
    return [binding.bound[index].y for index in hidden_layers(run.latest_network)]


def _too_large(run: View) -> str | None:
    rows = run.rows.get("train")
    if rows is None:
        return "no rows are saved"
    if len(rows) > MOST_ROWS or not rows.all:
        return f"there are more than {MOST_ROWS} rows to write down"
    network = run.latest_network
    shapes = [network.shapes[index + 1] for index in hidden_layers(network)]
    if not shapes:
        return "there is no hidden layer"
    if any(len(shape) > 1 or shape[0] > MOST_UNITS for shape in shapes):
        return f"a hidden layer has more than {MOST_UNITS} units"
    return None


def draw_activations(run: View) -> Figure:
    """One heat map for each hidden layer: a line for every row, a column for every unit."""
    return _draw_layers(run, hidden_outputs(run), "{:.2f}")


def _without_codes(run: View) -> str | None:
    if run.data.task != "identity":
        return "it is for the identity encoder: whether all rows get codes of their own"
    return _too_large(run)


def hidden_codes(run: View) -> list[Array]:
    """For each hidden layer which units (N, m) are above the threshold."""
    return [values > THRESHOLD for values in hidden_outputs(run)]


def verdict(codes: Array) -> str:
    """How many of the codes (N, m) differ: "8 of 8 codes differ"."""
    return f"{len(np.unique(codes, axis=0))} of {len(codes)} codes differ"


def draw_codes(run: View) -> Figure:
    """The same as on and off, with the number of codes that differ."""
    codes = hidden_codes(run)
    notes = [verdict(layer) for layer in codes]
    return _draw_layers(run, [layer.astype(float) for layer in codes], "{:.0f}", notes)


def _draw_layers(
    run: View, values: list[FloatArray], form: str, notes: Sequence[str] = ()
) -> Figure:
    rows, layers = run.rows["train"], hidden_layers(run.latest_network)
    wide = sum(max(1.1, 0.42 * layer.shape[1]) + 1.0 for layer in values)
    figure = style.canvas(max(style.PANEL[0], wide), ROW * len(rows) + 1.25, *run.title)
    ratios = [layer.shape[1] + 1 for layer in values]
    everything = np.nan_to_num(np.concatenate([layer.ravel() for layer in values]))
    limits = float(everything.min()), float(everything.max())
    axes = figure.subplots(1, len(values), squeeze=False, width_ratios=ratios)[0]
    for number, (ax, layer, index) in enumerate(zip(axes, values, layers, strict=True)):
        units = [str(unit + 1) for unit in range(layer.shape[1])]
        heat(ax, layer, form, [] if number else _row_names(run, rows), units, limits=limits)
        label = f"unit of {layer_name(run.latest_network.layers, index)}"
        ax.set_xlabel(f"{label}\noutput > {THRESHOLD:g}" if notes else label)
        if notes:
            ax.set_title(notes[number], weight="bold")
    axes[0].set_ylabel("input")
    return figure


def _verdicts(run: View) -> str:
    network = run.latest_network
    layers = [layer_name(network.layers, index) for index in hidden_layers(network)]
    pairs = zip(hidden_codes(run), layers, strict=True)
    return ", ".join(f"{verdict(codes)} after {layer}" for codes, layer in pairs)


# The confusion matrix.


def _without_counts(run: View) -> str | None:
    if not run.summary:
        return "the run has not come to its end"
    return None if run.summary.get("confusion") else "it is for classes"


def draw_confusion(run: View) -> Figure:
    """Counts of true class (row) and predicted class (column), coloured by the share of the row."""
    matrix = confusion_counts(run)
    size = len(matrix)
    cell = 0.42 if size <= MOST_CLASSES else max(0.05, 6.0 / size)
    wide, high = max(style.PANEL[0], cell * size + 1.5), max(2.6, cell * size + 1.2)
    figure = style.canvas(wide, high, *run.title)
    ax = figure.subplots()
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = ax.imshow(share, cmap=style.sequential(), vmin=0, vmax=1)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    right = np.trace(matrix) / max(matrix.sum(), 1)
    part = PART_NAMES.get(str(run.summary.get("part")), "")
    title = f"{np.trace(matrix):,.0f} of {matrix.sum():,.0f} {part} rows right, {right:.1%}"
    ax.set(xlabel="predicted class", ylabel="true class", title=title)
    if size <= MOST_CLASSES:
        names = distinct(run.classes, 12)
        ax.set_yticks(range(size), names)
        slanted_ticks(ax, range(size), names, max(map(len, names)) > 3)
        for (row, column), count in np.ndenumerate(matrix):
            text, fill = f"{count:.0f}" if count else "", _fill_of(image, share[row, column])
            letters = 7.5 if len(text) < 4 else 6.5 if len(text) < 5 else 5.5
            if text:
                _write_cell(ax, row, column, text, letters, fill)
    return figure


def confusion_counts(run: View) -> FloatArray:
    """The matrix (C, C) of summary.json."""
    try:
        matrix = np.array(run.summary["confusion"], np.float64)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    size = len(run.classes)
    if matrix.shape != (size, size) or not np.isfinite(matrix).all():
        wanted = f"{size} x {size} counts"
        raise unreadable(run.folder.path / "summary.json", f"'confusion' is no table of {wanted}")
    return matrix


def _right_counts(run: View) -> str:
    matrix = confusion_counts(run)
    return f"{np.trace(matrix):,.0f} of {matrix.sum():,.0f} rows lie on the diagonal"


FIGURES = {
    "outputs": Plot(
        "Outputs",
        "The output of the network for every row, beside the target.",
        too_many_rows,
        draw_outputs,
    ),
    "activations": Plot(
        "Hidden activations",
        "The output of every unit of the hidden layers for every row.",
        _too_large,
        draw_activations,
    ),
    "codes": Plot(
        "Hidden codes",
        f"Which hidden units have an output above {THRESHOLD:g}, and whether every row gets its "
        "own code.",
        _without_codes,
        draw_codes,
        _verdicts,
    ),
    "confusion": Plot(
        "Confusion matrix",
        "How often each class was taken for each; right answers lie on the diagonal.",
        _without_counts,
        draw_confusion,
        _right_counts,
        early=True,
    ),
}
