"""Rows of cells from a CSV file; other formats and encodings are named."""

import csv
import re
from collections.abc import Generator, Iterator
from pathlib import Path

from nnlab.data.files import reading
from nnlab.errors import DataError

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


def read_rows(path: Path, delimiter: str) -> Generator[tuple[int, list[str]], None, None]:
    """Line number and stripped cells of each row; empty lines are skipped.

    The delimiter " " stands for any number of blanks and tabs.
    """
    with reading(path) as file:
        lines = _decoded(path, iter(lambda: file.readline(MAX_LINE + 1), b""))
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


def _decoded(path: Path, lines: Iterator[bytes]) -> Iterator[str]:
    """Lines as text, without the byte order mark that Excel writes."""
    for i, line in enumerate(lines, start=1):
        if i == 1:
            _require_text(path, line)
        if len(line) > MAX_LINE:
            raise DataError(f"{path}, line {i} is longer than {MAX_LINE:,} bytes.")
        try:
            yield line.decode("utf-8-sig" if i == 1 else "utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{path}, line {i} {_LATIN.format(path)}") from None


def _require_text(path: Path, start: bytes) -> None:
    """DataError for a file that begins as another format does."""
    for signature, words in FORMATS:
        if start.startswith(signature):
            raise DataError(f"{path} is no CSV text but {words.format(path)}")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or start[:200].count(0) > len(start[:200]) / 3:
        raise DataError(f"{path} {_UTF16.format(path)}")
