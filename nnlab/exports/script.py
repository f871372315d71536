"""`--to script`: a file that trains the network again with NumPy alone, and checks its losses."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from textwrap import indent, wrap

import numpy as np

from nnlab import __version__
from nnlab.build import Built
from nnlab.core import columns
from nnlab.core.losses import ClassLoss
from nnlab.core.memory import ArrayPlace
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.optimizers import Assignment
from nnlab.core.random import Purpose, entropy
from nnlab.core.types import Array
from nnlab.errors import UsageError
from nnlab.exports.layer_source import STABLE, LayerPlace, layer_source
from nnlab.exports.numpy_source import HELPERS, numpy_source, setting_texts
from nnlab.exports.rate_source import rate_source
from nnlab.exports.trained import plain_line
from nnlab.run.run import Run
from nnlab.show.words import run_title

BESIDE = '__file__.removesuffix(".py") + ".npz"'
WIDTH, SPARE = 96, 20  # of a line of numbers, and for what else is on it
SHORT = 64  # numbers of an array that is written into the script itself
CHECKED = (1, 2, 5)  # times powers of ten: the epochs whose loss is compared
# The loss of an output from logits z, where neither overflows nor a rounded 0 has a logarithm.
FROM_LOGITS = {
    "softmax": "class_weight * t * (log_sum_exp(z) - z)",
    "exp": "exp(min(z, 80)) - t + t * (log(max(t, 1e-30)) - z)",
    "sigmoid": "w_1 * t * softplus(-z) + w_0 * (1 - t) * softplus(z)",
}


@dataclass(frozen=True)
class Script:
    """The parts of a script, and the arrays of the npz file beside it; none if it needs none.

    `sections` are lines by title, in order; `load` is the line that reads the file, if there is.
    """

    title: str
    setup: str
    about: str
    sections: Mapping[str, str]
    arrays: Mapping[str, Array]

    @property
    def text(self) -> str:
        """The whole script."""
        head = f"{self.title}: the training of a network, with NumPy alone.\n\n{self.setup}\n\n"
        imports, functions, *rest = self.sections.values()
        below = f"\n\n\n{functions}\n\n\n" if functions else "\n\n"
        return f'"""{head}{self.about}\n"""\n\n{imports}{below}' + "\n\n".join(rest) + "\n"


def write_script(run: Run, built: Built, tolerance: float, file: str = BESIDE) -> Script:
    """The script for a run, whose data is loaded in `built`.

    tolerance: the largest relative difference of an epoch's loss that the script accepts. file:
    an expression for the path of the npz file. Raises UsageError for a training that has no form
    in a script, RunUnreadable.
    """
    parts = _Parts(run, built, tolerance)
    data, settings = "\n".join(parts.data()), "\n".join(parts.settings())
    training = "\n".join(parts.loop())
    if parts.arrays:
        data = f"with np.load({file}) as file:\n    saved = dict(file)\n{data}"
    used = [source for name, source in HELPERS.items() if re.search(rf"\b{name}\(", training)]
    functions = "\n\n".join([*used, *parts.functions]).rstrip()
    math = [name for name in ("erfc", "pi", "sqrt") if re.search(rf"\b{name}\b", functions)]
    imports = f"from math import {', '.join(math)}\n\n" if math else ""
    sections = {
        "Imports": f"{imports}import numpy as np",
        "Functions": functions,
        "Rows and weights": data,
        "Settings": settings,
        "Training": training,
    }
    title, setup = run_title(run.name, run.settings, run.data.inputs)
    return Script(plain_line(title), plain_line(setup), parts.about, sections, parts.arrays)


class _Parts:
    """The lines of a script, from what the catalogues say of their members."""

    def __init__(self, run: Run, built: Built, tolerance: float) -> None:
        self.run, self.plan, self.tolerance = run, built.plan, tolerance
        if self.plan.train.augmenter is not None:
            raise UsageError("A training that changes its images (training.augment) has no script.")
        if not self.plan.optimizer.rule:
            raise UsageError(
                "The optimizer's update has no formula, so the training has no script."
            )
        if self.plan.train.weights is not None:
            raise UsageError("A training with weights of rows (data.weight) has no script.")
        self.losses = _by_epoch(run, columns.name(columns.TRAIN, columns.LOSS))
        self.epochs = max(self.losses, default=0)
        if not self.epochs:
            raise UsageError(f"The run {run.name} has no finished epoch that could be repeated.")
        self._place_layers(run.network("initial"))
        rows, size = len(self.plan.train), min(self.plan.batch_size, len(self.plan.train))
        self.batches = rows // size if self.plan.drop_last else -(-rows // size)
        self.rows = self.batches * size if self.plan.drop_last else rows  # of an epoch
        self.shuffled = self.plan.shuffles(self.batches)
        lr, epochs, seen = self.plan.optimizer.lr, self.plan.epochs, _by_epoch(run, "lr")
        self.rate = rate_source(self.plan.schedule, lr, epochs, self.batches, seen)
        self.arrays = dict(self.rate.arrays)
        self.functions = [self.rate.function] if self.rate.function else []

    def _place_layers(self, network: Network) -> None:
        self.network, self.parameters = network, network.layout.changed
        self.outputs = network.shapes[-1][0]
        self.first = min(place.layer for place in self.parameters)  # that learns
        layers = network.layers[: trained_depth(network.layers, self.plan.loss)]
        self.places = [LayerPlace(i, layer, i > self.first) for i, layer in enumerate(layers)]
        self.layers = [layer_source(p, network.shapes[p.index]) for p in self.places]

    @property
    def about(self) -> str:
        """What the script does, and where it comes from."""
        files = " It reads the npz file beside it." if self.arrays else ""
        return (
            "It prints the loss after some epochs, and compares it with that of the run\n"
            f"{plain_line(self.run.name)}.{files}\nWritten by nnlab {__version__}."
        )

    # Data and settings

    def data(self) -> Iterator[str]:
        x, t = self._rows()
        layout, values = self.network.layout, self.network.values
        weights = [(self._name(place), place.of(values)) for place in layout.places]
        named = [("inputs", x), ("targets", t), *weights]
        yield "# The rows of the training part, as the network gets them."
        for name, array in named[:2]:
            yield from self._array(name, array)
        if self.plan.train.lazy:
            yield self._scaling()
        yield "# The weights before training; a row of W for each input."
        for name, array in named[2:]:
            yield from self._array(name, array)
        yield f"parameters = [{', '.join(map(self._name, self.parameters))}]"

    def _rows(self) -> tuple[Array, Array]:
        """Inputs and targets; images as the numbers from 0 to 255 that they are."""
        part = self.plan.train
        if part.lazy:
            return part.inputs[part.rows], part.targets
        return part.copied(slice(None))

    def _scaling(self) -> str:
        """The line that makes inputs of pixels."""
        part = self.plan.train
        self.arrays |= {"shift": part.shift, "factor": part.factor}
        dtype = self.network.dtype
        return f'inputs = (inputs.astype("{dtype}") - saved["shift"]) * saved["factor"]'

    def _array(self, name: str, array: Array) -> Iterator[str]:
        """A short array with its numbers, a long one from the file."""
        if array.size > SHORT:
            self.arrays[name] = array.copy()
            yield f'{name} = saved["{name}"]  # {" x ".join(map(str, array.shape))}'
        else:
            yield f"{name} = np.{_literal(array)}"

    def _name(self, place: ArrayPlace) -> str:
        layer = LayerPlace(place.layer, self.network.layers[place.layer], False)
        return layer.own(place.declared.name)

    def settings(self) -> Iterator[str]:
        plan = self.plan
        yield f"epochs, batch_size = {self.epochs}, {min(plan.batch_size, len(plan.train))}"
        settings = setting_texts(plan.optimizer).items()
        yield from (f"{name} = {text}" for name, text in settings if self._uses(name))
        for slot in self._slots:
            yield f"{slot} = [np.zeros_like(w) for w in parameters]"
        for index in self.network.generators(plan.seed):
            stream = entropy(plan.seed, int(Purpose.DROPOUT), index)
            yield f"draws{index} = np.random.default_rng({stream})"
        yield from self._loss_settings()
        if self.rate.setting:
            yield self.rate.setting
        yield "# The loss of the run after some epochs, and by how much it may differ (relative)."
        yield f"expected = {self._expected()}"
        yield f"tolerance = {self.tolerance}"

    def _uses(self, name: str) -> bool:
        """Whether a setting of the optimizer stands in its rule."""
        optimizer = self.plan.optimizer
        rules = (*optimizer.shaping, *optimizer.rule)
        return name == "lr" or any(re.search(rf"\b{name}\b", line.formula) for line in rules)

    @property
    def _slots(self) -> list[str]:
        """The vectors of the optimizer, in the order of its rule."""
        rule, own = self.plan.optimizer.rule, self.plan.optimizer.slots
        return [name for name in dict.fromkeys(line.name for line in rule) if name in own]

    def _loss_settings(self) -> Iterator[str]:
        loss = self.plan.loss
        if not isinstance(loss, ClassLoss) or loss.class_weight is None:
            return
        weights = loss.class_weight
        if loss.fuses == "softmax":
            dtype = self.network.dtype
            yield f'class_weight = np.array({list(weights)}, "{dtype}")'
        else:
            yield f"w_0, w_1 = {weights[0]!r}, {weights[1]!r}"

    def _expected(self) -> str:
        chosen = {factor * 10**power for power in range(9) for factor in CHECKED} | {self.epochs}
        entries = [f"    {e}: {self.losses[e]!r},\n" for e in sorted(chosen) if e in self.losses]
        return "{\n" + "".join(entries) + "}"

    # The loop

    def loop(self) -> Iterator[str]:
        yield "step, losses = 0, []"
        yield "for epoch in range(epochs):"
        body = [*self._begin_epoch(), "total = 0.0"]
        body += [f"for start in range(0, {self.rows}, batch_size):"]
        body += [indent(line, "    ") for line in self._update()]
        body += [
            f"loss = total / {self.rows}",
            "losses.append(loss)",
            "if epoch + 1 in expected:",
            "    difference = abs(loss - expected[epoch + 1]) / (abs(expected[epoch + 1]) or 1)",
            '    print(f"epoch {epoch + 1}: loss {loss:.15g}, difference {difference:.1e}")',
            "    assert difference <= tolerance",
        ]
        yield from (indent(line, "    ") for line in body)

    def _begin_epoch(self) -> Iterator[str]:
        if self.shuffled:
            stream = list(map(str, entropy(self.plan.seed, int(Purpose.SHUFFLE), 0)))
            stream[2] = "epoch"
            yield f"order = np.random.default_rng([{', '.join(stream)}]).permutation(len(inputs))"
        if self.rate.epoch:
            yield self.rate.epoch

    def _update(self) -> Iterator[str]:
        span = "start : start + batch_size"
        rows = f"order[{span}]" if self.shuffled else "slice(start, start + batch_size)"
        yield f"rows = {rows}"
        yield "x, t = inputs[rows], targets[rows]"
        yield "# Forward"
        for place, source in zip(self.places, self.layers, strict=True):
            kind = layer_kind(place.layer)
            yield f"{source.forward[0]}  # {kind}"
            yield from source.forward[1:]
        yield from self._loss()
        for place, source in reversed([*zip(self.places, self.layers, strict=True)]):
            if place.index >= self.first:
                yield from (*source.gradients, *source.dx)
        gradients = ", ".join(f"g{self._name(place)}" for place in self.parameters)
        yield f"gradients = [{gradients}]"
        yield from self._rule()

    def _loss(self) -> Iterator[str]:
        """The last activation where the loss fuses it, the loss, and its derivative."""
        loss, last = self.plan.loss, self.places[-1].y
        weights = loss.class_weight if isinstance(loss, ClassLoss) else None
        names = setting_texts(loss.per_output(self.outputs)) | {"class_weight": "class_weight"}
        names |= {"z": last, "y": last}
        terms = loss.term_formula
        if loss.fuses is not None:
            names["y"] = f"y{len(self.places)}"
            if output := STABLE.get(loss.fuses):
                yield f"{names['y']} = {numpy_source(output, {'x': last})}  # {loss.fuses}"
            terms = FROM_LOGITS.get(loss.fuses, terms)
            if weights is None:
                terms = re.sub(r"(class_weight|w_0|w_1) \* ", "", terms)
        per_output = f" / {self.outputs}" if loss.reduction == "mean" and self.outputs > 1 else ""
        yield "# The loss of the batch before its update"
        yield f"total += np.sum({numpy_source(terms, names)}, dtype=float){per_output}"
        every = "len(x)" if self.outputs == 1 else f"({self.outputs} * len(x))"
        divisor = {"mean": every, "batch_mean": "len(x)", "sum": ""}[loss.reduction]
        slope = numpy_source(loss.dz_formula, names)
        scaled = f"({slope}) / {divisor}" if divisor else slope
        yield "# Backward: d is the derivative of the loss by y"
        yield f"d{self.places[-1].index} = {scaled}"

    def _rule(self) -> Iterator[str]:
        optimizer = self.plan.optimizer
        if self.rate.update:
            yield self.rate.update
        yield "step += 1"
        for line in optimizer.shaping:
            yield from self._shaping(line)
        indexed = "i, (w, g) in enumerate(zip(parameters, gradients))"
        yield f"for {indexed if self._slots else 'w, g in zip(parameters, gradients)'}:"
        for line in optimizer.rule:
            yield indent(self._assignment(line), "    ")

    def _shaping(self, line: Assignment) -> Iterator[str]:
        formula = line.formula
        if "norm(g)" in formula:
            yield "norm = np.sqrt(sum(np.sum(g * g) for g in gradients))"
            formula = formula.replace("norm(g)", "norm")
        changed = numpy_source(formula, {})
        if line.weights:
            changed = f"{changed} if w.ndim == 2 else g"
        yield f"gradients = [{changed} for w, g in zip(parameters, gradients)]"

    def _assignment(self, line: Assignment) -> str:
        names = {name: f"{name}[i]" for name in self._slots} | {"t": "step"}
        source = numpy_source(line.formula, names)
        if line.name == "w":
            in_place = source.startswith("w - ")
            change = f"w -= {source[4:]}" if in_place else f"w[...] = {source}"
            return f"if w.ndim == 2:  # no bias\n    {change}" if line.weights else change
        return f"{names.get(line.name, line.name)} = {source}"


def _by_epoch(run: Run, column: str) -> dict[int, float]:
    """The finite numbers of a column by epoch, counted from 1."""
    epochs, values = run.metrics["epoch"].tolist(), run.metrics[column].tolist()
    pairs = zip(map(int, epochs), values, strict=True)
    return {epoch: value for epoch, value in pairs if epoch and isfinite(value)}


def _literal(array: Array) -> str:
    """The call that makes an array, a line per row where rows are not too long."""
    single = "" if array.dtype == np.float64 else f', "{array.dtype}"'
    if not array.any():
        return f"zeros({array.shape}{single})"
    text = f"array({array.tolist()}{single})"
    if len(text) < WIDTH - SPARE:
        return text
    rows = [f"{row}," for row in array.tolist()]
    if array.ndim == 1 or max(map(len, rows)) > WIDTH or array.shape[1] == 1:
        rows = wrap(" ".join(rows), WIDTH)
    return "\n".join(["array([", *(f"    {row}" for row in rows), f"]{single})"])
