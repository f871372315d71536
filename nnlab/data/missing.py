"""Missing cells of a table: the texts that mean them, and what is done about them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nnlab.data.dataset import InputColumn
from nnlab.data.fill import WAYS, Filling

Missing = Literal["error", "drop", "mean", "median", "most_frequent"]
MissingCategories = Literal["error", "drop", "mean", "most_frequent", "category"]
MissingTargets = Literal["error", "drop"]

MISSING_CELLS = frozenset({"", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "?"})
# In a column of numbers these mean a missing cell too; among words each may be a word.
NO_NUMBER = MISSING_CELLS | {
    *("-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", ".", "..", "n/a", "N/a", "na", "Na", "n.a."),
    *("None", "none", "NONE", "nil", "Null", "#N/A", "<NA>", "missing", "unknown"),
}


@dataclass(frozen=True)
class MissingRules:
    """What is done about a missing cell, by the kind of its column.

    values: the user's own signs for missing cells. A number is one in each notation: -999 is -999.0
    too.
    """

    numbers: Missing = "error"
    categories: MissingCategories = "error"
    targets: MissingTargets = "error"
    values: tuple[str | int | float, ...] = ()

    @property
    def texts(self) -> frozenset[str]:
        """The texts that mean a missing cell among words."""
        return MISSING_CELLS.union(map(str, self.values))

    @property
    def numeric(self) -> frozenset[float]:
        """The numbers that mean a missing cell in a column of numbers."""
        return frozenset(float(value) for value in self.values if not isinstance(value, str))

    @property
    def fills(self) -> bool:
        """Whether missing inputs are filled once the training rows are known."""
        return self.numbers in WAYS or self.categories in WAYS

    @property
    def later(self) -> "MissingRules":
        """The rules for later rows: each has an answer, so none is dropped."""
        numbers: Missing = "error" if self.numbers == "drop" else self.numbers
        categories: MissingCategories = "error" if self.categories == "drop" else self.categories
        return replace(self, numbers=numbers, categories=categories)

    def filling(self, columns: Sequence[InputColumn]) -> Filling | None:
        """How the inputs of these columns are filled; None where none may be missing."""
        if not self.fills:
            return None
        widths = tuple(0 if c.categories is None else len(c.inputs) for c in columns)
        return Filling(
            WAYS.get(self.numbers, "mean"),
            WAYS.get(self.categories, "mean"),
            widths,
        )


def missing_rules(
    missing: Missing,
    categories: MissingCategories | None,
    targets: MissingTargets | None = None,
    values: Sequence[str | int | float] = (),
) -> MissingRules:
    """The rules of a config, where `missing` holds for each kind of column without its own.

    A category has no median: `median` takes its most frequent value.
    """
    usual: MissingCategories = "most_frequent" if missing == "median" else missing
    return MissingRules(
        missing,
        categories or usual,
        targets or ("drop" if missing == "drop" else "error"),
        tuple(values),
    )
