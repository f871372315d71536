"""The chosen columns of a CSV file, and errors about their cells."""

import math
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

from nnlab.data.csv_hints import cell_hint, is_name, other_delimiter
from nnlab.data.csv_text import CsvForm, Row, quoted, quoted_list, read_csv_rows
from nnlab.data.missing import MISSING_CELLS, NO_NUMBER
from nnlab.data.table import ColumnTable
from nnlab.errors import DataError
from nnlab.suggest import similar

MOSTLY = 0.5  # a column with a larger share of numbers is a column of numbers
TRUTH = frozenset({"true", "false", "yes", "no", "t", "f", "y", "n"})
MANY = 20  # rows from which on names, which differ, are told from categories


class CsvTable(ColumnTable):
    """The chosen columns of a CSV file.

    lines: the line on which each row ends, from 1.
    """

    def __init__(self, path: Path, form: CsvForm, names: Sequence[str]) -> None:
        self.path, self.title, self.form, self.names = path, str(path), form, names
        self.missing = form.missing
        self._signs = self.missing.texts  # of a missing cell among words
        self._no_number = NO_NUMBER | self._signs  # and among numbers, with these values
        self._numeric = self.missing.numeric
        self.numbers: dict[int, array[float]] = {}
        self.texts: dict[int, list[str]] = {}
        self.lines = array("q")
        self.file_rows: array[int] = array("q")
        self.dropped = 0

    def __len__(self) -> int:
        return len(self.lines)

    def choose(
        self,
        inputs: Sequence[int],
        categories: Sequence[int],
        targets: Sequence[int],
        ignored: Sequence[int] = (),
        group: Sequence[int] = (),
        weight: Sequence[int] = (),
    ) -> None:
        """Set the columns to read: inputs in the network's order, of which categories are texts.

        group, weight: the columns of the groups and the weights of rows, if there are some; they
        count as ignored.
        """
        self.inputs, self.categories, self.targets = inputs, categories, targets
        self.ignored, self.group, self.weight = (*ignored, *group, *weight), group, weight
        self.numbers = {i: array("d") for i in inputs if i not in categories}
        self.texts = {i: [] for i in (*categories, *targets, *group, *weight)}

    def find(self, name: str, key: str = "") -> int:
        """The number of the only column of that name. Raises DataError."""
        count = self.names.count(name)
        if count == 1:
            return self.names.index(name)
        if count:
            places = ", ".join(str(i) for i, other in enumerate(self.names) if other == name)
            way = ", or choose one by its number" if self.form.fitting else ""
            raise DataError(
                f"{self.path}, line 1: {count} columns are named {quoted(name)} (numbers "
                f"{places}, counted from 0). Give each a name of its own{way}."
            )
        raise DataError(
            f"{self.path} has no {key}column {quoted(name)}; its columns are "
            f"{quoted_list(self.names, 20)}.{self.delimiter_hint() or self._name_hint(name)}"
        )

    def _name_hint(self, name: str) -> str:
        """The correction where no column has that name, or ''."""
        form, names = self.form, self.names
        if form.header is not False and (near := similar(name, names)):
            return f" Did you mean {quoted(near[0])}?"
        no_number = all(form.notation.parse(cell) is None for cell in names)
        if not form.header or (no_number and any(map(is_name, names))):
            return ""
        if form.fitting:
            return " Where line 1 holds values, set header: false, and choose columns by number."
        return (
            " Where line 1 holds values, put the names of the columns above it, as in the "
            "training file."
        )

    def delimiter_hint(self, cell: str = "") -> str:
        """A hint at a better delimiter, or ''."""
        return other_delimiter(self.path, self.form, cell)

    def read(self, rows: Iterator[Row]) -> None:
        """Append all rows. Raises DataError naming line and column."""
        drops = [i for i in (*self.inputs, *self.targets) if self.rule(i) == "drop"]
        for number, (line, row) in enumerate(rows):
            self._check_row(line, row, drops=bool(drops))
            if any(self._is_missing(row[i], i) for i in drops):
                self.dropped += 1
                continue
            self._append(line, row)
            self.file_rows.append(number)
            self.lines.append(line)
        if not self.lines:
            header_only = self.form.header and not self.dropped
            where = "has a header and no row" if header_only else "has no row"
            kind = " without a missing cell" if self.dropped else ""
            raise DataError(f"{self.path} {where}{kind}.")

    def _is_missing(self, cell: str, column: int) -> bool:
        if column not in self.numbers:
            return cell in self._signs
        return cell in self._no_number or (
            bool(self._numeric) and self.form.notation.parse(cell) in self._numeric
        )

    def _check_row(self, line: int, row: list[str], *, drops: bool) -> None:
        if len(row) != len(self.names):
            raise DataError(
                f"{self.path}, line {line}: there are {len(row)} cells, but {len(self.names)} "
                f"columns.{self.delimiter_hint()}"
            )
        if self.form.fitting and not drops and not any(row):
            raise DataError(
                f"{self.path}, line {line}: all cells of the row are empty. Remove the row, or "
                "set missing: drop."
            )

    def _append(self, line: int, row: list[str]) -> None:
        fills = self.missing.numbers != "error"
        for i, values in self.numbers.items():
            value = self.form.notation.parse(row[i])
            if value is None or value in self._numeric:
                if not self._is_missing(row[i], i) or not fills:
                    raise self._not_a_number(line, row[i], i)
                value = math.nan
            values.append(value)
        for i, words in self.texts.items():
            if row[i] not in self._signs:
                words.append(row[i])
                continue
            if i in self.ignored or self.rule(i) == "error":
                raise self._missing_cell(line, row[i], i)
            words.append("")

    def target_number(self, row: int, column: int) -> float:
        text = self.texts[column][row]
        if (value := self.form.notation.parse(text)) is None:
            raise self._not_a_number(self.lines[row], text, column)
        return value

    def place(self, row: int, column: int) -> str:
        return self._place(self.lines[row], column)

    def _place(self, line: int, column: int) -> str:
        return f"{self.path}, line {line}, column {quoted(self.names[column])}"

    def _missing_cell(self, line: int, text: str, column: int) -> DataError:
        """The error for a missing cell that nothing fills."""
        sign = f" ({quoted(text)})" if text not in MISSING_CELLS else ""
        problem = f"{self._place(line, column)}: the cell is missing{sign}. Fill it"
        if not self.form.fitting:
            return DataError(f"{problem}: the run was not trained to fill it in.")
        for word, columns in (("group", self.group), ("weight", self.weight)):
            if column in columns:
                return DataError(f"{problem}: each row needs its {word}.")
        way = "missing: drop or missing: mean, or leave the column out with ignore"
        if column in self.targets:
            way = "missing: drop; a target is never filled in"
            if self.missing.fills:
                way = "missing_targets: drop; a target is never filled in"
        return DataError(f"{problem}, or set {way}.")

    def _not_a_number(self, line: int, text: str, column: int) -> DataError:
        """The error for a cell that should be a number; reads its whole column."""
        if self._is_missing(text, column) or text in NO_NUMBER:
            return self._missing_cell(line, text, column)
        where = f"{self._place(line, column)}: {quoted(text)}"
        if hint := cell_hint(text):
            if not self.form.fitting:
                hint = f"{hint.partition('.')[0]}; the run was trained on numbers here"
            return DataError(f"{where} {hint}.")
        way = self.delimiter_hint(text) or self._way_out(text, column)
        return DataError(f"{where} is not a finite number.{way}")

    def _way_out(self, text: str, column: int) -> str:
        """The correction of a text among numbers, judged by its whole column."""
        try:
            float(text)  # inf, 1e999, 1_000: meant as a number, so it is no category
            return ""
        except ValueError:
            if not self.form.fitting:
                return ""
        if column in self.targets:
            return " Correct the cell, or set task: classes if the target consists of names."
        cells: list[str] = []
        # Errors of a later line are left out: the present cell comes first.
        with suppress(DataError), closing(read_csv_rows(self.path, self.form)) as rows:
            below = islice(rows, 1 if self.form.header else 0, None)
            cells += [row[column] for _, row in below if len(row) > column]
        return self._advice(text, column, cells)

    def _advice(self, text: str, column: int, cells: list[str]) -> str:
        present = [cell for cell in cells if cell not in NO_NUMBER]
        numeric = sum(self.form.notation.parse(cell) is not None for cell in present)
        if self.form.header and text == self.names[column]:
            return " The line looks like the header again: remove it."
        if not self.form.header and [text] == cells[:1] and numeric == len(present) - 1:
            return " Where line 1 holds the names of the columns, set header: true."
        if numeric > MOSTLY * len(present):
            return _advice_among_numbers(text, cells.count(text))
        return _advice_among_words(present)


def _advice_among_words(cells: Sequence[str]) -> str:
    """The correction of a column whose cells are texts."""
    if TRUTH.issuperset(map(str.casefold, cells)):
        return (
            " The column is true or false: list it under categorical, or write 1 and 0 in the file."
        )
    if len(cells) >= MANY and len(set(cells)) > MOSTLY * len(cells):
        return (
            " The texts of this column differ in most rows, as names do: leave it out with ignore."
        )
    return " List the column under categorical to make it one-hot, or under ignore to leave it out."


def _advice_among_numbers(text: str, times: int) -> str:
    """The correction of a text that stands so many times in a column of numbers."""
    if times == 1:
        return " The rest of the column is numbers: correct the cell, or set ignore."
    return (
        " The rest of the column is numbers. Where this means a missing cell, set missing_values: "
        f"[{text}], and missing: mean or drop."
    )
