"""Runs every study that a shipped config names and writes docs/studies.md with their figures.

    make studies            # minutes; digits come with scikit-learn, nothing is downloaded

Each study is one `nnlab sweep` command, run as a user would. Nothing on the page is written by
hand.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import nnlab
from nnlab.config.load import load_config
from nnlab.show.words import axis_value

HERE = Path(__file__).resolve().parent
PAGE, IMAGES = HERE / "studies.md", HERE / "images" / "studies"
SEEDS = 5
WIDTH = 760  # pixels of a figure on the page
COLOURS = 96  # that are enough for lines and bands
CONFIGS = {
    "identity8": "A. Identity encoder 8-3-8",
    "digits_binary": "B. Digits smaller than 5",
    "textbook": "D. The textbook network on noise",
    "xor": "E. Two crossing lines",
    "linear": "E. Two sides of a diagonal",
}


@dataclass(frozen=True)
class Study:
    """A study of a config, and what came out."""

    config: str
    name: str
    found: Mapping[str, Any]

    @property
    def command(self) -> str:
        """What a user types."""
        return " ".join(command(self.config, self.name))

    @property
    def image(self) -> Path:
        """Its figure on the page."""
        return IMAGES / f"{self.config}-{self.name}.png"

    @property
    def shown(self) -> list[str]:
        """The final numbers that the page shows: of the test rows where there are any."""
        cells = self.found["cells"]
        names = list(dict.fromkeys(name for cell in cells for name in cell["numbers"]))
        tested = [name for name in names if name.startswith("test_")]
        return tested or names

    def line(self) -> str:
        """The study in a line of the overview."""
        name = self.shown[0]
        values = [
            f"{', '.join(axis_value(value) for value in cell['cell'].values())}: "
            f"{number(cell['numbers'].get(name, {}).get('median'))}"
            for cell in self.found["cells"]
        ]
        outcome = f"{name.replace('_', ' ')} {'; '.join(values)}"
        return f"| `{self.command}` | {outcome} | [figure](#{self.anchor}) |"

    @property
    def anchor(self) -> str:
        """Where its section begins on the page."""
        return f"{self.config}-{self.name}".replace("_", "-")

    def section(self) -> list[str]:
        """The command, its figure and all numbers."""
        cells = self.found["cells"]
        head = [*cells[0]["cell"], *(f"{name.replace('_', ' ')}" for name in self.shown)]
        rows = [
            [
                *(axis_value(value) for value in cell["cell"].values()),
                *(spread(cell["numbers"].get(name)) for name in self.shown),
            ]
            for cell in cells
        ]
        if any(cell["failed"] for cell in cells):
            head.append("diverged")
            for row, cell in zip(rows, cells, strict=True):
                row.append(f"{cell['failed']} of {cell['trials']}")
        return [
            f'<a id="{self.anchor}"></a>',
            "",
            f"### {self.config}: {self.name}",
            "",
            f"`{self.command}`",
            "",
            f"![{self.command}]({self.image.relative_to(HERE).as_posix()})",
            "",
            f"| {' | '.join(head)} |",
            "|" + "---|" * len(head),
            *(f"| {' | '.join(row)} |" for row in rows),
            "",
        ]


def number(value: float | None) -> str:
    """Three digits; a dash for none."""
    return "-" if value is None else f"{value:.3g}"


def spread(one: Mapping[str, float] | None) -> str:
    """The median, and from quartile to quartile."""
    if one is None:
        return "-"
    return f"{number(one['median'])} ({number(one['low'])} to {number(one['high'])})"


def command(config: str, name: str) -> list[str]:
    """The words of the command; identity8 is the default config."""
    chosen = [] if config == "identity8" else [config]
    return ["nnlab", "sweep", name, *chosen, "--seeds", str(SEEDS)]


def run(config: str, name: str, runs: str) -> Study:
    """Train the study and keep its figure. Exit code 8, a rate that diverges, is a result too."""
    words = command(config, name)[1:]
    print("nnlab", *words, file=sys.stderr)
    done = subprocess.run(
        [sys.executable, "-m", "nnlab", *words, "--runs", runs, "--json"],
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode not in (0, 8):
        raise SystemExit(done.returncode)
    found = json.loads(done.stdout)
    study = Study(config, name, found)
    keep(Path(found["folder"]) / "figures" / "curves.png", study.image)
    return study


def keep(figure: Path, image: Path) -> None:
    """A small copy of a figure."""
    from PIL import Image

    image.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(figure) as picture:
        size = (WIDTH, round(picture.height * WIDTH / picture.width))
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        small.quantize(COLOURS, dither=Image.Dither.NONE).save(image, optimize=True)


def page(studies: Sequence[Study]) -> str:
    """The whole page."""
    lines = [
        "<!-- Written by `make studies`; edit docs/studies.py, not this page. -->",
        "",
        "# Studies",
        "",
        "The studies of the notebooks, one command each. Every value is trained with "
        f"{SEEDS} seeds; the first is the",
        "config's. Figures show the median and, as a band, the quartiles; numbers are the final "
        "median and, in brackets, the",
        f"quartiles. nnlab {nnlab.__version__}, {date.today().isoformat()}.",
        "",
    ]
    for config, title in CONFIGS.items():
        mine = [study for study in studies if study.config == config]
        lines += [f"## {title}", "", "| command | median | |", "|---|---|---|"]
        lines += [*(study.line() for study in mine), ""]
        for study in mine:
            lines += study.section()
    return "\n".join(lines)


def main() -> int:
    """Train, draw, write the page."""
    with tempfile.TemporaryDirectory() as runs:
        studies = [
            run(config, name, runs)
            for config in CONFIGS
            for name in load_config(config).config.sweeps
        ]
    PAGE.write_text(page(studies), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
