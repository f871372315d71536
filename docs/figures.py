"""Trains some shipped experiments and draws the images of README.md and docs/gallery.md.

    make figures            # two minutes; MNIST and Fashion-MNIST are fetched or found

Every image is what `nnlab plot` draws, with its colours reduced so that the repository stays small.
"""

import io
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

import nnlab
from nnlab.plots import FIGURES, View, activation, overlay, style
from nnlab.run.folder import RunFolder

IMAGES = Path(__file__).with_name("images")
COLOURS = (48, 24, 12)  # the most that fit into LARGEST
SHADES = {"lenet_mnist-feature_maps": 160}  # two scales of colours, which fewer would mix
LARGEST = 60 * 1024  # bytes
WIDEST = 1000  # pixels: twice the width of a column on a page

# Experiment -> figures of its run.
WANTED: dict[str, tuple[str, ...]] = {
    "identity8": ("network", "curves", "outputs", "weights", "activations", "codes"),
    "digits_binary": ("curves", "confusion", "filters"),
    "box": ("fit",),
    "approximate": ("fit",),
    "fashion_mlp": ("curves", "samples", "mistakes", "confusion", "network"),
    "mnist_online": ("curves", "filters"),
    "lenet_mnist": ("network", "filters", "feature_maps"),
    "forward_random": ("forward",),
    "textbook": ("steps", "lr", "targets", "histograms"),
    "linear": ("scatter",),
    "xor": ("curves", "outputs", "scatter", "boundary", "boundary_epochs", "weights"),
}
EPOCHS = {"lenet_mnist": 1}  # instead of the config's: enough to see what its maps are
ACTIVATIONS = ("sigmoid", "relu")
OVERLAY = ("digits_binary", "digits_linear", "digits_two_linear", "digits_deep", "digits_zeros")


def main() -> int:
    """Draw everything; the number of images is printed."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        runs: dict[str, View] = {}

        def run(name: str) -> View:
            if name not in runs:
                print(f"training {name}", flush=True)
                options: dict[str, Any] = {"epochs": EPOCHS[name]} if name in EPOCHS else {}
                runs[name] = View(RunFolder(nnlab.train(name, runs=place, **options).path))
            return runs[name]

        for name, figures in WANTED.items():
            for figure in figures:
                draw(f"{name}-{figure}", partial(FIGURES[figure].draw, run(name)))
        for name in ACTIVATIONS:
            draw(f"activation-{name}", partial(activation.draw, name))
        compared = [run(name) for name in OVERLAY]
        draw("digits-compared", partial(overlay.draw, compared))
        draw("xor-boundary-dark", partial(FIGURES["boundary"].draw, run("xor")), dark=True)
    return 0


def draw(name: str, paint: Callable[[], Figure], dark: bool = False) -> None:
    """Write docs/images/<name>.png with few colours."""
    with style.style(dark=dark):
        data = style.encode(paint())
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if image.width > WIDEST:
        size = (WIDEST, round(image.height * WIDEST / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    path = IMAGES / f"{name}.png"
    for colours in (SHADES.get(name, COLOURS[0]), *COLOURS[1:]):
        image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            break
    print(f"{path.name}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    sys.exit(main())
