"""Rules about the steps: how long they are, how many, and from how many rows each."""

from collections.abc import Iterator
from dataclasses import replace
from math import inf, isfinite, log10
from typing import Any

import numpy as np

from nnlab.config.dump import flow
from nnlab.core.network import layer_kind
from nnlab.core.optimizers import bind, length
from nnlab.core.schedules import Plateau
from nnlab.core.types import FloatArray
from nnlab.diagnosis.curves import fall_of, jumps, median_of_end
from nnlab.diagnosis.evidence import FEW_UPDATES, LEARNED, MANY_UPDATES, MATERIAL, STILL, Evidence
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.postmortem import FailedBatch, failed_batch
from nnlab.diagnosis.remedies import lower_rate, rate
from nnlab.show.words import count, format_number, percent

BURST = 10.0  # times the loss before training: steps that were far too large
TINY_BATCH = 4  # rows: their noise makes losses jump at a usual rate
NO_WARMUP = "schedule.warmup=0"
TINY_RATE = 0.01  # of the largest learning rate
MOVED = 2.0  # times their size: how far weights move where a usual rate trains them
SHORTENED = 10.0  # times: steps that a setting beside the rate makes shorter
GROWN = 10.0  # times their size before training: weights that large steps moved


def diverged(e: Evidence) -> Diagnosis | None:
    """A number became infinite or nan."""
    if e.failure is None:
        return None
    epoch, step, what = (e.failure.get(key) for key in ("epoch", "step", "what"))
    batch = failed_batch(e)
    return Diagnosis(
        "diverged",
        0.94,
        f"Training diverged in epoch {epoch}: the {what} is not finite.",
        (
            f"update {step:,}" if isinstance(step, int) else "update unknown",
            *_last_finite(e, batch),
        ),
        "Each step overshoots: the loss rises, its gradient grows with it, and the next step is "
        "larger still.",
        (lower_rate(e), ("optimizer.clip_norm=1",)),
        advice="" if batch is None else batch.advice,
        epoch=epoch if isinstance(epoch, int) else None,
        step=step if isinstance(step, int) else None,
        figure="curves",
    )


def _last_finite(e: Evidence, batch: FailedBatch | None) -> Iterator[str]:
    """The last finite losses and weights, and what these made of the rows of the batch."""
    losses = [f"{loss:.4g}" for loss in e.train_loss if isfinite(loss)] or ["unknown"]
    yield f"last finite training loss {losses[-1]}, before training {losses[0]}"
    if batch is not None:
        yield from batch.sentences()
        return
    layers = [f"{h.title} {h.weight:.3g}" for h in e.last.layers if h.weight]
    yield f"the last finite weights (root mean squares): {', '.join(layers)}"


def rate_too_high(e: Evidence) -> Diagnosis | None:
    """A loss that rises or jumps, or weights that the steps made far too large."""
    losses = e.finite_losses
    if len(losses) < 4 or e.moved < 0.1:
        return None
    after = losses[1:]
    peak = 1 + int(np.argmax(after))
    rises = float((np.diff(after) > 0.02 * np.abs(after[:-1])).mean())
    wild = after.max() > 2 * losses[0] or losses[-1] > 1.2 * losses[0]
    grown = _has_grown(e)
    if not grown and not _stays_high(e, after, wild, jumps(losses, rises)):
        return None
    return Diagnosis(
        "rate-too-high",
        0.86 if wild or grown else 0.72,
        "The learning rate is too high: "
        + ("the weights became huge." if grown else "the loss rises or jumps instead of falling."),
        (
            f"training loss {losses[0]:.3g} before training, {after.max():.3g} in epoch "
            f"{peak:,}, {after[-1]:.3g} at the end",
            f"it rises in {percent(rises)} of the epochs",
            f"the weights moved by {format_number(e.moved, 2)} times their size before training",
        ),
        "A step is the rate times the gradient. Where it is longer than the valley is wide, it "
        "ends on the other side, as high as before or higher.",
        (lower_rate(e), (f"lr={rate(e, 0.3)}",)),
        epoch=peak,
        figure="curves",
    )


def _has_grown(e: Evidence) -> bool:
    """Whether the weights became huge, and what they say of new rows is worthless or jumps."""
    shaken = e.built.plan.batch_size > TINY_BATCH and _jump(e) > MATERIAL * e.base_loss
    return e.moved > GROWN and (e.memorises or shaken)


def _jump(e: Evidence) -> float:
    """How much the validation loss changes from epoch to epoch in the second half.

    A standard deviation; 0 without a validation part. It shows where the last steps of an epoch
    led; the training loss is a mean over the epoch.
    """
    changes = np.diff(e.val_loss[len(e.val_loss) // 2 :])
    return float(changes.std()) if len(changes) > 1 else 0.0


def _stays_high(e: Evidence, after: FloatArray, wild: bool, jumping: bool) -> bool:
    """Whether a loss that is wild or jumps has not come down, or has risen again.

    after: the losses after training began. Dropout makes the training loss jump, and leaves the
    validation loss alone.
    """
    end = min(median_of_end(after), after[-1])  # of few epochs, the median is an early one
    if end > max(1.3 * after.min(), 0.3 * e.train_loss[0]):
        return True
    if end > max(2 * after.min(), after.min() + MATERIAL * e.base_loss):
        return True
    val = e.val_loss[1:]
    calm = len(val) > 0 and e.removed(median_of_end(val)) >= LEARNED and val[-1] < 1.1 * val.min()
    burst = after.max() > BURST * e.train_loss[0]
    least = 0.8 if burst or (jumping and not calm) else LEARNED if wild else -inf
    return min(e.learned, e.removed(median_of_end(after))) < least


def small_steps(e: Evidence) -> Diagnosis | None:
    """A setting beside the rate that makes the steps so short that the weights hardly move.

    A warmup that is longer than the training counts wherever much is left to learn.
    """
    factor, what, remedy = max(_shortened(e), default=(0.0, "", ""))
    unreached = remedy == NO_WARMUP and factor > 2 and e.progress == 1 and not e.has_learned(0.75)
    if not unreached and (not _slow_share(e) or factor < SHORTENED):
        return None
    return Diagnosis(
        "small-steps",
        0.895,
        f"The steps are too small: {what} makes them {format_number(factor, 2)} times shorter.",
        (*_slowness(e),),
        "A step is the rate times what the optimizer makes of the gradient. A setting that "
        "shortens it so much leaves the weights where they are, at any usual rate.",
        ((remedy,),),
        figure="lr" if "schedule" in remedy else "curves",
    )


def _shortened(e: Evidence) -> Iterator[tuple[float, str, str]]:
    """By how much a setting shortens the steps, which, and what undoes it."""
    optimizer, schedule, rates = e.config.optimizer, e.config.schedule, e.rates[1:]
    if rates.sum() > 0:
        per_epoch = e.updates(1) / e.cut if schedule.per == "step" else 1
        times, factor = round(e.config.training.epochs * per_epoch), optimizer.lr / rates.mean()
        if schedule.warmup > times:
            unit = "updates" if schedule.per == "step" else "epochs"
            what = f"a warmup of {schedule.warmup:,} {unit} in a training of {times:,}"
            yield factor, what, NO_WARMUP
        elif e.progress == 1:
            yield factor, "the schedule", "schedule=constant"
    for key in ("clip_norm", "clip_value", "eps"):
        usual, value = (getattr(o, key, None) for o in (type(optimizer)(), optimizer))
        if value != usual:
            factor = _first_step(e, **{key: usual}) / (_first_step(e) or 1e-300)
            yield factor, f"optimizer.{key} {value:g}", f"optimizer.{key}={flow(usual)}"


def _first_step(e: Evidence, **changes: Any) -> float:
    """The length of the optimizer's first step, with some other settings."""
    optimizer = replace(e.config.optimizer, weight_decay=0.0, l1=0.0, **changes)
    trained, loss = e.built.network.layout.trained, e.built.plan.loss
    gradient = e.first.gradient[:trained].astype(np.float64)
    gradient *= e.built.plan.batch_size if loss.reduction == "sum" else 1
    theta = np.zeros_like(gradient)
    slots, weights = optimizer.new_slots(theta), e.built.network.layout.weights
    o = bind(optimizer, theta, weights, slots, gradient)
    optimizer.shape_gradient(o)
    optimizer.update(o, optimizer.lr, 1)
    return length(theta)


def rate_too_low(e: Evidence) -> Diagnosis | None:
    """A loss that falls steadily and hardly at all, or a schedule that ends learning."""
    return _rate_is_low(e) or _schedule_ends_early(e)


def _slow_share(e: Evidence) -> float:
    """How far weights that hardly move come by the end; 0 where they move, or have learned."""
    losses = e.train_loss
    if len(losses) < 3 or e.failure is not None or e.has_learned(0.3):
        return 0.0
    share = e.moved / max(e.progress, 1e-9)  # by the end, at this pace
    falls = float((np.diff(losses[1:]) < 0).mean()) if len(losses) > 3 else 1.0
    return 0.0 if share > 0.1 or (falls < 0.6 and share > 0.03) else share


def _slowness(e: Evidence) -> Iterator[str]:
    """How little the weights and the loss changed."""
    yield f"the weights changed by {percent(e.moved, 2)} in {e.epochs:,} epochs"
    yield f"loss {e.train_loss[0]:.4g} before training, {e.train_loss[-1]:.4g} at the end"


def _rate_is_low(e: Evidence) -> Diagnosis | None:
    share = _slow_share(e)
    if not share:
        return None
    factor = 10 ** int(np.clip(round(log10(MOVED / share)), 1, 4))
    return Diagnosis(
        "rate-too-low",
        # Few updates move weights little at any rate.
        0.89 if share < 0.01 else 0.87 if e.updates(e.epochs) >= FEW_UPDATES else 0.77,
        "The learning rate is too low: the weights hardly move.",
        (*_slowness(e),),
        "A step is the rate times the gradient. With steps so short, training would need many "
        "times the epochs.",
        ((f"lr={rate(e, factor)}",),),
        figure="curves",
    )


def _schedule_ends_early(e: Evidence) -> Diagnosis | None:
    """A schedule that makes the rate tiny in the first half; a plateau schedule has its reason."""
    rates = e.rates
    tiny = np.flatnonzero(rates < TINY_RATE * rates.max(initial=0.0))
    tiny = tiny[tiny > rates.argmax()] if len(tiny) else tiny
    late = not len(tiny) or tiny[0] > 0.5 * e.epochs or e.train_loss[tiny[0]] > e.train_loss[0]
    if late or isinstance(e.config.schedule, Plateau) or e.failure is not None:
        return None
    if e.has_learned(0.9) or abs(fall_of(e.train_loss)) > STILL:
        return None
    return Diagnosis(
        "rate-too-low",
        0.83,
        "The schedule makes the learning rate too low too soon: the loss stands still.",
        (
            f"learning rate {rates.max():.3g} at most, {rates[tiny[0]]:.2g} in epoch {tiny[0]:,} "
            f"of {e.epochs:,}",
            f"loss {e.train_loss[tiny[0]]:.4g} then, {e.train_loss[-1]:.4g} at the end",
        ),
        "A step is the rate times the gradient. Where the rate is nearly 0, training has ended, "
        "whatever the number of epochs.",
        (("schedule=cosine",), ("schedule=constant",)),
        epoch=int(tiny[0]),
        figure="curves",
    )


def batch_too_large(e: Evidence) -> Diagnosis | None:
    """Few updates, because a batch holds many rows."""
    rows, batch = len(e.built.plan.train), e.built.plan.batch_size
    updates = e.updates(max(e.epochs, 1))
    if (
        batch < 128
        or batch < rows / 8
        or updates > MANY_UPDATES
        or e.progress < 1
        or e.has_learned(0.9)
        or e.config.optimizer.searches
    ):
        return None
    if updates >= FEW_UPDATES and fall_of(e.train_loss) < 0.01:
        return None
    return Diagnosis(
        "batch-too-large",
        0.78,
        f"Batches of {batch:,} rows leave {updates:,} updates in {e.epochs:,} epochs.",
        (f"{rows:,} training rows", f"training loss {e.train_loss[-1]:.4g} at the end"),
        "An epoch is one step per batch. A gradient over more rows is more exact, but hardly "
        "better for a step than one over 32, and there are fewer steps.",
        (("batch_size=32",),),
        epoch=e.epochs,
        figure="curves",
    )


def batch_too_small(e: Evidence) -> Diagnosis | None:
    """Noise of tiny batches."""
    rows, batch = len(e.built.plan.train), e.built.plan.batch_size
    losses = e.train_loss
    if batch > TINY_BATCH or rows < 100 or len(losses) < 6 or not len(e.finite_losses):
        return None
    tail = losses[len(losses) // 2 :]
    noise, jump = float(np.diff(tail).std() / max(tail.mean(), 1e-30)), _jump(e)
    shaken = jump > max(0.1 * e.val_loss[-1:].sum(), 0.4 * MATERIAL * e.base_loss)
    averaging = any(layer_kind(layer) == "batch_norm" for layer in e.config.network)
    if e.has_learned(0.95) or not any((noise > 0.04, shaken, averaging)):
        return None
    sights = {
        f"in the second half, the training loss changes by {percent(noise)} from epoch to epoch "
        "(standard deviation)": True,
        f"the validation loss changes by {jump:.2g}": shaken,
        f"batch_norm averages over only {count(batch, 'row')}": averaging,
    }
    return Diagnosis(
        "batch-too-small",
        0.74,
        f"Batches of {count(batch, 'row')} make the loss noisy.",
        tuple(text for text, seen in sights.items() if seen),
        "The gradient of few rows points anywhere. At a rate that is right for its mean, the "
        "weights wander around the minimum. Eight times the rows have a third of the noise.",
        ((f"batch_size={32 if averaging else 8 * batch}",), (f"lr={rate(e, 0.1)}",)),
        figure="curves",
    )
