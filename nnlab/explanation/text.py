"""An explanation as text: aligned tables of at most 80 columns where numbers allow it."""

import textwrap
from collections.abc import Iterator, Sequence

from nnlab.explanation.blocks import Block, Cell, Row
from nnlab.explanation.formula import TextNotation, Written, write
from nnlab.explanation.row import RowExplanation
from nnlab.explanation.story import chapters

WIDTH = 80
NARROWEST = 24  # columns for a formula
SMALLEST, LARGEST_FIXED = 1e-4, 1e5  # numbers outside are written with a power of ten
NOTATION = TextNotation()
HARD = "\N{NO-BREAK SPACE}"


def as_text(explained: RowExplanation) -> str:
    """The whole explanation."""
    lines = [explained.title, *_sentences(explained.facts.sentences)]
    for chapter in chapters(explained):
        lines += ["", chapter.title.upper(), *_sentences([chapter.text] if chapter.text else [])]
        for block in chapter.blocks:
            lines += ["", *_block_lines(block)]
    return "\n".join(lines)


def _sentences(sentences: Sequence[str]) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(sentence, WIDTH)


def _block_lines(block: Block) -> Iterator[str]:
    yield block.title
    yield from (f"  {line}" for line in textwrap.wrap(block.text, WIDTH - 2))
    for formula in block.formulas:
        name = NOTATION.name(formula.name)
        yield f"  {name} = {write(formula.formula, NOTATION)}"
    yield from _table_lines(block.header, block.rows)
    if block.left_out:
        yield f"  ({block.left_out})"


def _table_lines(header: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    """Aligned columns; a last formula is broken between its terms."""
    columns = map(_aligned, header, zip(*rows, strict=True))
    for *cells, last in zip(*columns, strict=True):
        start = f"  {'  '.join(cells)}  "
        for line in _broken(last.rstrip(), max(WIDTH - len(start), NARROWEST)):
            yield f"{start}{line}".rstrip()
            start = " " * len(start)


def _aligned(name: str, column: Sequence[Cell]) -> list[str]:
    """A column below its name: texts to the left, numbers to the right."""
    texts = [name, *map(_cell, column)]
    width = max(map(len, texts))
    numbers = any(isinstance(cell, float) for cell in column)
    return [text.rjust(width) if numbers else text.ljust(width) for text in texts]


def _broken(formula: str, width: int) -> list[str]:
    """The formula in lines; they begin with an operator between terms, or with if and else."""
    joined = formula.replace(" ", HARD)
    for sign in ("if", "else") if " if " in formula else "+-/":
        joined = joined.replace(f"{HARD}{sign}{HARD}", f" {sign}{HARD}")
    lines = textwrap.wrap(joined, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(HARD, " ") for line in lines] or [""]


def _cell(cell: Cell) -> str:
    if isinstance(cell, Written):
        return write(cell.formula, NOTATION, cell.numbers, cell.at)
    return _number(cell) if isinstance(cell, float) else str(cell)


def _number(value: float) -> str:
    """Six decimals, so that the points of a column stand below each other."""
    if value == 0 or SMALLEST <= abs(value) < LARGEST_FIXED:
        return f"{value + 0.0:.6f}"
    return f"{value:.3e}"
