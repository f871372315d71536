"""Trains some shipped experiments and draws the images of README.md and docs/gallery.md.

    make figures                      # two minutes; MNIST and Fashion-MNIST are fetched or found
    docs/figures.py fashion_mlp xor   # those of some experiments

Every image is what `nnlab plot` draws, with its colours reduced so that the repository stays small.
"""

import io
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

import nnlab
from nnlab.race import figure as race
from nnlab.race.config import load_race
from nnlab.race.run import run_race
from nnlab.run.folder import RunFolder
from nnlab.show.figures import FIGURES, View, activation, overlay, style, view
from nnlab.show.figures.palette import DARK, LIGHT, Look, channels, mixed

IMAGES = Path(__file__).with_name("images")
COLOURS = (48, 24, 12)  # the most that fit into LARGEST, beside those of the look
SHADES = {"lenet_mnist-feature_maps": 160}  # two scales of colours, which fewer would mix
LARGEST = 64 * 1024  # bytes
WIDEST = 1000  # pixels: twice the width of a column on a page

# Experiment -> figures of its run.
WANTED: dict[str, tuple[str, ...]] = {
    "identity8": ("network", "curves", "outputs", "weights", "activations", "codes", "loss_path"),
    "digits_binary": ("curves", "confusion", "filters"),
    "box": ("fit",),
    "approximate": ("fit",),
    "fashion_mlp": ("curves", "samples", "mistakes", "confusion", "network"),
    "mnist_online": ("curves", "filters"),
    "lenet_mnist": ("network", "filters", "feature_maps"),
    "forward_random": ("forward",),
    "textbook": ("steps", "lr", "targets", "histograms", "gradient_flow", "importance"),
    "digits_conv": ("pca", "tsne", "occlusion"),
    "shapes": ("samples",),
    "autoencoder": ("reconstructions", "code"),
    "linear": ("scatter", "outputs"),
    "xor": ("curves", "outputs", "scatter", "boundary", "boundary_epochs", "weights"),
}
EPOCHS = {"lenet_mnist": 1}  # instead of the config's: enough to see what its maps are
ACTIVATIONS = ("sigmoid", "relu")
DRAWN: dict[str, Any] = {
    "init": "xavier_uniform",
    "network__0__freeze": False,
    "network__2__freeze": False,
}
OVERLAY = ("digits_binary", "digits_linear", "digits_two_linear", "digits_deep", "digits_zeros")


def main(wanted: Sequence[str] = ()) -> int:
    """Draw everything, or the images of the experiments that are named."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        runs: dict[str, View] = {}

        def run(name: str) -> View:
            if name not in runs:
                print(f"training {name}", flush=True)
                options: dict[str, Any] = {"epochs": EPOCHS[name]} if name in EPOCHS else {}
                runs[name] = view(RunFolder(nnlab.train(name, runs=place, **options).path))
            return runs[name]

        for name, figures in WANTED.items():
            if wanted and name not in wanted:
                continue
            for figure in figures:
                draw(f"{name}-{figure}", partial(FIGURES[figure].draw, run(name)))
        if wanted:
            return 0
        for name in ACTIVATIONS:
            draw(f"activation-{name}", partial(activation.activation_figure, name))
        compared = [run(name) for name in OVERLAY]
        draw("digits-compared", partial(overlay.draw_runs, compared))
        draw_transfer(place)
        draw("landscape", partial(race.FIGURES["landscape"].draw, raced("landscape", Path(place))))
        draw("xor-boundary-dark", partial(FIGURES["boundary"].draw, run("xor")), dark=True)
    return 0


def draw_transfer(place: str) -> None:
    """The experiment `transfer`, and the same network with weights that are drawn."""
    names: dict[str, dict[str, Any]] = {"transfer": {}, "from nothing": DRAWN}
    runs = [nnlab.train("transfer", runs=place, name=name, **more) for name, more in names.items()]
    compared = [view(RunFolder(run.path)) for run in runs]
    draw("transfer-compared", partial(overlay.draw_runs, compared))


def raced(name: str, place: Path) -> View:
    """The race of a shipped config."""
    return view(run_race(load_race(name), place).folder)


def draw(name: str, paint: Callable[[], Figure], dark: bool = False) -> None:
    """Write docs/images/<name>.png with few colours."""
    with style.style(dark=dark):
        data = style.encode_figure(paint())
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if image.width > WIDEST:
        size = (WIDEST, round(image.height * WIDEST / image.width))
        image = image.resize(size, Image.Resampling.LANCZOS)
    path = IMAGES / f"{name}.png"
    for colours in (SHADES.get(name, COLOURS[0]), *COLOURS[1:]):
        reduced(image, colours, DARK if dark else LIGHT).save(path, optimize=True)
        if path.stat().st_size <= LARGEST:
            break
    print(f"{path.name}: {path.stat().st_size // 1024} kB")


def reduced(image: Image.Image, colours: int, look: Look) -> Image.Image:
    """The image with so many colours of its own, and all those of the look.

    What is small, such as a bar beside a photograph, would lose its colour to many greys.
    """
    own = image.quantize(colours, dither=Image.Dither.NONE).getpalette() or []
    ends = [look.deep(colour) for colour in (look.positive, look.negative)]
    kept = [look.paper, look.ink, look.soft, *look.lines, *ends]
    kept += [mixed(look.paper, colour, 0.5) for colour in look.lines]
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(part for one in kept for part in channels(one)), *own[: 3 * colours]])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
