"""Compares a run, or the trials of a sweep, with what its config expects."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nnlab.config.expectations import STATUS, Expectation, Seeds, expectations
from nnlab.core import columns
from nnlab.errors import NnlabError
from nnlab.run.files import RunFiles
from nnlab.run.sweeps import SweepFolder, TrialRecord, by_cell
from nnlab.run.text import mapping_or_empty
from nnlab.show.words import axis_value

PARTS = {"train": columns.TRAIN, "validation": columns.VAL, "test": columns.TEST}
YES_NO = {True: "yes", False: "no"}


@dataclass(frozen=True)
class ReachedValue:
    """An expectation, and the value that a run reached; None for no such value."""

    expected: Expectation
    reached: Any

    @property
    def met(self) -> bool:
        """Whether the value is as expected."""
        return self.expected.holds(self.reached)

    def __str__(self) -> str:
        return str(self.expected)

    @property
    def row(self) -> dict[str, Any]:
        """Expectation, value and verdict as a row of a table."""
        return {"expected": str(self.expected), "reached": self.reached, "met": YES_NO[self.met]}


@dataclass(frozen=True)
class SeedCount:
    """How many of a cell's trials, one per seed, meet all expectations."""

    cell: Mapping[str, Any]
    trials: Sequence[bool]
    wanted: Seeds

    @property
    def met(self) -> bool:
        """Whether there are enough seeds, and enough of them meet all expectations."""
        number, share = len(self.trials), self.wanted
        return number >= share.of and sum(self.trials) * share.of >= share.least * number

    @property
    def row(self) -> dict[str, Any]:
        """The count as a row of a table."""
        cell = {key: axis_value(value) for key, value in self.cell.items()}
        least, of = self.wanted
        counted = {"seeds": f"{sum(self.trials)}/{len(self.trials)}", "expected": f"{least}/{of}"}
        return {**cell, **counted, "met": YES_NO[self.met]}

    def __str__(self) -> str:
        return f"seeds {self.wanted.least}/{self.wanted.of}"


def compare_run(run: RunFiles) -> list[ReachedValue]:
    """A comparison per expectation of the run's config, with the numbers of the final weights."""
    expected, _ = expectations(mapping_or_empty(run.settings.get("expect")))
    return _compare(run, expected)


def compare_sweep(sweep: SweepFolder) -> list[SeedCount]:
    """A count per cell in the axes' order; none without `expect`. A damaged trial meets nothing."""
    about = sweep.read_about()
    expect = mapping_or_empty(about.get("expect"))
    expected, seeds = expectations(expect)

    def meets_all(trial: TrialRecord) -> bool:
        with suppress(NnlabError):
            compared = _compare(RunFiles(sweep.path / trial.name), expected)
            return trial.status.ended and all(each.met for each in compared)
        return False

    cells = by_cell(sweep.records() if expect else (), about["axes"], ("seed",))
    return [SeedCount(cell, list(map(meets_all, trials)), seeds) for cell, trials in cells]


def _compare(run: RunFiles, expected: Sequence[Expectation]) -> list[ReachedValue]:
    values = reached_values(run) if expected else {}
    return [ReachedValue(each, values.get(each.key)) for each in expected]


def reached_values(run: RunFiles) -> Mapping[str, Any]:
    """Everything of a run that a config can expect."""
    summary, results = run.summary, run.results
    judged = PARTS.get(str(summary.get("part")), columns.TRAIN)
    scores = columns.named(judged, mapping_or_empty(summary.get("scores")))
    test = columns.named(columns.TEST, results["test"])
    facts = {"parameters": run.about.get("parameters"), "epochs": run.last_row.get("epoch")}
    return {**scores, **results["final"], **test, **facts, STATUS: str(run.written_status)}
