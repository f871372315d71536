"""Claim: cost grows with the number of updates, and with FLOPs once layers are wide.

    python -m benchmarks.scaling [--plot scaling.png] [--engines numpy,compiled]
    python -m benchmarks.scaling --sizes [--folder DIR]

From a middle point (1,024 rows, two hidden layers of 64, batches of 32) one thing at a time grows:
samples, width, depth, batch size. For each: microseconds per update, and GFLOP/s. With --sizes:
many runs and a large file instead (`benchmarks.sizes`).
"""

import argparse
import itertools
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks import sizes, timing
from benchmarks.nnlab_side import classes_plan
from nnlab.core.layers.activations import Relu, Softmax
from nnlab.core.layers.dense import Dense
from nnlab.core.network import Network
from nnlab.training import run_training, start

AXES = {
    "samples": (128, 512, 2048, 8192),
    "width": (8, 32, 128, 512),
    "depth": (1, 2, 4, 8),
    "batch": (1, 8, 64, 512),
}
INPUTS, OUTPUTS = 32, 10


@dataclass(frozen=True)
class Point:
    """One training."""

    samples: int = 1024
    width: int = 64
    depth: int = 2
    batch: int = 32

    def flops(self) -> int:
        """Multiplications and additions of an epoch, forward and backward."""
        widths = (INPUTS, *[self.width] * self.depth, OUTPUTS)
        return 6 * self.samples * sum(n * m for n, m in itertools.pairwise(widths))


def seconds(point: Point, engine: Any) -> float:
    """An epoch, without what a training costs once: the difference of a long and a short one."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((point.samples, INPUTS))
    t = np.eye(OUTPUTS)[rng.integers(0, OUTPUTS, point.samples)]
    layers: list[Any] = []
    for _ in range(point.depth):
        layers += [Dense(units=point.width), Relu()]
    layers += [Dense(units=OUTPUTS), Softmax()]
    network = Network(layers, INPUTS, dtype=np.float32)
    plan = classes_plan(x, t, 0.01, point.batch, engine=engine)

    def run(epochs: int) -> float:
        longer = replace(plan, epochs=epochs)
        state = start(longer, network)
        began = time.perf_counter()
        for _ in run_training(longer, state):
            pass
        return time.perf_counter() - began

    run(1)
    short, epochs = min(run(1) for _ in range(5)), 21
    return (min(run(epochs) for _ in range(3)) - short) / (epochs - 1)


def main() -> int:
    """Print a table for each axis and engine; draw them where a plot is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling")
    parser.add_argument("--engines", default="numpy,compiled")
    parser.add_argument("--plot", help="a file for the figure")
    parser.add_argument("--sizes", action="store_true", help="many runs, and a large file")
    parser.add_argument("--folder", help="where the files of --sizes lie for a while")
    options = parser.parse_args()
    if options.sizes:
        print(f"{timing.environment()}\n{sizes.table(options.folder)}")
        return 0
    engines = options.engines.split(",")
    print(timing.environment())
    measured: dict[str, dict[str, list[float]]] = {}
    for axis, values in AXES.items():
        points = [replace(Point(), **{axis: value}) for value in values]
        measured[axis] = {name: [seconds(point, name) for point in points] for name in engines}
        rows = []
        for i, point in enumerate(points):
            updates = -(-point.samples // point.batch)
            row = [str(values[i]), f"{updates:,}"]
            for name in engines:
                took = measured[axis][name][i]
                row += [f"{took / updates * 1e6:.1f}", f"{point.flops() / took / 1e9:.1f}"]
            rows.append(row)
        head = [axis, "updates", *[f"{n} {u}" for n in engines for u in ("us/update", "GFLOP/s")]]
        print(f"\n{timing.table(head, rows)}")
    if options.plot:
        draw(measured, options.plot)
    return 0


def draw(measured: dict[str, dict[str, list[float]]], path: str) -> None:
    """Seconds per epoch over each axis, both logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.8), layout="constrained")
    panels = figure.subplots(1, len(measured))
    for axes, (axis, engines) in zip(panels, measured.items(), strict=True):
        for name, times in engines.items():
            axes.loglog(AXES[axis], times, "o-", label=name)
        axes.set(xlabel=axis, ylabel="seconds per epoch")
    axes.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    raise SystemExit(main())
