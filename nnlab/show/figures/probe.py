"""What figures compute from the rows and the weights that a run folder holds, within limits."""

import numpy as np

from nnlab.core.layers.activations import Linear
from nnlab.core.network import flops, trained_depth
from nnlab.core.types import Array, FloatArray
from nnlab.run.rows import SavedRows
from nnlab.show.figures.view import PART_NAMES, View
from nnlab.show.words import count

MOST_OPERATIONS = 20e9  # in floating point, of a figure: about a second, in few layers
FEWEST_ROWS = 32  # where more are saved; a mean over fewer says little
SAME_AXIS = 1e-10  # of all variance: an axis with less is rounding


class LossOfRows:
    """The mean loss of some rows as a function of the network's values (V,), or theta (P,).

    own_statistics: batch_norm takes the mean and variance of these rows, not its running ones,
    which belong to the weights that they were trained with. Nothing is dropped either way.
    """

    def __init__(self, run: View, rows: SavedRows, own_statistics: bool = False) -> None:
        network, self.loss = run.latest_network, run.loss
        self.x, self.t = run.scaled(rows.inputs), run.coded(rows)  # (N, ...), (N, m)
        self.values, gradient = network.values.copy(), None
        depth = trained_depth(network.layers, self.loss)
        if own_statistics and network.buffers.size:
            layers = [Linear() if layer.random else layer for layer in network.layers]
            network = type(network)(layers, network.inputs, dtype=network.dtype)
            gradient = np.zeros_like(network.theta)  # a binding for training, whose batch they are
        self.binding = network.bind(len(rows), depth=depth, values=self.values, gradient=gradient)

    def logits(self, values: Array, x: Array | None = None) -> Array:
        """What the loss takes (N, m), with these values (V,) and rows (N, ...)."""
        self.values[: len(values)] = values
        with np.errstate(all="ignore"):  # weights far from any of training may overflow
            return self.binding.forward(self.x if x is None else x)

    def __call__(self, values: Array) -> float:
        """The loss with these values (V,), without penalties."""
        with np.errstate(all="ignore"):
            terms = self.loss.per_sample(self.logits(values), self.t)
            return float(terms.mean(dtype=np.float64))


def rows_within_limit(
    run: View, rows: SavedRows, passes: int, most: int, fewest: int = FEWEST_ROWS
) -> SavedRows | None:
    """At most `most` evenly spaced rows that `passes` forward passes are cheap for.

    None where they would be fewer than `fewest`.
    """
    cost = passes * max(1, sum(flops(run.latest_network)))
    affordable = min(most, int(MOST_OPERATIONS / cost))
    return rows.spread(affordable) if affordable >= min(fewest, len(rows)) else None


def too_expensive(passes: int) -> str:
    """Why a figure does not suit where `rows_within_limit` gives None."""
    return (
        f"{count(passes, 'pass', 'passes')} over {FEWEST_ROWS} rows would take more than "
        f"{MOST_OPERATIONS / 1e9:.0f} billion operations"
    )


def rows_words(run: View, rows: SavedRows) -> str:
    """The rows in words: all 120 training rows; 64 of 48,000 test rows."""
    sizes, part = run.data.rows, PART_NAMES[rows.part]
    whole = getattr(sizes, rows.part) or len(rows)
    return f"{'all' if len(rows) == whole else f'{len(rows):,} of'} {whole:,} {part} rows"


def gradient(run: View, rows: SavedRows, values: Array | None = None) -> Array | None:
    """The gradient (P,) of the loss, as training computes it, for these rows as a batch.

    None where a layer has no derivative. values (V,): the latest if not given.
    """
    network, loss = run.latest_network, run.loss
    depth = trained_depth(network.layers, loss)
    if not all(layer.differentiable for layer in network.layers[:depth]):
        return None
    x, t = run.scaled(rows.inputs), np.ascontiguousarray(run.coded(rows))
    slopes = np.zeros_like(network.theta)
    own = (network.values if values is None else values).astype(network.dtype)  # statistics move
    streams = network.generators(0)
    binding = network.bind(len(rows), depth=depth, gradient=slopes, generators=streams, values=own)
    with np.errstate(all="ignore"):
        z = binding.forward(x)
        loss.gradient(z, t, binding.dz, loss.bind(len(rows), z.shape[1], network.dtype))  # type: ignore[arg-type]
        binding.backward(x)
    return slopes


def principal_axes(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The two axes (c, n) of largest variance of points (k, n), and their shares (c,) of it.

    With the centred points M, the k x k matrix M M^T = U S U^T gives the axes U^T M / sqrt(S); for
    k > n the n x n matrix M^T M gives them directly. An axis without variance is left out. The
    largest element of an axis is positive, as in scikit-learn.
    """
    centred = points.astype(np.float64) - points.mean(axis=0, dtype=np.float64)
    wide = centred.shape[1] > len(centred)
    heights, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
    heights, vectors = heights[::-1][:2], vectors[:, ::-1].T[:2]
    total = float((centred**2).sum())
    real = heights > SAME_AXIS * total
    axes = vectors[real] @ centred / np.sqrt(heights[real])[:, None] if wide else vectors[real]
    largest = np.abs(axes).argmax(axis=1)
    axes *= np.sign(axes[np.arange(len(axes)), largest])[:, None]
    return axes, heights[real] / (total or 1.0)


def principal_plane(points: FloatArray) -> tuple[FloatArray, list[str]]:
    """The two principal axes (2, n) of points (k, n), 0 where there is none, and their names."""
    axes, shares = principal_axes(points)
    named = [f"component {number + 1}: {100 * share:.0f} %" for number, share in enumerate(shares)]
    axes = np.vstack([axes, np.zeros((2 - len(axes), axes.shape[1]))])
    return axes, [*named, "component 2: 0 %"][:2]


def filter_normalised(run: View, values: Array, rng: np.random.Generator) -> FloatArray:
    """A random direction (P,) in which each filter is as long as that of the weights.

    d_f <- d_f |w_f| / |d_f| for normal d, where a filter f is what enters a unit or makes a map;
    0 for what is no weight, such as a bias (Li et al. 2018, section 4), and for frozen weights.
    """
    layout = run.latest_network.layout
    direction = np.zeros(layout.size)
    for place in layout.changed:
        shape = place.declared.shape
        if place.declared.decays and len(shape) > 1:
            drawn, weights = rng.standard_normal(shape), place.of(values).astype(np.float64)
            inner = tuple(range(len(shape) - 1))  # the last axis counts units, or maps
            sizes = [np.sqrt((array**2).sum(axis=inner)) for array in (weights, drawn)]
            place.of(direction)[...] = drawn * sizes[0] / sizes[1]
    return direction
