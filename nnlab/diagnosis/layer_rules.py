"""Rules about the layers of a network: what they pass on, forward and back."""

from collections.abc import Iterator, Mapping

import numpy as np

from nnlab.core.layers.dense import Dropout
from nnlab.diagnosis.evidence import MATERIAL, Evidence
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.moments import LayerHealth, Moment, rms
from nnlab.diagnosis.remedies import (
    BOUNDED,
    by_layer,
    fitting_init,
    lower_rate,
    passing_on,
    rounded,
    with_init,
)
from nnlab.show.words import after, format_number, percent

VANISHED = 3e-3  # ratio of the gradients of the first and the last weights
EXPLODED = 1e3  # root mean square of a gradient before training
WIDE = 50.0  # deviation of a hidden layer's outputs before training
FLAT_AT_FIRST = 0.4  # of the outputs of a layer before training
FLAT_SHARE = 0.6  # of the outputs of a layer that hardly have a slope
DEAD_SHARE = 0.5  # of the units of a layer
LARGE_DROPOUT = 0.5  # of a layer's inputs
LEFT = 0.3  # of what the first layer gets, behind all dropout layers
OUTWARD = 0.7  # cosine between the weights and where the loss alone would move them


def equal_units(e: Evidence) -> Diagnosis | None:
    """All units of a hidden layer compute the same."""
    same = [h for h in e.weighted(e.first)[:-1] if h.units > 1 and (h.equal or not h.weight)]
    if not same:
        return None
    layer = same[0]
    return Diagnosis(
        "equal-units",
        0.99,
        f"All {layer.units} units of {layer.title} are the same and stay the same.",
        (f"their initial weights are equal (root mean square {layer.weight:.3g})",),
        "Units with equal weights get equal gradients, so the layer is worth one unit. Random "
        "initial weights tell them apart.",
        (with_init(e, "xavier_uniform"),),
        epoch=0,
        figure="weights",
    )


def exploding(e: Evidence) -> Diagnosis | None:
    """Outputs or gradients that grow from layer to layer before training."""
    spreads = {h.index: h.spread for h in e.first.layers[:-1] if h.weight}
    gradients = {h.index: h.gradient for h in e.first.layers if h.weight}
    size = max(e.input_size, 1.0)  # what large inputs and targets do is not the weights' fault
    rows = len(e.first.outputs) if e.built.plan.loss.reduction == "sum" else 1
    steep = EXPLODED * size * max(size, e.target_size) * rows
    if not spreads or (max(spreads.values()) < WIDE * size and max(gradients.values()) < steep):
        return None
    return Diagnosis(
        "exploding",
        0.945,
        "Outputs and gradients explode: the initial weights are too large.",
        (*_sizes(spreads, gradients),),
        "Each layer multiplies what it gets. Weights that are too large make outputs grow from "
        "layer to layer, and gradients on the way back.",
        (with_init(e, fitting_init(e)),),
        epoch=0,
        figure="gradient_flow",
    )


def vanishing(e: Evidence) -> Diagnosis | None:
    """Gradients that fade on their way to the first layer, or outputs on theirs to the last."""
    weighted = [h for h in e.first.layers if h.weight]
    if len(weighted) < 3 or not weighted[-1].gradient or e.has_learned():
        return None
    gradients = {h.index: h.gradient for h in weighted}
    spreads = {h.index: h.spread for h in weighted[:-1]}
    ratio = weighted[0].gradient / weighted[-1].gradient
    fade = weighted[-2].spread / (weighted[0].spread or 1.0)
    if min(ratio, fade) > VANISHED and min(gradients.values()) > 1e-7:
        return None
    return Diagnosis(
        "vanishing",
        0.9,
        _faded(ratio, fade),
        (*_sizes(spreads, gradients),),
        "Every layer multiplies by its weights, forward the outputs and back the gradient, and on "
        "the way back by the slope of its activation, which is at most 1/4 for sigmoid.",
        (passing_on(e),),
        epoch=0,
        figure="gradient_flow",
    )


def _faded(ratio: float, fade: float) -> str:
    """What has faded most."""
    if fade < ratio:
        return (
            "The signal vanishes: from row to row, the last hidden layer varies "
            f"{fade:.1g} times as much as the first."
        )
    return f"Gradients vanish: the first layer's is {ratio:.1g} times as large as the last layer's."


def _sizes(spreads: Mapping[int, float], gradients: Mapping[int, float]) -> Iterator[str]:
    """Sizes before training, layer by layer."""
    yield f"standard deviation of the outputs before training: {by_layer(spreads)}"
    yield f"root mean square of the gradient: {by_layer(gradients)}"


def saturated(e: Evidence) -> Diagnosis | None:
    """Units that live where their activation is flat."""
    limits = {e.last: FLAT_SHARE, e.first: FLAT_AT_FIRST}
    layers = {moment.epoch: _flat_layers(e, moment, share) for moment, share in limits.items()}
    epoch = min((epoch for epoch, flat in layers.items() if flat), default=None)
    if epoch is None or e.has_learned(0.9 if epoch == 0 else 0.2):
        return None
    layer, at_first = max(layers[epoch], key=lambda health: health.flat), epoch == 0
    return Diagnosis(
        "saturated",
        0.9 if at_first else 0.7,
        f"{percent(layer.flat)} of the outputs of {layer.title} are saturated.",
        (
            f"their slope is below 5 % of the steepest, {after(epoch)}",
            f"standard deviation of the outputs {format_number(layer.spread, 3)}",
        ),
        "Where an activation is flat no gradient passes, so the weights behind it stand still. "
        "Large initial weights, inputs or steps push units there.",
        (with_init(e, fitting_init(e)) if at_first else lower_rate(e),),
        epoch=epoch,
        figure="histograms",
    )


def _flat_layers(e: Evidence, moment: Moment, share: float) -> list[LayerHealth]:
    """Bounded layers of which more than a share is flat; one or two units are too few anyway."""
    bounded = [health for health in e.hidden(moment) if health.name in BOUNDED]
    return [health for health in bounded if health.units > 2 and health.flat > share]


def dead_units(e: Evidence) -> Diagnosis | None:
    """Units that answer 0 to every row."""
    layers = {
        moment.epoch: [health for health in e.hidden(moment) if health.dead > DEAD_SHARE]
        for moment in (e.last, e.first)
    }
    epoch = min((epoch for epoch, dead in layers.items() if dead), default=None)
    if epoch is None or e.has_learned():
        return None
    layer, at_first = max(layers[epoch], key=lambda health: health.dead), epoch == 0
    remedy = with_init(e, "he_normal") if at_first else lower_rate(e)
    return Diagnosis(
        "dead-units",
        0.9 if at_first else 0.75,
        f"{percent(layer.dead)} of the units of {layer.title} are dead.",
        (
            f"{after(epoch)}, their slope is 0 for each of the {len(e.first.outputs):,} training "
            "rows that were looked at",
        ),
        "A unit that is 0 for every row has gradient 0 and never comes back. A step that is too "
        "large, or a bias far below 0, brings it there.",
        (("activation=leaky_relu", *remedy),),
        epoch=epoch,
        figure="histograms",
    )


def dropout_too_strong(e: Evidence) -> Diagnosis | None:
    """Dropout that leaves the network too little to learn from, or drops answers."""
    rates = {i: n.rate for i, n in enumerate(e.config.network) if isinstance(n, Dropout)}
    left = float(np.prod([1 - rate for rate in rates.values()]))
    remedy = _milder_dropout(e, rates, left)
    if not remedy or not e.can_stand_still or e.has_learned():
        return None
    index = max(remedy, key=rates.__getitem__)
    return Diagnosis(
        "dropout-too-strong",
        0.87,
        f"Dropout is too strong: layer {index} drops {percent(rates[index])} of its inputs.",
        (f"all dropout layers together let {percent(left)} through", *_dropped_losses(e)),
        "Each update sees a random part of the units alone. Where hardly any are left, what the "
        "rows tell is drowned by the noise of which units those are.",
        (tuple(f"network.{i}.rate={rate:g}" for i, rate in remedy.items()),),
        figure="curves",
    )


def _milder_dropout(e: Evidence, rates: Mapping[int, float], left: float) -> dict[int, float]:
    """Rates by layer in place of those that are too large; validation rows know no dropout."""
    last = max(e.built.network.layout.weighted, default=-1)
    quiet = bool((e.val_loss[-1:] < e.train_loss[-1]).any())
    least = LARGE_DROPOUT if left <= (LEFT if quiet else LEFT / 3) else np.inf
    return {i: 0.2 if i < last else 0.0 for i, r in rates.items() if r >= least or i > last}


def _dropped_losses(e: Evidence) -> Iterator[str]:
    """The losses at the end with dropout, and without."""
    yield f"training loss {e.train_loss[-1]:.4g} at the end, with dropout"
    if len(e.val_loss):
        yield f"validation loss {e.val_loss[-1]:.4g}, without"


def decay_too_strong(e: Evidence) -> Diagnosis | None:
    """Weight decay that pulls all weights to 0."""
    optimizer = e.config.optimizer
    decay, l1 = optimizer.weight_decay, optimizer.l1
    if max(decay, l1) <= 0 or e.has_learned(0.9):
        return None
    first, last = (rms(e.weights(moment)) for moment in (e.first, e.last))
    outward = _outward(e)
    if last >= 0.5 * first and outward < OUTWARD:  # both sizes are 0 without weights
        return None
    if e.finite_losses.max(initial=0.0) > 10 * e.train_loss[0]:  # steps too large did it
        return None
    key = "weight_decay" if decay >= l1 else "l1"
    return Diagnosis(
        "decay-too-strong",
        0.93,
        f"The decay is too strong: {key} {max(decay, l1):.3g} "
        + ("pulls the weights to 0." if last < 0.5 * first else "keeps the weights small."),
        (
            f"root mean square of the weights {format_number(first, 3)} before training, "
            f"{format_number(last, 3)} at the end",
            f"the gradient of the loss alone would make them larger (cosine {outward:.2f})",
        )[: 2 if outward >= OUTWARD else 1],
        "The decay is part of every gradient. Where it is larger than what the loss asks for, "
        "the network cannot fit its rows.",
        ((f"optimizer.{key}={rounded(max(decay, l1) / 1000)}",),),
        figure="weights",
    )


def _outward(e: Evidence) -> float:
    """The cosine between the weights and the way the loss alone would move them.

    0 where they would have to more than double for a material gain.
    """
    weights, gradient = e.weights(e.last), e.weight_gradient(e.last)
    gain = -float(gradient @ weights)  # of the loss, where the weights double, to first order
    if gain < MATERIAL * e.base_loss:
        return 0.0
    return gain / float(np.linalg.norm(gradient) * np.linalg.norm(weights))
