"""The folders below a folder that may hold runs: those of a class, of students, of old days."""

import os
from pathlib import Path

from nnlab.run.names import is_run
from nnlab.run.sweeps import SweepFolder

DEPTH = 3  # levels below the folder
MOST = 1000  # folders that are looked into; more are no collection of runs


def holders(top: Path) -> list[Path]:
    """`top` and the folders below it, not through links, and not into runs or sweeps."""
    found, level = [top], [] if SweepFolder(top).exists() else [top]
    for _ in range(DEPTH):
        level = [inner for folder in level for inner in _inside(folder)]
        found += level
    return found[:MOST]


def _inside(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
    except OSError:  # a folder that cannot be read hides no other one
        return []
    names = sorted(name for name in names if not (name.startswith(".") or is_run(name)))[:MOST]
    return [folder / name for name in names if not SweepFolder(folder / name).exists()]
