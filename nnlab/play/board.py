"""The page that asks a trained network: a board to draw on, or a slider for each input."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.core.layers.activations import Activation
from nnlab.core.metrics import decisions
from nnlab.core.network import layer_kind, layer_name
from nnlab.core.types import Array, FloatArray, cached_property
from nnlab.data.dataset import InputColumn, category_words
from nnlab.errors import UsageError
from nnlab.play.drawing import ImageForm, decode_ink
from nnlab.show.figures import View
from nnlab.show.figures.images import images_across, tiles
from nnlab.show.page.render import live_page
from nnlab.show.page.scenes import signed_bytes
from nnlab.show.words import format_number

MOST_INPUTS = 60  # sliders
MOST_BARS = 40  # answers, the largest first where there are more
MOST_MAPS, MOST_LAYERS = 64, 6  # images of a layer, and layers with images
LARGEST = float(np.finfo(np.float32).max)  # of an input


@dataclass(frozen=True, eq=False)
class QuestionPage:
    """A trained network behind a page. Raises RunUnreadable where the run has no weights."""

    run: View

    def __post_init__(self) -> None:
        _ = self.run.latest_network  # its weights are read once, and missing ones are noticed here
        if not self.draws and len(self.columns) > MOST_INPUTS:
            raise UsageError(
                f"The run {self.run.name} has {len(self.columns)} inputs, and a page has sliders "
                f"for {MOST_INPUTS}. `nnlab predict {self.run.name} FILE` takes rows from a file."
            )

    @property
    def draws(self) -> bool:
        """Whether the inputs are an image."""
        return self.run.data.image_shape is not None

    @property
    def columns(self) -> tuple[InputColumn, ...]:
        return self.run.schema.columns

    @property
    def actions(self) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        """The functions that a page may call."""
        return {"form": lambda body: self.form(), "answer": self.answer}

    def form(self) -> dict[str, Any]:
        """What the page asks with."""
        sliders = [] if self.draws else self._sliders()
        return {"story": f"The network {self.run.when}.", "draws": self.draws, "sliders": sliders}

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answers to a drawing or to values, and what the layers make of it."""
        if self.draws:
            ink = decode_ink(body.get("ink"))
            if not ink.any():
                return {"answers": [], "decision": "", "maps": []}
            row = self._form_of_images.image(ink)
        else:
            row = self._row(body.get("values"))
        outputs = self.run.outputs(row[None])[0].astype(np.float64)
        maps = self._maps(row) if self.draws else []
        if self.draws and self.run.data.learn == "inputs":
            return {"answers": [], "decision": "", "maps": [*maps, self._restored(outputs)]}
        answers, decision = self._answers(outputs), self._decision(outputs)
        return {"answers": answers, "decision": decision, "maps": maps}

    @cached_property
    def _form_of_images(self) -> ImageForm:
        return ImageForm.of_run(self.run)

    # Answers.

    def _answers(self, outputs: FloatArray) -> list[dict[str, Any]]:
        """The name, the number in words, and the length of the bar from 0 to 1 of each output."""
        names, values = self._named(outputs)
        low, high = self._range(values)
        bars = np.clip((values - low) / (high - low), 0, 1)
        order = np.arange(len(values))
        if len(order) > MOST_BARS:
            order = np.sort(np.argsort(-values)[:MOST_BARS])
        return [
            {"name": names[i], "text": format_number(values[i].item()), "share": float(bars[i])}
            for i in order
        ]

    def _named(self, outputs: FloatArray) -> tuple[list[str], FloatArray]:
        """The names of the answers and their values; two classes have two, also of one output."""
        data, width = self.run.data, len(outputs)
        if data.kind == "binary" and width == 1:
            outputs = np.array([1 - outputs[0], outputs[0]])
        names = list(self.run.output_names)
        if len(names) != len(outputs):
            names = [f"output {i + 1}" for i in range(len(outputs))]
        return names, outputs

    def _range(self, values: FloatArray) -> tuple[float, float]:
        """The ends of the bars: 0 and 1 for classes, else the range of the saved targets."""
        if self.run.data.task == "classes" or not self.run.rows:
            return 0.0, 1.0
        targets = np.concatenate([rows.targets.ravel() for rows in self.run.rows.values()])
        low, high = min(0.0, float(targets.min())), float(targets.max())
        return low, max(high, low + 1e-9)

    def _decision(self, outputs: FloatArray) -> str:
        if self.run.data.task != "classes":
            return ""
        if not np.isfinite(outputs).all():
            return "The outputs are not finite."
        return str(self.run.classes[int(decisions(self.run.data.kind, outputs[None])[0])])

    # Images.

    def _maps(self, row: FloatArray) -> list[dict[str, Any]]:
        """Scenes of page.js: the image as the network gets it, and the maps of each convolution."""
        scenes = [self._picture(row, "What the network gets")]
        network, x = self.run.latest_network, self.run.scaled(row[None])
        for depth in self._map_depths():
            maps = network.bind(1, depth=depth).forward(x)[0]
            name = layer_name(network.layers, depth - 1)
            scenes.append(_sheet(maps, f"What {name} makes of it", 280))
        return scenes

    def _picture(self, row: FloatArray, title: str) -> dict[str, Any]:
        form = self._form_of_images
        seen = ((row - form.blank) / (form.full - form.blank)).reshape(*form.shape[:2], -1)
        return _sheet(seen[:, :, :1], title, 100)

    def _restored(self, outputs: FloatArray) -> dict[str, Any]:
        """The scene of what an autoencoder makes of the image."""
        low, high = self.run.data.input_range or (0.0, 1.0)
        pixels = self.run.answers(outputs[None])[0] * (high - low) + low
        return self._picture(pixels, "What the network gives back")

    def _map_depths(self) -> list[int]:
        """The numbers of layers up to the end of each convolution, its activation included."""
        layers, depths = self.run.latest_network.layers, []
        for index, layer in enumerate(layers):
            if layer_kind(layer) == "conv2d":
                depth = index + 1
                while depth < len(layers) and _belongs(layers[depth]):
                    depth += 1
                depths.append(depth)
        return depths[:MOST_LAYERS]

    # Tables.

    def _sliders(self) -> list[dict[str, Any]]:
        """A slider per number, a menu per category; both begin at what is typical."""
        rows = [rows.inputs for rows in self.run.rows.values()]
        table = np.concatenate(rows).astype(np.float64) if rows else None
        sliders, place = [], 0
        for column in self.columns:
            part = None if table is None else table[:, place : place + len(column.inputs)]
            place += len(column.inputs)
            usual = self._scaled_range(place - 1)
            sliders.append({"name": column.name, **_control(column, part, usual)})
        return sliders

    def _scaled_range(self, place: int) -> tuple[float, float]:
        """The values of an input that become -1 and 1, as far as its scaling knows."""
        scaling, width = self.run.scaling, self.run.data.inputs[0]
        shift, factor = (np.broadcast_to(a, width)[place] for a in (scaling.shift, scaling.factor))
        reach = 1 / factor if factor else 1.0
        return float(shift - reach), float(shift + reach)

    def _row(self, values: object) -> FloatArray:
        """The row (n,) for the values of a page. Raises UsageError for anything else."""
        if not isinstance(values, list) or len(values) != len(self.columns):
            raise UsageError(f"A row has {len(self.columns)} values.")
        row: list[float] = []
        for column, value in zip(self.columns, values, strict=True):
            if column.categories is not None:
                if value not in column.categories:
                    known = ", ".join(map(category_words, column.categories))
                    raise UsageError(f"{column.name} is one of {known}.")
                row += [float(value == category) for category in column.categories]
            elif type(value) in (int, float) and abs(value) <= LARGEST:
                row.append(float(value))
            else:
                raise UsageError(f"{column.name} is a number.")
        return np.array(row)


def _belongs(layer: Any) -> bool:
    return isinstance(layer, Activation) or layer_kind(layer).endswith("_norm")


def _control(
    column: InputColumn, part: FloatArray | None, usual: tuple[float, float]
) -> dict[str, Any]:
    """The range and the first value of a column, from its saved inputs (N, k) if there are any."""
    if column.categories is not None:
        first = 0 if part is None else int(np.nansum(part, axis=0).argmax())
        choices = [[category, category_words(category)] for category in column.categories]
        return {"choices": choices, "value": column.categories[first]}
    values = np.array(usual) if part is None else part[np.isfinite(part)]
    values = values if values.size else np.array(usual)
    low, high = float(values.min()), float(values.max())
    high = high if high > low else low + 1
    is_whole = part is not None and high - low >= 2 and bool((values == np.round(values)).all())
    step = 1.0 if is_whole else (high - low) / 200
    value = float(np.median(values))
    return {"choices": [], "low": low, "high": high, "step": step, "value": value}


def _sheet(maps: Array, title: str, wanted: int) -> dict[str, Any]:
    """Maps (h, w, c) beside each other as a scene, about `wanted` pixels wide."""
    images = np.moveaxis(maps[:, :, :MOST_MAPS], 2, 0)[None].astype(np.float64)  # (1, c, h, w)
    count = images.shape[1]
    sheet = np.nan_to_num(tiles(images, images_across(count, images.shape[2] / images.shape[3])))
    shown = f"{count} of {maps.shape[2]} maps" if maps.shape[2] > count else f"{count} maps"
    signs = "Dark blue is above zero, light orange below."
    caption = title if count == 1 else f"{title}: {shown}. {signs}"
    return {
        "kind": "filters",
        "alt": caption,
        "caption": caption,
        "signed": count > 1,
        "zoom": max(1, wanted // sheet.shape[2]),
        "width": sheet.shape[2],
        "height": sheet.shape[1],
        "fields": signed_bytes(sheet / max(np.abs(sheet).max(), 1e-12)),
    }


def board_page(run: View) -> tuple[str, str]:
    """The HTML of a page that asks this run, and its policy."""
    title, setting = run.title
    return live_page(
        title, setting, "nnlab play", ("live.js", "board.js"), "board.html", ("board.css",)
    )
