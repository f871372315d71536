"""Trains every shipped experiment and writes docs/results.md: the notebooks and nnlab side by side.

    make results                  # all of it, minutes; MNIST and Fashion-MNIST are fetched or found
    docs/results.py digits_deep   # the rows of some experiments; the others stay as they are

Random experiments are trained with several seeds and the table gives the median. Nothing in the
table is written by hand but the notebooks' own numbers.
"""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

import nnlab
from nnlab.race.config import load_race
from nnlab.race.run import run_race

SEEDS = (1, 2, 3, 4, 5)
PAGE = Path(__file__).with_name("results.md")


@dataclass(frozen=True)
class Row:
    """One line of the table: an experiment, the notebook's figure, and how to get nnlab's."""

    config: str
    what: str
    notebook: str
    measure: Callable[[nnlab.Run], float]
    form: str = "{:.4f}"
    seeds: tuple[int, ...] = SEEDS
    middle: Callable[[list[float]], float] = median
    change: Mapping[str, object] = field(default_factory=dict)


def final(name: str) -> Callable[[nnlab.Run], float]:
    """A number of the last epoch."""
    return lambda run: float(run.summary["final"][name])


def test(name: str) -> Callable[[nnlab.Run], float]:
    """A number of the test part."""
    return lambda run: float(run.summary["test"][name])


def summed(rows: int, epoch: int) -> Callable[[nnlab.Run], float]:
    """The training loss of all rows together, as notebook E prints it."""
    return lambda run: rows * float(run.metrics["train_loss"][epoch])


def first_below(bound: float) -> Callable[[nnlab.Run], float]:
    """Updates until the training loss is below `bound` for the first time."""

    def measure(run: nnlab.Run) -> float:
        below = np.flatnonzero(run.metrics["train_loss"] < bound)
        return float(run.metrics["step"][below[0]]) if len(below) else float("nan")

    return measure


def reached(name: str, bound: float) -> Callable[[nnlab.Run], float]:
    """1 if the final number is at least `bound`, else 0."""
    return lambda run: float(run.summary["final"][name] >= bound)


def after(epoch: int, name: str) -> Callable[[nnlab.Run], float]:
    """A number of an epoch on the way."""
    return lambda run: float(run.metrics[name][epoch])


def plateau(bound: float) -> Callable[[nnlab.Run], float]:
    """How many epochs the training loss stays above `bound`."""
    return lambda run: float(np.sum(run.metrics["train_loss"][1:] > bound))


def best_batch_sum(run: nnlab.Run) -> float:
    """Notebook D's figure: the batch losses of the last epoch, summed (10 batches)."""
    return 10 * float(run.summary["final"]["train_loss"])


OWN = (0,)  # experiments without randomness: one run
THIRTY = tuple(range(30))

ROWS = (
    Row("identity8", "loss after 9,000 epochs (right derivative; the notebook's is wrong)",
        "0.0038", lambda run: float(run.metrics["train_loss"][9000])),
    Row("identity8_fast", "updates until the loss is below 0.001", "-", first_below(1e-3),
        "{:,.0f}"),
    Row("xor", "summed loss at epoch 25,000, 30 seeds", "0.000624", summed(21, 25_000),
        "{:.6f}", THIRTY),
    Row("xor", "share of 30 seeds that reach accuracy 1", "-",
        reached("train_accuracy", 1.0), "{:.2f}", THIRTY, fmean),
    Row("linear", "summed loss at epoch 25,000", "0.00102", summed(100, 25_000), "{:.5f}"),
    Row("digits_binary", "test loss", "0.0740", test("loss")),
    Row("digits_binary", "test accuracy", "0.97", test("accuracy")),
    Row("digits_binary", "train loss, epoch 20", "0.0135", final("train_loss")),
    Row("digits_binary", "test loss with lr 0.03", "0.0743", test("loss"), change={"lr": 0.03}),
    Row("digits_binary", "test loss with lr 0.03, batch 40", "0.6953 (dead)", test("loss"),
        change={"lr": 0.03, "batch_size": 40}),
    Row("digits_binary_lr05", "test loss with lr 0.05", "NaN from epoch 14", test("loss")),
    Row("digits_binary_400", "test loss after 400 epochs", "-", test("loss")),
    Row("digits_linear", "test loss, one linear layer", "0.288", test("loss")),
    Row("digits_linear", "train accuracy, one linear layer", "0.895", final("train_accuracy")),
    Row("digits_two_linear", "test loss, two linear layers", "0.2898", test("loss")),
    Row("digits_deep", "epochs with a loss above 0.65, 64-64-32-1", "8 (a plateau)",
        plateau(0.65), "{:.0f}"),
    Row("digits_deep", "test accuracy after 20 epochs", "0.90", after(20, "val_accuracy")),
    Row("digits_deep", "test accuracy after 60 epochs", "0.97", test("accuracy")),
    Row("digits_zeros", "test accuracy, all weights 0 at the start", "-", test("accuracy"),
        seeds=OWN),
    Row("box", "loss of the exact box", "0", final("train_loss"), "{:.1f}", OWN),
    Row("approximate", "loss of the fitted curve", "-", final("train_loss"), "{:.5f}"),
    Row("mnist_online", "test accuracy after 3 epochs", "0.70", test("accuracy")),
    Row("fashion_mlp", "test accuracy", "0.8809", test("accuracy")),
    Row("fashion_mlp", "test loss", "0.3562", test("loss")),
    Row("textbook", "summed batch losses of the last epoch", "6.481", best_batch_sum, "{:.3f}"),
    Row("forward_random", "loss of the untrained network", "-", final("train_loss")),
    Row("transfer", "test loss with 20 rows and layers that know digits", "-", test("loss")),
    Row("transfer", "test loss with 20 rows, from nothing", "-", test("loss"),
        change={"init": "xavier_uniform", "network.0.freeze": False, "network.2.freeze": False}),
)  # fmt: skip


# The runs of landscape.yaml, and what the notebook has; the lowest value is -2.2807.
RACE = {
    "small steps": ("lr 0.1", "a local minimum"),
    "large steps": ("lr 0.305", "jumps between valleys"),
    "decaying steps": ("lr 0.2 with decay 0.8", "-2.164"),
    "momentum": ("lr 0.1 with momentum 0.5", "-"),
    "adam": ("Adam, lr 0.5", "-"),
}


def raced(folder: str) -> list[str]:
    """The lines of `nnlab descend landscape`, which has nothing random in it."""
    found = run_race(load_race("landscape"), Path(folder))
    return [
        f"| landscape: value after {run['final']['step']} steps, {RACE[run['name']][0]} "
        f"| {RACE[run['name']][1]} | {run['final']['value']:.4f} | {found.seconds:.2f} "
        "| `nnlab descend landscape` |"
        for run in found.summary["runs"]
    ]


def main(wanted: Sequence[str] = ()) -> int:
    """Train, measure, write the page; of the experiments in `wanted` if any are named."""
    before = PAGE.read_text(encoding="utf-8") if wanted else ""
    known = {text.split(" | ")[0]: text for text in before.splitlines()}
    with tempfile.TemporaryDirectory() as folder:
        trained: dict[tuple[object, ...], nnlab.Run] = {}

        def run(row: Row, seed: int) -> nnlab.Run:
            key = (row.config, seed, *row.change.items())
            if key not in trained:
                print(row.config, f"seed {seed}", *row.change.items(), file=sys.stderr)
                settings: dict[str, Any] = {"seed": seed, **row.change}
                trained[key] = nnlab.train(row.config, runs=folder, **settings)
            return trained[key]

        lines = []
        for row in ROWS:
            kept = known.get(f"| {row.config}: {row.what}") if row.config not in wanted else None
            lines.append(kept or line(row, [run(row, seed) for seed in row.seeds]))
        lines += raced(folder)
    PAGE.write_text(page(lines, stamp(before, wanted)), encoding="utf-8")
    return 0


def line(row: Row, runs: list[nnlab.Run]) -> str:
    """The row as Markdown."""
    values = [row.measure(run) for run in runs]
    spread = ""
    if len(values) > 1 and row.middle is median:
        spread = f" ({row.form.format(min(values))} to {row.form.format(max(values))})"
    seconds = median([float(run.metrics["seconds"][-1]) for run in runs])
    settings = "".join(f" --set {key}={value}" for key, value in row.change.items())
    command = f"`nnlab train configs/{row.config}.yaml{settings}`"
    figure = f"{row.form.format(row.middle(values))}{spread}"
    return f"| {row.config}: {row.what} | {row.notebook} | {figure} | {seconds:.2f} | {command} |"


def stamp(before: str, wanted: Sequence[str]) -> str:
    """The day of the figures; where only some are new, that of the others and theirs."""
    today = date.today().isoformat()
    if not wanted:
        return today
    others = before.split(f"nnlab {nnlab.__version__}, ", 1)[-1].split(". Each value", 1)[0]
    return f"{others} ({', '.join(wanted)}: {today})"


def page(lines: list[str], when: str) -> str:
    """The whole page."""
    return "\n".join([
        "<!-- Written by `make results`; edit docs/results.py, not this page. -->",
        "",
        "# Results",
        "",
        f"nnlab {nnlab.__version__}, {when}. Each value is the median of five",
        "seeds (1 to 5), followed by the smallest and largest, unless the row says otherwise.",
        "Seconds are for one training on two shared cores. The values of the notebooks include",
        "their mistakes: the comment at the top of each config names the differences.",
        "",
        "| experiment | notebook | nnlab | seconds | command |",
        "|---|---|---|---|---|",
        *lines,
        "",
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
