"""The learning-rate range test of a config, and a finished sweep of its rate to compare with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from nnlab.build import Built, build
from nnlab.config.dump import settings_of
from nnlab.config.schema import Config
from nnlab.core import columns
from nnlab.core.rate_range import RateCurve
from nnlab.core.schedules import Exponential
from nnlab.core.types import FloatArray
from nnlab.errors import Diverged, UsageError
from nnlab.experiment.changes import differences
from nnlab.experiment.state import start_weights
from nnlab.run.settings import training_settings
from nnlab.run.sweeps import SweepFolder
from nnlab.run.text import mapping_or_empty
from nnlab.show.words import first_few
from nnlab.study.axes import canonical
from nnlab.study.results import CellRow, SeedSpread, cell_rows
from nnlab.training import Epoch, Steps, run_training, start

RATE = canonical("lr")
WIDEST = 1e30
MOST_NAMED = 4  # differences of a sweep
# Settings that may differ between a range test and a sweep of the rate.
FREE = {
    *("name", "seed", "data.seed", RATE, "training.epochs", "training.engine"),
    *("training.record_steps", "training.checkpoint_every"),
}


class Rates(NamedTuple):
    """The rates of a test: so many, from `low` to `high`, each by the same factor higher."""

    low: float = 1e-5
    high: float = 10.0
    updates: int = 200


def measure_rates(configs: Sequence[Config], rates: Rates) -> RateCurve:
    """The losses of each config while the rate rises.

    The config's own schedule is put aside. Nothing is written. Raises UsageError, ConfigError,
    DataError, and Diverged where no training has a loss.
    """
    low, high, updates = rates
    if not 0 < low < high <= WIDEST * low:
        raise UsageError(
            f"The rate cannot rise from {low:g} to {high:g}: give numbers 0 < from < to, and to at "
            f"most {WIDEST:g} times from."
        )
    growth = (high / low) ** (1 / (updates - 1))
    tests = [_losses(build(config), low, growth, updates) for config in configs]
    starts, losses = (np.array(values) for values in zip(*tests, strict=True))
    if np.isnan(losses[:, 0]).all():
        raise Diverged("No training has a loss that is finite before its first update.")
    return RateCurve(low * growth ** np.arange(updates), losses, starts)


def _losses(built: Built, low: float, growth: float, updates: int) -> tuple[float, FloatArray]:
    """The loss of all training rows before the first update, and that of each update (U,)."""
    start_weights(built)
    plan = replace(
        built.plan,
        optimizer=replace(built.plan.optimizer, lr=low),
        schedule=Exponential(per="step", gamma=growth),
        epochs=updates,
        monitor=columns.name(columns.TRAIN, columns.LOSS),
        validation=None,
        metrics=(),
        stopping=None,
        ema=None,
        swa=None,
        record_steps=True,
        engine="numpy",
        chunk=updates,
    )
    first, losses = np.nan, list[float]()
    for record in run_training(plan, start(plan, built.network)):
        if isinstance(record, Epoch) and record.epoch == 0:
            first = record.train[columns.LOSS]
        elif isinstance(record, Steps):
            losses.extend(record.losses)
        if len(losses) >= updates:
            break
    padded = np.full(updates, np.nan)
    padded[: len(losses)] = losses[:updates]
    return first, padded


@dataclass(frozen=True)
class RateSweep:
    """The final losses of a sweep of the rate.

    of: whose losses they are, as a column of metrics.csv. finals: over the seeds, by rate; None
    where at least half of the trials have no result.
    """

    folder: str
    of: str
    finals: dict[float, SeedSpread | None]

    @property
    def best(self) -> tuple[float, float] | None:
        """The rate with the lowest median, and that loss."""
        medians = {rate: spread.median for rate, spread in self.finals.items() if spread}
        return min(medians.items(), key=lambda entry: entry[1], default=None)


def read_rate_sweep(folder: SweepFolder, config: Config) -> RateSweep:
    """The final losses of a sweep. Raises UsageError where it varies more than this config's lr."""
    about = folder.read_about()
    own = training_settings(settings_of(config))
    axes = [canonical(str(axis.get("key"))) for axis in about["axes"]]
    changed = [key for key, _, _ in differences(mapping_or_empty(about.get("base")), own)]
    other = [key for key in (*axes, *changed) if key not in FREE]
    if other or axes != [RATE]:
        named = f": {first_few(other, MOST_NAMED)}" if other else ""
        raise UsageError(f"{folder.path} is no sweep of lr alone{named}.")
    rows = [row for row in cell_rows(folder.records(), about["axes"]) if row.done or row.failed]
    return _finals(folder, str(about["axes"][0]["key"]), rows)


def _finals(folder: SweepFolder, key: str, rows: Sequence[CellRow]) -> RateSweep:
    part = columns.watched_part(name for row in rows for name in row.numbers)
    of = columns.name(part, columns.LOSS)
    finals = {
        float(row.cell[key]): row.numbers.get(of) if row.done > row.failed else None for row in rows
    }
    return RateSweep(str(folder.path), of, finals)
