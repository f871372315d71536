"""The same training by another library, compared epoch by epoch: `nnlab.crosscheck`."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from math import inf
from typing import Any

from nnlab.api.arguments import checks_arguments
from nnlab.api.find import AnyConfig, load_request
from nnlab.api.progress import choose_display
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.build import build
from nnlab.config.schema import Config
from nnlab.core import columns
from nnlab.errors import ConfigError, Diverged, UsageError
from nnlab.experiment.provide import provide_data
from nnlab.experiment.state import start_weights
from nnlab.peers.side_by_side import (
    DEFAULT_TOLERANCE,
    PEERS,
    EpochDifference,
    compare_epochs,
    require_library,
)
from nnlab.show.text_tables import NOTHING, format_table
from nnlab.show.words import count
from nnlab.training import Epoch, Record

SHOWN = (1, 2, 5)  # times powers of ten: the epochs in the printed table
FLOAT64 = ("training.dtype", "float64")


@checks_arguments
def crosscheck(
    config: AnyConfig,
    *,
    against: str = "torch",
    data: Any = None,
    tolerance: float = DEFAULT_TOLERANCE,
    progress: bool | None = None,
    **overrides: object,
) -> "CrossCheck":
    """Train a config in nnlab and in another library, and compare after each epoch.

    Both get the same initial weights, batches and learning rates, in float64. against: "torch" or
    "sklearn". tolerance: the largest difference, as a part of the largest weight and of the largest
    loss. config, data, progress, overrides: as for `train`. Writes nothing.

    Raises UsageError for an unknown or missing library, ConfigError for what it cannot express,
    DataError.
    """
    require_library(against)
    loaded = load_request(config, data, overrides, FLOAT64)
    shown = choose_display(progress)
    return check_against(loaded.config, against, tolerance, shown.tell, shown.training)


def check_against(
    config: Config,
    library: str,
    tolerance: float,
    tell: Callable[[str], None],
    watch: Callable[[int], AbstractContextManager[Callable[[Record], None]]],
) -> "CrossCheck":
    """The cross-check of a config in float64; `tell` gets sentences before the training.

    watch: gives what sees a record per epoch.
    Raises as `crosscheck`, whose library is there.
    """
    if not 0 <= tolerance < inf:
        raise UsageError(f"The tolerance is a number from 0 up, not {tolerance:g}.")
    provide_data(config, tell)
    built = build(config)
    if not built.network.theta.size:
        raise ConfigError("The network has no parameters, so there is no training to compare.")
    start_weights(built)
    peer = PEERS[library](built)
    tell(f"{config.name}: nnlab and {peer.title} train {count(config.training.epochs, 'epoch')}.")
    rows, ended = list[EpochDifference](), ""
    try:
        with watch(config.training.epochs) as see:
            for row in compare_epochs(built, peer, tolerance):
                rows.append(row)
                numbers = {columns.LOSS: row.loss, "difference": row.relative}
                see(Epoch(row.epoch, row.updates, 0.0, numbers, None, False))
    except Diverged as error:
        ended = str(error)
    return CrossCheck(peer.title, tolerance, tuple(rows), ended)


@dataclass(frozen=True, repr=False)
class CrossCheck(ShownResult):
    """The differences after each epoch, up to the first above the tolerance.

    ended: a sentence where nnlab's training diverged.
    """

    peer: str
    tolerance: float
    rows: tuple[EpochDifference, ...]
    ended: str = ""

    @property
    def first_above(self) -> EpochDifference | None:
        """The epoch whose difference is above the tolerance, if there is one."""
        last = self.rows[-1] if self.rows else None
        return last if last is not None and last.rounding is not None else None

    @property
    def agrees(self) -> bool:
        """Whether no difference is larger than rounding explains."""
        return self.first_above is None or self.first_above.is_rounding

    @property
    def largest(self) -> float:
        """The largest relative difference of the epochs within the tolerance."""
        return max((row.relative for row in self.rows if row.rounding is None), default=0.0)

    @property
    def sentence(self) -> str:
        """The result in words."""
        above = self.first_above
        if above is not None and not above.is_rounding:
            return self._disagreement(above)
        agreed = [row for row in self.rows if row.rounding is None]
        updates = agreed[-1].updates if agreed else 0
        over = f"over {count(updates, 'update')}" if updates else "before the first update"
        closeness = f"to {self.largest:.0e}" if self.largest else "exactly"
        agreement = f"{self.peer} agrees {closeness} {over}."
        if above is None:
            return agreement
        return (
            f"{agreement} In epoch {above.epoch:,} rounding "
            f"grows beyond the tolerance {self.tolerance:g}: two trainings of nnlab that differ in "
            f"the last bits of the initial weights are {above.rounding:.0e} apart, and {self.peer} "
            f"is {above.relative:.0e} away."
        )

    def _disagreement(self, row: EpochDifference) -> str:
        when = f"after epoch {row.epoch:,}" if row.epoch else "before the first update"
        return (
            f"{self.peer} does not agree {when}: the loss differs by {_text(row.loss_difference)}, "
            f"and of the weights {row.array} most, by {_text(row.weight_difference)}. That is "
            f"{row.relative:.0e} of the largest, above the tolerance {self.tolerance:g}, and "
            f"rounding explains only {row.rounding:.0e}."
        )

    @property
    def table(self) -> Columns:
        """A row per epoch."""
        return columns_of(list(map(asdict, self.rows)))

    def to_dict(self) -> dict[str, Any]:
        names = ("peer", "agrees", "sentence", "tolerance", "largest")
        about = {name: getattr(self, name) for name in names}
        return {**about, "ended": self.ended or None, "epochs": list(map(asdict, self.rows))}

    @property
    def shown_rows(self) -> str:
        """The table that is printed: some of the epochs."""
        header = ["epoch", "updates", "loss", "loss differs", "weights differ", "most in"]
        marks = {factor * 10**power for power in range(9) for factor in SHOWN} | {0}
        lines = [
            (
                *(row.epoch, f"{row.updates:,}", row.loss),
                *(_text(row.loss_difference), _text(row.weight_difference), row.array),
            )
            for row in self.rows
            if row.epoch in marks or row is self.rows[-1]
        ]
        return format_table(header, lines)

    def __str__(self) -> str:
        return f"{self.shown_rows}\n\n{self.sentence}"


def _text(number: float | None) -> str:
    return NOTHING if number is None else f"{number:.1e}"
