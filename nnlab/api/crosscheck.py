"""The same training by another library, compared epoch by epoch: `nnlab.crosscheck`."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from nnlab.api.find import AnyConfig, as_overrides, read_request
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.build import build
from nnlab.config.load import resolve_config
from nnlab.config.schema import Config
from nnlab.errors import Diverged
from nnlab.experiment.provide import provide_data
from nnlab.experiment.state import start_weights
from nnlab.peers.side_by_side import (
    DEFAULT_TOLERANCE,
    PEERS,
    EpochDifference,
    compare_epochs,
    require_library,
)
from nnlab.show.text_tables import format_table
from nnlab.show.words import count

SHOWN = (1, 2, 5)  # times powers of ten: the epochs in the printed table
FLOAT64 = ("training.dtype", "float64")
See = Callable[[EpochDifference], None]


def crosscheck(
    config: AnyConfig,
    *,
    against: str = "torch",
    data: Any = None,
    tolerance: float = DEFAULT_TOLERANCE,
    **overrides: object,
) -> "CrossCheck":
    """Train a config in nnlab and in another library, and compare after each epoch.

    Both get the same initial weights, batches and learning rates, in float64. against: "torch" or
    "sklearn". tolerance: the largest difference, as a part of the largest weight and of the largest
    loss. config, data, overrides: as for `train`. Writes nothing.

    Raises UsageError for an unknown or missing library, ConfigError for what it cannot express,
    DataError.
    """
    require_library(against)
    form, rows, settings = read_request(config, data, overrides)
    loaded = resolve_config(form, [*as_overrides(settings), FLOAT64], rows=rows)
    return check_against(loaded.config, against, tolerance, lambda text: None)


def check_against(
    config: Config, library: str, tolerance: float, tell: Callable[[str], None]
) -> "CrossCheck":
    """The cross-check of a config in float64; `tell` gets sentences before the training.

    Raises as `crosscheck`.
    """
    require_library(library)
    provide_data(config, tell)
    built = build(config)
    start_weights(built)
    peer = PEERS[library](built)
    tell(f"{config.name}: nnlab and {peer.title} train {count(config.training.epochs, 'epoch')}.")
    rows, ended = list[EpochDifference](), ""
    try:
        rows.extend(compare_epochs(built, peer, tolerance))
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
        if above is None:
            return f"{self.peer} agrees to {self.largest:.0e} {over}."
        return (
            f"{self.peer} agrees to {self.largest:.0e} {over}. In epoch {above.epoch:,} rounding "
            f"grows beyond the tolerance {self.tolerance:g}: two trainings of nnlab that differ in "
            f"the last bits of the initial weights are {above.rounding:.0e} apart, and {self.peer} "
            f"is {above.relative:.0e} away."
        )

    def _disagreement(self, row: EpochDifference) -> str:
        when = f"after epoch {row.epoch:,}" if row.epoch else "before the first update"
        return (
            f"{self.peer} does not agree {when}: the loss differs by {row.loss_difference:.1e}, "
            f"and of the weights {row.array} most, by {row.weight_difference:.1e}. That is "
            f"{row.relative:.0e} of the largest, above the tolerance {self.tolerance:g}, and "
            f"rounding explains only {row.rounding:.0e}."
        )

    @property
    def table(self) -> Columns:
        """A row per epoch."""
        return columns_of(list(map(asdict, self.rows)))

    def to_dict(self) -> dict[str, Any]:
        """The object that --json prints."""
        return {
            "peer": self.peer,
            "agrees": self.agrees,
            "sentence": self.sentence,
            "tolerance": self.tolerance,
            "largest": self.largest,
            "ended": self.ended or None,
            "epochs": list(map(asdict, self.rows)),
        }

    @property
    def shown_rows(self) -> str:
        """The table that is printed: some of the epochs."""
        header = ["epoch", "updates", "loss", "loss differs", "weights differ", "most in"]
        marks = {factor * 10**power for power in range(9) for factor in SHOWN} | {0}
        lines = [
            (
                *(row.epoch, f"{row.updates:,}", row.loss),
                *(f"{row.loss_difference:.1e}", f"{row.weight_difference:.1e}", row.array),
            )
            for row in self.rows
            if row.epoch in marks or row is self.rows[-1]
        ]
        return format_table(header, lines)

    def __str__(self) -> str:
        return f"{self.shown_rows}\n\n{self.sentence}"
