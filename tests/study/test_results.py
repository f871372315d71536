"""A row per cell: medians and quartiles over the seeds, checked by hand."""

import pytest

from nnlab.run.sweeps import TrialRecord
from nnlab.status import Status
from nnlab.study.results import SeedSpread, cell_rows, main_numbers

AXES = [{"key": "lr", "values": [0.01, 0.1]}]


def record(lr: float, seed: int, loss: float, status: str = "completed") -> TrialRecord:
    final = {"epoch": 5, "train_loss": loss, "train_accuracy": 1.0} if status == "completed" else {}
    return TrialRecord(f"{lr}{seed}", {"lr": lr}, seed, Status(status), final=final)


def test_quartiles_by_hand() -> None:
    assert SeedSpread.of([3.0, 1.0, 2.0, 5.0, 4.0]) == SeedSpread(3.0, 2.0, 4.0)
    assert SeedSpread.of([1.0, 2.0]) == SeedSpread(1.5, 1.25, 1.75)
    assert SeedSpread.of([7.0, float("nan")]) == SeedSpread(7.0, 7.0, 7.0)
    assert SeedSpread.of([float("inf")]) is None


def test_rows_stand_in_the_order_of_the_values() -> None:
    found = cell_rows(
        [
            record(0.1, 1, 1.0),
            record(0.1, 2, 3.0),
            record(0.01, 1, 5.0),
            record(0.01, 2, 0.0, "diverged"),
            record(0.01, 3, 0.0, "interrupted"),
        ],
        AXES,
    )
    assert [(row.cell["lr"], row.trials, row.done, row.failed) for row in found] == [
        (0.01, 3, 1, 1),
        (0.1, 2, 2, 0),
    ]
    assert found[0].numbers["train_loss"] == SeedSpread(5.0, 5.0, 5.0)
    assert found[1].numbers["train_loss"] == SeedSpread(2.0, 1.5, 2.5)


@pytest.mark.parametrize(
    ("final", "test", "names"),
    [
        ({"train_loss": 1.0, "train_accuracy": 0.5}, {}, ["train_loss", "train_accuracy"]),
        (
            {"train_loss": 1.0, "val_loss": 2.0, "val_accuracy": 0.5, "train_accuracy": 0.5},
            {},
            ["train_loss", "val_loss", "val_accuracy"],
        ),
        (
            {"train_loss": 1.0, "train_accuracy": 1.0},
            {"loss": 3.0, "accuracy": 0.5},
            ["train_loss", "test_loss", "test_accuracy"],
        ),
        (
            {"train_loss": 1.0, "train_mae": 1.0, "train_r2": 1.0},
            {},
            ["train_loss", "train_mae", "train_r2"],
        ),
    ],
)
def test_which_numbers_stand_for_a_trial(final, test, names) -> None:
    found = main_numbers(TrialRecord("a", {}, 0, Status.COMPLETED, final=final, test=test))
    assert list(found) == names
