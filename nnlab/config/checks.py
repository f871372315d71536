"""Mistakes that only show when parts are seen together: data, network, loss, training.

Each check is a function of what it looks at; it notes problems at the key that is best changed.
Parts that could not be built are skipped, as their own mistakes are noted already.
"""

from __future__ import annotations

from dataclasses import dataclass

from nnlab.config.construct import Parts
from nnlab.config.families import LAYER, LOSS
from nnlab.config.problems import Problems, show
from nnlab.config.schema import Data, Training
from nnlab.config.tree import Node, Place, find
from nnlab.core import columns
from nnlab.core.layers import Layer
from nnlab.core.layers.dense import Dense
from nnlab.core.losses import ClassLoss, Loss, plain_losses
from nnlab.core.metrics import better_when, kind_of, quantities_of
from nnlab.core.network import shapes
from nnlab.core.types import Shape
from nnlab.data.dataset import Signature
from nnlab.data.split import split_rows
from nnlab.errors import ConfigError, DataError
from nnlab.suggest import did_you_mean


def check(root: Node, parts: Parts, problems: Problems) -> None:
    """Note what does not go together.

    Raises DataError when the data's shape cannot be found out and nothing else is wrong.
    """
    look = _Checks(root, problems)
    if parts.network is not None and parts.loss is not None:
        look.final_layer(parts.network, parts.loss)
    if parts.network is not None and parts.training is not None:
        look.derivatives(parts.network, parts.training)
    signature = None
    if parts.data is not None:
        try:
            signature = parts.data.source.signature(parts.data.seed)
        except DataError:
            if not problems:
                raise
    if parts.data is None or signature is None:
        return
    rows = None
    if parts.training is not None:
        rows = look.rows(parts.data, parts.training, signature)
        look.augmentation(parts.data, parts.training, signature)
    shape = None
    if parts.network is not None:
        shape = look.shapes(parts.network, signature)
        if shape is not None:
            look.output(parts.network, shape, parts.loss, signature)
            look.weighted_outputs(parts.loss, shape)
            if rows is not None and parts.training is not None:
                look.batches(parts.network, parts.training, signature, rows)
    if parts.training is not None:
        look.monitor(parts.data, parts.training, signature, shape)
    if parts.loss is not None:
        look.targets(parts.loss, signature)
        look.class_weight(parts.loss, signature)


@dataclass(frozen=True)
class _Checks:
    root: Node
    problems: Problems

    def place(self, *path: str | int) -> Place:
        """Where the value at `path` stands, or what is nearest above it."""
        return find(self.root, *path).place

    def final_layer(self, network: tuple[Layer, ...], loss: Loss) -> None:
        """cross_entropy and bce are computed from the input of their own last activation."""
        if loss.fuses is None:
            return
        last, name = LAYER.name_of(network[-1]), LOSS.name_of(loss)
        if last == loss.fuses and len(network) == 1:
            sentence = f"{name} is computed from what comes before {last}, and nothing does."
            self.problems.add(self.place("network", 0), sentence, "a dense layer before it")
        if last != loss.fuses:
            sentence = f"{name} needs {loss.fuses} as the last layer, and this is {last}."
            other = {"softmax": "cross_entropy", "sigmoid": "bce"}.get(last)
            self.problems.add(
                self.place("network", len(network) - 1),
                sentence,
                f"{loss.fuses}" + (f", or the loss {other}" if other else ""),
            )

    def derivatives(self, network: tuple[Layer, ...], training: Training) -> None:
        """Nothing can be learned through a step."""
        if training.epochs == 0:
            return
        for index, layer in enumerate(network):
            if not layer.differentiable:
                name = LAYER.name_of(layer)
                sentence = f"{name} has no useful derivative, so it cannot be trained."
                self.problems.add(
                    self.place("network", index), sentence, "another activation, or epochs: 0"
                )

    def shapes(self, network: tuple[Layer, ...], signature: Signature) -> Shape | None:
        """The shape of an output row; None after a layer that cannot take its input."""
        shape: Shape = signature.inputs
        for index, layer in enumerate(network):
            try:
                shape = layer.output_shape(shape)
            except ValueError as error:
                name = LAYER.name_of(layer)
                sentence = f"{name} cannot take rows of shape {_text(shape)}: {error}."
                self.problems.add(self.place("network", index), sentence)
                return None
        return shape

    def output(
        self, network: tuple[Layer, ...], shape: Shape, loss: Loss | None, data: Signature
    ) -> None:
        """The network's output has one number for each number of a target row."""
        wanted: tuple[int, ...] = (data.outputs,)
        what = (
            f"the targets have {data.outputs} columns"
            if data.outputs > 1
            else "a target is one number"
        )
        if data.task == "classes":
            what = f"the data has {data.outputs} classes"
            if data.class_list:
                what += f": {data.class_list}"
            if data.outputs == 2:
                softmax = loss is not None and loss.fuses == "softmax"
                wanted = (2,) if softmax else (1, 2)
        if len(shape) == 1 and shape[0] in wanted:
            return
        dense = [index for index, layer in enumerate(network) if isinstance(layer, Dense)]
        at = find(self.root, "network", dense[-1] if dense else len(network) - 1, "units")
        width = f"of shape {_text(shape)}"
        if len(shape) == 1:
            width = f"{shape[0]} {'number' if shape[0] == 1 else 'numbers'} wide"
        allowed = " or ".join(map(str, wanted))
        own_table = find(self.root, "data", "name").value in ("csv", "npz")
        if data.task == "classes" and own_table and loss is not None and loss.fuses is None:
            allowed += ", or data.task: regression"
        if data.task == "regression" and data.classes_by and shape[-1] > data.outputs:
            allowed += f", or {data.classes_by}"
        self.problems.add(
            at.place,
            f"the network's output is {width}, but {what}.",
            allowed,
        )

    def batches(
        self, network: tuple[Layer, ...], training: Training, signature: Signature, rows: int
    ) -> None:
        """Every training batch has as many of the rows as each layer needs."""
        if training.epochs == 0:
            return
        size = rows if training.batch_size == "full" else min(training.batch_size, rows)
        rest = 0 if training.drop_last else rows % size
        for index, (layer, shape) in enumerate(
            zip(network, shapes(network, signature.inputs), strict=False)
        ):
            least = layer.least_batch(shape)
            of_one = f"{LAYER.name_of(layer)} trains on batches of {least} rows or more"
            if size < least:
                self.problems.add(
                    self.place("network", index),
                    f"{of_one}, and training.batch_size is {size}.",
                    f"a batch_size of at least {least}",
                )
            elif 0 < rest < least:
                self.problems.add(
                    self.place("network", index),
                    f"{of_one}, and the last batch of an epoch has {rest} of the {rows} rows.",
                    "training.drop_last: true, or another batch_size",
                )

    def rows(self, data: Data, training: Training, signature: Signature) -> int | None:
        """Every part has rows, and a whole batch can be had; how many are for training."""
        try:
            train = split_rows(data.split, signature.rows, signature.test_rows, data.seed).train
        except ConfigError as error:
            key = str(error).partition(":")[0].removeprefix("data").removeprefix(".")
            self.problems.add(self.place("data", *([key] if key else [])), str(error))
            return None
        size = training.batch_size
        if training.drop_last and size != "full" and size > len(train):
            self.problems.add(
                self.place("training", "batch_size"),
                f"a batch of {size} is larger than the {len(train)} training rows, and drop_last "
                "would drop them all.",
                f"at most {len(train)}, or drop_last: false",
            )
        return len(train)

    def augmentation(self, data: Data, training: Training, signature: Signature) -> None:
        """Only pictures can be moved, not too far, and only where all pixels have one scale."""
        if not training.augment:
            return
        place = self.place("training", "augment")
        if signature.image is None:
            self.problems.add(place, "augment changes pictures, and this data has none.")
        elif data.scale == "standardize":
            self.problems.add(
                self.place("data", "scale"),
                "standardize gives every pixel a scale of its own, so that augment cannot move it.",
                "unit, standardize_all, none",
            )
        else:
            for index, step in enumerate(training.augment):
                if (reason := step.spoils(*signature.image[:2])) is not None:
                    self.problems.add(self.place("training", "augment", index), f"{reason}.")

    def monitor(
        self, data: Data, training: Training, signature: Signature, shape: Shape | None
    ) -> None:
        """The monitored value is one that the run has, and stopping does not look at the test."""
        kind = kind_of(signature.task, (shape or (signature.outputs,))[0])
        parts = columns.WATCHED[:1] if data.split.validation is None else columns.WATCHED
        names = [columns.name(part, one) for part in parts for one in quantities_of(kind)]
        if training.monitor not in names:
            monitor = str(training.monitor)
            sentence = f"there is no value {show(monitor)} to monitor."
            if columns.split(monitor)[0] == columns.VAL and len(parts) == 1:
                sentence += " There is no validation part: data.validation is not set."
            place = self.place("training", "monitor")
            # All of them are somewhat alike.
            hint = did_you_mean(monitor, names, "metric", likeness=0.8)
            self.problems.add(place, sentence, ", ".join(names), hint)
        stopping, better = training.early_stopping, better_when(str(training.monitor))
        if stopping is not None and stopping.mode != better:
            self.problems.add(
                self.place("training", "early_stopping", "mode"),
                f"{training.monitor} is better when it is {better}imal, so mode is {better}.",
                better,
            )
        looks = stopping is not None and columns.split(str(training.monitor))[0] == columns.VAL
        if looks and data.split.validation == "test":
            self.problems.add(
                self.place("training", "early_stopping"),
                "early stopping would choose by the test part, because data.validation is 'test'.",
                "a validation part of its own: data.validation: 0.2",
            )

    def targets(self, loss: Loss, signature: Signature) -> None:
        """The losses that end in probabilities compare them with classes."""
        if loss.fuses == "softmax" and signature.task == "multilabel":
            sentence = f"{LOSS.name_of(loss)} needs one class per row, and these rows have labels."
            self.problems.add(self.place("loss"), sentence, "bce with a final sigmoid")
        if loss.fuses is not None and signature.task == "regression":
            sentence = f"{LOSS.name_of(loss)} needs classes, and this data is a regression."
            allowed = ", ".join(plain_losses())
            if signature.classes_by:
                allowed = f"{signature.classes_by}; or the losses {allowed}"
            self.problems.add(self.place("loss"), sentence, allowed)

    def weighted_outputs(self, loss: Loss | None, shape: Shape) -> None:
        """With one sigmoid a class, a row counts for all classes, so weights cannot tell them."""
        if not isinstance(loss, ClassLoss) or loss.class_weight is None:
            return
        if loss.fuses == "sigmoid" and shape != (1,):
            self.problems.add(
                self.place("loss", "class_weight"),
                f"class_weight with bce needs a single output, and there are {shape[0]}.",
                "dense: 1 for two classes, or softmax with cross_entropy",
            )

    def class_weight(self, loss: Loss, signature: Signature) -> None:
        """One weight a class, and classes to weigh."""
        weights = loss.class_weight if isinstance(loss, ClassLoss) else None
        if weights is None:
            return
        place = self.place("loss", "class_weight")
        if signature.task == "identity":
            self.problems.add(place, "class_weight needs classes; this is identity.")
        elif (
            signature.task == "classes"
            and weights != "balanced"
            and len(weights) != signature.outputs
        ):
            sentence = f"class_weight has {len(weights)} numbers for {signature.outputs} classes."
            self.problems.add(
                place, sentence, f"a list of {signature.outputs} numbers >= 0, or balanced"
            )


def _text(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"
