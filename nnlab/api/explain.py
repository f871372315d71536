"""A row through the network and back: `nnlab.explain`."""

from collections.abc import Sequence

from nnlab.api.find import AnyRun, find_trained
from nnlab.api.results import ShownList
from nnlab.explanation.moments import explain_row
from nnlab.explanation.row import RowExplanation


def explain(
    run: AnyRun,
    row: int,
    epoch: int | Sequence[int] | None = None,
    unit: str | Sequence[str] = (),
) -> list[RowExplanation]:
    """A row through the network and back, at one or several epochs; default the last.

    `run` is a run or what `load` takes. row: its number in the data, from 1. unit: as for the
    command, "0.dense.2". `print` shows an explanation as text, `to_dict` gives what --json prints,
    and `passage.layers` has the numbers as arrays.
    Raises UsageError, DataError, RunUnreadable; Diverged where a number is not finite.
    """
    trained = find_trained(run)
    epochs = [epoch] if isinstance(epoch, int) else epoch
    return ShownList(explain_row(trained, row, epochs, [unit] if isinstance(unit, str) else unit))
