"""What may differ when a run is resumed: a row for every key of the config (promise R7).

A resumed run ends as an undisturbed one would. What cannot be changed without breaking that is
refused, with the difference and the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nnlab.config.schema import Config
from nnlab.errors import ConfigError

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
    "training.checkpoint_every": None,
    "training.record_steps": "steps.csv would have a gap",
    "training.ema": _NUMBERS,
    "training.augment": _NUMBERS,
    "sweeps": None,
}
SAMPLES = 10_000  # updates at which two schedules are compared


def refuse(before: Mapping[str, Any], after: Mapping[str, Any], again: str) -> None:
    """ConfigError with every difference that cannot be honoured; `again` is the way out."""
    problems = [
        f"  {key}: {_shown(old)} -> {_shown(new)} ({reason})"
        for key, old, new in differences(before, after)
        if (reason := _reason(key, old, new)) is not None
    ]
    if problems:
        listed = "\n".join(problems)
        raise ConfigError(
            f"A resumed run keeps its settings, so this cannot change:\n{listed}\n{again}"
        )


def refuse_length(config: Config, epochs: int, steps: int, count: int, again: str) -> None:
    """ConfigError when `steps` updates had other rates if the training were as long as `config`'s.

    It was to have `epochs` epochs before; `count` is the number of updates of one.
    """
    new = config.training.epochs
    schedule, lr = config.schedule, config.optimizer.lr
    unit = count if schedule.per == "step" else 1
    done = steps if schedule.per == "step" else -(-steps // count)
    stride = max(1, done // SAMPLES)
    for t in range(0, done, stride):
        if schedule.rate(t, lr, epochs * unit) != schedule.rate(t, lr, new * unit):
            raise ConfigError(
                "A resumed run keeps its settings, so this cannot change:\n"
                f"  training.epochs: {epochs} -> {new} (the schedule's length followed from it)\n"
                f"{again}"
            )


def rule(key: str) -> str | None:
    """The row of RULES that `key` falls under: itself or the nearest key above it.

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
    """Key, old and new value of every setting that differs; None for one that is not there."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key) or type(old.get(key)) is not type(new.get(key)):
            yield key, old.get(key), new.get(key)


def _reason(key: str, old: Any, new: Any) -> str | None:
    if key == "training.epochs":
        return "a run can become longer, not shorter" if new < old else None
    return RULES[rule(key) or key]


def _leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    items: Sequence[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list | tuple):
        items = list(enumerate(value))
    if not items:
        yield prefix, value
    for key, inner in items:
        yield from _leaves(inner, f"{prefix}.{key}" if prefix else str(key))


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return str(value) if len(str(value)) <= 60 else f"{str(value)[:57]}..."
