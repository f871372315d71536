"""What is remembered of a network that trains: rows for curves, and values for the doctor."""

from typing import Any

from nnlab.core.types import Array

POINTS = 300  # of a curve
REMEMBERED = 10_000  # epochs that the doctor looks at
LARGE, APART = 100_000, 1.3  # the numbers of a network that is remembered; the ratio of its epochs


class PlayHistory:
    """Rows of metrics: all at first, then every second, fourth, ... epoch, and the last.

    first: those of the first REMEMBERED epochs, all of them. values: copies (V,) of the network's
    by epoch, further and further apart.
    """

    def __init__(self, values: Array) -> None:
        self.rows: list[dict[str, Any]] = []
        self.first: list[dict[str, Any]] = []
        self.last: dict[str, Any] = {}
        self.values = {0: values.copy()}
        self._every = 1

    def add(self, row: dict[str, Any]) -> None:
        """Adds the row of an epoch."""
        self.last = row
        if len(self.first) <= REMEMBERED:
            self.first.append(row)
        if row["epoch"] % self._every == 0:
            self.rows.append(row)
        if len(self.rows) > 2 * POINTS:
            self._every *= 2
            self.rows = [row for row in self.rows if row["epoch"] % self._every == 0]

    def remember(self, epoch: int, values: Array) -> None:
        """Keeps the values (V,) after an epoch, if they are few and the last ones are old."""
        if values.size <= LARGE and APART * max(self.values) < epoch <= REMEMBERED:
            self.values[epoch] = values.copy()

    @property
    def shown(self) -> list[dict[str, Any]]:
        """In the order of epochs."""
        ends = [] if not self.last or self.rows[-1:] == [self.last] else [self.last]
        return [*self.rows, *ends]
