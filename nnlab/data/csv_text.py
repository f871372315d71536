"""The text of a CSV file: form, rows of cells, numbers."""

import csv
import math
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nnlab.data.files import open_regular_file
from nnlab.errors import DataError

Row = tuple[int, list[str]]  # the line on which it ends, counted from 1; its stripped cells
Missing = Literal["error", "drop", "mean"]

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "NAN", "null", "NULL", "?"})
# In a column of numbers these mean a missing cell too; among words each may be a word.
NO_NUMBER = MISSING | {
    *("-", "--", "---", "\N{EN DASH}", "\N{EM DASH}", ".", "..", "n/a", "N/a", "na", "Na", "n.a."),
    *("None", "none", "NONE", "nil", "Null", "#N/A", "<NA>", "missing", "unknown"),
}

MAX_LINE = 1 << 24  # bytes; a file without line ends must not be read whole
BLANKS = re.compile(r"[ \t]+")

# How files of other formats begin, and what to do with them.
_SAVE = "Save the table as CSV (UTF-8)."
FORMATS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "a gzip file. Unpack it: gunzip -k '{}'"),
    (b"BZh", "a bzip2 file. Unpack it: bunzip2 -k '{}'"),
    (b"\xfd7zXZ", "an xz file. Unpack it: unxz -k '{}'"),
    (b"\x28\xb5\x2f\xfd", "a zstd file. Unpack it: unzstd '{}'"),
    (
        b"PK\x03\x04",
        f"a zip archive, as spreadsheets (xlsx, ods) and NumPy's npz are. Spreadsheet: {_SAVE} "
        "NPZ: set data.name: npz.",
    ),
    (b"\xd0\xcf\x11\xe0", f"an old Excel file (xls). {_SAVE}"),
    (b"PAR1", f"a Parquet file. {_SAVE}"),
    (b"\x93NUMPY", "a .npy array. Save inputs and targets with numpy.savez, and set name: npz."),
    (b"%PDF", f"a PDF file. {_SAVE}"),
    (b"SQLite format 3", f"an SQLite database. {_SAVE}"),
)
_UTF16 = "is UTF-16 text. Convert it: iconv -f UTF-16 -t UTF-8 '{}' > utf8.csv"
_LATIN = (
    "is not UTF-8 text. Where the file was saved as Latin-1 or by Windows, convert it: "
    "iconv -f WINDOWS-1252 -t UTF-8 '{}' > utf8.csv"
)


@dataclass(frozen=True)
class CsvForm:
    """The format of a CSV file, and the treatment of missing cells.

    header: None where the first row decides. fitting: whether the file is the training file, so
    that messages can name settings of the config.
    """

    header: bool | None = True
    delimiter: str = ","
    decimal: str = "."
    missing: Missing = "error"
    fitting: bool = False


@contextmanager
def open_csv(path: Path, form: CsvForm) -> Iterator[tuple[Row, Iterator[Row]]]:
    """The first row, and all later rows. Raises DataError for an empty file."""
    with closing(read_csv_rows(path, form.delimiter)) as rows:
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path} is empty.")
        yield first, rows


def read_csv_rows(path: Path, delimiter: str) -> Generator[Row]:
    """The rows of a file; empty lines are skipped. Raises DataError, StorageError.

    The delimiter " " stands for any number of blanks and tabs.
    """
    with open_regular_file(path) as file:
        lines = _decode(path, iter(lambda: file.readline(MAX_LINE + 1), b""))
        if delimiter == " ":
            lines = (BLANKS.sub(" ", line.strip()) for line in lines)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                if cells:
                    yield reader.line_num, [cell.strip() for cell in cells]
        except csv.Error as error:
            if "new-line character" in str(error):  # csv's own words are for programmers
                raise DataError(
                    f"{path}, line {reader.line_num} holds a carriage return that ends no line. "
                    "Save the file with the line ends of Unix or Windows."
                ) from None
            raise DataError(f"{path}, line {reader.line_num}: {error}.") from None


def _decode(path: Path, lines: Iterator[bytes]) -> Iterator[str]:
    """Lines as text, without the byte order mark that Excel writes."""
    for i, line in enumerate(lines, start=1):
        if i == 1:
            _require_text(path, line[:200])
        if len(line) > MAX_LINE:
            raise DataError(f"{path}, line {i} is longer than {MAX_LINE:,} bytes.")
        try:
            yield line.decode("utf-8-sig" if i == 1 else "utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{path}, line {i} {_LATIN.format(path)}") from None


def _require_text(path: Path, start: bytes) -> None:
    """Raise DataError for a file that begins as another format does."""
    for signature, words in FORMATS:
        if start.startswith(signature):
            raise DataError(f"{path} is no CSV text but {words.format(path)}")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or start.count(0) > len(start) / 3:
        raise DataError(f"{path} {_UTF16.format(path)}")


def parse_number(text: str, decimal: str = ".") -> float | None:
    """`text` as a finite number, or None, also for Python's 1_000."""
    if decimal != ".":
        if "." in text:
            return None
        text = text.replace(decimal, ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in text else None


def quoted(text: str) -> str:
    """`text` in quotes, short, and without control characters."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def quoted_list(names: Sequence[str], most: int = 10) -> str:
    """The first names in quotes, and the number of further names."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(quoted, names[:most])) + more
