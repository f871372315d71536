"""The learning-rate range test: `nnlab.lr`."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from annotated_types import Ge

from nnlab.api.arguments import CountOf, checks_arguments
from nnlab.api.find import AnyConfig, AnyPath, find_sweep, load_request
from nnlab.api.progress import choose_display
from nnlab.api.results import Columns, ShownResult
from nnlab.api.sweep import TrainedSweep
from nnlab.config.dump import settings_of
from nnlab.config.load import Loaded
from nnlab.config.schema import Config
from nnlab.core import columns
from nnlab.core.rate_range import RateCurve
from nnlab.errors import RunUnreadable, UsageError
from nnlab.experiment.provide import provide_data
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.plot import draw_inline
from nnlab.show.figures.rate_curve import draw_rate_curve
from nnlab.show.text_tables import Cell, format_records, to_csv
from nnlab.show.words import count
from nnlab.study.lr_range import Rates, RateSweep, measure_rates, read_rate_sweep

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATES, SEEDS = Rates(), 5
FEWEST = 50  # updates; the average needs some


@checks_arguments
def lr(
    config: AnyConfig,
    *,
    low: float = RATES.low,
    high: float = RATES.high,
    updates: Annotated[int, Ge(FEWEST)] = RATES.updates,
    seeds: CountOf = SEEDS,
    data: Any = None,
    sweep: AnyPath | None = None,
    runs: AnyPath | None = None,
    progress: bool | None = None,
    **overrides: object,
) -> "RateRange":
    """Train while the learning rate rises from `low` to `high`, and mark rates on the loss curve.

    Each of `seeds` seeds from the config's on gets `updates` updates. sweep: the folder of a sweep
    of lr with the same settings, whose final losses are laid over the curve; by default
    sweep-NAME-lr in `runs`, if it suits. config, data, progress, overrides: as for `train`; the
    config's own schedule is put aside. Writes nothing.

    Raises UsageError, ConfigError, DataError, and Diverged where no loss is finite.
    """
    load = partial(load_request, config, data, overrides)
    rates = Rates(low, high, updates)
    return range_test(load, rates, seeds, sweep, runs, choose_display(progress).tell)


def range_test(
    load: Callable[..., Loaded],
    rates: Rates,
    seeds: int,
    sweep: AnyPath | None,
    runs: AnyPath | None,
    tell: Callable[[str], None],
) -> "RateRange":
    """The range test of the config that `load` gives with changes: pairs of key and value.

    `tell` gets sentences. Raises as `lr`.
    """
    loaded = load()
    epochs = ("training.epochs", max(loaded.config.training.epochs, rates.updates))
    config = load(epochs).config
    ends = _sweep_of(config, sweep, runs)
    compared = [] if ends is None else [f"Compares with the final losses of {ends.folder}."]
    for sentence in (*loaded.notes, *compared):
        tell(sentence)
    provide_data(config, tell)
    others = [load(epochs, ("seed", config.seed + number)).config for number in range(1, seeds)]
    return RateRange(config, measure_rates([config, *others], rates), ends)


def _sweep_of(config: Config, sweep: AnyPath | None, runs: AnyPath | None) -> RateSweep | None:
    """The sweep that was named, else the usual one where it suits."""
    if sweep is not None:
        return read_rate_sweep(TrainedSweep.load(sweep, runs).folder, config)
    folder = find_sweep(f"sweep-{config.name}-lr", runs)
    with suppress(UsageError, RunUnreadable):
        return None if folder is None else read_rate_sweep(folder, config)
    return None


@dataclass(frozen=True, repr=False)
class RateRange(ShownResult):
    """The losses under a rising rate, and the marks on them."""

    config: Config
    curve: RateCurve
    sweep: RateSweep | None = None

    @property
    def marks(self) -> dict[str, float]:
        """The rate of each mark that exists."""
        return {name: float(self.curve.rates[at]) for name, at in self.curve.marks.items()}

    @property
    def table(self) -> Columns:
        """A row per seed and update: seed, update, lr, loss, smoothed."""
        seeds, updates = self.curve.losses.shape
        return {
            "seed": np.repeat(np.arange(seeds) + self.config.seed, updates),
            "update": np.tile(np.arange(updates) + 1, seeds),
            "lr": np.tile(self.curve.rates, seeds),
            "loss": self.curve.losses.ravel(),
            "smoothed": self.curve.smoothed.ravel(),
        }

    @checks_arguments
    def plot(self, *, dark: bool = False, scale: Scale | None = None) -> "Figure":
        """The curve with its marks, as a Figure that is shown inline."""
        return draw_inline(RateRange.draw, self, dark, scale)

    def draw(self) -> "Figure":
        """The figure; inside `style()` it has nnlab's look."""
        settings, sweep = settings_of(self.config), self.sweep
        finals = {
            rate: (s.low, s.median, s.high) if s else None
            for rate, s in (sweep.finals if sweep else {}).items()
        }
        part = columns.row_names(settings)[columns.split(sweep.of)[0]] if sweep else ""
        return draw_rate_curve(self.curve, settings, finals, part)

    def to_dict(self) -> dict[str, Any]:
        """The object that --json prints; losses are a row per seed."""
        curve, sweep = self.curve, self.sweep
        about = {"name": self.config.name, "seed": self.config.seed, "start": curve.start}
        quartiles = dict(zip(("low", "median", "high"), curve.quartiles, strict=True))
        results = {"marks": self.marks, "lr": curve.rates, **quartiles, "losses": curve.losses}
        return {**about, **results, "sweep": None if sweep is None else asdict(sweep)}

    def to_csv(self) -> str:
        """The table as CSV, all digits of a number."""
        table = {name: column.tolist() for name, column in self.table.items()}
        return to_csv(list(table), zip(*table.values(), strict=True))

    def __str__(self) -> str:
        curve = self.curve
        seeds, updates = curve.losses.shape
        low, high = curve.rates[[0, -1]]
        about = (
            f"{self.config.name}: {count(updates, 'update')} with lr {low:g} to {high:g}, "
            f"{count(seeds, 'seed')}; loss before training {curve.start:.4g}"
        )
        rows: list[dict[str, Cell]] = [
            {"mark": name, "lr": f"{curve.rates[at]:.2g}", "loss": float(curve.quartiles[1, at])}
            for name, at in curve.marks.items()
        ]
        if self.sweep is not None and (best := self.sweep.best):
            rate, loss = best
            rows.append({"mark": "best of the sweep", "lr": f"{rate:.2g}", "loss": loss})
        table = format_records(rows) if rows else ""
        none = "" if curve.marks else "The loss does not fall at any of these rates."
        aside = "The schedule of the config was put aside: these rates are those of single updates."
        if self.config.optimizer.searches:
            none = "The optimizer searches for each step: the curve says little about its lr."
        aside = "" if self.config.schedule.is_constant else aside
        return "\n\n".join(filter(None, [about, table, none, aside]))
