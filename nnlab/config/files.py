"""Where configs are, the text of a config file, and the names that an experiment can have."""

from __future__ import annotations

import codecs
import os
import re
import stat
from pathlib import Path

import nnlab
from nnlab.config.problems import LINE_BREAK, Problem, clean, fail, shown_value
from nnlab.config.tree import Place, Source
from nnlab.errors import ConfigError, UsageError
from nnlab.suggest import did_you_mean

MAX_BYTES = 1 << 20
STDIN = Path("<stdin>")  # in messages; relative paths start at the current folder
# What YAML allows in a stream; tab and line breaks are the only control characters.
UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\udc80-\udcff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
MAX_LENGTH = 100
MAX_NAME_BYTES = 200  # in UTF-8: a folder's name has room for 255 with the time and the hex digits
FORBIDDEN = '/\\:<>"|?*'  # separators, and what some file system refuses


class StandardInput(str):
    """The word `-` in place of a config, and the bytes that were read for it."""

    content: bytes

    def __new__(cls, content: bytes) -> StandardInput:
        word = super().__new__(cls, "-")
        word.content = content
        return word


def shipped_folder() -> Path:
    """nnlab/configs in an installed package, configs/ beside nnlab/ in a checkout."""
    package = Path(nnlab.__path__[0])
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def shipped() -> dict[str, Path]:
    """The shipped configs by name, sorted."""
    return {path.stem: path for path in sorted(shipped_folder().glob("*.yaml"))}


def is_config_name(word: str) -> bool:
    """Whether a word names a config: a shipped one, a YAML file, or standard input."""
    return word == "-" or word in shipped() or word.endswith((".yaml", ".yml"))


def locate(config: str | Path) -> Path:
    """The file that is meant: an existing path first, else a shipped name, with - for _ allowed.

    Raises ConfigError that names the nearest shipped config.
    """
    path = Path(config)
    if isinstance(config, StandardInput):
        return STDIN
    if str(config) == "-":
        raise ConfigError("Standard input is not read: a config is a file, or shipped.")
    try:
        if path.exists() and not path.is_dir():
            return path
    except (OSError, ValueError):
        raise ConfigError(f"{clean(str(config))} is no usable path.") from None
    known = shipped()
    name = str(config).removesuffix(".yaml").replace("-", "_")
    if name in known:
        return known[name]
    if path.is_dir():
        raise ConfigError(f"{clean(str(config))} is a folder; a config is a YAML file.")
    sentence = f"There is no file {clean(str(config))}, and no shipped config of that name."
    hint = did_you_mean(path.stem, known)
    raise ConfigError(f"{sentence}{hint}\n    shipped: {', '.join(known)}")


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


def read_config(config: str | Path) -> tuple[Path, bytes]:
    """The path and the bytes of a config; see `locate` and `read_bytes`."""
    path = locate(config)
    return path, config.content if isinstance(config, StandardInput) else read_bytes(path)


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
    before = LINE_BREAK.split(source.text[:offset])
    return Place(source, len(before), len(before[-1]) + 1)


# Names of experiments become part of a folder's name, so they must stay inside it.


def name_problem(name: str) -> str | None:
    """The sentence that says why `name` cannot be used; None if it can."""
    if not name:
        return "the name is empty."
    bad = next((char for char in name if not _usable(char)), None)
    if bad is not None:
        return f"a name cannot contain {bad!r}."
    if len(name) > MAX_LENGTH or len(name.encode()) > MAX_NAME_BYTES:
        return f"the name is longer than {MAX_LENGTH} characters or {MAX_NAME_BYTES} bytes."
    if name[0] in ".- " or name[-1] in ". " or ".." in name:
        return "a name cannot begin with '.', '-' or a space, end with '.' or one, or hold '..'."
    return None


def require_name(name: str | None) -> None:
    """Raise UsageError for a name that is given and cannot be used."""
    if name is not None and (problem := name_problem(name)):
        raise UsageError(f"The name {shown_value(name)} cannot be used: {problem}")


def name_from_stem(stem: str) -> str:
    """A usable name made of a file's stem, with '-' for what a name cannot contain."""
    name = "".join(char if _usable(char) else "-" for char in stem.strip("<>"))
    name = re.sub(r"\.\.+", ".", name).lstrip(".- ")[:MAX_LENGTH]
    name = name.encode()[:MAX_NAME_BYTES].decode(errors="ignore").rstrip(". ")
    return name or "unnamed"


def _usable(char: str) -> bool:
    return char.isprintable() and char not in FORBIDDEN
