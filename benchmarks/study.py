"""Claim: a study of 30 trainings of 8-3-8 takes about as long as starting Python (W7).

    python -m benchmarks.study [--epochs 5000] [--engine compiled]

Six learning rates, five seeds, 5,000 epochs each, in two processes: the whole command's wall time,
imports and loading of the kernels included. The exit code is 9 when it is over 2 seconds.
"""

import argparse
import subprocess
import sys
import time

RATES = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1)
SEEDS = range(5)
LIMIT = 2.0  # seconds


def trainings(share: int, epochs: int, engine: str) -> None:
    """Every second training, beginning with number `share`."""
    from dataclasses import replace

    from nnlab.build import build
    from nnlab.config.load import load
    from nnlab.training import start, train

    jobs = [(rate, seed) for rate in RATES for seed in SEEDS]
    for rate, seed in jobs[share::2]:
        changes = {"epochs": epochs, "training.engine": engine, "seed": seed, "lr": rate}
        built = build(load("identity8", list(changes.items())).config)
        state = start(replace(built.plan), built.network)
        for _ in train(built.plan, state):
            pass


def main() -> int:
    """Run both halves at once and print how long it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study")
    parser.add_argument("--epochs", type=int, default=5_000)
    parser.add_argument("--engine", choices=("numpy", "compiled"), default="compiled")
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.share is not None:
        trainings(options.share, options.epochs, options.engine)
        return 0
    command = [sys.executable, "-m", "benchmarks.study", *sys.argv[1:], "--share"]
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        halves = [subprocess.Popen([*command, str(share)]) for share in (0, 1)]
        if any(half.wait() for half in halves):
            return 1
        best = min(best, time.perf_counter() - began)
    print(f"W7: {len(RATES) * len(SEEDS)} trainings of {options.epochs:,} epochs: {best:.2f} s")
    return 0 if best <= LIMIT else 9


if __name__ == "__main__":
    raise SystemExit(main())
