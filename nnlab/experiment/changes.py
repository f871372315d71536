"""The settings that may change on resumption: a row per config key.

A resumed run ends like an undisturbed one. Changes that would break this are refused, with the
difference and the reason.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nnlab.data.batches import Batches
from nnlab.errors import ConfigError
from nnlab.run.settings import dotted
from nnlab.training import Plan

_NUMBERS = "the numbers so far follow from it"

# Key -> why it cannot change; None where it can. A row holds for everything below its key.
RULES: dict[str, str | None] = {
    "name": "the folder is called after it",
    "seed": _NUMBERS,
    "data": _NUMBERS,
    "network": _NUMBERS,
    "init": _NUMBERS,
    "loss": _NUMBERS,
    "optimizer": _NUMBERS,
    "schedule": _NUMBERS,
    "training.epochs": None,  # upwards, where the schedule allows: see `refuse`
    "training.batch_size": _NUMBERS,
    "training.shuffle": _NUMBERS,
    "training.drop_last": _NUMBERS,
    "training.dtype": _NUMBERS,
    "training.engine": "another engine rounds differently",
    "training.early_stopping": "it may have stopped the run before",
    "training.monitor": "the best epoch so far follows from it",
    "training.metrics": "metrics.csv would have a gap",
    "training.checkpoint_every": None,
    "training.record_steps": "steps.csv would have a gap",
    "training.ema": _NUMBERS,
    "training.swa": _NUMBERS,
    "training.augment": _NUMBERS,
    "sweeps": None,
    "expect": None,
}
SAMPLES = 10_000  # updates at which two schedules are compared


def refuse(before: Mapping[str, Any], after: Mapping[str, Any], way_out: str) -> None:
    """ConfigError with every difference that is not allowed; `way_out` ends the message."""
    _raise_refused(
        (
            (key, old, new, reason)
            for key, old, new in differences(before, after)
            if (reason := _reason(key, old, new)) is not None
        ),
        way_out,
    )


def refuse_length(plan: Plan, epochs: int, steps: int, way_out: str) -> None:
    """ConfigError if more epochs change the rate of an earlier update.

    A schedule may depend on the number of epochs, which was `epochs`; `steps` updates were done.
    """
    schedule, lr = plan.schedule, plan.optimizer.lr
    count = Batches(plan.train, plan.batch_size, plan.drop_last).count
    unit = count if schedule.per == "step" else 1
    done = steps if schedule.per == "step" else -(-steps // count)
    stride = max(1, done // SAMPLES)
    for t in range(0, done, stride):
        if schedule.rate(t, lr, epochs * unit) != schedule.rate(t, lr, plan.epochs * unit):
            reason = "the schedule's length followed from it"
            _raise_refused([("training.epochs", epochs, plan.epochs, reason)], way_out)


def _raise_refused(problems: Iterable[tuple[str, Any, Any, str]], way_out: str) -> None:
    """ConfigError if there are problems: key, old value, new value, reason."""
    if lines := [f"  {key}: {_shown(a)} -> {_shown(b)} ({why})" for key, a, b, why in problems]:
        raise ConfigError(
            "\n".join(["A resumed run keeps its settings, so this cannot change:", *lines, way_out])
        )


def rule(key: str) -> str:
    """The key of the row of RULES for `key`: itself or the nearest key above it.

    Raises KeyError when there is none.
    """
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        row = ".".join(parts[:length])
        if row in RULES:
            return row
    raise KeyError(f"{key} has no row in RULES")


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Key, old and new value of each setting that differs; None if missing."""
    old, new = dotted(before), dotted(after)
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key) or type(old.get(key)) is not type(new.get(key)):
            yield key, old.get(key), new.get(key)


def _reason(key: str, old: Any, new: Any) -> str | None:
    if key == "training.epochs":
        return "a run can become longer, not shorter" if new < old else None
    return RULES[rule(key)]


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return str(value) if len(str(value)) <= 60 else f"{str(value)[:57]}..."
