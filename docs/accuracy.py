"""Trains the image experiments with three seeds and writes docs/accuracy.md.

    make accuracy                                   # two hours on two quiet cores
    python docs/accuracy.py --runs DIR --only lenet_mnist,mnist_best  # the other rows stay

Runs are kept in DIR (default runs/accuracy), and a run that is there is not trained again, so the
script may be stopped and begun again. Nothing in the table is written by hand but the targets.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import nnlab

SEEDS = (1, 2, 3)
PAGE = Path(__file__).with_name("accuracy.md")


@dataclass(frozen=True)
class Goal:
    """What the median of the official test part should be: at least, and at best."""

    config: str
    what: str
    least: float
    aim: float


GOALS = (
    Goal("mnist_best", "MNIST, dense layers only", 0.986, 0.989),
    Goal("lenet_mnist", "MNIST, convolutions", 0.993, 0.995),
    Goal("fashion_best", "Fashion-MNIST, dense layers only", 0.900, 0.908),
    Goal("conv_fashion", "Fashion-MNIST, convolutions", 0.925, 0.935),
)


def finished(folder: Path) -> Iterator[tuple[str, int, nnlab.Run]]:
    """Name, seed and run of each training that has come to its end there."""
    for path in sorted(folder.glob("*/summary.json")):
        run = nnlab.load(path.parent)
        if run.status == "completed":
            yield run.config.name, run.config.seed, run


def line(goal: Goal, runs: list[nnlab.Run]) -> str:
    """The row as Markdown."""
    test = [float(run.summary["test"]["accuracy"]) for run in runs]
    held_out = median(float(run.summary["final"]["val_accuracy"]) for run in runs)
    minutes = median(float(run.metrics["seconds"][-1]) for run in runs) / 60
    found = median(test)
    verdict = "aim" if found >= goal.aim else "yes" if found >= goal.least else "MISSED"
    figures = f"{found:.4f} ({min(test):.4f} to {max(test):.4f}) | {held_out:.4f}"
    goals = f"{goal.least:.3f}, {goal.aim:.3f} | {verdict}"
    command = f"`nnlab train configs/{goal.config}.yaml`"
    last = max(str(run.about["started"])[:10] for run in runs)
    return f"| {goal.what} | {figures} | {goals} | {minutes:.1f} | {last} | {command} |"


def page(lines: list[str]) -> str:
    """The whole page."""
    return "\n".join([
        "<!-- Written by `make accuracy`; edit docs/accuracy.py, not this page. -->",
        "",
        "# Accuracy on images",
        "",
        f"nnlab {nnlab.__version__}. Medians of the seeds",
        f"{', '.join(map(str, SEEDS))}, followed by the smallest and largest, on the official",
        "test parts. Every setting was chosen by the accuracy on 5,000 held-out training rows",
        "(validation), which no network was trained on; the test parts were evaluated",
        "once, for this table. The weights are those of the last epoch, averaged by `ema`.",
        "Minutes are for one training on one of two cores, which had other work at times.",
        "",
        "| data | test accuracy | held out | at least, aim | reached | minutes | trained "
        "| command |",
        "|---|---|---|---|---|---|---|---|",
        *lines,
        "",
    ])  # fmt: skip


def main() -> int:
    """Train what is missing, write the page; 9 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python docs/accuracy.py")
    parser.add_argument("--runs", type=Path, default=Path("runs/accuracy"))
    parser.add_argument("--only", default=",".join(goal.config for goal in GOALS))
    options = parser.parse_args()
    wanted = options.only.split(",")
    for name in {*wanted} - {goal.config for goal in GOALS}:
        parser.error(f"--only: '{name}' is none of {', '.join(goal.config for goal in GOALS)}")
    old = PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []
    rows = {goal: one for goal in GOALS for one in old if f"configs/{goal.config}.yaml" in one}
    for goal in GOALS:
        if goal.config not in wanted:
            continue
        name = goal.config.replace("_", "-")
        for seed in SEEDS:
            if not any(one[:2] == (name, seed) for one in finished(options.runs)):
                print(goal.config, f"seed {seed}", file=sys.stderr, flush=True)
                nnlab.train(goal.config, runs=options.runs, seed=seed)
        runs = [run for *key, run in finished(options.runs) if key[0] == name and key[1] in SEEDS]
        rows[goal] = line(goal, runs)
        print(rows[goal], flush=True)
    lines = [rows[goal] for goal in GOALS if goal in rows]
    PAGE.write_text(page(lines), encoding="utf-8")
    return 9 if any("MISSED" in line for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
