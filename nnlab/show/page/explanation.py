"""A row step by step, for the page of `nnlab explain` and as a section of a report."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnlab.explanation.blocks import Block, Cell
from nnlab.explanation.formula import Written
from nnlab.explanation.mathml import mathml
from nnlab.explanation.row import RowExplanation
from nnlab.explanation.story import chapters as chapters_of
from nnlab.show.page.render import Page, Report, render
from nnlab.show.page.tables import Notices
from nnlab.show.words import LARGE, SMALL, format_number, true_minus


@dataclass(frozen=True)
class HtmlCell:
    """A cell: a text or a formula as HTML that is safe; numbers stand to the right."""

    html: str
    number: bool


@dataclass(frozen=True)
class HtmlBlock:
    """A block of a chapter: formulas as MathML, and a table."""

    title: str
    text: str
    formulas: list[str]
    header: list[HtmlCell]
    rows: list[list[HtmlCell]]
    left_out: str


@dataclass(frozen=True)
class ExplainedRow:
    """A row at one epoch. folded: whether its chapters are closed at first."""

    title: str
    sentences: Sequence[str]
    chapters: list[tuple[str, str, list[HtmlBlock]]]
    folded: bool


def explained_row(explained: RowExplanation, folded: bool = False) -> ExplainedRow:
    """The content of an explanation for the template; folded: as a section of a report."""
    chapters = [
        (chapter.title, chapter.text, list(map(_html_block, chapter.blocks)))
        for chapter in chapters_of(explained)
    ]
    title = f"{explained.facts.row}, {explained.when}" if folded else explained.when
    return ExplainedRow(
        f"{title[0].upper()}{title[1:]}", explained.facts.sentences, chapters, folded
    )


def explanation_page(explained: Sequence[RowExplanation]) -> Report:
    """The page of `nnlab explain`: a row at several epochs of a run."""
    facts = explained[0].facts
    title, notices = f"{facts.run}, {facts.row}", Notices()
    page = Page("A row, step by step", title, "", "run folder", facts.run, notices)
    page.explained = list(map(explained_row, explained))
    return render(page)


def _html_block(block: Block) -> HtmlBlock:
    columns = list(zip(*block.rows, strict=True))
    header = [
        HtmlCell(_safe(name), any(isinstance(cell, float) for cell in column))
        for name, column in zip(block.header, columns, strict=bool(columns))
    ]
    rows = [list(map(_html_cell, row)) for row in block.rows]
    formulas = [_marked(mathml(formula)) for formula in block.formulas]
    return HtmlBlock(block.title, block.text, formulas, header, rows, block.left_out)


def _html_cell(cell: Cell) -> HtmlCell:
    if isinstance(cell, Written):
        return HtmlCell(_marked(mathml(cell)), False)
    if isinstance(cell, float):
        return HtmlCell(_safe(_number(cell)), True)
    return HtmlCell(_safe(str(cell)), False)


def _number(value: float) -> str:
    """Six decimals, so that the points of a column stand below each other."""
    if value == 0 or SMALL <= abs(value) < LARGE:
        return true_minus(f"{value + 0.0:.6f}")
    return format_number(value)


def _safe(text: str) -> str:
    """A text as HTML."""
    from markupsafe import escape

    return escape(text)


def _marked(html: str) -> str:
    """MathML, whose texts are escaped already, for Jinja2."""
    from markupsafe import Markup

    return Markup(html)
