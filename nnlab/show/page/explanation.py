"""A row step by step, for the page of `nnlab explain` and as a section of a report."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnlab.explanation.blocks import Cell, Chapter
from nnlab.explanation.formula import Written
from nnlab.explanation.mathml import mathml
from nnlab.explanation.row import RowExplanation
from nnlab.explanation.story import chapters
from nnlab.show.page.render import Page, Report, render
from nnlab.show.page.tables import Notices
from nnlab.show.words import LARGE, SMALL, format_number, true_minus


@dataclass(frozen=True)
class ExplainedRow:
    """A row at one epoch, for the template. folded: whether its chapters are closed at first."""

    title: str
    sentences: Sequence[str]
    chapters: Sequence[Chapter]
    folded: bool

    @staticmethod
    def html(cell: Cell) -> str:
        """A formula as MathML; a text or a number, which Jinja2 escapes.

        Numbers have six decimals, so that the points of a column stand below each other.
        """
        from markupsafe import Markup

        if isinstance(cell, Written):
            return Markup(mathml(cell))  # its texts are escaped already
        if isinstance(cell, float) and (cell == 0 or SMALL <= abs(cell) < LARGE):
            return true_minus(f"{cell + 0.0:.6f}")
        return format_number(cell) if isinstance(cell, float) else str(cell)


def explained_row(explained: RowExplanation, folded: bool = False) -> ExplainedRow:
    """The content of an explanation for the template; folded: as a section of a report."""
    title = f"{explained.facts.row}, {explained.when}" if folded else explained.when
    title = f"{title[0].upper()}{title[1:]}"
    return ExplainedRow(title, explained.facts.sentences, chapters(explained), folded)


def explanation_page(explained: Sequence[RowExplanation]) -> Report:
    """The page of `nnlab explain`: a row at several epochs of a run."""
    facts = explained[0].facts
    title, notices = f"{facts.run}, {facts.row}", Notices()
    page = Page("A row, step by step", title, "", "run folder", facts.run, notices)
    page.explained = list(map(explained_row, explained))
    return render(page)
