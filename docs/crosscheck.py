"""Cross-checks every shipped experiment and writes the tables of docs/crosscheck.md.

    make crosscheck                    # a quarter of an hour; needs PyTorch and the MNIST files
    python -m docs.crosscheck xor      # the rows of some experiments; the others stay as they are

The exit code is 9 where a library does not agree.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nnlab
from nnlab.api.crosscheck import CrossCheck
from nnlab.config.files import shipped
from nnlab.config.load import describes_race
from nnlab.errors import ConfigError
from nnlab.peers.side_by_side import PEERS
from nnlab.show.words import set_options

PAGE = Path(__file__).with_suffix(".md")
# What shortens the long ones: fewer epochs, and of the images with convolutions fewer rows.
FEW_ROWS = {"epochs": 2, "data.validation": 59000}
CHANGES: Mapping[str, Mapping[str, object]] = {
    "conv_fashion": FEW_ROWS,
    "fashion_best": FEW_ROWS,
    "fashion_mlp": {"epochs": 2},
    "lenet_mnist": FEW_ROWS,
    "mnist_best": FEW_ROWS,
    "mnist_online": {"epochs": 1},
}
TITLE = "## Every shipped experiment"
SECTION = """{title}

Written by `make crosscheck`. Differences are the largest of all epochs within the tolerance, as
they are and not as parts. `box` and `forward_random` train no epoch: their loss before training is
compared. `landscape` is a race on a function and has no network.

| experiment | changed | against | epochs | updates | loss differs | weights differ | result |
|---|---|---|---|---|---|---|---|
{rows}

What cannot be compared, and why:

{refusals}
"""
ROW = re.compile(r"^\| (\w+) \|.*$", re.MULTILINE)
REFUSAL = re.compile(r"^\* `(\w+)`.*$", re.MULTILINE)


def checked(name: str, library: str) -> tuple[str, bool]:
    """The line of an experiment, a row or a refusal, and whether the library agrees."""
    changes = CHANGES.get(name, {})
    settings: Any = {key.replace(".", "__"): value for key, value in changes.items()}
    try:
        check = nnlab.crosscheck(name, against=library, **settings)
    except ConfigError as error:
        return f"* `{name}` against {library}: {error}", True
    return row(name, set_options(f"{key}={value}" for key, value in changes.items()), check), (
        check.agrees
    )


def row(name: str, changed: str, check: CrossCheck) -> str:
    """The row of an experiment as Markdown."""
    within = [row for row in check.rows if row.rounding is None]
    loss = max(row.loss_difference for row in within)
    weights = max(row.weight_difference for row in within)
    result = "agrees" if check.first_above is None else "agrees, until rounding grows"
    return (
        f"| {name} | {changed and f'`{changed}`'} | {check.peer} | {within[-1].epoch:,} "
        f"| {within[-1].updates:,} | {loss:.0e} | {weights:.0e} "
        f"| {result if check.agrees else '**differs**'} |"
    )


def main() -> int:
    """Check the experiments that are named, or all; the page grows with each."""
    names = [name for name, path in shipped().items() if not describes_race(path)]
    wanted, wrong = sys.argv[1:] or names, False
    text, _, section = PAGE.read_text("utf-8").partition(TITLE)
    lines = [match[0] for pattern in (ROW, REFUSAL) for match in pattern.finditer(section)]
    for name in wanted:
        lines = [line for line in lines if name_of(line) not in (name, "experiment")]
        for library in PEERS:
            line, agrees = checked(name, library)
            print(line, flush=True)
            lines.append(line)
            wrong = wrong or not agrees
        lines.sort(key=name_of)
        rows = "\n".join(line for line in lines if line.startswith("|"))
        refusals = "\n".join(line for line in lines if line.startswith("*"))
        section = SECTION.format(title=TITLE, rows=rows, refusals=refusals)
        PAGE.write_text(text + section, "utf-8")
    return 9 if wrong else 0


def name_of(line: str) -> str:
    """The experiment of a row or a refusal."""
    return line.split()[1].strip("`")


if __name__ == "__main__":
    sys.exit(main())
