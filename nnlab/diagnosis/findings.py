"""What the doctor says: a finding with its evidence, its cause and what to do; and its file."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nnlab.diagnosis.evidence import Evidence
from nnlab.errors import RunLocked, StorageError
from nnlab.run.folder import FINDINGS, RunFolder
from nnlab.show.words import moment_words, percent, set_options

WIDTH = 100  # of the text where the terminal's is unknown


@dataclass(frozen=True)
class Diagnosis:
    """One thing that keeps a network from learning, or a result from being trusted.

    kind: the name of the rule. sentence: what is wrong. evidence: the numbers that show it. why:
    how it comes about. remedies: settings for `--set`, the most promising first, each a set that
    belongs together; empty where only the data can be changed. advice: what else helps. sure:
    from 0 to 1, by which findings are sorted. epoch, step: where it appeared, by epochs and by
    updates; 0: before training. figure: the figure that shows it. serious: whether training or its
    result is spoiled by it.
    """

    kind: str
    sure: float
    sentence: str
    evidence: tuple[str, ...]
    why: str
    remedies: tuple[tuple[str, ...], ...] = ()
    advice: str = ""
    epoch: int | None = None
    step: int | None = None
    figure: str = ""
    serious: bool = True

    def __str__(self) -> str:
        return self.text()

    def text(self, start: str = "", width: int = WIDTH) -> str:
        """The finding in lines; a remedy is in one line, as it is pasted into a shell."""
        return "\n".join(self._lines(start, width))

    def _lines(self, start: str, width: int) -> Iterator[str]:
        yield from _wrapped(start, f"{self.sentence} ({percent(self.sure)} sure)", width)
        yield from _paragraphs("evidence", self.evidence, width)
        yield from _paragraphs("since", [moment_words(self.epoch, self.step)], width)
        yield from _paragraphs("why", [self.why], width)
        for place, remedy in enumerate(self.remedies):
            yield f"   {'' if place else 'try':10}{set_options(remedy)}"
        yield from _paragraphs("advice", [self.advice], width)
        yield from _paragraphs("figure", [self.figure], width)


def _paragraphs(word: str, texts: Iterable[str], width: int) -> Iterator[str]:
    """Texts beside a word, which stands at the first; nothing for an empty text."""
    for place, text in enumerate(filter(None, texts)):
        yield from _wrapped(f"   {'' if place else word:10}", text, width)


def _wrapped(start: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )


def findings_record(evidence: Evidence, findings: Sequence[Diagnosis]) -> dict[str, Any]:
    """The findings as values for JSON, with the epochs and updates that were looked at."""
    updates = evidence.updates(evidence.epochs)
    return {"epochs": evidence.epochs, "updates": updates, "findings": [*map(asdict, findings)]}


def save_findings(folder: RunFolder, evidence: Evidence, findings: Sequence[Diagnosis]) -> str:
    """Write findings.json; '' or a sentence on why it was not written.

    A run that another process trains is left alone: that process looks at its end.
    """
    try:
        with folder.lock():
            folder.write_json(FINDINGS, findings_record(evidence, findings))
    except RunLocked:
        return "The findings are not saved: another process is writing into the run folder."
    except StorageError as error:
        return f"The findings are not saved. {error}"
    return ""
