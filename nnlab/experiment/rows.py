"""Records of a training as rows of metrics.csv and steps.csv."""

from typing import Any

from nnlab.core import columns
from nnlab.training import Epoch, Steps


def epoch_row(record: Epoch, seconds: float) -> dict[str, Any]:
    """A row of metrics.csv."""
    row: dict[str, Any] = {"epoch": record.epoch, "step": record.step, "lr": record.lr}
    row |= columns.named(columns.TRAIN, record.train)
    if record.validation is not None:
        row |= columns.named(columns.VAL, record.validation)
    return row | {"seconds": round(seconds, 6)}


def step_rows(record: Steps) -> list[dict[str, Any]]:
    """Rows of steps.csv, one an update."""
    first = record.step - len(record.rates) + 1
    return [
        {"epoch": record.epoch, "step": first + i, "lr": rate, "loss": loss}
        for i, (rate, loss) in enumerate(zip(record.rates, record.losses.tolist(), strict=True))
    ]
