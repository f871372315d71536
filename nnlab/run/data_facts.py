"""data.json: the facts about the data that predicting and drawing need."""

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge, Len, Lt, MinLen

from nnlab.config.builder import Builder
from nnlab.config.problems import Problems, clean
from nnlab.config.tree import Place, Source, from_plain
from nnlab.core.types import Kind, Shape
from nnlab.data.dataset import InputColumn, Learned, Task
from nnlab.data.scale import ScaleKind
from nnlab.errors import ConfigError, RunUnreadable
from nnlab.run.text import shown, unreadable

LARGEST = 1 << 20  # numbers in a row of a network without a larger weights file
Size = Annotated[int, Ge(1), Lt(2**48)]
RowCount = Annotated[int, Ge(0), Lt(2**48)]
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class ScalingFacts:
    """The numbers of a `Scaling`: one for all columns, or one per column."""

    kind: ScaleKind
    shift: float | Numbers
    factor: float | Numbers
    fill: Numbers | None = None


@dataclass(frozen=True)
class RowCounts:
    """The number of rows of each part; None for an absent part."""

    train: RowCount
    validation: RowCount | None
    test: RowCount | None


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """The data of a run: what `Dataset` describes, its scaling, and the rows of each part.

    inputs: the shape of a row. outputs: number of classes, or width of a target row.
    row_class_names: of classes that the network does not learn. A field with a default is missing
    in runs of older versions.
    """

    name: str
    sha256: str
    task: Task
    kind: Kind
    inputs: Annotated[tuple[Size, ...], MinLen(1)]
    outputs: RowCount
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...]
    columns: tuple[InputColumn, ...] = ()
    class_weight: Numbers | None = None
    target_names: tuple[str, ...]
    image_shape: tuple[Size, ...] | None
    input_range: Annotated[Numbers, Len(2, 2)] | None
    scaling: ScalingFacts
    rows: RowCounts
    validation_is_test: bool
    learn: Learned = "targets"
    row_class_names: tuple[str, ...] = ()

    @property
    def byte_image(self) -> Shape | None:
        """(h, w) or (h, w, 3) of rows that are images of bytes in grey or colours; else None."""
        shape, pixels = self.image_shape, list(self.input_range or ())
        return shape if shape and pixels == [0, 255] and shape[2:] in ((), (3,)) else None


def read_data_facts(content: Mapping[str, Any], path: Path, weights: Path) -> DataFacts:
    """The facts in data.json; RunUnreadable names the first mistake.

    A dense network has a weight for every input, so the file of weights bounds the size of a row:
    a few bytes of text can describe gigabytes, and this is checked before memory is allocated.
    """
    problems, source = Problems(), Source(path.name, "", path.parent, "values")
    facts: DataFacts | None = None
    try:
        node = from_plain(content, Place(source))
        with suppress(ConfigError):  # there are very many problems
            builder = Builder(problems, {}, ignores_unknown=True)
            facts = builder.attempt(builder.build, DataFacts, node, "", "")
    except RecursionError as error:
        raise unreadable(path, "it is nested too deeply") from error
    except (TypeError, ValueError) as error:
        raise RunUnreadable(f"Cannot read {shown(path)}: {error}") from error
    if facts is None:
        first = problems.noted[0]
        allowed = f" Allowed: {first.allowed}." if first.allowed else ""
        raise RunUnreadable(f"Cannot read {shown(path)}: {clean(first.sentence + allowed)}")
    bound = max(LARGEST, weights.stat().st_size if weights.is_file() else 0)
    if math.prod(facts.inputs) > bound:
        raise unreadable(path, "'inputs' is larger than any weights here")
    if mistake := next(_contradictions(facts), ""):
        raise unreadable(path, f"{mistake}")
    return facts


def _contradictions(facts: DataFacts) -> Iterator[str]:
    """What one fact says against another, where an array would not fit or a name would lack."""
    inputs, names = math.prod(facts.inputs), len(facts.class_names)
    for name, numbers in vars(facts.scaling).items():
        if isinstance(numbers, tuple) and len(numbers) != inputs:
            yield f"scaling.{name} has {len(numbers):,} numbers for {inputs:,} inputs"
    if (facts.task == "regression") != (facts.kind == "regression"):
        yield f"kind is {facts.kind} for the task {facts.task}"
    if facts.task == "classes":
        if names != facts.outputs:
            yield f"class_names has {names:,} names for {facts.outputs:,} classes"
        if facts.kind == "binary" and facts.outputs > 2:
            yield f"kind is binary for {facts.outputs:,} classes"
