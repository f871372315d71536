"""An activation and its derivative. The one figure that needs no run."""

from pathlib import Path

import numpy as np

from nnlab.core.layers import LAYERS
from nnlab.core.layers.activations import Activation
from nnlab.core.network import Network
from nnlab.core.types import FloatArray
from nnlab.errors import UsageError
from nnlab.show.figures import style
from nnlab.show.figures.axes import legend_below
from nnlab.show.figures.mpl import Figure
from nnlab.show.figures.plot import FigureForm, figure_files, save_figure
from nnlab.show.figures.style import look
from nnlab.suggest import did_you_mean

REACH = 10.0
POINTS = 2001


def activation_names() -> list[str]:
    """The names of all activations in the catalogue."""
    return [name for name, layer in LAYERS.items() if issubclass(layer, Activation)]


def require_activation(name: str) -> str:
    """The name of an activation. Raises UsageError, with the nearest one, for any other."""
    names = activation_names()
    if name not in names:
        hint = did_you_mean(name, names, "layer")
        raise UsageError(f"There is no activation '{name}'.{hint} There are {', '.join(names)}.")
    return name


def activation_curves(name: str) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """x (N,), f(x), and f'(x) where the layer has a derivative.

    softmax takes several numbers: its first output is drawn for the inputs (x, 0).
    """
    layer = LAYERS[require_activation(name)]()
    x = np.linspace(-REACH, REACH, POINTS)
    rows = np.column_stack([x, np.zeros(POINTS)]) if name == "softmax" else x[:, None]
    network = Network([layer], rows.shape[1])
    (bound,) = network.bind(POINTS, gradient=np.zeros(0)).bound
    layer.forward(bound.p, rows, bound.y, bound.s, True)
    if not layer.differentiable:
        return x, bound.y[:, 0], None
    dy = np.zeros_like(rows)
    dy[:, 0] = 1.0
    dx = np.empty_like(rows)
    layer.backward(bound.p, bound.g, rows, bound.y, dy, dx, bound.s)
    return x, bound.y[:, 0], dx[:, 0]


def draw_activation(
    name: str, form: FigureForm | None = None, out: Path | None = None
) -> list[Path]:
    """Draw activation-<name> into `out`, else into the current folder.

    Raises UsageError for an unknown name, StorageError.
    """
    files = figure_files(f"activation-{name}", lambda: activation_figure(name), form)
    return [save_figure(out or Path(), file, data) for file, data in files]


def activation_figure(name: str) -> Figure:
    """f and f' over -10..10. Raises UsageError for an unknown name."""
    x, y, slope = activation_curves(name)
    about = "of (x, 0), the first output" if name == "softmax" else ""
    figure, (ax,) = style.panels(1, name.replace("_", " "), about, width=1.1)
    ax.plot(x, _broken(y, 0.5), color=look().blue, label="f(x)")
    if slope is None:
        ax.plot([], [], linestyle="", label="no derivative to learn with")
    else:
        ax.plot(x, _broken(slope, 0.4), "--", color=look().orange, label="derivative f'(x)")
    bottom, top = max(float(y.min()), -2.0) - 0.2, min(float(y.max()), 3.0) + 0.2
    ax.set(xticks=[-10, -5, 0, 5, 10], xlabel="x", ylabel="f(x), f'(x)", ylim=(bottom, top))
    legend_below(figure, [ax])
    return figure


def _broken(values: FloatArray, jump: float) -> FloatArray:
    """The values with a gap where they jump: no slope is drawn that is not there."""
    shown = values.copy()
    shown[:-1][np.abs(np.diff(values)) > jump] = np.nan
    return shown
