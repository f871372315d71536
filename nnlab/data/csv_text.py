"""The text of a CSV file: form, rows of cells, numbers."""

import codecs
import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

from nnlab.data.files import open_regular_file
from nnlab.data.missing import MissingRules
from nnlab.data.npz import MAX_RATIO
from nnlab.errors import DataError

Row = tuple[int, list[str]]  # the line on which it ends, counted from 1; its stripped cells
# fmt: off
Encoding = Literal[
    "utf-8", "utf-16", "windows-1252", "latin-1", "windows-1250", "windows-1251", "iso-8859-15",
    "mac-roman", "shift-jis", "gb18030", "big5", "euc-kr",
]
# fmt: on
Thousands = Literal[",", ".", "'", " "]

MAX_LINE = 1 << 24  # bytes; a file without line ends must not be read whole
BLANKS = re.compile(r"[ \t]+")

# How files of other formats begin, and what to do with them.
_SAVE = "Save the table as CSV (UTF-8)."
FORMATS: tuple[tuple[bytes, str], ...] = (
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
# What a file that is not in the encoding of the config says, for a training file and a later one.
_UTF16 = ("is UTF-16 text. Set encoding: utf-16.", "iconv -f UTF-16 -t UTF-8 '{}' > utf8.csv")
_LATIN = (
    "is not UTF-8 text. Where the file was saved as Latin-1 or by Windows, set encoding: "
    "windows-1252.",
    "iconv -f WINDOWS-1252 -t UTF-8 '{}' > utf8.csv",
)
UNPACKED = 1 << 26  # bytes that a gzip file may unpack to in any case; beyond, MAX_RATIO times


@dataclass(frozen=True)
class NumberNotation:
    """How numbers are written: `decimal` before the decimals, `thousands` between groups of three.

    An apostrophe and a blank stand for their typographic forms too.
    """

    decimal: str = "."
    thousands: Thousands | None = None

    def plain(self, text: str) -> str:
        """`text` in Python's notation where it is a number; else still no number."""
        if self.thousands is not None:
            signs, decimal = SEPARATORS[self.thousands], re.escape(self.decimal)
            if re.fullmatch(rf"[+-]?\d{{1,3}}(?:[{signs}]\d{{3}})+(?:{decimal}\d*)?", text):
                text = re.sub(f"[{signs}]", "", text)
        if self.decimal == ".":
            return text
        return "" if "." in text else text.replace(self.decimal, ".")

    def parse(self, text: str) -> float | None:
        """`text` as a finite number, or None, also for Python's 1_000."""
        try:
            value = float(self.plain(text))
        except ValueError:
            return None
        return value if math.isfinite(value) and "_" not in text else None


SEPARATORS = {",": ",", ".": ".", "'": "'\N{RIGHT SINGLE QUOTATION MARK}", " ": " \u00a0\u202f"}
POINT = NumberNotation()


@dataclass(frozen=True)
class CsvForm:
    """The format of a CSV file, and the treatment of missing cells.

    header: None where the first row decides. fitting: whether the file is the training file, so
    that messages can name settings of the config.
    """

    header: bool | None = True
    delimiter: str = ","
    notation: NumberNotation = POINT
    missing: MissingRules = field(default_factory=MissingRules)
    encoding: Encoding = "utf-8"
    fitting: bool = False


@contextmanager
def open_csv(path: Path, form: CsvForm) -> Iterator[tuple[Row, Iterator[Row]]]:
    """The first row, and all later rows. Raises DataError for an empty file."""
    with closing(read_csv_rows(path, form)) as rows:
        first = next(rows, None)
        if first is None:
            raise DataError(f"{path} is empty.")
        yield first, rows


def read_csv_rows(path: Path, form: CsvForm) -> Generator[Row]:
    """The rows of a file, also of a gzip file; empty lines are skipped.

    The delimiter " " stands for any number of blanks and tabs. Raises DataError, StorageError.
    """
    with closing(read_text_lines(path, form)) as lines:
        blanks = form.delimiter == " "
        cut = (BLANKS.sub(" ", line.strip()) for line in lines) if blanks else lines
        reader = csv.reader(cut, delimiter=form.delimiter, strict=True)
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
            words = str(error)
            if "field limit" in words:
                words = f"a cell has more than {csv.field_size_limit():,} characters; perhaps a "
                words += "quotation mark is not closed"
            raise DataError(f"{path}, line {reader.line_num}: {words}.") from None


def read_text_lines(path: Path, form: CsvForm) -> Generator[str]:
    """Lines as text, without the byte order mark that Excel writes. Raises as `read_csv_rows`."""
    encoding, i = str(form.encoding), 0
    with open_regular_file(path) as file, closing(_read_lines(path, file, encoding)) as lines:
        try:
            for i, line in enumerate(lines, start=1):
                if i == 1 and encoding == "utf-8":
                    _require_text(path, line[:200], form)
                if i == 1 and line.startswith(codecs.BOM_UTF8):
                    encoding = "utf-8-sig"
                if len(line) > MAX_LINE:
                    raise DataError(f"{path}, line {i} is longer than {MAX_LINE:,} bytes.")
                yield line.decode(encoding)
                encoding = encoding.removesuffix("-sig")
        except UnicodeError:
            raise DataError(f"{path}, line {i} {_wrong_encoding(path, form)}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path} is a damaged gzip file: {error}.") from None


def _read_lines(path: Path, file: BinaryIO, encoding: str) -> Generator[bytes]:
    """Lines with their ends, unpacked, and of bounded length."""
    is_packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not is_packed:
        yield from _cut_lines(file, encoding)
        return
    total, most = 0, max(UNPACKED, MAX_RATIO * path.stat().st_size)
    with closing(_cut_lines(gzip.GzipFile(fileobj=file), encoding)) as lines:
        for line in lines:
            if (total := total + len(line)) > most:
                raise DataError(
                    f"{path} unpacks to more than {MAX_RATIO} times its size: refused. Unpack it: "
                    f"gunzip -k '{path}'"
                )
            yield line


def _cut_lines(stream: BinaryIO | gzip.GzipFile, encoding: str) -> Generator[bytes]:
    """Lines with their ends, which in UTF-16 are two bytes each."""
    if encoding != "utf-16":
        yield from iter(lambda: stream.readline(MAX_LINE + 1), b"")
        return
    text = io.TextIOWrapper(stream, encoding, newline="\n")
    try:
        yield from (line.encode(encoding) for line in iter(lambda: text.readline(MAX_LINE + 1), ""))
    finally:
        text.detach()  # or it would close the file


def _wrong_encoding(path: Path, form: CsvForm) -> str:
    """What is wrong with a line, and the remedy."""
    if form.encoding != "utf-8":
        way = ". Set another encoding" if form.fitting else ", as the training file was"
        return f"is not {form.encoding} text{way}."
    return _words_of(_LATIN, path, form)


def _words_of(words: tuple[str, str], path: Path, form: CsvForm) -> str:
    """A setting for the training file; for a later file, which has the same, a command."""
    setting, conversion = words
    problem = setting.partition(". ")[0]
    return setting if form.fitting else f"{problem}. Convert it: {conversion.format(path)}"


def _require_text(path: Path, start: bytes, form: CsvForm) -> None:
    """Raise DataError for a file that begins as another format does."""
    for signature, words in FORMATS:
        if start.startswith(signature):
            raise DataError(f"{path} is no CSV text but {words.format(path)}")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or start.count(0) > len(start) / 3:
        raise DataError(f"{path} {_words_of(_UTF16, path, form)}")


def quoted(text: str) -> str:
    """`text` in quotes, short, and without control characters."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def quoted_list(names: Sequence[str], most: int = 10) -> str:
    """The first names in quotes, and the number of further names."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(quoted, names[:most])) + more
