"""An explanation as a JSON object: all that the text shows, with all digits of its numbers."""

from typing import Any

from nnlab.explanation.blocks import KEYS, Block, Cell
from nnlab.explanation.formula import TextNotation, Written, formula_numbers, write
from nnlab.explanation.row import RowExplanation
from nnlab.explanation.story import chapters
from nnlab.run.text import json_value

NOTATION = TextNotation()


def explanation_record(explained: RowExplanation) -> dict[str, Any]:
    """The object of docs/explain.md; nan and inf are None."""
    facts, passage = explained.facts, explained.passage
    moment = passage.moment
    return json_value(
        {
            "run": facts.run,
            "row": facts.number,
            "part": facts.part,
            "epoch": moment.epoch,
            "update": moment.step,
            "lr": float(moment.lr),
            "batch_rows": len(moment.x),
            "sentences": facts.sentences,
            "target": passage.target,
            "outputs": passage.outputs,
            "loss": passage.value,
            "chapters": [
                {"title": c.title, "text": c.text, "blocks": list(map(_block_record, c.blocks))}
                for c in chapters(explained)
            ],
        }
    )


def _block_record(block: Block) -> dict[str, Any]:
    names = [KEYS.get(name, name) for name in block.header]
    return {
        "kind": block.kind,
        "layer": block.layer or None,
        "title": block.title,
        "text": block.text,
        # A list: the lines of a rule may give a name a new value.
        "formulas": [{"name": line.name, "formula": line.formula} for line in block.formulas],
        "rows": [
            {name: _cell_value(cell) for name, cell in zip(names, row, strict=True) if cell != ""}
            for row in block.rows
        ],
        "left_out": block.left_out,
    }


def _cell_value(cell: Cell) -> Any:
    """A text or a number; of a formula with numbers its text and all its numbers."""
    if not isinstance(cell, Written):
        return cell
    if (numbers := cell.numbers) is None:
        return cell.formula
    return {
        "formula": cell.formula,
        "at": cell.at,
        "numbers": formula_numbers(cell.formula, numbers, cell.at),
        "text": write(cell.formula, NOTATION, numbers, cell.at),
    }
