"""Measure how often `nnlab doctor` is right, and write docs/doctor.md (`make doctor`, minutes).

The trainings stand in tests/diagnosis/planted.yaml, with a planted fault each, or none. Counted are
first findings of the planted kind, findings on healthy trainings, and trainings that end better
after the first remedy of the first finding. The exit code is 9 if one of the promises breaks.
"""

import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nnlab.diagnosis.rules import RULES, diagnose
from nnlab.show.words import format_number
from tests.diagnosis.planted import (
    HEALTHY,
    PLANTED,
    SHIPPED,
    examined,
    improved,
    trained,
)
from tests.diagnosis.tables import write_tables

PAGE = Path(__file__).with_suffix(".md")
TEXT = """# How often the doctor is right

Made by `make doctor`; do not edit. Each of {rules} kinds of fault is planted in three or more
trainings, on different data (`tests/diagnosis/planted.yaml`). *Right*: the first finding names the
fault.
*Better*: the training was repeated with the first remedy, and the loss of the validation part (else
of the training part) is lower at the end; where the remedy changes the loss, the balanced accuracy
is higher.

| fault | planted | first finding right | with a remedy | better with it |
|---|---|---|---|---|
{table}

Healthy trainings with a finding: {alarms} of {healthy}.

{alarm_list}

## First findings that name something else

{misses}

## Every remedy

| finding | remedy | change | better |
|---|---|---|---|
{remedies}
"""


@dataclass
class Score:
    """What was counted of one kind of fault, or of all."""

    planted: int = 0
    right: int = 0
    remedies: int = 0
    better: int = 0

    def row(self, name: str) -> str:
        """The row of the table."""
        return f"| {name} | {self.planted} | {self.right} | {self.remedies} | {self.better} |"


@dataclass
class Measured:
    """All that was counted."""

    scores: dict[str, Score] = field(default_factory=dict)
    misses: list[str] = field(default_factory=list)
    remedies: list[str] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)

    def total(self) -> Score:
        """The sum over all kinds."""
        return Score(
            *(sum(c) for c in zip(*(vars(s).values() for s in self.scores.values()), strict=True))
        )

    def keeps_promises(self) -> bool:
        """Right in 95 %, better in 85 %, and at most one false alarm in 40."""
        total, healthy = self.total(), len(SHIPPED) + len(HEALTHY)
        right = total.right >= 0.95 * total.planted
        return right and total.better >= 0.85 * total.remedies and 40 * len(self.alarms) <= healthy


def measure() -> Measured:
    """Train everything."""
    measured = Measured()
    for kind, config in PLANTED:
        score = measured.scores.setdefault(kind, Score())
        before = trained(config)
        findings = diagnose(before.evidence)
        score.planted += 1
        score.right += bool(findings) and findings[0].kind == kind
        if not findings or findings[0].kind != kind:
            other = findings[0].kind if findings else "nothing"
            measured.misses.append(f"* planted {kind}, first found {other}")
        if not findings or not findings[0].remedies:
            continue
        remedy = findings[0].remedies[0]
        name, old, new, better = improved(before, trained(config, remedy))
        score.remedies += 1
        score.better += better
        settings = " ".join(f"--set '{setting}'" for setting in remedy)
        change = f"{name} {format_number(old)} to {format_number(new)}"
        measured.remedies.append(
            f"| {kind} | `{settings}` | {change} | {'yes' if better else 'no'} |"
        )
    trainings: list[str | dict[str, Any]] = [*SHIPPED, *HEALTHY]
    for healthy in trainings:
        name = healthy if isinstance(healthy, str) else healthy["data"]["name"]
        measured.alarms += [f"* {name}: {f.sentence}" for f in diagnose(examined(healthy))[:1]]
    return measured


def main() -> int:
    """Measure and write the page."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_tables(Path(folder))
        measured = measure()
    rows = [score.row(kind) for kind, score in measured.scores.items()]
    page = TEXT.format(
        rules=len(RULES),
        table="\n".join([*rows, measured.total().row("all")]),
        alarms=len(measured.alarms),
        healthy=len(SHIPPED) + len(HEALTHY),
        alarm_list="\n".join(measured.alarms),
        misses="\n".join(measured.misses or ["None."]),
        remedies="\n".join(measured.remedies),
    )
    PAGE.write_text(page)
    return 0 if measured.keeps_promises() else 9


if __name__ == "__main__":
    sys.exit(main())
