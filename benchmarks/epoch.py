"""Claim: an update of a shipped image config takes 0.8 of its time in PyTorch.

    python -m benchmarks.epoch [--only lenet_mnist] [--rounds 9]

All contestants do the same work from the same weights: augmented batches of 128 (changed by NumPy;
its time is the row "augmentation" and part of all others), the forward and backward pass, AdamW,
the average of the weights. "products alone" is the floor: the update's matrix products by the
BLAS. An epoch is 430 of these updates, so its ratio is theirs. Processor time of one thread is what
other processes disturb least. The table has the median of the rounds' ratios and the ratio of the
least times; the target is for the latter.
The exit code is 9 when a target is missed.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from statistics import mean
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import timing
from benchmarks.convolution import floor, next_loss, report
from nnlab.build import Built, build
from nnlab.config.load import load_config
from nnlab.data.batches import Batches
from nnlab.engine import blas

CONFIGS = ("lenet_mnist", "conv_fashion")
CHECKED = 4  # updates whose mean losses are compared; each side draws its own dropout
TOLERANCE = 0.05


def ours(built: Built, engine: Literal["numpy", "compiled"]) -> Callable[[], float]:
    """The next update of a training; the loss before it."""
    network = deepcopy(built.network)
    plan = replace(built.plan, engine=engine, chunk=1, record_steps=True, validation=None)
    plan = replace(plan, monitor="train_loss", shuffle=False)
    return next_loss(plan, network)


def batches(built: Built) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The augmented batches of an epoch, in the order of the file, again and again."""
    while True:
        for chunk in Batches(built.plan.train, built.plan.batch_size, most=1).epoch(None, 0, 0):
            yield from zip(chunk.xs, chunk.ts, strict=True)


def theirs(built: Built) -> dict[str, Callable[[], float]]:
    """The next update in PyTorch, in both of its formats; the loss before it."""
    try:
        import torch

        from benchmarks.peers_torch_images import FORMATS, prepare_training
    except ImportError as error:
        print(f"  not run: torch: {error}")
        return {}
    torch.set_num_threads(1)
    rate = built.config.schedule.rate(0, built.config.optimizer.lr, 6450)

    def updates(form: object) -> Callable[[], float]:
        update, rows = prepare_training(built, form), batches(built)
        return lambda: update(*next(rows), rate)

    return {name: updates(form) for name, form in FORMATS.items()}


def compare(name: str, rounds: int) -> bool:
    """The table of a config; whether its target is met."""
    built = build(load_config(name, ["training.engine=compiled"]).config)
    changed = batches(built)
    sides = {
        "nnlab compiled": ours(built, "compiled"),
        "nnlab numpy": ours(built, "numpy"),
        **theirs(built),
    }
    print(f"\n{name}: {rounds} rounds of an update, batch 128, one thread, processor time")
    losses = {one: mean(update() for _ in range(CHECKED)) for one, update in sides.items()}
    alone: dict[str, Callable[[], object]] = {
        "products alone": floor(built.network),
        "augmentation": lambda: next(changed),
    }
    times = timing.race(alone | sides, rounds, timing.SETTLE, time.process_time)
    return report(times, losses, 1, timing.least_ratio, TOLERANCE)


def main() -> int:
    """Read the options, then a table per config."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.epoch")
    known = timing.some_of(CONFIGS)
    parser.add_argument("--only", type=known, default=[*CONFIGS], help="e.g. lenet_mnist")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(timing.environment())
    with threadpool_limits(1), blas.one_thread():
        results = [compare(name, options.rounds) for name in options.only]
    return 0 if all(results) else 9


if __name__ == "__main__":
    raise SystemExit(main())
