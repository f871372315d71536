"""One config with other settings, many times: the file is read once, each variant takes 0.5 ms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnlab.config import checks
from nnlab.config.construct import construct
from nnlab.config.expand import expand
from nnlab.config.files import decode, read_bytes
from nnlab.config.load import PATHS, absolute
from nnlab.config.locate import locate
from nnlab.config.names import name_from_stem
from nnlab.config.overrides import Override, Setting, apply, settings
from nnlab.config.problems import Problems
from nnlab.config.reader import read
from nnlab.config.schema import Config
from nnlab.config.tree import Node


@dataclass(frozen=True)
class Base:
    """A checked config without its studies, and the tree that it was made from.

    `notes` are sentences about settings that were dropped.
    """

    config: Config
    root: Node
    name: str
    notes: tuple[str, ...] = ()

    def vary(self, changes: Sequence[Setting], problems: Problems) -> Config | None:
        """The config with these settings, in full form and checked; None after noting why not.

        Raises DataError when the data's shape cannot be found out and nothing else is wrong.
        """
        before = len(problems.found)
        root = apply(self.root, changes, problems, [])
        if len(problems.found) > before:
            return None
        return _checked(absolute(root, PATHS), self.name, problems)


def base(config: str | Path, fixed: Sequence[Override] = ()) -> Base:
    """The config with these settings in all variants.

    Raises ConfigError with all mistakes, DataError when the data's shape cannot be found out.
    """
    path = locate(config)
    source = decode(read_bytes(path), str(path), path.resolve().parent)
    problems, notes = Problems(), list[str]()
    root = expand(read(source, problems))
    changes = settings(fixed, Path.cwd(), problems)
    root = absolute(apply(root, changes, problems, notes), PATHS).without("sweeps")
    name = name_from_stem(path.stem)
    found = _checked(root, name, problems)
    problems.raise_any()
    assert found is not None  # else there is a problem
    return Base(found, root, name, tuple(notes))


def _checked(root: Node, name: str, problems: Problems) -> Config | None:
    before = len(problems.found)
    parts = construct(root, problems, name)
    checks.check(root, parts, problems)
    return parts.config if len(problems.found) == before else None
