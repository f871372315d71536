"""The doctor's findings in a page, as findings.json holds them: nothing is examined here."""

import shlex
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from nnlab.run.text import mapping_or_empty
from nnlab.show.figures import FIGURES
from nnlab.show.figures.view import View
from nnlab.show.page.repeat import train_again
from nnlab.show.words import count, moment_words, percent, set_options


@dataclass(frozen=True)
class FindingsOverview:
    """What was looked at, the findings in words, and the command that a remedy continues."""

    state: str
    findings: list[dict[str, Any]]
    command: str


def overview_of_findings(run: View, figures: Container[str]) -> FindingsOverview | None:
    """The findings of a run, the surest first; None where the doctor has not looked.

    figures: the names of those in the page. Raises RunUnreadable, and anything for odd contents.
    """
    saved = run.findings
    if saved is None:
        return None
    findings = [finding_words(finding, figures) for finding in saved["findings"]]
    findings.sort(key=lambda finding: -finding["sure"])
    return FindingsOverview(_state(run, saved, len(findings)), findings, train_again())


def _state(run: View, saved: Mapping[str, Any], findings: int) -> str:
    """How many findings there are, in how many epochs, and whether the run has others now."""
    looked, trained = int(saved["epochs"]), max(len(run.metrics.get("epoch", ())) - 1, 0)
    what = count(findings, "finding") if findings else "nothing found"
    state = f"The doctor looked at {count(looked, 'epoch')}: {what}."
    if looked == trained:
        return state
    again = f"nnlab doctor {shlex.quote(run.name)}"
    return f"{state} The run has {count(trained, 'epoch')} now: {again} looks again."


def finding_words(finding: Any, figures: Container[str] = ()) -> dict[str, Any]:
    """A finding as findings.json has it, in words; `figure`: that of the page, or empty.

    Raises anything for odd contents.
    """
    fields = mapping_or_empty(finding)
    figure, sure = str(fields.get("figure")), float(fields["sure"])
    shown = figure in figures and figure in FIGURES
    return {
        "sentence": str(fields["sentence"]),
        "sure": sure,
        "place": moment_words(fields.get("epoch"), fields.get("step")),
        "evidence": list(map(str, fields["evidence"])),
        "why": str(fields["why"]),
        "remedies": [set_options(map(str, remedy)) for remedy in fields["remedies"]],
        "advice": str(fields["advice"]),
        "figure": figure if shown else "",
        "figure_title": FIGURES[figure].title if shown else "",
        "certainty": f"{percent(sure)} sure",
    }
