"""Rules about the curves: how the losses went from epoch to epoch."""

import numpy as np

from nnlab.config.dump import flow
from nnlab.diagnosis.curves import fall_of, gain_of_more
from nnlab.diagnosis.evidence import CONSTANT, FEW_UPDATES, LEARNED, MATERIAL, STILL, Evidence
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.part_rules import FEW_ROWS
from nnlab.diagnosis.remedies import (
    FEW_UNITS,
    bottleneck,
    off_the_plateau,
    wider,
    widest_hidden,
)
from nnlab.experiment.outcome import LONG
from nnlab.show.words import percent
from nnlab.status import Status

FALLING = 0.04  # relative fall of the training loss in the last quarter of the epochs
RISEN = 1.25  # times its smallest value: a validation loss that overfitting made
CLEAR = 4.0  # standard errors between the losses of few validation rows and of training rows


def overfitting(e: Evidence) -> Diagnosis | None:
    """A validation loss that rises while the training loss falls."""
    val, train = e.val_loss, e.train_loss
    if len(val) < 5 or not e.judges_validation:
        return None
    best, worthless = int(np.argmin(val)), e.memorises
    if not worthless and (not _has_risen(e, best) or train[-1] > 0.9 * train[best]):
        return None
    remedies: list[tuple[str, ...]] = [
        (f"optimizer={flow({'name': 'adamw', 'weight_decay': 0.1})}",)
    ]
    if e.config.training.early_stopping is None:
        remedies.insert(0, (f"training.early_stopping.patience={max(5, e.epochs // 20)}",))
    return Diagnosis(
        "overfitting",
        0.85 if worthless or _is_apart(e) else 0.5,
        "The network overfits: it memorises its training rows.",
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


def _has_risen(e: Evidence, best: int) -> bool:
    """Whether the validation loss ends far above that of an early best epoch."""
    val, last = e.val_loss, e.val_end
    noise = float(np.abs(np.diff(val[len(val) // 2 :])).mean())
    least = max(RISEN * val[best], val[best] + MATERIAL * e.base_loss, val[best] + 2 * noise)
    return bool(best <= 0.8 * e.epochs and last > least)


def _is_apart(e: Evidence) -> bool:
    """Whether enough rows tell that the validation loss is above the training loss.

    A loss deviates from row to row by about its mean, so its standard error is mean / sqrt(rows).
    """
    rows = len(e.built.plan.validation or ())
    return rows >= FEW_ROWS or bool(rows**0.5 * (1 - e.train_loss[-1] / e.val_end) >= CLEAR)


def best_epoch_early(e: Evidence) -> Diagnosis | None:
    """The best epoch lies far before the end."""
    val = e.val_loss
    if len(val) < 10 or e.config.training.early_stopping is not None or not e.judges_validation:
        return None
    best, last = int(np.argmin(val)), e.val_end
    if best > 0.5 * e.epochs or last < max(1.12 * val[best], val[best] + MATERIAL * e.base_loss):
        return None
    return Diagnosis(
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


def too_few_epochs(e: Evidence) -> Diagnosis | None:
    """A loss that still falls at the end."""
    if e.progress < 1 or e.status in (Status.EARLY_STOPPED, Status.DIVERGED) or e.excellent:
        return None
    if not _still_falls(e):
        return None
    return Diagnosis(
        "too-few-epochs",
        0.7,
        "Training stopped while the loss was still falling.",
        (
            f"in the last quarter of the epochs the training loss fell by "
            f"{percent(fall_of(e.train_loss))}, to {e.train_loss[-1]:.4g}",
        ),
        "Each epoch moves the weights a little further down the slope of the loss. Here the slope "
        "has not ended, so more epochs bring more.",
        ((f"epochs={4 * e.config.training.epochs}",),),
        epoch=e.epochs,
        figure="curves",
        serious=False,
    )


def _still_falls(e: Evidence) -> bool:
    """Whether more epochs would bring a material gain, or training has hardly begun."""
    train, shown = e.train_loss, e.val_loss if len(e.val_loss) else e.train_loss
    few = e.updates(e.epochs) < FEW_UPDATES
    if 2 < len(train) <= LONG and not e.has_learned(LEARNED if few else 0.3):
        return bool(train[-1] == train.min() and shown[-1] < 1.05 * shown.min())
    gain = (gain_of_more(train) + gain_of_more(shown)) / 2
    falls = fall_of(train) >= FALLING and fall_of(shown) >= FALLING / 2
    return falls and gain >= MATERIAL * e.base_loss


def underfitting(e: Evidence) -> Diagnosis | None:
    """A loss that stands still although much is left to explain."""
    if not e.can_stand_still or e.has_learned(0.75):
        return None
    units, learned = widest_hidden(e), e.learned
    if bottleneck(e) is None and abs(fall_of(e.train_loss)) > STILL:
        return None
    if not e.weighted(e.first) or (units > 2 and learned < 0.1):
        return None
    if not e.neighbours > e.quality + 0.07:
        return None
    return Diagnosis(
        "underfitting",
        *_too_small(e, units),
        (
            f"the loss ends at {percent(1 - learned)} of that of a constant answer",
            f"{e.quality_name} {e.quality:.3g} on the training rows; the "
            f"mean of the five nearest other rows has {e.neighbours:.3g}",
            f"widest hidden layer: {units} units" if units else "there is no hidden layer",
        ),
        "What a network can compute is bounded by its units and layers; without a hidden layer "
        "only straight boundaries can be learned.",
        ((wider(e),),),
        figure=e.answers_figure,
    )


def _too_small(e: Evidence, units: int) -> tuple[float, str]:
    """How sure it is that a layer or the network is too small, and which."""
    narrow, outputs = bottleneck(e), e.targets.shape[1]
    if narrow is not None:
        return 0.75, f"All {outputs} outputs must come through the single unit of {narrow.title}."
    sentence = "The network is too small for these rows, or cannot follow them."
    return 0.71 if units < FEW_UNITS else 0.68, sentence


def constant_predictions(e: Evidence) -> Diagnosis | None:
    """Outputs that do not depend on the row."""
    if not e.can_stand_still or not _is_trivial(e) or not _is_constant(e):
        return None
    return Diagnosis(
        "constant-predictions",
        0.65,
        "The network answers about the same to every row.",
        (
            f"the outputs vary over the rows by {percent(e.answers_spread, 1)} of what the "
            "targets do (standard deviations)",
            f"loss {e.train_loss[-1]:.4g} at the end; the best constant answer has "
            f"{e.trivial_loss:.4g}",
        ),
        "The mean of the targets is the first thing that a network learns, by its last bias. What "
        "tells rows apart must come through all layers, and there the gradient is too small.",
        off_the_plateau(e),
        figure=e.answers_figure,
    )


def plateau(e: Evidence) -> Diagnosis | None:
    """A loss that stands still where a constant answer would be as good."""
    if not e.can_stand_still or not _is_trivial(e) or _is_constant(e):
        return None
    if len(e.weighted(e.first)) < 2:  # without a hidden layer there is one valley, and its bottom
        return None
    if abs(fall_of(e.train_loss)) > STILL:
        return None
    return Diagnosis(
        "plateau",
        0.6,
        "The loss stands still, hardly below that of a constant answer.",
        (
            f"loss {e.train_loss[0]:.4g} before training, {e.train_loss[-1]:.4g} at the end",
            f"the best constant answer has {e.trivial_loss:.4g}",
        ),
        "On a plateau gradients are small in all directions. Another start, momentum or Adam "
        "leaves it sooner.",
        off_the_plateau(e),
        advice="Where the inputs say nothing about the targets, no setting helps.",
        figure="curves",
    )


def _is_trivial(e: Evidence) -> bool:
    """Whether the loss is about that of a constant answer; a wild one is far above it."""
    return -0.5 <= e.learned <= 0.1


def _is_constant(e: Evidence) -> bool:
    """Whether the outputs hardly depend on the row."""
    return e.answers_spread < CONSTANT
