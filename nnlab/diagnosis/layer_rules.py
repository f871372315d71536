"""Rules about the layers of a network: what they pass on, forward and back."""

from nnlab.diagnosis.evidence import LEARNED, Evidence
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.moments import rms
from nnlab.diagnosis.remedies import (
    fitting_init,
    lower_rate,
    percent_of,
    rounded,
    short_numbers,
    when,
    with_init,
)

VANISHED = 3e-3  # ratio of the gradients of the first and the last weights
EXPLODED = 1e3  # root mean square of a gradient before training
WIDE = 50.0  # deviation of a hidden layer's outputs before training
FLAT_SHARE = 0.6  # of the outputs of a layer that hardly have a slope
DEAD_SHARE = 0.5  # of the units of a layer
BOUNDED = ("sigmoid", "tanh")


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
    spreads = [h.spread for h in e.first.layers[:-1] if h.weight]
    gradients = [h.gradient for h in e.first.layers if h.weight]
    size = max(e.input_size, 1.0)  # what large inputs and targets do is not the weights' fault
    rows = len(e.first.outputs) if e.built.plan.loss.reduction == "sum" else 1
    steep = EXPLODED * size * max(size, e.target_size) * rows
    if not spreads or (max(spreads) < WIDE * size and max(gradients) < steep):
        return None
    return Diagnosis(
        "exploding",
        0.945,
        "Outputs and gradients explode: the initial weights are too large.",
        (
            "deviation of the outputs by layer: " + short_numbers(spreads),
            "gradients by layer: " + short_numbers(gradients),
        ),
        "Each layer multiplies what it gets. Weights that are too large make outputs grow from "
        "layer to layer, and gradients on the way back.",
        (with_init(e, fitting_init(e)),),
        epoch=0,
        figure="gradient_flow",
    )


def vanishing(e: Evidence) -> Diagnosis | None:
    """Gradients that fade on their way to the first layer, or outputs on theirs to the last."""
    weighted = [h for h in e.first.layers if h.weight]
    gradients, spreads = [h.gradient for h in weighted], [h.spread for h in weighted[:-1]]
    if len(gradients) < 3 or not gradients[-1] or e.has_learned():
        return None
    ratio, fade = gradients[0] / gradients[-1], spreads[-1] / (spreads[0] or 1.0)
    if min(ratio, fade) > VANISHED and min(gradients) > 1e-7:
        return None
    return Diagnosis(
        "vanishing",
        0.9,
        _faded(ratio, fade),
        (
            "gradients by layer: " + short_numbers(gradients),
            "deviation of the outputs of hidden layers: " + short_numbers(spreads),
        ),
        "Every layer multiplies by its weights, forward the outputs and back the gradient, and on "
        "the way back by the slope of its activation, which is at most 1/4 for sigmoid.",
        (_passing_on(e),),
        epoch=0,
        figure="gradient_flow",
    )


def _faded(ratio: float, fade: float) -> str:
    """What has faded most."""
    if fade < ratio:
        return f"The signal vanishes: the last hidden layer varies by {fade:.1g} of the first."
    return f"Gradients vanish: the first layer's are {ratio:.1g} of the last layer's."


def _passing_on(e: Evidence) -> tuple[str, ...]:
    """Settings with which layers pass on what they get."""
    if any(health.name in BOUNDED for health in e.hidden(e.first)):
        return ("activation=relu", *with_init(e, "he_normal"))
    return with_init(e, fitting_init(e))


def saturated(e: Evidence) -> Diagnosis | None:
    """Units that live where their activation is flat."""
    layers = {
        moment.epoch: [h for h in e.hidden(moment) if h.name in BOUNDED and h.flat > FLAT_SHARE]
        for moment in (e.last, e.first)
    }
    epoch = min((epoch for epoch, flat in layers.items() if flat), default=None)
    if epoch is None or e.has_learned(LEARNED if epoch == 0 else 0.2):
        return None
    layer, at_first = max(layers[epoch], key=lambda health: health.flat), epoch == 0
    return Diagnosis(
        "saturated",
        0.88 if at_first else 0.7,
        f"{percent_of(layer.flat)} of the outputs of {layer.title} are saturated.",
        (
            f"their slope is below 5 % of the steepest, {when(epoch)}",
            f"deviation of the outputs {layer.spread:.3g}",
        ),
        "Where an activation is flat no gradient passes, so the weights behind it stand still. "
        "Large initial weights, inputs or steps push units there.",
        (with_init(e, fitting_init(e)) if at_first else (f"lr={lower_rate(e)}",),),
        epoch=epoch,
        figure="histograms",
    )


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
    remedy = with_init(e, "he_normal") if at_first else (f"lr={lower_rate(e)}",)
    return Diagnosis(
        "dead-units",
        0.9 if at_first else 0.75,
        f"{percent_of(layer.dead)} of the units of {layer.title} are dead.",
        (f"no training row gives them a slope, {when(epoch)}",),
        "A unit that is 0 for every row has gradient 0 and never comes back. A step that is too "
        "large, or a bias far below 0, brings it there.",
        (("activation=leaky_relu", *remedy),),
        epoch=epoch,
        figure="histograms",
    )


def decay_too_strong(e: Evidence) -> Diagnosis | None:
    """Weight decay that pulls all weights to 0."""
    optimizer = e.config.optimizer
    decay, l1 = optimizer.weight_decay, optimizer.l1
    if max(decay, l1) <= 0 or e.has_learned(0.9):
        return None
    first, last = (rms(e.weights(moment)) for moment in (e.first, e.last))
    if last >= 0.5 * first:  # both are 0 without weights
        return None
    key = "weight_decay" if decay >= l1 else "l1"
    return Diagnosis(
        "decay-too-strong",
        0.93,
        f"The decay is too strong: {key} {max(decay, l1):.3g} pulls the weights to 0.",
        (f"root mean square of the weights {first:.3g} before training, {last:.3g} at the end",),
        "The decay is part of every gradient. Where it is larger than what the loss asks for, "
        "the network ends as a constant.",
        ((f"optimizer.{key}={rounded(max(decay, l1) / 1000)}",),),
        figure="weights",
    )
