"""What reaches the terminal: results on stdout, all else on stderr, control characters escaped."""

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
    try:
        width = os.get_terminal_size(stream.fileno()).columns if stream is not None else 0
    except (OSError, ValueError, AttributeError):  # a file, a pipe, or closed
        width = 0
    return "\n".join(_broken(line, width) for line in text.split("\n")) if width else text


def _broken(line: str, width: int) -> str:
    if len(line) <= width or "  " in line or line.startswith(" "):
        return line
    return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)


def tell(text: str) -> None:
    """A result, on stdout."""
    click.echo(printable(text))


def tell_json(value: Mapping[str, Any]) -> None:
    """A result as one strict JSON object on stdout; nan and inf are null."""
    from nnlab.run.text import plain

    click.echo(json.dumps(plain(value), allow_nan=False, indent=2))


def say(text: str, at: int = NORMAL) -> None:
    """A message on stderr, unless the user wants less than that."""
    if level() >= at:
        complain(text)


def complain(text: str) -> None:
    """An error on stderr, at every level. A reader who went away costs the message, not the run."""
    try:
        click.echo(fitted(printable(text), sys.stderr), err=True)
    except BrokenPipeError:
        close(sys.stderr)


def close(stream: TextIO) -> None:
    """After a broken pipe: what is still in the buffer goes nowhere, and fails no more."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
