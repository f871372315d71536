"""Mistakes that only show when a network is seen with its data, loss, optimizer and training."""

from __future__ import annotations

from nnlab.config.families import LAYER, LOSS, OPTIMIZER
from nnlab.config.problems import Notes
from nnlab.config.schema import Training
from nnlab.config.tree import find_node
from nnlab.core.layers import Layer
from nnlab.core.layers.dense import Dense
from nnlab.core.losses import ClassLoss, Loss
from nnlab.core.network import search_obstacles, shapes
from nnlab.core.optimizers import Optimizer
from nnlab.core.types import Shape
from nnlab.data.dataset import Signature

Layers = tuple[Layer, ...]


class NetworkChecks(Notes):
    """Notes what a network, or its training, cannot do."""

    def final_layer(self, network: Layers, loss: Loss) -> None:
        """cross_entropy and bce are computed from the input of their own last activation."""
        if loss.fuses is None:
            return
        last, name = LAYER.name_of(network[-1]), LOSS.name_of(loss)
        if last == loss.fuses and len(network) == 1:
            sentence = f"{name} is computed from what comes before {last}, and nothing does."
            self.note(("network", 0), sentence, "a dense layer before it")
        if last != loss.fuses:
            sentence = f"{name} needs {loss.fuses} as the last layer, and this is {last}."
            other = {"softmax": ", or the loss cross_entropy", "sigmoid": ", or the loss bce"}
            self.note(("network", len(network) - 1), sentence, loss.fuses + other.get(last, ""))

    def training(self, network: Layers, optimizer: Optimizer | None, training: Training) -> None:
        """Training can change the network, and its average and its optimizer suit it."""
        self.trainable(network, training)
        self.average(training)
        if optimizer is not None and optimizer.searches:
            self.search(optimizer, network, training)

    def trainable(self, network: Layers, training: Training) -> None:
        """Layers have useful derivatives, and some have parameters that are not frozen."""
        if not training.epochs:
            return
        for index, layer in enumerate(network):
            if not layer.differentiable:
                name = LAYER.name_of(layer)
                sentence = f"{name} has no useful derivative, so it cannot be trained."
                self.note(("network", index), sentence, "another activation, or epochs: 0")
        learning = [index for index, layer in enumerate(network) if "freeze" in vars(layer)]
        if learning and all(network[index].freeze for index in learning):
            sentence = "all layers with parameters are frozen, so nothing is left to train."
            path = ("network", learning[-1], "freeze")
            self.note(path, sentence, "freeze: false, or epochs: 0")

    def average(self, training: Training) -> None:
        """An average of the weights begins, and is the only one that is evaluated."""
        first, epochs, path = training.swa, training.epochs, ("training", "swa")
        if not epochs or first is None:
            return
        if training.ema is not None:
            sentence = (
                "ema and swa are two averages of the weights, and one is evaluated and saved."
            )
            self.note(path, sentence, "ema: null, or swa: null")
        if first > epochs:
            sentence = f"swa begins with epoch {first}, and training ends with epoch {epochs}."
            self.note(path, sentence, f"1 to {epochs}, or null")

    def search(self, optimizer: Optimizer, network: Layers, training: Training) -> None:
        """Nothing forbids that an optimizer compares losses."""
        averaged = {"ema": training.ema, "swa": training.swa}
        given = training.batch_size == "full", bool(training.augment), averaged
        for key, reason in search_obstacles(network, *given).items():
            path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
            self.note(path, f"{OPTIMIZER.name_of(optimizer)} compares losses, {reason}.")

    def shapes(self, network: Layers, signature: Signature) -> Shape | None:
        """The shape of an output row; None after a layer that cannot take its input."""
        shape: Shape = signature.inputs
        for index, layer in enumerate(network):
            try:
                shape = layer.output_shape(shape)
            except ValueError as error:
                name = LAYER.name_of(layer)
                sentence = f"{name} cannot take rows of shape {_text(shape)}: {error}."
                self.note(("network", index), sentence)
                return None
        return shape

    def output(self, network: Layers, shape: Shape, loss: Loss | None, data: Signature) -> None:
        """The network's output has one number for each number of a target row."""
        widths, targets = wanted_outputs(loss, data)
        if len(shape) == 1 and shape[0] in widths:
            return
        allowed = " or ".join(map(str, widths)) + self._other_task(shape, loss, data)
        width = f"of shape {_text(shape)}"
        if len(shape) == 1:
            width = f"{shape[0]} number{'s' * (shape[0] != 1)} wide"
        dense = [index for index, layer in enumerate(network) if isinstance(layer, Dense)]
        index = dense[-1] if dense else len(network) - 1
        sentence = f"the network's output is {width}, but {targets}."
        self.note(("network", index, "units"), sentence, allowed)

    def _other_task(self, shape: Shape, loss: Loss | None, data: Signature) -> str:
        """The setting with which the data would have targets for such outputs."""
        own_table = find_node(self.root, "data", "name").value in ("csv", "npz")
        for_numbers = loss is not None and "regression" in loss.kinds and loss.fuses is None
        if data.task == "classes" and own_table and for_numbers:
            return ", or data.task: regression"
        if data.task == "regression" and data.classes_by and shape[-1] > data.outputs:
            return f", or {data.classes_by}"
        return ""

    def batches(self, network: Layers, training: Training, signature: Signature, rows: int) -> None:
        """Every training batch has as many of the rows as each layer needs."""
        if training.epochs == 0:
            return
        size = rows if training.batch_size == "full" else min(training.batch_size, rows)
        rest = 0 if training.drop_last else rows % size
        for index, (layer, shape) in enumerate(
            zip(network, shapes(network, signature.inputs), strict=False)
        ):
            least = layer.least_batch(shape)
            need = f"{LAYER.name_of(layer)} trains on batches of {least} rows or more"
            if size < least:
                sentence = f"{need}, and training.batch_size is {size}."
                self.note(("network", index), sentence, f"a batch_size of at least {least}")
            elif 0 < rest < least:
                sentence = f"{need}, and the last batch of an epoch has {rest} of the {rows} rows."
                allowed = "training.drop_last: true, or another batch_size"
                self.note(("network", index), sentence, allowed)

    def weighted_outputs(self, loss: Loss | None, shape: Shape) -> None:
        """With one sigmoid per class, a row counts for all classes, so weights have no meaning."""
        if not isinstance(loss, ClassLoss) or loss.class_weight is None:
            return
        if loss.fuses == "sigmoid" and shape != (1,):
            sentence = f"class_weight with bce needs a single output, and there are {shape[0]}."
            allowed = "dense: 1 for two classes, or softmax with cross_entropy"
            self.note(("loss", "class_weight"), sentence, allowed)


def wanted_outputs(loss: Loss | None, data: Signature) -> tuple[tuple[int, ...], str]:
    """The widths that an output may have, and the reason in words."""
    if data.task != "classes":
        return _outputs_for_numbers(loss, data.outputs)
    reason = f"the data has {data.outputs} classes"
    reason += f": {data.class_list}" if data.class_list else ""
    if data.outputs == 2 and (loss is None or "binary" in loss.kinds):
        return (1, 2), reason
    return (data.outputs,), reason


def _outputs_for_numbers(loss: Loss | None, columns: int) -> tuple[tuple[int, ...], str]:
    """The same for targets of so many columns."""
    reason = "a target is one number" if columns == 1 else f"the targets have {columns} columns"
    if loss is None or (each := loss.width(1)) == 1:
        return (columns,), reason
    return (loss.width(columns),), f"{reason}, and {LOSS.name_of(loss)} has {each} outputs for each"


def _text(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
