"""Rules about the curves: how the losses went from epoch to epoch."""

from math import inf, isfinite, log10
from typing import Any

import numpy as np

from nnlab.config.dump import flow
from nnlab.core.metrics import ACCURACY, R2
from nnlab.diagnosis.data_rules import FEW_ROWS
from nnlab.diagnosis.evidence import LEARNED, Evidence
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.moments import rms
from nnlab.diagnosis.remedies import (
    fitting_init,
    lower_rate,
    percent_of,
    rate,
    wider,
    widest_hidden,
    with_init,
)
from nnlab.status import Status

FALLING = 0.05  # relative fall of the loss in the last quarter of the epochs
RISEN = 1.25  # times its smallest value: a validation loss that overfitting made
STILL = 0.03  # the same, of a loss that stands still


def diverged(e: Evidence) -> Diagnosis | None:
    """A number became infinite or nan."""
    if e.failure is None:
        return None
    losses = [f"{loss:.4g}" for loss in e.train_loss if isfinite(loss)] or ["unknown"]
    epoch, step, what = (e.failure.get(key) for key in ("epoch", "step", "what"))
    layers = [f"{h.title} {h.weight:.3g}" for h in e.last.layers if h.weight]
    return Diagnosis(
        "diverged",
        0.94,
        f"Training diverged in epoch {epoch}: the {what} is not finite.",
        (
            f"update {step:,}" if isinstance(step, int) else "update unknown",
            f"last finite training loss {losses[-1]}, before training {losses[0]}",
            "weights at the last finite state (root mean square): " + ", ".join(layers),
        ),
        "Each step overshoots: the loss rises, its gradient grows with it, and the next step is "
        "larger still.",
        ((f"lr={lower_rate(e)}",), ("optimizer.clip_norm=1",)),
        epoch=epoch if isinstance(epoch, int) else None,
        step=step if isinstance(step, int) else None,
        figure="curves",
    )


def rate_too_high(e: Evidence) -> Diagnosis | None:
    """A loss that rises or jumps."""
    losses = e.finite_losses
    if len(losses) < 4 or _moved_share(e) < 0.1:
        return None
    after = losses[1:]
    rises = float((np.diff(after) > 0.02 * np.abs(after[:-1])).mean())
    wild = after.max() > 2 * losses[0] or losses[-1] > 1.2 * losses[0]
    end = min(median_of_end(after), after[-1])  # of few epochs, the median is an early one
    worse = end > max(1.3 * after.min(), 0.3 * losses[0])
    jumps = _jumps(losses, rises)
    least = 0.9 if jumps else LEARNED if wild else -inf
    if not worse and min(e.learned, e.removed(median_of_end(after))) >= least:
        return None
    return Diagnosis(
        "rate-too-high",
        0.86 if wild else 0.72,
        "The learning rate is too high: the loss jumps instead of falling.",
        (
            f"the loss rises in {percent_of(rises)} of the epochs",
            f"{losses[0]:.3g} before training, at most {after.max():.3g}, at last {after[-1]:.3g}",
        ),
        "A step is the rate times the gradient. Where it is longer than the valley is wide, it "
        "ends on the other side, as high as before or higher.",
        ((f"lr={lower_rate(e)}",), (f"lr={rate(e, 0.3)}",)),
        epoch=int(np.argmax(losses)),
        figure="curves",
    )


def rate_too_low(e: Evidence) -> Diagnosis | None:
    """A loss that falls steadily and hardly at all."""
    losses = e.train_loss
    if len(losses) < 3 or e.failure is not None or e.has_learned(0.3):
        return None
    share = _moved_share(e)
    falls = float((np.diff(losses[1:]) < 0).mean()) if len(losses) > 3 else 1.0
    if not 0 < share <= 0.1 or (falls < 0.6 and share > 0.03):
        return None
    factor = 10 ** int(np.clip(round(log10(0.5 / max(share, 1e-9))), 1, 4))
    return Diagnosis(
        "rate-too-low",
        0.87,
        "The learning rate is too low: the weights hardly move.",
        (
            f"the weights changed by {percent_of(share, 2)} in {e.epochs:,} epochs",
            f"loss {losses[0]:.4g} before training, {losses[-1]:.4g} at the end",
        ),
        "A step is the rate times the gradient. With steps so short, training would need many "
        "times the epochs.",
        ((f"lr={rate(e, factor)}",),),
        figure="curves",
    )


def overfitting(e: Evidence) -> Diagnosis | None:
    """A validation loss that rises while the training loss falls."""
    val, train = e.val_loss, e.train_loss
    if len(val) < 5 or e.failure is not None:
        return None
    best, last = int(np.argmin(val)), median_of_end(val)
    noise = float(np.abs(np.diff(val[len(val) // 2 :])).mean())
    risen = best <= 0.8 * e.epochs and last > RISEN * val[best] + 2 * noise
    worthless = _learned_nothing_new(e)
    if not worthless and (not risen or train[-1] > 0.9 * train[best]):
        return None
    few = not worthless and len(_validation_rows(e)) < FEW_ROWS
    remedies: list[tuple[str, ...]] = [
        (f"optimizer={flow({'name': 'adamw', 'weight_decay': 0.1})}",)
    ]
    if e.config.training.early_stopping is None:
        remedies.insert(0, (f"training.early_stopping.patience={max(5, e.epochs // 20)}",))
    return Diagnosis(
        "overfitting",
        0.5 if few else 0.85,
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


def best_epoch_early(e: Evidence) -> Diagnosis | None:
    """The best epoch lies far before the end."""
    val = e.val_loss
    if len(val) < 10 or e.config.training.early_stopping is not None:
        return None
    best, last = int(np.argmin(val)), median_of_end(val)
    if best > 0.5 * e.epochs or last < 1.12 * val[best]:
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
    falling = fall_of(e.train_loss)
    shown = e.val_loss if len(e.val_loss) else e.train_loss
    if e.failure is not None or min(falling, fall_of(shown)) < FALLING:
        return None
    if e.status is Status.EARLY_STOPPED or e.excellent:
        return None
    return Diagnosis(
        "too-few-epochs",
        0.7,
        "Training stopped while the loss was still falling.",
        (f"in the last quarter of the epochs the training loss fell by {percent_of(falling)}",),
        "The last epochs brought as much as the ones before; more of them would bring more.",
        ((f"epochs={4 * e.config.training.epochs}",),),
        epoch=e.epochs,
        figure="curves",
        serious=False,
    )


def batch_too_large(e: Evidence) -> Diagnosis | None:
    """Few updates, because a batch holds many rows."""
    rows, batch = len(e.built.plan.train), e.built.plan.batch_size
    updates = -(-rows // batch) * max(e.epochs, 1)
    if batch < 128 or batch < rows / 8 or updates > 1000 or e.has_learned(0.9):
        return None
    if fall_of(e.train_loss) < 0.01:
        return None
    return Diagnosis(
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


def batch_too_small(e: Evidence) -> Diagnosis | None:
    """Noise of tiny batches."""
    rows, batch = len(e.built.plan.train), e.built.plan.batch_size
    losses = e.train_loss
    if batch > 4 or rows < 100 or len(losses) < 6 or e.failure is not None:
        return None
    tail = losses[len(losses) // 2 :]
    noise = float(np.diff(tail).std() / max(tail.mean(), 1e-30))
    if noise < 0.04 or e.has_learned(0.95):
        return None
    return Diagnosis(
        "batch-too-small",
        0.74,
        f"Batches of {batch} make the loss noisy.",
        (f"it changes by {percent_of(noise)} from epoch to epoch in the second half",),
        "The gradient of few rows points anywhere. At a rate that is right for its mean, the "
        "weights wander around the minimum.",
        (("batch_size=32",), (f"lr={rate(e, 0.1)}",)),
        figure="curves",
    )


def underfitting(e: Evidence) -> Diagnosis | None:
    """A loss that stands still although much is left to explain."""
    losses = e.finite_losses
    if len(losses) <= 5 or e.has_learned(0.75) or abs(fall_of(losses)) > STILL:
        return None
    units, learned = widest_hidden(e), e.learned
    if not e.weighted(e.first) or (units and learned < 0.1):
        return None
    if not e.neighbours > e.quality + 0.07:
        return None
    return Diagnosis(
        "underfitting",
        0.68,
        "The network is too small for these rows, or cannot follow them.",
        (
            f"the loss stands still at {percent_of(1 - learned)} of that of a constant answer",
            f"{(ACCURACY if e.is_classes else R2).label} {e.quality:.3g} on the training rows; the "
            f"mean of the five nearest other rows has {e.neighbours:.3g}",
            f"widest hidden layer: {units} units" if units else "there is no hidden layer",
        ),
        "What a network can compute is bounded by its units and layers; without a hidden layer "
        "only straight boundaries can be learned.",
        ((wider(e),),),
        figure=e.answers_figure,
    )


def plateau(e: Evidence) -> Diagnosis | None:
    """A loss that stands still where a constant answer would be as good."""
    if e.failure is not None or e.learned > 0.1 or e.epochs < 5:
        return None
    if abs(fall_of(e.train_loss)) > STILL:
        return None
    return Diagnosis(
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
            with_init(e, fitting_init(e)),
            (f"lr={rate(e, 10)}",),
        ),
        figure="curves",
    )


def _learned_nothing_new(e: Evidence) -> bool:
    """Whether training rows are memorised, and validation rows no better than by a constant."""
    constant = e.trivial_loss
    return e.train_loss[-1] < 0.05 * constant and median_of_end(e.val_loss) > 0.7 * constant


def _validation_rows(e: Evidence) -> Any:
    """The validation rows; an empty tuple without any."""
    return e.built.plan.validation or ()


def _moved_share(e: Evidence) -> float:
    """How far the weights moved, as a share of their size before training."""
    first = e.weights(e.first)
    return rms(e.weights(e.last) - first) / (rms(first) or 1.0)


def _jumps(losses: Any, rises: float) -> bool:
    """Whether a loss goes up and down, with the share of epochs in which it rises."""
    return _spikes(losses) or (rises > 0.25 and _is_noisy(losses))


def _spikes(losses: Any) -> bool:
    """Whether a loss of the second half is far above the rest, and not small."""
    tail = losses[1 + len(losses) // 2 :]
    return bool(tail.max() > max(3 * np.median(tail), 0.1 * losses[0]))


def _is_noisy(losses: Any) -> bool:
    """Whether the losses of the second half vary by more than a tenth."""
    tail = losses[1 + len(losses) // 2 :]
    return bool(tail.std() > 0.1 * tail.mean())


def fall_of(losses: Any) -> float:
    """The relative fall of a loss in the last quarter of its epochs."""
    if len(losses) < 5:
        return 1.0 - float(losses[-1] / losses[-2]) if len(losses) > 2 else 0.0
    window = max(1, len(losses) // 10)
    last, before = losses[-window:].mean(), losses[-len(losses) // 4 :][:window].mean()
    return float(1 - last / before) if before else 0.0


def median_of_end(losses: Any) -> float:
    """The median of the last epochs: a single one may be an accident."""
    return float(np.median(losses[-max(3, len(losses) // 20) :]))
