"""The learning-rate range test of a config, and a finished sweep of its rate to compare with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.build import Built, build
from nnlab.config.dump import settings_of
from nnlab.config.schema import Config
from nnlab.core import columns
from nnlab.core.network import layer_kind
from nnlab.core.rate_range import RateCurve
from nnlab.core.schedules import Exponential
from nnlab.core.types import FloatArray
from nnlab.errors import ConfigError, Diverged, UsageError
from nnlab.experiment.changes import differences
from nnlab.experiment.state import start_weights
from nnlab.run.settings import training_settings
from nnlab.run.sweeps import SweepFolder
from nnlab.run.text import mapping_or_empty
from nnlab.show.words import first_few
from nnlab.study.axes import canonical
from nnlab.study.results import SeedSpread, cell_rows
from nnlab.training import Epoch, Steps, run_training, start

RATE = canonical("lr")
WIDEST = 1e30
MOST_NAMED = 4  # differences of a sweep
# Settings that may differ between a range test and a sweep of the rate.
FREE = {
    *("name", "seed", "data.seed", RATE, "training.epochs", "training.engine"),
    *("training.record_steps", "training.checkpoint_every"),
}


def measure_rates(configs: Sequence[Config], low: float, high: float, updates: int) -> RateCurve:
    """The losses of each config while the rate rises geometrically from `low` to `high`.

    The config's own schedule is put aside. Nothing is written. Raises UsageError, ConfigError for a
    network that cannot learn, DataError, and Diverged where no training has a loss.
    """
    if not 0 < low < high <= WIDEST * low:
        raise UsageError(
            f"The rate cannot rise from {low:g} to {high:g}: give numbers 0 < from < to, and to at "
            f"most {WIDEST:g} times from."
        )
    for index, layer in enumerate(configs[0].network):
        if not layer.differentiable:
            raise ConfigError(
                f"network.{index}: {layer_kind(layer)} has no derivative, so no rate would do."
            )
    growth = (high / low) ** (1 / (updates - 1))
    tests = [_losses(build(config), low, growth, updates) for config in configs]
    starts, losses = (np.array(values) for values in zip(*tests, strict=True))
    if np.isnan(losses[:, 0]).all():
        raise Diverged("No training has a loss that is finite before its first update.")
    return RateCurve(low * growth ** np.arange(updates), losses, starts)


def _losses(built: Built, low: float, growth: float, updates: int) -> tuple[float, FloatArray]:
    """The loss of all training rows before the first update, and that of each update (U,)."""
    if not built.network.theta.size:
        raise ConfigError("The network has no parameters, so no rate would change anything.")
    start_weights(built)
    plan = replace(
        built.plan,
        optimizer=replace(built.plan.optimizer, lr=low),
        schedule=Exponential(per="step", gamma=growth),
        epochs=updates,
        monitor=columns.name(columns.TRAIN, columns.LOSS),
        higher_is_better=False,
        validation=None,
        metrics=(),
        stopping=None,
        ema=None,
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

    column: whose losses they are, as in metrics.csv. spreads: over the seeds, by rate; None where
    at least half of the trials have no result.
    """

    path: Path
    column: str
    spreads: dict[float, SeedSpread | None]

    @property
    def best(self) -> tuple[float, float] | None:
        """The rate with the lowest median, and that loss."""
        losses = {rate: spread.median for rate, spread in self.spreads.items() if spread}
        return min(losses.items(), key=lambda entry: entry[1], default=None)


def read_rate_sweep(folder: SweepFolder, config: Config) -> RateSweep:
    """The final losses of a sweep. Raises UsageError where it is no sweep of this config's rate."""
    about = folder.read_about()
    key = _rate_key(folder, about, config)
    rows = [row for row in cell_rows(folder.records(), about["axes"]) if row.done or row.failed]
    part = columns.watched_part(name for row in rows for name in row.numbers)
    column = columns.name(part, columns.LOSS)
    spreads = {
        float(row.cell[key]): row.numbers.get(column) if row.done > row.failed else None
        for row in rows
    }
    return RateSweep(folder.path, column, spreads)


def _rate_key(folder: SweepFolder, about: Mapping[str, Any], config: Config) -> str:
    """The name of the sweep's axis. Raises UsageError where it varies anything else."""
    keys = [str(axis.get("key")) for axis in about["axes"]]
    if list(map(canonical, keys)) != [RATE]:
        raise UsageError(f"{folder.path} is not a sweep of lr alone.")
    own = training_settings(settings_of(config))
    changed = differences(mapping_or_empty(about.get("base")), own)
    if other := [key for key, _, _ in changed if key not in FREE]:
        raise UsageError(
            f"{folder.path} is a sweep of other settings: {first_few(other, MOST_NAMED)}."
        )
    return keys[0]
