"""Rules about the data, and about a network and a loss that do not suit it."""

from collections.abc import Iterator

import numpy as np

from nnlab.config.dump import flow
from nnlab.core import columns
from nnlab.core.losses import ClassLoss
from nnlab.core.metrics import ACCURACY
from nnlab.core.network import layer_kind
from nnlab.diagnosis.evidence import MANY_UPDATES, YOUNG, Evidence, loss_name, spread_rows
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.remedies import (
    layer_entries,
    outputs_like_targets,
    rounded,
    straight_pairs,
    with_activations,
)
from nnlab.show.words import format_number, percent

LARGE_INPUT = 8.0  # root mean square of the scaled inputs; weights of usual size expect 1
APART = 100.0  # ratio of the sizes of two inputs
LARGE_TARGET = 20.0  # root mean square; a fresh network answers about 1
SMALL_TARGET = 0.01
RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}
RARE = 0.2  # rows of the rarest class, of those that equal shares would give
LEAKED = 0.1  # share of the validation rows that are in the training part too
DISTINCT = 0.3  # of the training rows: fewer are few points that repeat, such as dice
FEW_ROWS = 40  # in a validation part: a standard error of 8 points at a share of 0.5


def no_activation(e: Evidence) -> Diagnosis | None:
    """Two layers of weights follow each other without a function between them."""
    pair = next(straight_pairs(e), None)
    if pair is None or e.has_learned(0.9):
        return None
    first, second = pair
    return Diagnosis(
        "no-activation",
        0.9,
        f"No activation stands between layer {first} and layer {second}, so together they are "
        "one linear layer.",
        (f"{e.quality_name} {e.quality:.3g} on the training rows at the end",),
        "A product of two matrices is a matrix: without a function that bends, depth adds "
        "nothing, and only straight boundaries can be learned.",
        ((f"network={flow(with_activations(e))}",),),
        epoch=0,
        figure=e.answers_figure,
    )


def inputs_unscaled(e: Evidence) -> Diagnosis | None:
    """Inputs far larger than 1, or of very different sizes."""
    sizes = e.input_columns[e.input_columns > 0]
    if not len(sizes) or e.config.data.scale in ("standardize", "standardize_all"):
        return None
    total, ratio = float(np.sqrt((sizes**2).mean())), float(sizes.max() / sizes.min())
    image = e.built.dataset.image_shape is not None
    if total <= LARGE_INPUT and (image or ratio <= APART or sizes.max() <= 1.0):
        return None
    return Diagnosis(
        "inputs-unscaled",
        0.95 if not e.has_learned(0.9) else 0.45,
        "The inputs are not scaled.",
        (
            f"root mean square of all inputs {format_number(total, 3)}",
            f"of the largest column {format_number(sizes.max(), 3)}, of the smallest "
            f"{format_number(sizes.min(), 3)}",
        ),
        "Initial weights are made for inputs of about 1. Large inputs saturate units and make "
        "gradients large; a column much smaller than the rest is not seen.",
        (("data.scale=standardize",),),
        epoch=0,
    )


def targets_unscaled(e: Evidence) -> Diagnosis | None:
    """Targets of a regression far from 1."""
    if e.is_classes or e.built.dataset.task != "regression":
        return None
    t = e.targets.astype(np.float64)
    size, deviation = float(np.sqrt((t**2).mean())), float(t.std(0).mean())
    if not deviation or (size <= LARGE_TARGET and deviation >= SMALL_TARGET):
        return None
    advice = "Better: divide the target in the file, so that its numbers are about 1."
    shares = (t**2).sum(1) / (t**2).sum()
    if len(t) >= 20 and shares.max() > 0.5:
        (row,) = e.row_numbers(shares.argmax()[None])
        advice = f"First look at row {row:,} of the data: it alone makes them large."
    fast = {"name": "adam", "lr": rounded(max(deviation, 1e-3) / 100)}
    return Diagnosis(
        "targets-unscaled",
        0.96 if not e.has_learned(0.9) else 0.4,
        f"The targets are not scaled: their numbers are about {format_number(size, 3)}.",
        (
            f"root mean square {format_number(size, 3)}, standard deviation "
            f"{format_number(deviation, 3)}",
            f"loss before training {format_number(e.train_loss[0], 3)}",
        ),
        "A fresh network answers about 1. Gradients of a squared error grow with its size, and "
        "weights have a long way to go.",
        (outputs_like_targets(e), (f"optimizer={flow(fast)}",)),
        advice=advice,
        epoch=0,
    )


def output_out_of_range(e: Evidence) -> Diagnosis | None:
    """Targets that the last activation cannot reach."""
    if e.is_classes:
        return None
    name = layer_kind(e.config.network[-1])
    low, high = RANGES.get(name, (-np.inf, np.inf))
    t = e.targets
    outside = float(((t < low) | (t > high)).mean())
    if outside < 0.02:
        return None
    layers = layer_entries(e)[:-1]
    return Diagnosis(
        "output-range",
        0.97,
        f"{percent(outside)} of the targets lie outside what {name} can answer.",
        (f"{name} answers from {low:g} to {high:g}, targets are {t.min():.4g} to {t.max():.4g}",),
        "The error of these rows cannot become 0, whatever the weights are.",
        ((f"network={flow(layers)}",),),
        epoch=0,
        figure=e.answers_figure,
    )


def absent_class(e: Evidence) -> Diagnosis | None:
    """A class without training rows."""
    missing = np.flatnonzero(e.class_counts == 0)
    if not len(missing):
        return None
    names = [e.built.dataset.class_names[i] for i in missing]
    return Diagnosis(
        "class-without-rows",
        0.99,
        f"{'Class' if len(names) == 1 else 'Classes'} {', '.join(names[:5])} "
        f"{'has' if len(names) == 1 else 'have'} no row in the training part.",
        (f"training rows per class: {', '.join(map(str, e.class_counts[:20]))}",),
        "A class that is never shown is never answered. Rows sorted by class and split in order "
        "leave a class to the test part alone.",
        (("data.split=shuffled",),) if e.config.data.split.split == "ordered" else (),
        advice="" if e.config.data.split.split == "ordered" else "Give the class more rows.",
        epoch=0,
        figure="confusion",
    )


def odd_pair(e: Evidence) -> Diagnosis | None:
    """A loss that goes badly with the last activation."""
    if not e.is_classes or isinstance(e.built.plan.loss, ClassLoss):
        return None
    if e.accuracy > 0.97 or (e.built.kind == "binary" and e.accuracy > 0.9):
        return None
    last, loss = layer_kind(e.config.network[-1]), loss_name(e.built.plan.loss)
    binary = e.built.kind == "binary"
    good, wanted = ("bce", "sigmoid") if binary else ("cross_entropy", "softmax")
    layers = layer_entries(e)
    if last != wanted:
        layers = [*(layers[:-1] if last in ("sigmoid", "softmax") else layers), wanted]
    remedy = (f"loss={good}",) if last == wanted else (f"network={flow(layers)}", f"loss={good}")
    return Diagnosis(
        "odd-pair",
        0.88,
        f"The loss {loss} goes badly with {last} for classes.",
        (f"training {ACCURACY.label} {e.accuracy:.3g}",),
        f"Where {wanted} is sure and wrong, its slope is about 0. The gradient of {loss} has that "
        f"slope as a factor, so the worst rows teach least; in that of {good} it cancels.",
        (remedy,),
        epoch=0,
        figure="curves",
    )


def imbalance(e: Evidence) -> Diagnosis | None:
    """A rare class that is hardly ever answered."""
    counts = e.class_counts
    if not len(counts) or not counts.min() or counts.min() > RARE * counts.mean():
        return None
    if e.progress < YOUNG:
        return None
    rare = int(np.argmin(counts))
    answers = e.answers.reshape(len(e.last.outputs), -1)[:, 0]
    plan = e.built.plan
    rows = e.built.parts.train[spread_rows(len(plan.train), len(answers))]
    labels = e.built.dataset.targets[rows]
    own = labels == rare
    recall = float((answers[own] == rare).mean()) if own.any() else 0.0
    if recall > 0.7:
        return None
    remedies = [*_balancing(e)] if isinstance(plan.loss, ClassLoss) else []
    name = e.built.dataset.class_names[rare]
    return Diagnosis(
        "imbalance",
        0.9,
        f"Class {name} is rare, and the network hardly ever answers it.",
        (
            f"{counts[rare]:,} of {counts.sum():,} training rows are of class {name}",
            f"{percent(recall)} of these are classified correctly (recall)",
        ),
        "The loss is a mean over rows. A network that always answers the frequent class is right "
        "most of the time, and the gradient of the few rows is drowned.",
        tuple(remedies),
        advice=f"Judge by recall and F1 of each class: the {ACCURACY.label} hides the rare class.",
        figure="confusion",
    )


def _balancing(e: Evidence) -> Iterator[tuple[str, ...]]:
    """Weights for the classes; few updates have a row of the rare one, so they must be many."""
    if e.updates(e.config.training.epochs) < MANY_UPDATES:
        yield ("loss.class_weight=balanced", f"epochs={4 * e.config.training.epochs}")
    yield ("loss.class_weight=balanced",)


def leak(e: Evidence) -> Diagnosis | None:
    """Validation rows that are in the training part too."""
    validation = e.built.plan.validation
    if validation is None:
        return None
    inputs, parts = e.built.dataset.inputs, e.built.parts
    train = {row.tobytes() for row in inputs[parts.train]}
    shared = [row.tobytes() in train for row in inputs[parts.validation]]
    share = sum(shared) / len(shared)
    if share < LEAKED or len(train) < DISTINCT * len(parts.train):
        return None
    return Diagnosis(
        "leak",
        0.94,
        f"{percent(share)} of the validation rows are in the training part too.",
        (f"{sum(shared):,} of {len(shared):,} rows have equal inputs there",),
        "Rows that were trained on say nothing about new ones: the validation loss looks better "
        "than it is.",
        advice="Remove the rows that stand twice in the file, or put equal rows into one part.",
        epoch=0,
    )


def _doubt(e: Evidence, rows: int) -> str:
    """The standard error of what is measured on so few rows."""
    right = e.column(columns.VAL, ACCURACY.name)
    if not len(right):
        return f"the standard error of the validation loss is about {percent(rows**-0.5)} of it"
    error = (max(right[-1] * (1 - right[-1]), 1 / rows) / rows) ** 0.5
    return (
        f"validation {ACCURACY.label} {right[-1]:.2g} with a standard error of about {error:.1g}; "
        f"one row is {percent(1 / rows)}"
    )


def validation_too_small(e: Evidence) -> Diagnosis | None:
    """A validation part that cannot tell two results apart."""
    validation = e.built.plan.validation
    if validation is None or len(validation) >= FEW_ROWS:
        return None
    rows = len(validation)
    small_share = rows < 0.19 * (rows + len(e.built.plan.train))
    return Diagnosis(
        "validation-too-small",
        0.58 if small_share else 0.5,
        f"The validation part has {rows} rows, too few to tell two results apart.",
        (_doubt(e, rows),),
        "A mean over n rows has a standard error that falls with the square root of n: four times "
        "the rows halve it.",
        (("data.validation=0.2",),) if small_share else (),
        advice="" if small_share else "Only more rows help; or train with several seeds.",
        epoch=0,
        serious=False,
    )
