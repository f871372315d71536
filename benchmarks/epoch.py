"""Claim: an update of a shipped image config takes 0.8 of its time in PyTorch.

    python -m benchmarks.epoch [--only lenet_mnist] [--rounds 9]

All contestants do the same work from the same weights: augmented batches of 128 (changed by NumPy;
its time is the row "augmentation" and part of all others), the forward and backward pass, AdamW,
the average of the weights. "products alone" is the floor: the update's matrix products by the
BLAS. An epoch is 430 of these updates, so its ratio is theirs. Processor time of one thread is what
other processes disturb least. Ratios are medians of those of the rounds, and of the least times.
The exit code is 9 when a target is missed.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import timing
from benchmarks.convolution import floor, next_loss
from nnlab.build import Built, build
from nnlab.config.load import load_config
from nnlab.core.network import Network
from nnlab.data.batches import Batches
from nnlab.engine import blas

CONFIGS = ("lenet_mnist", "conv_fashion")
TARGET = 0.8
CHECKED = 4  # updates whose losses are compared; dropout is drawn by each in its own way
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


def theirs(built: Built, network: Network) -> dict[str, Callable[[], float]]:
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
        update, rows = prepare_training(network, built, form), batches(built)
        return lambda: update(*next(rows), rate)

    return {name: updates(form) for name, form in FORMATS.items()}


def compare(name: str, rounds: int) -> bool:
    """The table of a config; whether its target is met."""
    built = build(load_config(name, ["training.engine=compiled"]).config)
    changed = batches(built)
    contestants = {
        "nnlab compiled": ours(built, "compiled"),
        "nnlab numpy": ours(built, "numpy"),
        **theirs(built, built.network),
    }
    print(f"\n{name}: {rounds} rounds of an update, batch 128, one thread, processor time")
    first = {one: [run() for _ in range(CHECKED)] for one, run in contestants.items()}
    alone: dict[str, Callable[[], object]] = {
        "products alone": floor(built.network),
        "augmentation": lambda: next(changed),
    }
    times = timing.race(alone | contestants, rounds, timing.SETTLE, time.process_time)
    peers = [one for one in contestants if one.startswith("torch")]
    best = min(peers, key=lambda one: min(times[one]), default="")
    rows = []
    for one in times:
        ratios = ["-", "-"]
        if best:
            found = timing.ratio(times, one, best), timing.least_ratio(times, one, best)
            ratios = [f"{value:.2f}" for value in found]
        loss = f"{np.mean(first[one]):.4f}" if one in first else "-"
        rows.append([one, f"{timing.median(times, one) * 1e3:.1f}", *ratios, loss])
    print(timing.table(["", "ms", f"x {best or 'torch'}", "least", f"loss of {CHECKED}"], rows))
    if not best:
        return True
    least = timing.least_ratio(times, "nnlab compiled", best)
    verdict = "met" if least <= TARGET else "MISSED"
    print(f"  target: nnlab compiled <= {TARGET:.2f} x {best}: {least:.2f}, {verdict}")
    means = [np.mean(losses) for losses in first.values()]
    same = max(means) - min(means) <= TOLERANCE * min(means)
    print(f"  the same loss, but for dropout: {'yes' if same else 'NO'}")
    return same and least <= TARGET


def main() -> int:
    """Read the options, then a table per config."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.epoch")
    parser.add_argument("--only", default=",".join(CONFIGS), help="configs, e.g. lenet_mnist")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    print(timing.environment())
    with threadpool_limits(1), blas.one_thread():
        results = [compare(name, options.rounds) for name in options.only.split(",")]
    return 0 if all(results) else 9


if __name__ == "__main__":
    raise SystemExit(main())
