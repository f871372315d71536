"""How the seconds and the memory of commands grow with the number of runs and the size of a file.

`python -m benchmarks.scaling --sizes` prints it: `nnlab runs` over many run folders, `nnlab
compare` of many runs, and an epoch of training on a large CSV file, each at two sizes. Nothing
may grow faster than its size.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import timing
from benchmarks.commands import NNLAB
from benchmarks.usage import measure

SIZES = {"runs": (500, 5000), "compare": (50, 500), "csv": (50, 500)}
COLUMNS, CELL = 20, 9  # of the CSV file, and bytes per cell
CSV = """
data: {name: csv, path: table.csv, target: y, task: regression}
network: [{dense: 4}, relu, {dense: 1}]
loss: mse
training: {epochs: 1, batch_size: 4096, dtype: float32}
"""


def copies(folder: Path, count: int) -> None:
    """`count` finished runs of one config, each with a seed of its own."""
    train = [*NNLAB, "train", "xor", "--set", "epochs=50", "--no-plots", "--quiet"]
    subprocess.run([*train, "--runs", str(folder / "one")], check=True, stdout=subprocess.DEVNULL)
    (one,) = (folder / "one").iterdir()
    about = json.loads((one / "run.json").read_text())
    resolved = (one / "resolved.yaml").read_text()
    own = shutil.ignore_patterns("run.json", "resolved.yaml")
    for seed in range(count):
        run = folder / "runs" / f"20260101-{seed:06d}-xor-{seed:06x}"
        shutil.copytree(one, run, ignore=own, copy_function=os.link)
        (run / "run.json").write_text(json.dumps({**about, "seed": seed}, indent=2))
        text = resolved.replace(f"seed: {about['seed']}", f"seed: {seed}")
        (run / "resolved.yaml").write_text(text)


def table_of(folder: Path, megabytes: int) -> None:
    """A CSV file of that size, and a config that trains on it."""
    (folder / "table.yaml").write_text(CSV)
    rng = np.random.default_rng(0)
    block = rng.random((1000, COLUMNS))
    lines = [",".join(f"{value:.{CELL - 3}f}" for value in row) for row in block]
    text = "\n".join([*lines, ""])
    with (folder / "table.csv").open("w") as file:
        file.write(",".join([*(f"x{i}" for i in range(COLUMNS - 1)), "y"]) + "\n")
        for _ in range(round(megabytes * 1e6 / len(text))):
            file.write(text)


def cases(parent: str | None) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Name, size and command line of each case; its files exist while it is the current one."""
    for name, sizes in SIZES.items():
        for size in sizes:
            with TemporaryDirectory(prefix="nnlab-sizes-", dir=parent) as place:
                folder = Path(place)
                if name == "csv":
                    table_of(folder, size)
                    config = str(folder / "table.yaml")
                    yield name, size, ("train", config, "--no-plots", "--runs", place)
                else:
                    copies(folder, size)
                    yield name, size, (name, str(folder / "runs"))


def rows(parent: str | None) -> list[list[str]]:
    """A row per case: seconds, processor seconds, the growth of these, and peak memory."""
    lines: list[list[str]] = []
    before: dict[str, tuple[int, float]] = {}
    for name, size, command in cases(parent):
        used = measure([*NNLAB, *command, "--quiet"])
        growth = "-"
        if name in before:
            small, cpu = before[name]
            growth = f"{used.cpu / cpu:.1f} for {size / small:.0f}"
        before[name] = size, used.cpu
        unit = "MB" if name == "csv" else "runs"
        seconds = [f"{used.wall:.2f}", f"{used.cpu:.2f}"]
        lines.append([name, f"{size:,} {unit}", *seconds, growth, f"{used.peak:.0f}"])
    return lines


def table(parent: str | None) -> str:
    """The table of all cases."""
    head = ["command", "size", "seconds", "cpu s", "times as long", "peak MB"]
    return timing.table(head, rows(parent))
