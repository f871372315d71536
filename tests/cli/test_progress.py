"""Which epochs get a line."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest

from nnlab.api.progress import bar_position, epoch_numbers, time_left
from nnlab.cli import progress
from nnlab.training import Epoch, Failure, Record, Steps


@dataclass
class Clock:
    """A clock that advances by `tick` at each look."""

    tick: float
    now: float = 0.0

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def epochs(count: int) -> Iterator[Epoch]:
    for number in range(count + 1):
        yield Epoch(number, number, 0.1, {"loss": 0.5}, None, False)


@pytest.mark.parametrize(
    ("count", "tick", "verbose", "shown"),
    [
        (100, 5.0, False, [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
        (100, 0.01, False, [1, 100]),  # too fast for more
        (3, 5.0, False, [1, 2, 3]),
        (3, 0.01, True, [1, 2, 3]),
        (200, 0.01, True, [*range(1, 201)]),
        (0, 1.0, False, [0]),
    ],
)
def test_lines(
    monkeypatch: pytest.MonkeyPatch, count: int, tick: float, verbose: bool, shown: list[int]
) -> None:
    clock = Clock(tick)
    printed: list[str] = []
    monkeypatch.setattr(progress, "perf_counter", clock)
    monkeypatch.setattr(progress, "print_message", printed.append)
    with progress.epoch_lines(count, 0.0, verbose) as see:
        for record in epochs(count):
            see(record)
    assert [int(line.split()[1].partition("/")[0]) for line in printed] == shown


@pytest.mark.parametrize("count", [201, 1000, 30_000, 100_000])
def test_verbose_lines_stay_few(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    printed: list[str] = []
    monkeypatch.setattr(progress, "print_message", printed.append)
    with progress.epoch_lines(count, 0.0, verbose=True) as see:
        for record in epochs(count):
            see(record)
    shown = [int(line.split()[1].partition("/")[0]) for line in printed]
    assert shown[:20] == [*range(1, 21)]
    assert shown[-1] == count
    assert 70 < len(shown) < 220
    assert max(b / a for a, b in pairwise(shown) if a > 40) < 1.06


def test_an_early_end_still_shows_the_last_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr(progress, "print_message", printed.append)
    with progress.epoch_lines(1000, 0.0) as see:
        for record in epochs(7):
            see(record)
    assert [line.split()[1] for line in printed] == ["1/1000", "7/1000"]


@pytest.mark.parametrize(
    ("done", "seconds", "text"),
    [
        (0.0, 5.0, ""),
        (0.09, 5.0, ""),
        (5.0, 10.0, "10.0 s left"),
        (2.5, 1.0, "3.00 s left"),
        (10.0, 3.0, ""),
    ],
)
def test_time_left(done: float, seconds: float, text: str) -> None:
    assert time_left(done, 10, seconds) == text


@pytest.mark.parametrize(
    ("validation", "text"),
    [
        (None, "loss 0.1235  accuracy 1"),
        ({"loss": 2.0, "accuracy": 0.25}, "val_loss 2  val_accuracy 0.25"),
    ],
)
def test_numbers(validation: dict[str, float] | None, text: str) -> None:
    train = {"loss": 0.123456, "accuracy": 1.0}
    assert epoch_numbers(Epoch(1, 8, 0.1, train, validation, True)) == text


EPOCH = Epoch(2, 8, 0.1, {"loss": 0.5, "accuracy": 0.75}, None, False)
START = Epoch(0, 0, 0.1, {"loss": 0.9, "accuracy": 0.1}, None, False)


@pytest.mark.parametrize(
    ("record", "last", "expected"),
    [
        (EPOCH, EPOCH, (2, 2.0, "loss 0.5  accuracy 0.75")),
        (
            Steps(3, 9, 1, 4, [0.1], np.array([0.25, 0.75])),
            EPOCH,
            (3, 2.25, "loss 0.5  accuracy 0.75"),
        ),
        (Steps(1, 3, 3, 4, [0.1], np.array([0.5])), START, (1, 0.75, "loss 0.5")),
        (Failure(3, 9, "output of layer 0 (dense)"), EPOCH, (2, 2.0, "loss 0.5  accuracy 0.75")),
    ],
)
def test_where_the_bar_stands(
    record: Record, last: Epoch, expected: tuple[int, float, str]
) -> None:
    assert bar_position(record, last) == expected
