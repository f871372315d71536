"""From a path to text: regular files only, a bounded size, UTF-8, nothing that does not print."""

from __future__ import annotations

import codecs
import os
import re
import stat
from pathlib import Path

from nnlab.config.problems import Problem, fail
from nnlab.config.tree import Place, Source
from nnlab.errors import ConfigError

MAX_BYTES = 1 << 20
# What YAML allows in a stream; tab and line breaks are the only control characters.
UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\udc80-\udcff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def read_bytes(path: Path) -> bytes:
    """At most 1 MiB of a regular file; raises ConfigError for everything else."""
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not wait.
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ConfigError(f"{path} is not a regular file, so it cannot be a config.")
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder; a config is a YAML file.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise ConfigError(f"{path} cannot be read: {error}.") from None
    return data


def decode(data: bytes, name: str, folder: Path) -> Source:
    """The bytes as a Source; raises ConfigError unless they are printable UTF-8 of <= 1 MiB."""
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{name} is larger than 1 MiB; a config is a few lines.")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError(f"{name} is UTF-16 text; save it as UTF-8.")
    data = data.removeprefix(codecs.BOM_UTF8)  # the codec utf-8-sig would count from behind it
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        known = data[: error.start].decode("utf-8")
        source = Source(name, known, folder)
        sentence = f"the byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8."
        fail([Problem(place_at(source, len(known)), sentence)])
    return checked(Source(name, text, folder))


def checked(source: Source) -> Source:
    """The same source, if every character in it prints."""
    match = UNPRINTABLE.search(source.text)
    if match:
        sentence = f"the control character U+{ord(match[0]):04X} cannot stand in a config."
        fail([Problem(place_at(source, match.start()), sentence)])
    return source


def place_at(source: Source, offset: int) -> Place:
    """The line and column of a character, both from 1."""
    before = re.split("\r\n|[\n\r\x85\u2028\u2029]", source.text[:offset])
    return Place(source, len(before), len(before[-1]) + 1)
