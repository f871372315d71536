"""The learning rate of a script: a number, a function, or the rates that the run had."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from nnlab.core.schedules import Schedule
from nnlab.core.types import Array
from nnlab.exports.numpy_source import numpy_source, setting_texts


@dataclass(frozen=True)
class RateSource:
    """Lines of a script: a function, a setting, what an epoch and an update begin with.

    arrays: of the file beside the script.
    """

    function: str = ""
    setting: str = ""
    epoch: str = ""
    update: str = ""
    arrays: Mapping[str, Array] = field(default_factory=dict)


def rate_source(
    schedule: Schedule, lr: float, epochs: int, batches: int, seen: Mapping[int, float]
) -> RateSource:
    """The lines of a schedule for `epochs` of so many batches.

    seen: by epoch, counted from 1, the rates that the run had.
    """
    if schedule.is_constant:
        return RateSource()
    per_step = schedule.per == "step"
    total = epochs * (batches if per_step else 1)
    if schedule.formula:
        function = _function(schedule, lr, total)
        if per_step:
            return RateSource(function, update="lr = rate(step)")
        return RateSource(function, epoch="lr = rate(epoch)")
    if per_step:
        rates = np.array([schedule.rate(t, lr, total) for t in range(len(seen) * batches)])
        setting = 'rates = saved["rates"].tolist()  # of each update'
        return RateSource("", setting, update="lr = rates[step]", arrays={"rates": rates})
    pairs = [(epoch, rate, seen.get(epoch - 1)) for epoch, rate in seen.items()]
    changes = {epoch - 1: rate for epoch, rate, before in pairs if rate != before}
    setting = f"rates = {changes}  # by the epoch in which each begins, from 0"
    return RateSource("", setting, epoch="lr = rates.get(epoch, lr)")


def _function(schedule: Schedule, lr: float, total: int) -> str:
    """`rate(t)`, from the schedule's formula."""
    unit, warmup = "update" if schedule.per == "step" else "epoch", schedule.warmup
    left = str(max(total - warmup, 1))
    names = {"length": left} | setting_texts(schedule)
    names |= {"lr": repr(lr), "pi": "np.pi"}
    lines = ["def rate(t):", f'    """The learning rate of {unit} t = 0, 1, ..."""']
    if warmup:
        lines += [f"    if t < {warmup}:", f"        return {lr!r} * (t + 1) / {warmup}"]
        lines += [f"    t -= {warmup}"]
    return "\n".join([*lines, f"    return float({numpy_source(schedule.formula, names, '')})", ""])
