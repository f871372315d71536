"""The table of what can be wrong with a training, each rule with the numbers it looks at.

A rule takes the evidence and returns a Finding or None. Limits stand at the top, with where they
come from; `make doctor` measures how often the rules are right on planted faults.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from math import isfinite, log10
from typing import Any

import numpy as np

from nnlab.config.dump import flow, settings_of
from nnlab.core import columns
from nnlab.core.metrics import ACCURACY, R2
from nnlab.core.network import layer_kind
from nnlab.data.split import Split
from nnlab.doctor.evidence import Evidence, LayerHealth, loss_name
from nnlab.doctor.findings import Finding

LEARNED = 0.6  # of the loss of the best constant answer: a training that removed so much learns
LARGE_INPUT = 8.0  # root mean square of the scaled inputs; weights of usual size expect 1
APART = 100.0  # ratio of the sizes of two inputs
LARGE_TARGET = 20.0  # root mean square; a fresh network answers about 1
SMALL_TARGET = 0.01
VANISHED = 3e-3  # ratio of the gradients of the first and the last weights
EXPLODED = 1e3
FLAT_SHARE = 0.6  # of the outputs of a layer that hardly have a slope
DEAD_SHARE = 0.5  # of the units of a layer
FALLING = 0.05  # relative fall of the loss in the last quarter of the epochs
STILL = 0.01  # the same, for a loss that stands still
RARE = 0.2  # share of rows that the rarest class has at most, of what equal shares would give
FEW_ROWS = 40  # in a validation part: a standard error of 8 points at an accuracy of 0.5


def diverged(e: Evidence) -> Finding | None:
    """A number became infinite or nan."""
    if e.failure is None:
        return None
    losses = e.train_loss[np.isfinite(e.train_loss)]
    epoch, what = e.failure.get("epoch"), str(e.failure.get("what"))
    layers = [f"{h.title} {h.weight:.3g}" for h in e.last.layers if h.weight]
    return Finding(
        "diverged",
        0.94,
        f"Training diverged in epoch {epoch}: the {what} is not finite.",
        (
            f"update {e.failure.get('step'):,}",
            f"last finite training loss {losses[-1]:.4g}, before training {losses[0]:.4g}",
            "weights at the last finite state (root mean square): " + ", ".join(layers),
        ),
        "Each step overshoots: the loss rises, its gradient grows with it, and the next step is "
        "larger still.",
        ((f"lr={_lower_rate(e)}",), ("optimizer.clip_norm=1",)),
        epoch=epoch if isinstance(epoch, int) else None,
        figure="curves",
    )


def equal_units(e: Evidence) -> Finding | None:
    """All units of a hidden layer compute the same."""
    weights = [h for h in e.first.layers if h.weight or h.equal]
    same = [h for h in weights[:-1] if h.equal and h.units > 1]
    zero = [h for h in e.first.layers[:-1] if _has_weights(e, h) and h.weight == 0]
    if not same and not zero:
        return None
    layer = (same or zero)[0]
    return Finding(
        "equal-units",
        0.99,
        f"All {layer.units} units of {layer.title} are the same and stay the same.",
        (f"their initial weights are equal (root mean square {layer.weight:.3g})",),
        "Units with equal weights get equal gradients, so the layer is worth one unit. Random "
        "initial weights tell them apart.",
        (_with_init(e, "xavier_uniform"),),
        epoch=0,
        figure="weights",
    )


def no_activation(e: Evidence) -> Finding | None:
    """Two layers of weights follow each other without a function between them."""
    layers = e.config.network
    previous: int | None = None
    for index, layer in enumerate(layers):
        if _is_weighted(layer):
            if previous is not None:
                break
            previous = index
        elif not _is_linear(layer):
            previous = None
    else:
        return None
    if _has_learned(e, 0.9):
        return None
    entries = _entries(e)
    last = max(i for i, layer in enumerate(layers) if _is_weighted(layer))
    changed: list[Any] = []
    for i, entry in enumerate(entries):
        if layer_kind(layers[i]) == "linear" and i < last:
            continue
        changed.append(entry)
        if _is_weighted(layers[i]) and i < last and not _bends(layers, i):
            changed.append("relu")
    return Finding(
        "no-activation",
        0.9,
        f"No activation stands between layer {previous} and layer {index}, so together they are "
        "one linear layer.",
        (),
        "A product of two matrices is a matrix: without a function that bends, depth adds "
        "nothing, and only straight boundaries can be learned.",
        ((f"network={flow(changed)}",),),
        epoch=0,
        figure="decision",
    )


def inputs_unscaled(e: Evidence) -> Finding | None:
    """Inputs far larger than 1, or of very different sizes."""
    rows = np.arange(min(len(e.built.plan.train), 2000))
    x = e.built.plan.train.some(rows)[0].reshape(len(rows), -1).astype(np.float64)
    sizes = np.sqrt((x**2).mean(0))
    sizes = sizes[sizes > 0]
    if not len(sizes) or e.config.data.scale in ("standardize", "standardize_all"):
        return None
    total, ratio = float(np.sqrt((sizes**2).mean())), float(sizes.max() / sizes.min())
    image = e.built.dataset.image_shape is not None
    if total <= LARGE_INPUT and (image or ratio <= APART or sizes.max() <= 1.0):
        return None
    return Finding(
        "inputs-unscaled",
        0.95 if not _has_learned(e) else 0.45,
        "The inputs are not scaled.",
        (
            f"root mean square of the inputs {total:.3g}",
            f"largest column {sizes.max():.3g}, smallest {sizes.min():.3g}",
        ),
        "Initial weights are made for inputs of about 1. Large inputs saturate units and make "
        "gradients large; a column much smaller than the rest is not seen.",
        (("data.scale=standardize",),),
        epoch=0,
    )


def targets_unscaled(e: Evidence) -> Finding | None:
    """Targets of a regression far from 1."""
    if e.is_classes or e.built.dataset.task != "regression":
        return None
    t = e.targets.astype(np.float64)
    size, deviation = float(np.sqrt((t**2).mean())), float(t.std(0).mean())
    if not deviation or (size <= LARGE_TARGET and deviation >= SMALL_TARGET):
        return None
    return Finding(
        "targets-unscaled",
        0.96 if not _has_learned(e) else 0.4,
        f"The targets are not scaled: their numbers are about {size:.3g}.",
        (
            f"root mean square {size:.3g}, standard deviation {deviation:.3g}",
            f"loss before training {e.train_loss[0]:.3g}",
        ),
        "A fresh network answers about 1. Gradients of a squared error grow with its size, and "
        "weights have a long way to go.",
        ((f"optimizer={flow({'name': 'adam', 'lr': _rounded(max(deviation, 1e-3) / 100)})}",),),
        advice="Better: divide the target in the file, so that its numbers are about 1.",
        epoch=0,
    )


def output_out_of_range(e: Evidence) -> Finding | None:
    """Targets that the last activation cannot reach."""
    if e.is_classes:
        return None
    name = layer_kind(e.config.network[-1])
    low, high = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, np.inf)}.get(
        name, (-np.inf, np.inf)
    )
    t = e.targets
    outside = float(((t < low) | (t > high)).mean())
    if outside < 0.02:
        return None
    layers = _entries(e)[:-1]
    return Finding(
        "output-range",
        0.97,
        f"{_percent(outside)} of the targets lie outside what {name} can answer.",
        (f"{name} answers from {low} to {high}", f"targets from {t.min():.4g} to {t.max():.4g}"),
        "The error of these rows cannot become 0, whatever the weights are.",
        ((f"network={flow(layers)}",),),
        epoch=0,
        figure="fit",
    )


def absent_class(e: Evidence) -> Finding | None:
    """A class without training rows."""
    missing = np.flatnonzero(e.class_counts == 0)
    if not len(missing):
        return None
    names = [e.built.dataset.class_names[i] for i in missing]
    return Finding(
        "class-without-rows",
        0.99,
        f"{'Class' if len(names) == 1 else 'Classes'} {', '.join(names[:5])} "
        f"{'has' if len(names) == 1 else 'have'} no row in the training part.",
        (f"training rows per class: {', '.join(map(str, e.class_counts[:20]))}",),
        "A class that is never shown is never answered. Rows sorted by class and split in order "
        "leave a class to the test part alone.",
        (("data.split=shuffled",),) if _split(e).split == "ordered" else (),
        advice="" if _split(e).split == "ordered" else "Give the class more rows.",
        epoch=0,
        figure="confusion",
    )


def odd_pair(e: Evidence) -> Finding | None:
    """A loss that goes badly with the last activation."""
    if not e.is_classes or loss_name(e.built.plan.loss) not in ("mse", "mae", "huber"):
        return None
    if _accuracy(e) > 0.97 or (e.built.kind == "binary" and _accuracy(e) > 0.9):
        return None
    last = layer_kind(e.config.network[-1])
    binary = e.built.kind == "binary"
    good, wanted = ("bce", "sigmoid") if binary else ("cross_entropy", "softmax")
    layers = _entries(e)
    if last != wanted:
        layers = [*(layers[:-1] if last in ("sigmoid", "softmax") else layers), wanted]
    remedy = (f"loss={good}",) if last == wanted else (f"network={flow(layers)}", f"loss={good}")
    return Finding(
        "odd-pair",
        0.8,
        f"The loss {loss_name(e.built.plan.loss)} goes badly with {last} for classes.",
        (f"training accuracy {_accuracy(e):.3g}",),
        f"Where {wanted} is sure and wrong its slope is about 0, and the squared error passes "
        f"that slope on, so the worst rows teach least. {good} cancels it.",
        (remedy,),
        epoch=0,
        figure="curves",
    )


def exploding(e: Evidence) -> Finding | None:
    """Outputs or gradients that grow from layer to layer before training."""
    spreads = [h.spread for h in e.first.layers[:-1] if h.weight]
    gradients = [h.gradient for h in e.first.layers if h.weight]
    if not spreads or (max(spreads) < 50 and max(gradients) < EXPLODED):
        return None
    return Finding(
        "exploding",
        0.945,
        "Outputs and gradients explode: the initial weights are too large.",
        (
            "deviation of the outputs by layer: " + _numbers(spreads),
            "gradients by layer: " + _numbers(gradients),
        ),
        "Each layer multiplies what it gets. Weights that are too large make outputs grow from "
        "layer to layer, and gradients on the way back.",
        (_with_init(e, _fit_init(e)),),
        epoch=0,
        figure="histograms",
    )


def vanishing(e: Evidence) -> Finding | None:
    """Gradients that fade on their way to the first layer."""
    weighted = [h for h in e.first.layers if h.weight]
    gradients = [h.gradient for h in weighted]
    if len(gradients) < 3 or not gradients[-1] or _has_learned(e):
        return None
    ratio = gradients[0] / gradients[-1]
    if ratio > VANISHED and min(gradients) > 1e-7:
        return None
    bounded = [i for i, h in enumerate(e.first.layers[:-1]) if h.name in ("sigmoid", "tanh")]
    remedy = ("activation=relu", *_with_init(e, "he_normal"))
    if not bounded:
        remedy = _with_init(e, _fit_init(e))
    return Finding(
        "vanishing",
        0.9,
        f"Gradients vanish: the first layer's are {ratio:.1g} of the last layer's.",
        ("gradients by layer: " + _numbers(gradients),),
        "On the way back every layer multiplies the gradient by its weights and by the slope of "
        "its activation, which is at most 1/4 for sigmoid.",
        (remedy,),
        epoch=0,
        figure="histograms",
    )


def saturated(e: Evidence) -> Finding | None:
    """Units that live where their activation is flat."""
    if _has_learned(e):
        return None
    for moment, sure in ((e.first, 0.88), (e.last, 0.7)):
        if moment is e.last and _has_learned(e, 0.2):
            return None
        flat = [h for h in _hidden(e, moment.layers) if h.flat > FLAT_SHARE and h.dead < 1]
        flat = [h for h in flat if h.name in ("sigmoid", "tanh")]
        if flat:
            layer = max(flat, key=lambda h: h.flat)
            at_start = moment is e.first
            remedy = _with_init(e, _fit_init(e)) if at_start else (f"lr={_rate(e, 0.1)}",)
            return Finding(
                "saturated",
                sure,
                f"{_percent(layer.flat)} of the outputs of {layer.title} are saturated.",
                (
                    f"their slope is below 5 % of the steepest, {when(moment.epoch)}",
                    f"deviation of the outputs {layer.spread:.3g}",
                ),
                "Where an activation is flat no gradient passes, so the weights behind it stand "
                "still. Large initial weights, inputs or steps push units there.",
                (remedy,),
                epoch=moment.epoch,
                figure="activations",
            )
    return None


def dead_units(e: Evidence) -> Finding | None:
    """Units that answer 0 to every row."""
    for moment in (e.first, e.last):
        dead = [h for h in _hidden(e, moment.layers) if h.dead > DEAD_SHARE]
        if not dead:
            continue
        layer = max(dead, key=lambda h: h.dead)
        at_start = moment is e.first
        if _has_learned(e):
            return None
        remedy = ("activation=leaky_relu", f"lr={_rate(e, 0.1)}")
        if at_start:
            remedy = ("activation=leaky_relu", *_with_init(e, "he_normal"))
        return Finding(
            "dead-units",
            0.9 if at_start else 0.75,
            f"{_percent(layer.dead)} of the units of {layer.title} are dead.",
            (f"no training row gives them a slope, {when(moment.epoch)}",),
            "A unit that is 0 for every row has gradient 0 and never comes back. A step that is "
            "too large, or a bias far below 0, brings it there.",
            (remedy,),
            epoch=moment.epoch,
            figure="activations",
        )
    return None


def decay_too_strong(e: Evidence) -> Finding | None:
    """Weight decay that pulls all weights to 0."""
    optimizer = e.config.optimizer
    decay, l1 = optimizer.weight_decay, optimizer.l1
    if max(decay, l1) <= 0 or _has_learned(e, 0.9):
        return None
    first, last = (np.sqrt(np.mean(m.values.astype(np.float64) ** 2)) for m in (e.first, e.last))
    if last > 0.5 * first:
        return None
    key = "weight_decay" if decay >= l1 else "l1"
    return Finding(
        "decay-too-strong",
        0.93,
        f"The decay is too strong: {key} {max(decay, l1):.3g} pulls the weights to 0.",
        (f"root mean square of the weights {first:.3g} before training, {last:.3g} at the end",),
        "The decay is part of every gradient. Where it is larger than what the loss asks for, "
        "the network ends as a constant.",
        ((f"optimizer.{key}={_rounded(max(decay, l1) / 1000)}",),),
        epoch=e.epochs,
        figure="weights",
    )


def rate_too_high(e: Evidence) -> Finding | None:
    """A loss that rises or jumps."""
    losses = e.train_loss
    if e.failure is not None or len(losses) < 4 or not np.isfinite(losses).all():
        return None
    after = losses[1:]
    tail = after[len(after) // 2 :]
    rises = float((np.diff(after) > 0.02 * np.abs(after[:-1])).mean())
    jump = float(tail.max() / max(np.median(tail), 1e-30))
    noise = float(tail.std() / max(tail.mean(), 1e-30))
    worse = _end(after) > 1.3 * max(after.min(), 1e-30) and _end(after) > 0.3 * losses[0]
    wild = after.max() > 2 * losses[0] or losses[-1] > 1.2 * losses[0]
    spikes = jump > 3 and tail.max() > 0.1 * losses[0]
    spikes = (spikes or (rises > 0.25 and noise > 0.1)) and not _has_learned(e, 0.9)
    if not (spikes or worse or (wild and not _has_learned(e))):
        return None
    return Finding(
        "rate-too-high",
        0.86 if wild else 0.72,
        "The learning rate is too high: the loss jumps instead of falling.",
        (
            f"the loss rises in {_percent(rises)} of the epochs",
            f"from {losses[0]:.3g} before training, largest {after.max():.3g}, last {losses[-1]:.3g}",
        ),
        "A step is the rate times the gradient. Where it is longer than the valley is wide, it "
        "ends on the other side, as high as before or higher.",
        ((f"lr={_lower_rate(e)}",), (f"lr={_rate(e, 0.3)}",)),
        epoch=int(np.argmax(losses)),
        figure="curves",
    )


def rate_too_low(e: Evidence) -> Finding | None:
    """A loss that falls steadily and hardly at all."""
    losses = e.train_loss
    if len(losses) < 3 or e.failure is not None or _has_learned(e, 0.3):
        return None
    moved = np.abs(e.last.values - e.first.values).max()
    size = float(np.sqrt(np.mean(e.first.values.astype(np.float64) ** 2))) or 1.0
    step = float(np.sqrt(np.mean((e.last.values - e.first.values).astype(np.float64) ** 2)))
    falls = float((np.diff(losses[1:]) < 0).mean()) if len(losses) > 3 else 1.0
    if step / size > 0.1 or not moved or falls < 0.6:
        return None
    factor = 10 ** int(np.clip(round(log10(0.5 / max(step / size, 1e-9))), 1, 4))
    return Finding(
        "rate-too-low",
        0.87,
        "The learning rate is too low: the weights hardly move.",
        (
            f"the weights changed by {_percent(step / size, 2)} in {e.epochs:,} epochs",
            f"loss {losses[0]:.4g} before training, {losses[-1]:.4g} at the end",
        ),
        "A step is the rate times the gradient. With steps so short, training would need many "
        "times the epochs.",
        ((f"lr={_rate(e, factor)}",),),
        epoch=e.epochs,
        figure="curves",
    )


def imbalance(e: Evidence) -> Finding | None:
    """A rare class that is hardly ever answered."""
    counts = e.class_counts
    if not len(counts) or not counts.min() or counts.min() > RARE * counts.mean():
        return None
    rare = int(np.argmin(counts))
    answers = e.answers.reshape(len(e.last.outputs), -1)[:, 0]
    plan = e.built.plan
    rows = np.unique(np.linspace(0, len(plan.train) - 1, len(answers)).astype(np.int64))
    labels = e.built.dataset.targets[e.built.parts.train[rows]]
    own = labels == rare
    recall = float((answers[own] == rare).mean()) if own.any() else 0.0
    if recall > 0.7:
        return None
    loss = loss_name(plan.loss)
    remedy = (("loss.class_weight=balanced",),) if loss in ("cross_entropy", "bce") else ()
    name = e.built.dataset.class_names[rare]
    return Finding(
        "imbalance",
        0.9,
        f"Class {name} is rare, and the network hardly ever answers it.",
        (
            f"{counts[rare]:,} of {counts.sum():,} training rows are of class {name}",
            f"{_percent(recall)} of these are answered rightly (recall)",
        ),
        "The loss is a mean over rows. A network that always answers the frequent class is right "
        "most of the time, and the gradient of the few rows is drowned.",
        remedy,
        advice="Judge by recall, F1 or balanced accuracy: accuracy hides the rare class.",
        epoch=e.epochs,
        figure="confusion",
    )


def leak(e: Evidence) -> Finding | None:
    """Validation rows that stand in the training part too."""
    validation = e.built.plan.validation
    if validation is None or e.built.parts.validation is e.built.parts.test and False:
        return None
    inputs = e.built.dataset.inputs
    distinct = inputs.shape[1] >= 2 or inputs.dtype.kind == "f"
    if not distinct:
        return None
    train = {row.tobytes() for row in inputs[e.built.parts.train]}
    own = inputs[e.built.parts.validation]
    share = sum(row.tobytes() in train for row in own) / len(own)
    unique = len({row.tobytes() for row in inputs}) / len(inputs)
    if share < 0.1 or unique < 0.3:
        return None
    return Finding(
        "leak",
        0.94,
        f"{_percent(share)} of the validation rows stand in the training part too.",
        (f"{round(share * len(own)):,} of {len(own):,} rows have equal inputs there",),
        "Rows that were trained on say nothing about new ones: the validation loss looks better "
        "than it is.",
        advice="Remove duplicate rows from the file, or keep rows that belong together in one part.",
        epoch=0,
    )


def overfitting(e: Evidence) -> Finding | None:
    """A validation loss that rises while the training loss falls."""
    val, train = e.val_loss, e.train_loss
    if len(val) < 5 or e.failure is not None:
        return None
    best, end = int(np.argmin(val)), _end(val)
    noise = float(np.abs(np.diff(val[len(val) // 2 :])).mean())
    if best > 0.8 * e.epochs or end < 1.25 * val[best] + 2 * noise or train[-1] > 0.9 * train[best]:
        return None
    few = len(e.built.plan.validation or ()) < FEW_ROWS
    remedies: list[tuple[str, ...]] = []
    if e.config.training.early_stopping is None:
        remedies.append((f"training.early_stopping.patience={max(5, e.epochs // 20)}",))
    remedies.append((f"optimizer={flow({'name': 'adamw', 'weight_decay': 0.1})}",))
    return Finding(
        "overfitting",
        0.5 if few else 0.85,
        "The network overfits: it learns its training rows by heart.",
        (
            f"validation loss {val[best]:.4g} in epoch {best:,}, {val[-1]:.4g} at the end",
            f"training loss {train[best]:.4g} then, {train[-1]:.4g} at the end",
        ),
        "After the best epoch the weights follow the noise of the training rows, which new rows "
        "do not share.",
        tuple(remedies),
        advice="More rows, a smaller network, dropout or weight decay keep it from doing so.",
        epoch=best,
        figure="curves",
    )


def too_few_epochs(e: Evidence) -> Finding | None:
    """A loss that still falls at the end."""
    fall = _fall(e.train_loss)
    shown = e.val_loss if len(e.val_loss) else e.train_loss
    if e.failure is not None or fall < FALLING or _fall(shown) < FALLING / 2:
        return None
    if e.status.value == "early_stopped" or _excellent(e):
        return None
    return Finding(
        "too-few-epochs",
        0.7,
        "Training stopped while the loss was still falling.",
        (
            f"in the last quarter of {e.epochs:,} epochs the training loss fell by {_percent(fall)}",
        ),
        "The last epochs brought as much as the ones before; more of them would bring more.",
        ((f"epochs={4 * e.config.training.epochs}",),),
        epoch=e.epochs,
        figure="curves",
        serious=False,
    )


def batch_too_large(e: Evidence) -> Finding | None:
    """Few updates, because a batch holds many rows."""
    rows, batch = len(e.built.plan.train), e.built.plan.batch_size
    updates = -(-rows // batch) * max(e.epochs, 1)
    if batch < 128 or batch < rows / 8 or updates > 1000 or _has_learned(e, 0.9):
        return None
    if _fall(e.train_loss) < STILL:
        return None
    return Finding(
        "batch-too-large",
        0.78,
        f"Batches of {batch:,} rows leave {updates:,} updates in {e.epochs:,} epochs.",
        (f"{rows:,} training rows", f"the loss falls until the end, to {e.train_loss[-1]:.4g}"),
        "An epoch is one step per batch. A gradient over more rows is more exact, but hardly "
        "better for a step than one over 32, and there are fewer steps.",
        (("batch_size=32",),),
        epoch=e.epochs,
        figure="curves",
    )


def batch_too_small(e: Evidence) -> Finding | None:
    """Noise of tiny batches."""
    rows, batch = len(e.built.plan.train), e.built.plan.batch_size
    losses = e.train_loss
    if batch > 4 or rows < 100 or len(losses) < 6 or e.failure is not None:
        return None
    tail = losses[len(losses) // 2 :]
    noise = float(np.diff(tail).std() / max(tail.mean(), 1e-30))
    if noise < 0.04 or _has_learned(e, 0.95):
        return None
    return Finding(
        "batch-too-small",
        0.74,
        f"Batches of {batch} make the loss noisy.",
        (f"it changes by {_percent(noise)} from epoch to epoch in the second half",),
        "The gradient of few rows points anywhere. At a rate that is right for its mean, the "
        "weights wander around the minimum.",
        (("batch_size=32",), (f"lr={_rate(e, 0.1)}",)),
        epoch=e.epochs,
        figure="curves",
    )


def underfitting(e: Evidence) -> Finding | None:
    """A loss that stands still although much is left to explain."""
    if e.failure is not None or _has_learned(e, 0.75) or abs(_fall(e.train_loss)) > 0.03:
        return None
    learned, possible = _learned(e), e.neighbours
    hidden = [h for h in e.first.layers if _has_weights(e, h)][:-1]
    units = max((h.units for h in hidden), default=0)
    if e.epochs < 5 or not possible > _quality(e) + 0.07 or (units and learned < 0.1):
        return None
    layers = _entries(e)
    remedy = (f"hidden={max(4 * units, 32)}",)
    if not units:
        output = max(i for i, layer in enumerate(e.config.network) if _is_weighted(layer))
        layers[output:output] = [{"dense": 32}, "tanh"]
        remedy = (f"network={flow(layers)}",)
    return Finding(
        "underfitting",
        0.68,
        "The network is too small for these rows, or cannot follow them.",
        (
            f"{_percent(learned)} of the loss of a constant answer is removed, and the loss stands still",
            f"{'accuracy' if e.is_classes else 'r2'} {_quality(e):.3g} on the training rows; the mean of each row's "
            f"five nearest neighbours has {possible:.3g}",
            f"widest hidden layer: {units} units" if units else "there is no hidden layer",
        ),
        "What a network can compute is bounded by its units and layers; without a hidden layer "
        "only straight boundaries can be learned.",
        (remedy,),
        epoch=e.epochs,
        figure="decision",
    )


def plateau(e: Evidence) -> Finding | None:
    """A loss that stands still where a constant answer would be as good."""
    if e.failure is not None or _learned(e) > 0.1 or e.epochs < 5:
        return None
    if abs(_fall(e.train_loss)) > 0.03:
        return None
    return Finding(
        "plateau",
        0.6,
        "The loss stands still: the network answers about the same to every row.",
        (
            f"loss {e.train_loss[0]:.4g} before training, {e.train_loss[-1]:.4g} at the end",
            f"the best constant answer has {e.trivial_loss:.4g}",
        ),
        "On a plateau gradients are small in all directions. Another start, momentum or Adam "
        "leaves it sooner.",
        (
            (f"optimizer={flow({'name': 'adam', 'lr': 0.01})}",),
            _with_init(e, _fit_init(e)),
            (f"lr={_rate(e, 10)}",),
        ),
        epoch=e.epochs,
        figure="curves",
    )


def best_epoch_early(e: Evidence) -> Finding | None:
    """The best epoch lies far before the end."""
    val = e.val_loss
    if len(val) < 10 or e.config.training.early_stopping is not None:
        return None
    best, end = int(np.argmin(val)), _end(val)
    if best > 0.5 * e.epochs or end < 1.12 * val[best]:
        return None
    return Finding(
        "best-epoch-early",
        0.55,
        f"The best epoch was {best:,} of {e.epochs:,}: the rest of the training made it worse.",
        (f"validation loss {val[best]:.4g} then, {val[-1]:.4g} at the end",),
        "The final weights are those of the last epoch; the best ones are kept beside them.",
        ((f"training.early_stopping.patience={max(5, e.epochs // 20)}",),),
        epoch=best,
        figure="curves",
        serious=False,
    )


def validation_too_small(e: Evidence) -> Finding | None:
    """A validation part that cannot tell two results apart."""
    validation = e.built.plan.validation
    if validation is None or len(validation) >= FEW_ROWS:
        return None
    rows = len(validation)
    return Finding(
        "validation-too-small",
        0.58,
        f"The validation part has {rows} rows, too few to tell two results apart.",
        (f"one row is {_percent(1 / rows)} of the accuracy",),
        "The standard error of an accuracy p over n rows is sqrt(p (1 - p) / n).",
        (("data.validation=0.2",),),
        epoch=0,
        serious=False,
    )


RULES: tuple[Callable[[Evidence], Finding | None], ...] = (
    diverged,
    equal_units,
    no_activation,
    inputs_unscaled,
    targets_unscaled,
    output_out_of_range,
    absent_class,
    odd_pair,
    exploding,
    vanishing,
    saturated,
    dead_units,
    decay_too_strong,
    rate_too_high,
    rate_too_low,
    imbalance,
    leak,
    overfitting,
    too_few_epochs,
    batch_too_large,
    batch_too_small,
    underfitting,
    plateau,
    best_epoch_early,
    validation_too_small,
)


def examine(evidence: Evidence) -> list[Finding]:
    """All findings, the surest first."""
    with np.errstate(all="ignore"):
        found = [finding for rule in RULES if (finding := rule(evidence)) is not None]
    return sorted(found, key=lambda finding: -finding.sure)


def when(epoch: int) -> str:
    """before training; after 20 epochs."""
    return "before training" if epoch == 0 else f"after {epoch:,} epochs"


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2g}" for value in values)


def _rounded(value: float) -> float:
    """One significant digit."""
    return float(f"{value:.0e}") if isfinite(value) and value else value


def _rate(e: Evidence, factor: float) -> str:
    return f"{_rounded(e.config.optimizer.lr * factor):g}"


def _lower_rate(e: Evidence) -> str:
    """A tenth, and at most ten times the optimizer's default, which is usual."""
    usual = 10 * type(e.config.optimizer)().lr
    return f"{_rounded(min(e.config.optimizer.lr / 10, usual)):g}"


def _learned(e: Evidence) -> float:
    """The share of the loss of a constant answer that training removed; 1 is a perfect fit."""
    base = e.trivial_loss
    if not isfinite(base) or base <= 0:
        base = float(e.train_loss[0])
    last = float(e.train_loss[-1])
    return 1 - last / base if isfinite(last) and base > 0 else -1.0


def _has_learned(e: Evidence, share: float = LEARNED) -> bool:
    return e.failure is None and _learned(e) >= share


def _excellent(e: Evidence) -> bool:
    return _learned(e) > 0.95 or (e.is_classes and _accuracy(e) > 0.97)


def _accuracy(e: Evidence) -> float:
    column = e.column(columns.TRAIN, ACCURACY.name)
    return float(column[-1]) if len(column) else 0.0


def _quality(e: Evidence) -> float:
    """The training accuracy, or the share of the targets' variance that is explained."""
    return _accuracy(e) if e.is_classes else float(e.column(columns.TRAIN, R2.name)[-1])


def _fall(losses: Any) -> float:
    """The relative fall of a loss in the last quarter of its epochs."""
    if len(losses) < 5:
        return 1.0 - float(losses[-1] / losses[-2]) if len(losses) > 2 else 0.0
    window = max(1, len(losses) // 10)
    last, before = losses[-window:].mean(), losses[-len(losses) // 4 :][:window].mean()
    return float(1 - last / before) if before else 0.0


def _end(losses: Any) -> float:
    """The median of the last epochs: a single one may be an accident."""
    return float(np.median(losses[-max(3, len(losses) // 20) :]))


def _hidden(e: Evidence, layers: Sequence[LayerHealth]) -> list[LayerHealth]:
    """The layers before the last one with weights."""
    last = max((h.index for h in layers if _has_weights(e, h)), default=0)
    return [h for h in layers if h.index < last]


def _has_weights(e: Evidence, health: LayerHealth) -> bool:
    return _is_weighted(e.config.network[health.index])


def _is_weighted(layer: object) -> bool:
    return hasattr(layer, "units") or hasattr(layer, "filters")


def _is_linear(layer: Any) -> bool:
    return layer_kind(layer) in ("linear", "dropout", "flatten", "reshape")


def _bends(layers: Sequence[Any], index: int) -> bool:
    """Whether a function that bends stands between this layer and the next with weights."""
    for layer in layers[index + 1 :]:
        if _is_weighted(layer):
            return False
        if not _is_linear(layer):
            return True
    return False


def _with_init(e: Evidence, rule: str) -> tuple[str, ...]:
    """Overrides that draw all weights by a rule."""
    own = [
        f"network.{i}.init={rule}"
        for i, layer in enumerate(e.config.network)
        if getattr(layer, "init", None) is not None
    ]
    return (f"init={rule}", *own)


def _fit_init(e: Evidence) -> str:
    """The rule that suits the activations."""
    kinds = {layer_kind(layer) for layer in e.config.network}
    return "he_normal" if kinds & {"relu", "leaky_relu", "elu", "gelu", "silu"} else "xavier_normal"


def _entries(e: Evidence) -> list[Any]:
    """The layers as a config writes them, without settings that have their defaults."""
    entries: list[Any] = []
    for layer, full in zip(e.config.network, settings_of(e.config)["network"], strict=True):
        name, own = full["name"], {}
        default = {field.name: field.default for field in fields(layer)}
        for key, value in full.items():
            if key != "name" and getattr(layer, key) != default[key]:
                own[key] = value
        entries.append({name: own} if own else name)
    return entries


def _split(e: Evidence) -> Split:
    return e.config.data.split
