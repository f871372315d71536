"""What reaches the terminal: results on stdout, all else on stderr, control characters escaped."""

import io
import json
import os
import sys
import textwrap
from collections.abc import Mapping
from typing import Any, TextIO

import click

LEVEL = "nnlab.level"  # the key in click's context
QUIET, NORMAL, VERBOSE = -1, 0, 1


def level() -> int:
    """How much the user wants to read on stderr."""
    context = click.get_current_context(silent=True)
    return NORMAL if context is None else int(context.meta.get(LEVEL, NORMAL))


def printable(text: str) -> str:
    """`text` with everything but line breaks escaped that a terminal would obey."""
    from nnlab.run.text import shown

    return "\n".join(shown(line) for line in text.split("\n"))


def fitted(text: str, stream: TextIO | None) -> str:
    """The text with long sentences broken between words, where `stream` is a terminal.

    Lines of tables and excerpts, which have several blanks in a row or begin with one, stay.
    """
    width = terminal_width(stream)
    return "\n".join(_broken(line, width) for line in text.split("\n")) if width else text


def terminal_width(stream: TextIO | None) -> int:
    """The columns of the terminal that a stream writes to; 0 where it is none."""
    try:
        return os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError, AttributeError):
        return 0


def _broken(line: str, width: int) -> str:
    if len(line) <= width or "  " in line or line.startswith(" "):
        return line
    return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)


def prepare() -> None:
    """Make the standard streams usable, whatever state they were handed over in.

    A closed one is replaced: else the next file that is opened would be taken for it. Messages that
    cannot be written are lost without a word; results that cannot be written are an error.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for ever
    if isinstance(sys.stdout, io.TextIOWrapper):  # letters that it cannot hold become escapes
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # for ever
    elif type(sys.stderr) is io.TextIOWrapper:
        sys.stderr = Messages(sys.stderr)


class Messages(io.TextIOWrapper):
    """stderr that never fails: what it cannot write is lost, as is all that follows.

    It shares the buffer of the stream that it stands for, and neither closes the other's: a
    caller may put its own stream back.
    """

    def __init__(self, stream: io.TextIOWrapper) -> None:
        super().__init__(stream.buffer, stream.encoding, "backslashreplace", line_buffering=True)
        self._stream = stream  # it would close the buffer when nothing else refers to it

    def close(self) -> None:
        """Write what is left; the buffer stays open."""
        if not self.buffer.closed:
            self.flush()

    def write(self, text: str) -> int:
        """As a text stream does."""
        try:
            return super().write(text)
        except OSError:
            close(self)
            return len(text)

    def flush(self) -> None:
        """As a text stream does."""
        try:
            super().flush()
        except OSError:
            close(self)


def tell(text: str) -> None:
    """A result, on stdout. StorageError where that takes no more, as a full disk."""
    write(printable(text) + "\n")


def tell_data(text: str) -> None:
    """A result for programs, on stdout: a terminal sees it escaped, all else the very bytes."""
    from nnlab.run.text import to_bytes

    write(printable(text) if sys.stdout.isatty() else to_bytes(text))


def write(data: str | bytes) -> None:
    """Data on stdout, now. StorageError where that takes no more; BrokenPipeError as it is."""
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
        close(sys.stdout)
        raise StorageError(
            f"Cannot write the results to the standard output: {error.strerror or error}."
        ) from error


def tell_json(value: Mapping[str, Any]) -> None:
    """A result as one strict JSON object on stdout; nan and inf are null."""
    from nnlab.run.text import json_value

    write(json.dumps(json_value(value), allow_nan=False, indent=2) + "\n")


def say(text: str, at: int = NORMAL) -> None:
    """A message on stderr, unless the user wants less than that."""
    if level() >= at:
        complain(text)


def complain(text: str) -> None:
    """An error on stderr, at every level. A stderr that cannot be written costs the message."""
    try:
        click.echo(fitted(printable(text), sys.stderr), err=True)
    except OSError:
        close(sys.stderr)


def close(stream: TextIO) -> None:
    """After a failed write: what is still in the buffer goes nowhere, and fails no more."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
