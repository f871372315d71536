"""Mistakes that only show when parts are seen together: data, network, loss, training.

Each check notes problems at the key that is best changed. Parts that could not be built are
skipped, as their own mistakes are noted already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnlab.config.expectations import check_expectations, expected_values
from nnlab.config.families import LOSS
from nnlab.config.network_checks import Layers, NetworkChecks
from nnlab.config.problems import Notes, Problems, shown_value
from nnlab.config.schema import Data, Training
from nnlab.config.tree import Node
from nnlab.core import columns
from nnlab.core.losses import LOSSES, ClassLoss, Loss, losses_for
from nnlab.core.metrics import (
    METRICS,
    better_when,
    kind_of,
    quantities_of,
    row_metrics_of,
)
from nnlab.core.types import Shape
from nnlab.data.dataset import Signature
from nnlab.data.split import PartRows, split_rows
from nnlab.errors import ConfigError, DataError
from nnlab.suggest import did_you_mean


def check_parts(root: Node, parts: Mapping[str, Any], problems: Problems) -> None:
    """Note what does not go together; `parts` holds what could be built of a Config's fields.

    Raises DataError when the data's shape cannot be determined and nothing else is wrong.
    """
    checks = NetworkChecks(root, problems)
    network, loss, training = (parts.get(key) for key in ("network", "loss", "training"))
    if network is not None and loss is not None:
        checks.final_layer(network, loss)
    if training is not None:
        checks.training(network or (), parts.get("optimizer"), training)
    if (data := parts.get("data")) is None:
        return
    try:
        signature = data.signature()
    except DataError:
        if not problems:
            raise
        return
    _check_with_data(checks, data, signature, network, loss, training)


def _check_with_data(
    checks: NetworkChecks,
    data: Data,
    signature: Signature,
    network: Layers | None,
    loss: Loss | None,
    training: Training | None,
) -> None:
    rows = shape = None
    about_data = DataChecks(checks.root, checks.problems)
    if training is not None:
        rows = about_data.rows(data, training, signature)
        about_data.augmentation(data, training, signature)
    if network is not None:
        shape = checks.shapes(network, signature)
    if network is not None and shape is not None:
        checks.output(network, shape, loss, signature)
        checks.weighted_outputs(loss, shape)
        if rows is not None and training is not None:
            checks.batches(network, training, signature, len(rows.train))
            about_data.expectations(rows, signature, shape, network, training)
    if training is not None:
        about_data.stratify(data, signature)
        about_data.scale_target(data, signature, loss)
        about_data.monitor(data, training, signature, shape, network or ())
        about_data.stopping(data, training)
    if loss is not None:
        about_data.targets(loss, signature)
        about_data.class_weight(loss, signature)


class DataChecks(Notes):
    """Notes what data, loss and training do not let each other do."""

    def rows(self, data: Data, training: Training, signature: Signature) -> PartRows | None:
        """The rows of each part; None after noting a part without rows."""
        try:
            rows = split_rows(data.split, signature.rows, signature.test_rows, data.seed)
        except ConfigError as error:
            key = str(error).partition(":")[0].removeprefix("data").removeprefix(".")
            self.note(("data", key), str(error))
            return None
        size, train = training.batch_size, rows.train
        if training.drop_last and size != "full" and size > len(train):
            self.note(
                ("training", "batch_size"),
                f"a batch of {size} is larger than the {len(train)} training rows, and drop_last "
                "would drop them all.",
                f"at most {len(train)}, or drop_last: false",
            )
        return rows

    def expectations(
        self,
        rows: PartRows,
        signature: Signature,
        shape: Shape,
        network: Layers,
        training: Training,
    ) -> None:
        """What is expected are numbers that the run will have."""
        kind, asked = kind_of(signature.task, shape[0]), training.metrics
        sizes = zip(columns.PARTS, (rows.train, rows.validation, rows.test), strict=True)
        parts = [part for part, numbers in sizes if numbers is not None]
        names = expected_values(parts, quantities_of(kind), asked, [*row_metrics_of(kind, network)])
        check_expectations(self.root, self.problems, names)

    def augmentation(self, data: Data, training: Training, signature: Signature) -> None:
        """Only images can be moved, not too far, and only where all pixels have one scale."""
        if not training.augment:
            return
        if signature.image is None:
            sentence = "augment changes images, and this data has none."
            self.note(("training", "augment"), sentence)
        elif data.scale == "standardize":
            self.note(
                ("data", "scale"),
                "standardize gives every pixel a scale of its own, so that augment cannot move it.",
                "unit, standardize_all, none",
            )
        else:
            for index, step in enumerate(training.augment):
                if (reason := step.spoils(*signature.image[:2])) is not None:
                    self.note(("training", "augment", index), f"{reason}.")

    def monitor(
        self,
        data: Data,
        training: Training,
        signature: Signature,
        shape: Shape | None,
        network: Layers,
    ) -> None:
        """The monitored value and the named metrics are those that the run can have."""
        kind = kind_of(signature.task, (shape or (signature.outputs,))[0])
        always, more = quantities_of(kind), list(row_metrics_of(kind, network))
        self.metrics(training, always[1:] + more)
        monitor = training.monitor
        parts = columns.WATCHED if data.split.has_validation else columns.WATCHED[:1]
        names = [columns.name(part, name) for part in parts for name in always]
        likewise = [columns.name(part, name) for part in parts for name in more]
        if monitor in (*names, *likewise):
            return
        sentence = f"there is no value {shown_value(monitor)} to monitor."
        if columns.split(str(monitor))[0] == columns.VAL and len(parts) == 1:
            sentence += " There is no validation part: data.validation is not set."
        # All of them are somewhat alike.
        hint = did_you_mean(str(monitor), names + likewise, "metric", likeness=0.8)
        allowed = f"{', '.join(names)}; likewise {', '.join(more)}"
        self.note(("training", "monitor"), sentence, allowed, hint)

    def stratify(self, data: Data, signature: Signature) -> None:
        """Shares of classes need classes, and a random order."""
        if not data.split.stratify:
            return
        if signature.task != "classes":
            self.note(("data", "stratify"), "stratify needs classes, and this data has none.")
        elif data.split.split == "ordered":
            sentence = "stratify needs a random order, and split is ordered."
            self.note(("data", "stratify"), sentence, "split: shuffled")

    def scale_target(self, data: Data, signature: Signature, loss: Loss | None) -> None:
        """Scaled targets are numbers, for a loss that takes any number."""
        path = ("data", "scale_target")
        if data.scale_target == "none":
            return
        if signature.task != "regression":
            self.note(path, "scale_target is for numbers, and these targets are classes.", "none")
        elif loss is not None and loss.fuses is not None:
            name, allowed = LOSS.name_of(loss), ", ".join(losses_for("regression"))
            self.note(path, f"{name} cannot take scaled targets.", f"none, or the losses {allowed}")

    def metrics(self, training: Training, known: Sequence[str]) -> None:
        """The metrics that are named are metrics of the task and of the network's outputs."""
        for index, name in enumerate(training.metrics):
            if name in known:
                continue
            sentence = f"there is no metric {shown_value(name)} here."
            if metric := METRICS.get(name):
                wants = " of probabilities (softmax or sigmoid)" if metric.of_probabilities else ""
                sentence = f"{name} does not suit the task and the outputs; it is{wants} for "
                sentence += f"{', '.join(metric.tasks)}."
            hint = "" if name in METRICS else did_you_mean(name, known, "metric")
            self.note(("training", "metrics", index), sentence, ", ".join(known), hint)

    def stopping(self, data: Data, training: Training) -> None:
        """Early stopping looks for improvements, and not at the test part."""
        if (stopping := training.early_stopping) is None:
            return
        monitor = str(training.monitor)
        better = better_when(monitor)
        if stopping.mode != better:
            sentence = f"{monitor} is better when it is {better}imal, so mode is {better}."
            self.note(("training", "early_stopping", "mode"), sentence, better)
        if columns.split(monitor)[0] == columns.VAL and data.split.watches_test:
            self.note(
                ("training", "early_stopping"),
                "early stopping would choose by the test part, because data.validation is 'test'.",
                "a validation part of its own: data.validation: 0.2",
            )

    def targets(self, loss: Loss, signature: Signature) -> None:
        """The loss is for the kind of targets that the data has."""
        name = LOSS.name_of(loss)
        if signature.task == "multilabel" and loss.kinds == ("classes",):
            sentence = f"{name} needs one class per row, and these rows have labels."
            self.note(("loss",), sentence, "bce with a final sigmoid")
        if signature.task != "regression" and loss.kinds == ("regression",):
            sentence = f"{name} needs numbers to predict, and this data has classes."
            usual = [name for name, kind in LOSSES.items() if "regression" not in kind.kinds]
            self.note(("loss",), sentence, ", ".join(usual))
        if signature.task == "regression" and "regression" not in loss.kinds:
            sentence = f"{name} needs classes, and this data is a regression."
            allowed = ", ".join(losses_for("regression"))
            if signature.classes_by:
                allowed = f"{signature.classes_by}; or the losses {allowed}"
            self.note(("loss",), sentence, allowed)

    def class_weight(self, loss: Loss, signature: Signature) -> None:
        """There is one weight per class."""
        weights = loss.class_weight if isinstance(loss, ClassLoss) else None
        if weights is None:
            return
        path, outputs = ("loss", "class_weight"), signature.outputs
        if signature.task == "identity":
            self.note(path, "class_weight needs classes; this is identity.")
        elif signature.task == "classes" and weights != "balanced" and len(weights) != outputs:
            sentence = f"class_weight has {len(weights)} numbers for {outputs} classes."
            self.note(path, sentence, f"a list of {outputs} numbers >= 0, or balanced")
