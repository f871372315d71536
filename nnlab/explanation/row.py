"""An explained row: what is known of it, its passage, and which units are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnlab.core.types import Array
from nnlab.explanation.passage import LayerPass, Passage
from nnlab.explanation.selection import Selection
from nnlab.show.words import after


@dataclass(frozen=True, eq=False)
class RowFacts:
    """What is known of the row beside its passage.

    row: its number and part in words. raw (n,): as in the data set. input_names, output_names:
    () where there are none.
    """

    run: str
    row: str
    number: int
    part: str
    raw: Array
    input_names: Sequence[str]
    output_names: Sequence[str]
    task: str
    sentences: tuple[str, ...]

    def input_name(self, index: int) -> str:
        """The name of an input, or x and its number."""
        return self.input_names[index] if self.input_names else f"x{index}"

    def output_name(self, index: int, outputs: int) -> str:
        """The name of one of so many outputs: its class or target, or its number."""
        names = self.output_names
        return names[index] if len(names) == outputs else str(index)


@dataclass(frozen=True, eq=False)
class RowExplanation:
    """A row explained at one epoch. `str` gives the text that `nnlab explain` prints."""

    facts: RowFacts
    passage: Passage
    selection: Selection

    @property
    def when(self) -> str:
        """The epoch in words."""
        return after(self.passage.moment.epoch)

    @property
    def title(self) -> str:
        """The run, the row and the epoch."""
        return f"{self.facts.run}, {self.facts.row}, {self.when}"

    @property
    def layers(self) -> list[LayerPass]:
        """The layers that are shown, in their order."""
        return [layer for layer in self.passage.layers if self.selection.has(layer.index)]

    @property
    def learning_layers(self) -> list[LayerPass]:
        """Those of them with parameters that are trained."""
        return [layer for layer in self.layers if layer.parameters and not layer.layer.freeze]

    def to_dict(self) -> dict[str, Any]:
        """The object that `nnlab explain --json` prints; nan and inf are None."""
        from nnlab.explanation.record import explanation_record

        return explanation_record(self)

    def __str__(self) -> str:
        from nnlab.explanation.text import as_text

        return as_text(self)
