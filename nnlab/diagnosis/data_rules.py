"""Rules about the data, and about a network and a loss that do not suit it."""

from collections.abc import Iterator

import numpy as np

from nnlab.config.dump import flow
from nnlab.config.families import LOSS
from nnlab.core.layers import Layer
from nnlab.core.losses import ClassLoss, Loss
from nnlab.core.metrics import ACCURACY
from nnlab.core.network import layer_kind
from nnlab.core.types import FloatArray
from nnlab.data.warnings import constant_part
from nnlab.diagnosis.evidence import CONSTANT, MANY_UPDATES, YOUNG, Evidence, spread_rows
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
RANGES = {"exp": (0.0, np.inf), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}
RARE = 0.2  # rows of the rarest class, of those that equal shares would give
UNCOMMON = 0.4  # the same, where hardly any of them are answered, and other classes are


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
        0.45 if e.fits else 0.95,
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
    advice = "Better: data.scale_target=standardize, or smaller numbers in the file."
    shares = (t**2).sum(1) / (t**2).sum()
    if len(t) >= 20 and shares.max() > 0.5:
        (row,) = e.row_numbers(shares.argmax()[None])
        advice = f"First look at row {row:,} of the data: it alone makes them large."
    fast = {"name": "adam", "lr": rounded(max(deviation, 1e-3) / 100)}
    return Diagnosis(
        "targets-unscaled",
        0.4 if e.fits else 0.96,
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


def constant_data(e: Evidence) -> Diagnosis | None:
    """Targets, or all inputs, that are the same in every training row."""
    part = constant_part(e.built.dataset, e.built.parts.train)
    if not part:
        return None
    return Diagnosis(
        "constant-data",
        0.98,
        f"{part}, so there is nothing to learn.",
        (f"{len(e.targets):,} training rows",),
        "A network learns how targets differ from row to row by how inputs do. A loss of about 0 "
        "only means that the last bias has become the target.",
        advice="Choose another column: data.target and data.ignore say which.",
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
    if not e.is_classes or _is_for_classes(e.built.plan.loss, e.config.network[-1]):
        return None
    if e.accuracy > 0.97 or (e.built.kind == "binary" and e.accuracy > 0.9):
        return None
    last, loss = layer_kind(e.config.network[-1]), LOSS.name_of(e.built.plan.loss.plain)
    binary = e.built.kind == "binary"
    good, wanted = ("bce", "sigmoid") if binary else ("cross_entropy", "softmax")
    steep = binary and e.answers_spread < CONSTANT  # answers of about 1/2 are not the pair's fault
    return Diagnosis(
        "odd-pair",
        0.58 if steep else 0.88,
        f"The loss {loss} goes badly with {last} for classes.",
        (f"training {ACCURACY.label} {e.accuracy:.3g}",),
        f"Where {wanted} is sure and wrong, its slope is about 0. The gradient of {loss} has that "
        f"slope as a factor, so the worst rows teach least; in that of {good} it cancels.",
        ((*_ending_with(e, wanted), f"loss={good}"),),
        epoch=0,
        figure="curves",
    )


def _is_for_classes(loss: Loss, last: Layer) -> bool:
    """Whether a loss is one for classes, at the end of the network that it is for."""
    if isinstance(loss, ClassLoss):
        return True
    return "regression" not in loss.kinds and layer_kind(last) not in ("sigmoid", "softmax")


def _ending_with(e: Evidence, wanted: str) -> Iterator[str]:
    """The setting with which the network ends with this activation; none where it does."""
    last, layers = layer_kind(e.config.network[-1]), layer_entries(e)
    if last != wanted:
        before = layers[:-1] if last in ("sigmoid", "softmax") else layers
        yield f"network={flow([*before, wanted])}"


def imbalance(e: Evidence) -> Diagnosis | None:
    """A rare class that is hardly ever answered."""
    counts, masses = e.class_counts, e.class_masses
    if not len(counts) or not counts.min() or e.progress < YOUNG:
        return None
    rare, recalls = int(np.argmin(masses)), _recalls(e)
    if not _is_missed(masses / masses.mean(), recalls, rare):
        return None
    remedies = [*_balancing(e)] if isinstance(e.built.plan.loss, ClassLoss) else []
    quiet = counts[rare] > UNCOMMON * counts.mean()
    name = e.built.dataset.class_names[rare]
    return Diagnosis(
        "imbalance",
        0.9,
        f"Class {name} {'counts little in the loss' if quiet else 'is rare'}, and the network "
        "hardly ever answers it.",
        (
            f"{counts[rare]:,} of {counts.sum():,} training rows are of class {name}",
            f"{percent(recalls[rare])} of these are classified correctly (recall)",
        ),
        "The loss is a mean over rows. A network that always answers the frequent class is right "
        "most of the time, and the gradient of the few rows is drowned.",
        tuple(remedies),
        advice=f"Judge by recall and F1 of each class: the {ACCURACY.label} hides the rare class.",
        figure="confusion",
    )


def _is_missed(shares: FloatArray, recalls: FloatArray, rare: int) -> bool:
    """Whether a rare class is not answered, or an uncommon one while others are.

    shares: of the rows that each class would have if all had as many.
    """
    if shares[rare] <= RARE:
        return bool(recalls[rare] <= 0.7)
    missed = recalls[rare] <= 0.2 and np.delete(recalls, rare).mean() >= 0.7
    return bool(shares[rare] <= UNCOMMON and missed)


def _recalls(e: Evidence) -> FloatArray:
    """The share of each class's training rows that is classified correctly (C,), of those seen."""
    answers = e.answers.reshape(len(e.last.outputs), -1)[:, 0]
    rows = e.built.parts.train[spread_rows(len(e.built.plan.train), len(answers))]
    labels = e.built.dataset.targets[rows]
    seen = np.bincount(labels, minlength=len(e.class_counts))
    right = np.bincount(labels[answers == labels], minlength=len(e.class_counts))
    return right / np.maximum(seen, 1)


def _balancing(e: Evidence) -> Iterator[tuple[str, ...]]:
    """Weights for the classes; few updates have a row of the rare one, so they must be many."""
    if e.updates(e.config.training.epochs) < MANY_UPDATES:
        yield ("loss.class_weight=balanced", f"epochs={4 * e.config.training.epochs}")
    yield ("loss.class_weight=balanced",)
