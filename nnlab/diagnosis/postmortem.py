"""The batch of the update in which a training diverged, at the last finite weights."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nnlab.core.random import permutation
from nnlab.core.types import IntArray
from nnlab.data.batches import Batches
from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.gather import moment_on
from nnlab.diagnosis.moments import Moment
from nnlab.show.words import count, first_few, percent

SHOWN = 8  # rows that are named
LARGER = 3.0  # times its part of the loss of a batch: a row that is named
ALONE = 0.9  # of the loss of a batch: what a single row has


class FailedBatch(NamedTuple):
    """The batch of that update.

    number: its place in the epoch, from 1, of `batches`. rows (B,): their numbers as
    `nnlab explain --row` takes them. moment: the network on them, at the last finite weights.
    """

    number: int
    batches: int
    rows: IntArray
    moment: Moment

    def worst(self) -> tuple[int, float]:
        """The row with the largest loss, and its share of the loss of the batch."""
        largest = np.finfo(np.float64).max
        losses = np.nan_to_num(self.moment.losses, nan=largest, posinf=largest)
        place = int(np.argmax(losses))
        # Divided first: a sum of huge losses may overflow.
        share = 1 / (losses / losses[place]).sum() if losses[place] > 0 else 0.0
        return int(self.rows[place]), float(share)

    @property
    def advice(self) -> str:
        """To look at a row that alone makes the loss; else empty."""
        row, share = self.worst()
        alone = len(self.rows) >= LARGER and share > ALONE
        return f"Look at row {row:,} of the data: it may be a mistake." if alone else ""

    def sentences(self) -> Iterator[str]:
        """The rows, the worst of them, and the sizes in each layer."""
        rows = first_few([*map(str, self.rows.tolist())], SHOWN)
        yield (
            f"batch {self.number:,} of {self.batches:,} in its epoch, "
            f"{count(len(self.rows), 'row')} of the data set: {rows}"
        )
        row, share = self.worst()
        if share * len(self.rows) > LARGER:
            yield f"row {row:,} has the largest loss, {percent(share)} of that of the batch"
        yield "at the last finite weights, on these rows (root mean squares):"
        for health in self.moment.layers:
            if health.weight:
                yield (
                    f"{health.title}: weights {health.weight:.3g}, outputs {health.spread:.3g}, "
                    f"gradient {health.gradient:.3g}"
                )


def failed_batch(e: Evidence) -> FailedBatch | None:
    """The batch; None where it is unknown, or where an evaluation met the number.

    The seed and the epoch give the order in which training visits the rows, so the batch is found
    again.
    """
    epoch, step, what = ((e.failure or {}).get(key) for key in ("epoch", "step", "what"))
    if not isinstance(epoch, int) or not isinstance(step, int) or " of layer " not in str(what):
        return None
    plan = e.built.plan
    batches = Batches(plan.train, plan.batch_size, plan.drop_last)
    index = step - 1 - (epoch - 1) * batches.count
    if epoch < 1 or not 0 <= index < batches.count:
        return None
    order = np.arange(len(plan.train))
    if plan.shuffles(batches.count):
        order = permutation(plan.seed, epoch - 1, len(plan.train))
    places = order[index * batches.batch : (index + 1) * batches.batch]
    moment = moment_on(e.built, e.last.values, places, e.last.epoch)
    return FailedBatch(index + 1, batches.count, e.row_numbers(places), moment)
