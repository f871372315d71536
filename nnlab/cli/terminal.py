"""Results on stdout, messages on stderr; control characters are escaped."""

import io
import json
import os
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

LEVEL = "nnlab.level"  # the key in click's context
STDIO = "-"  # standard input or output in place of a file
QUIET, NORMAL, VERBOSE = -1, 0, 1
stdin_copies: list[str] = []  # paths of files that hold what standard input gave


def verbosity_level() -> int:
    """QUIET, NORMAL or VERBOSE, set by --quiet and --verbose."""
    context = click.get_current_context(silent=True)
    return NORMAL if context is None else int(context.meta.get(LEVEL, NORMAL))


def is_interactive() -> bool:
    """Whether stderr is a terminal that can redraw lines, at the normal level of messages."""
    capable = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    return verbosity_level() == NORMAL and capable


def _printable(text: str) -> str:
    from nnlab.run.text import printable  # not at the top: it imports NumPy

    return printable(_without_copies(text))


def _without_copies(text: str) -> str:
    for path in stdin_copies:
        text = text.replace(path, "standard input")
    return text


def terminal_width(stream: TextIO | None) -> int:
    """The columns of the terminal that a stream writes to; 0 where it is no terminal."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError, AttributeError):
        return 0


def print_result(text: str) -> None:
    """Print a result on stdout. Raises StorageError where it cannot be written."""
    _write_stdout(_printable(text) + "\n")


def print_data(data: str | bytes) -> None:
    """Print a result for programs: escaped on a terminal, else byte by byte.

    Raises UsageError for bytes on a terminal.
    """
    from nnlab.errors import UsageError
    from nnlab.run.text import to_bytes

    if not sys.stdout.isatty():
        _write_stdout(to_bytes(data) if isinstance(data, str) else data)
    elif isinstance(data, str):
        _write_stdout(_printable(data))
    else:
        raise UsageError("A terminal cannot show this file: write it with -o FILE, or into a pipe.")


def print_json(value: Mapping[str, Any]) -> None:
    """Print a result as one strict JSON object; nan and inf are null."""
    from nnlab.run.text import json_value

    text = json.dumps(json_value(value), allow_nan=False, indent=2)
    _write_stdout(_without_copies(text) + "\n")


def _write_stdout(data: str | bytes) -> None:
    """Write and flush. Raises StorageError, as on a full disk, or BrokenPipeError."""
    from nnlab.errors import StorageError

    buffer = getattr(sys.stdout, "buffer", None) if isinstance(data, bytes) else None
    try:
        if buffer is None:
            click.echo(data, nl=False)
        else:  # click would write an empty text first: in UTF-16 that is two bytes
            buffer.write(data)
            buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        close_stream(sys.stdout)
        raise StorageError(
            f"Cannot write the results to the standard output: {error.strerror or error}."
        ) from error


def write_output(path: Path, data: str | bytes, as_json: bool = False) -> None:
    """Write a file and print its path; print the data where the path is `-`."""
    from nnlab.run import durable

    if str(path) == STDIO:
        print_data(data)
        return
    durable.write_file(path, data, sync=False)
    print_files([path], path, as_json)


@contextmanager
def output_place(output: Path | None, name: str = "") -> Iterator[Path | None]:
    """`output`; for `-` a file or folder called `name` in a folder that is removed afterwards."""
    if str(output) != STDIO:
        yield output
        return
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="nnlab-") as folder:
        yield Path(folder, name)


def print_files(paths: Sequence[Path], output: Path | None, as_json: bool) -> None:
    """Print the paths of files; where `output` is `-`, the only file of `output_place`."""
    if str(output) == STDIO:
        _print_only_file({path for each in paths for path in each.parent.iterdir()})
    elif as_json:
        print_json({"paths": list(map(str, paths))})
    else:
        for path in paths:
            print_result(str(path))


def _print_only_file(written: set[Path]) -> None:
    """Print the bytes of a file. Raises UsageError for several and for a folder."""
    from nnlab.errors import UsageError
    from nnlab.run import durable

    if len(written) > 1 or any(path.is_dir() for path in written):
        names = ", ".join(sorted(path.name for path in written))
        raise UsageError(f"-o - is for a single file, and this is {names}.")
    for path in written:
        print_data(durable.read_file(path))


def print_outcome(outcome: Any, as_json: bool, as_csv: bool = False) -> None:
    """Print the result of a function of nnlab: as JSON, by its `to_csv`, or as its text."""
    if as_json:
        print_json(outcome.to_dict())
    elif as_csv:
        print_data(outcome.to_csv())
    else:
        print_result(str(outcome))


def print_message(text: str, level: int = NORMAL) -> None:
    """Print a message on stderr if the level of messages is at least `level`."""
    if verbosity_level() >= level:
        print_error(text)


def print_messages(texts: Iterable[str], prefix: str = "") -> None:
    """Print several messages, one per line."""
    for text in texts:
        print_message(f"{prefix}{text}")


def print_warnings(sentences: Iterable[str]) -> None:
    """Print warnings on stderr, one per line."""
    print_messages(sentences, "Warning: ")


def print_error(text: str) -> None:
    """Print an error on stderr, at every level; lost where stderr cannot be written.

    Sentences are wrapped to the terminal's width; lines of tables and excerpts are not.
    """
    width, lines = terminal_width(sys.stderr), _printable(text).split("\n")
    for index, line in enumerate(lines):
        if width and len(line) > width and "  " not in line and not line.startswith(" "):
            lines[index] = textwrap.fill(
                line, width, break_long_words=False, break_on_hyphens=False
            )
    try:
        click.echo("\n".join(lines), err=True)
    except OSError:
        close_stream(sys.stderr)


def flush_errors() -> None:
    """Flush stderr, or discard it: at exit, Python would fail with its own exit code."""
    try:
        sys.stderr.flush()
    except OSError:
        close_stream(sys.stderr)


def close_stream(stream: TextIO) -> None:
    """Discard the buffer of a failed stream, and everything written to it later."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def repair_streams() -> None:
    """Make the standard streams usable, also where they were closed before the start.

    A closed stream is replaced: else the next file that is opened would take its number. Messages
    that cannot be written are lost; results that cannot be written are an error.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # stays open
    if isinstance(sys.stdout, io.TextIOWrapper):  # letters outside its encoding become escapes
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # stays open
