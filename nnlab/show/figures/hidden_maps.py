"""The last hidden layer as a map of the rows, at a few epochs: by PCA and by t-SNE."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from string import ascii_uppercase, digits

import numpy as np

from nnlab.core.network import layer_name
from nnlab.core.types import Array, FloatArray, IntArray, size
from nnlab.engine import blas
from nnlab.run.rows import SavedRows
from nnlab.show.figures import style
from nnlab.show.figures.axes import color_bar, dots, legend_below, short_label
from nnlab.show.figures.cells import hidden_layers, output_names
from nnlab.show.figures.mpl import Axes, Figure
from nnlab.show.figures.palette import MARKERS
from nnlab.show.figures.plane import chosen_moments
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.probe import (
    LossOfRows,
    principal_axes,
    principal_plane,
    rows_within_limit,
    rows_words,
    too_expensive,
)
from nnlab.show.figures.style import look
from nnlab.show.figures.view import View
from nnlab.show.words import after

MOMENTS = 4
MOST_ROWS = 200
FEWEST_FOR_PCA, FEWEST_FOR_TSNE = 4, 30
MOST_NUMBERS = 20_000  # per row of the layer
PERPLEXITY = 30.0  # with fewer rows a third of their number
SPREAD = 1e-4  # of the places that t-SNE starts from, as its authors advise
ITERATIONS = 500
ROOM = 0.06  # of the extent of a map, on each side
GLYPHS = digits + ascii_uppercase  # marks of more classes than there are shapes


@dataclass(frozen=True, eq=False)
class HiddenMap:
    """The places (k, N, 2) of rows at k epochs, and a note per epoch: 81 % of the variance.

    axes: what the two coordinates are; empty where they have no meaning. words: how to read it.
    """

    epochs: IntArray
    rows: SavedRows
    places: FloatArray
    notes: list[str]
    axes: list[str]
    words: str


def mapped_layer(run: View) -> int | None:
    """The last hidden layer; of an autoencoder the narrowest. None where there is none."""
    network = run.latest_network
    layers = hidden_layers(network)
    if run.data.learn == "inputs":
        layers.sort(key=lambda index: -size(network.shapes[index + 1]))
    return layers[-1] if layers else None


def _no_layer(run: View, fewest: int) -> str | None:
    layer = mapped_layer(run)
    if layer is None:
        return "there is no hidden layer"
    numbers = size(run.latest_network.shapes[layer + 1])
    if not 2 <= numbers <= MOST_NUMBERS:
        return f"the last hidden layer must have 2 to {MOST_NUMBERS:,} numbers, not {numbers:,}"
    if not run.rows:
        return "no rows are saved"
    available = len(run.judged.spread(MOST_ROWS))
    if available < fewest:
        return f"it needs at least {fewest} rows; {available} are saved"
    if len(run.moments[0]) < 2:
        return "the weights of fewer than two epochs are saved"
    if _rows(run) is None:
        return too_expensive(MOMENTS)
    return None if np.ptp(hidden_layer(run)[2][-1], axis=0).any() else "all rows have one place"


def _rows(run: View) -> SavedRows | None:
    return rows_within_limit(run, run.judged, MOMENTS, MOST_ROWS)


def hidden_layer(run: View) -> tuple[IntArray, SavedRows, FloatArray]:
    """Epochs (k,), rows, and the outputs (k, N, n) of the last hidden layer for them."""
    epochs, values = run.moments
    which, rows = chosen_moments(epochs, MOMENTS), _rows(run) or run.judged
    outputs = layer_outputs(run, rows, values[which])
    return epochs[which], rows, outputs


def layer_outputs(run: View, rows: SavedRows, values: Array) -> FloatArray:
    """Outputs (k, N, n) of the mapped layer with values (k, V)."""
    loss, index = LossOfRows(run, rows), mapped_layer(run) or 0
    outputs = []
    with blas.one_thread():
        for moment in values:
            loss.logits(moment)
            hidden = loss.binding.bound[index].y.reshape(len(rows), -1)
            outputs.append(np.nan_to_num(hidden.astype(np.float64)))
    return np.stack(outputs)


def pca_map(run: View) -> HiddenMap:
    """Every epoch on the two principal axes of the last one, so that the maps compare."""
    epochs, rows, outputs = run.once(hidden_layer)
    axes, names = principal_plane(outputs[-1])
    centre = outputs[-1].mean(axis=0)
    places = (outputs - centre) @ axes.T  # (k, N, 2)
    whole = outputs.var(axis=1).sum(axis=1)  # (k,)
    seen = places.var(axis=1).sum(axis=1) / np.where(whole > 0, whole, 1.0)
    notes = [f"{100 * share:.0f} % of the variance" for share in seen]
    words = (
        "Axes: the principal components of the last epoch; its share of the variance stands at "
        "each. Above each map: the share of its own variance that these two axes show."
    )
    return HiddenMap(epochs, rows, places, notes, names, words)


def tsne_map(run: View) -> HiddenMap:
    """t-SNE per epoch; the first starts from the PCA of its epoch, the others from the one before.

    Its start and its order of summation are fixed, so the same run gives the same maps.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped, unused-ignore]

    epochs, rows, outputs = run.once(hidden_layer)
    axes, _ = principal_axes(outputs[0])
    places = [np.zeros((len(rows), 2))]
    places[0][:, : len(axes)] = (outputs[0] - outputs[0].mean(axis=0)) @ axes.T
    notes, near = [], perplexity(len(rows))
    for hidden in outputs:
        size = places[-1].std(axis=0).max() or 1.0
        tsne = TSNE(
            perplexity=near, init=places[-1] * SPREAD / size, random_state=0, max_iter=ITERATIONS
        )
        # Several threads would add up in another order each time.
        with blas.one_thread(), threadpool_limits(1, user_api="openmp"):
            places.append(tsne.fit_transform(hidden))
        notes.append(f"divergence {tsne.kl_divergence_:.2f}")
    words = (
        f"t-SNE (van der Maaten and Hinton, 2008), perplexity {near:.3g}; "
        "near rows stay near, sizes and distances of groups have no meaning. Each map starts from "
        "the one before; divergence: what is lost (Kullback-Leibler)."
    )
    return HiddenMap(epochs, rows, np.stack(places[1:]), notes, [], words)


def perplexity(rows: int) -> float:
    """The effective number of neighbours of a row."""
    return min(PERPLEXITY, (rows - 1) / 3)


def _draw(run: View, make: Callable[[View], HiddenMap]) -> Figure:
    """A panel per epoch; rows with a mark per class, or a colour for the target."""
    drawn = run.once(make)
    name = layer_name(run.latest_network.layers, mapped_layer(run) or 0)
    caption = f"Outputs of {name} for {rows_words(run, drawn.rows)}. {drawn.words}"
    count = len(drawn.epochs)
    figure, axes = style.panels(count, *run.title, caption, width=0.56, height=0.97)
    for number, (ax, places) in enumerate(zip(axes, drawn.places, strict=True)):
        ax.set_title(f"{after(int(drawn.epochs[number]))}\n{drawn.notes[number]}", fontsize=8)
        draw_rows(ax, run, drawn.rows, places)
        _frame(ax, drawn.places if drawn.axes else places)
        ax.set_box_aspect(1)
        if not drawn.axes:
            ax.set(xticks=[], yticks=[])
        else:
            ax.locator_params(nbins=4)
            ax.tick_params(labelsize=7, labelleft=not number)
            ax.set(xlabel=drawn.axes[0], ylabel="" if number else drawn.axes[1])
    explain_marks(figure, axes, run)
    return figure


def explain_marks(figure: Figure, axes: list[Axes], run: View) -> None:
    """The legend of the classes, or the scale of the colours."""
    if axes[-1].collections:
        color_bar(axes[-1].collections[0], axes[-1], label=_target_name(run))
    legend_below(figure, axes[:1], markerscale=1.4)


def _frame(ax: Axes, places: FloatArray) -> None:
    """Room around all places (..., 2)."""
    low, high = places.reshape(-1, 2).min(axis=0), places.reshape(-1, 2).max(axis=0)
    room = ROOM * np.where(high > low, high - low, 1.0)
    ax.set(xlim=(low[0] - room[0], high[0] + room[0]), ylim=(low[1] - room[1], high[1] + room[1]))


def draw_rows(ax: Axes, run: View, rows: SavedRows, places: FloatArray) -> None:
    """A point per row at its place (N, 2), with a mark per class or a colour for its target."""
    names, numbers = row_groups(run, rows)
    if numbers is None:
        values: Array = np.asarray(rows.targets, np.float64).reshape(len(rows), -1)[:, 0]
        if run.data.learn == "inputs":
            values = run.losses(rows)
        ax.scatter(places[:, 0], places[:, 1], c=values, cmap="cividis", s=9, linewidths=0)
        return
    marks, own = marks_of(names)
    for number, (name, mark) in enumerate(zip(names, marks, strict=True)):
        shown = places[numbers == number]
        if len(shown):
            color = look().classes[number % len(look().classes)]
            edge = {"markeredgewidth": 0.3 if own else 0.0, "markersize": 4.4 if own else 3.4}
            label = None if own and name == mark else f"class {short_label(name)}"
            dots(
                ax, *shown.T, marker=f"${mark}$" if own else mark, color=color, label=label, **edge
            )


def marks_of(names: list[str]) -> tuple[tuple[str, ...], bool]:
    """A mark per class, and whether marks are letters: short names, else digits and letters."""
    if len(names) <= len(MARKERS):
        return MARKERS[: len(names)], False
    short = all(len(name) <= 2 and name.isascii() and name.isalnum() for name in names)
    return tuple(names if short else GLYPHS[: len(names)]), True


def row_groups(run: View, rows: SavedRows) -> tuple[list[str], IntArray | None]:
    """The names of the groups of rows, and the group (N,) of each; None for numeric targets."""
    if run.data.task == "identity" and rows.targets.shape[1] <= len(GLYPHS):
        names = [str(number + 1) for number in range(rows.targets.shape[1])]
        return names, rows.targets.argmax(axis=1)
    own = run.data.row_class_names
    if rows.classes is not None and len(own) <= len(GLYPHS):
        return list(own), rows.classes
    if run.classes and rows.targets.ndim == 1 and len(run.classes) <= len(GLYPHS):
        return run.classes, run.labels(rows)
    return [], None


def _target_name(run: View) -> str:
    if run.data.learn == "inputs":
        return "loss of the row"
    names = output_names(run, run.data.outputs)
    return f"target {short_label(names[0], 24)}" if not run.classes else "number of the class"


def _details(run: View, make: Callable[[View], HiddenMap]) -> str:
    drawn = run.once(make)
    pairs = zip(drawn.epochs.tolist(), drawn.notes, strict=True)
    return ", ".join(f"{after(epoch)} {note}" for epoch, note in pairs)


FIGURES = {
    "pca": Plot(
        "Hidden layer by PCA",
        "The rows as the last hidden layer sees them, at some epochs, on the two principal "
        "components of the last one: groups that lie apart are easy to tell for the output layer.",
        partial(_no_layer, fewest=FEWEST_FOR_PCA),
        partial(_draw, make=pca_map),
        partial(_details, make=pca_map),
        on_request=True,
    ),
    "tsne": Plot(
        "Hidden layer by t-SNE",
        "The rows as the last hidden layer sees them, at some epochs: rows with similar outputs "
        "of the layer are neighbours.",
        partial(_no_layer, fewest=FEWEST_FOR_TSNE),
        partial(_draw, make=tsne_map),
        partial(_details, make=tsne_map),
        on_request=True,
    ),
}
