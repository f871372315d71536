"""Claim: a training step of a convolutional network takes 0.8 of its time in PyTorch.

    python -m benchmarks.convolution [--only W8a] [--rounds 15]

W8a is LeNet-5, W8b two 3 x 3 convolutions of 32 and 64 maps with pooling and a dense layer; batch
128 of 28 x 28 images, float32, cross entropy, plain gradient descent. nnlab trains through its own
loop, with the loss of every update recorded. PyTorch takes part in both of its memory formats, and
the better one counts; ratios are medians of those taken round by round. All start from the same
weights and must reach the same loss.

"products alone" is the floor: the matrix products of the step by the BLAS, on memory that is ready.
The exit code is 9 when a loss differs or a target is missed.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import prod
from typing import Any

import numpy as np

from benchmarks import timing
from benchmarks.nnlab_side import classes_plan
from nnlab.core.layers.activations import Relu, Softmax
from nnlab.core.layers.dense import Dense, Flatten, Reshape
from nnlab.core.layers.images import Conv2d, MaxPool
from nnlab.core.network import Network
from nnlab.core.types import Array
from nnlab.engine.network import EngineNetwork
from nnlab.training import Plan, Steps, run_training, start

BATCH, RATE, CHECKED, TARGET = 128, 0.05, 5, 0.8
EPOCH = 100  # updates; at the end of one the metrics are recorded
STEPS = 10  # of a turn
TOLERANCE = 1e-4  # of the loss after CHECKED updates, in float32
RATIOS = (timing.ratio, timing.least_ratio)  # the columns of the table
POOL, RELU, FLAT, SOFTMAX = MaxPool(), Relu(), Flatten(), Softmax()
WORKLOADS: dict[str, tuple[str, list[Any]]] = {
    "W8a": (
        "LeNet-5",
        [
            *(Conv2d(filters=6, kernel=5, padding=2), RELU, POOL),
            *(Conv2d(filters=16, kernel=5), RELU, POOL, FLAT),
            *(Dense(units=120), RELU, Dense(units=84), RELU, Dense(units=10)),
        ],
    ),
    "W8b": (
        "32-pool-64-pool-dense, 3 x 3",
        [
            *(Conv2d(filters=32, padding=1), RELU, POOL),
            *(Conv2d(filters=64, padding=1), RELU, POOL, FLAT, Dense(units=10)),
        ],
    ),
}


def network_of(layers: list[Any]) -> EngineNetwork:
    """The same weights every time."""
    return EngineNetwork([Reshape(shape=(28, 28, 1)), *layers], 784, seed=1, dtype=np.float32)


def ours(network: Network, x: Array, t: Array, engine: Any) -> Callable[[], float]:
    """The next update of a training without end, always on the same batch; the loss before it."""
    x, t = np.tile(x, (EPOCH, 1)), np.tile(t, (EPOCH, 1))
    settings = {"shuffle": False, "record_steps": True, "chunk": 1, "engine": engine}
    return next_loss(classes_plan(x, t, RATE, BATCH, **settings), network)


def next_loss(plan: Plan, network: Network) -> Callable[[], float]:
    """A function that makes the next update of a training, and returns the loss before it."""
    records = run_training(plan, start(plan, network))
    losses = (
        record.losses for record in records if isinstance(record, Steps) and record.losses.size
    )
    return lambda: float(next(losses)[0])


def floor(network: Network) -> Callable[[], None]:
    """The products of a step: forward, for the weights, and for the inputs but of the first."""
    ready = [
        [np.zeros(shape, np.float32) for shape in ((rows, i), (i, o), (rows, o))]
        for rows, i, o in product_shapes(network)
    ]

    def products() -> None:
        for number, (x, weight, y) in enumerate(ready):
            np.matmul(x, weight, out=y)
            np.matmul(x.T, y, out=weight)
            if number:
                np.matmul(y, weight.T, out=x)

    return products


def product_shapes(network: Network) -> Iterator[tuple[int, int, int]]:
    """Rows, inputs and outputs of the product of each layer with weights."""
    for layer, before, after in zip(
        network.layers, network.shapes, network.shapes[1:], strict=False
    ):
        if isinstance(layer, Conv2d):
            kernel = layer.windows(before).kernel
            yield BATCH * prod(after[:2]), prod(kernel) * before[2], after[2]
        elif isinstance(layer, Dense):
            yield BATCH, before[0], after[0]


def updates(name: str) -> dict[str, Callable[[], float]]:
    """The next update of a workload by each side that is installed; the loss before it."""
    layers, rng = WORKLOADS[name][1], np.random.default_rng(0)
    x = rng.random((BATCH, 784), dtype=np.float32)
    t = np.eye(10, dtype=np.float32)[rng.integers(10, size=BATCH)]
    sides = {
        f"nnlab {engine}": ours(network_of([*layers, SOFTMAX]), x, t, engine)
        for engine in ("compiled", "numpy")
    }
    try:
        from benchmarks.peers_torch_images import FORMATS, prepare
    except ImportError as error:
        print(f"  not run: torch: {error}")
        return sides
    network = network_of(layers)
    return sides | {one: prepare(network, x, t, RATE, form) for one, form in FORMATS.items()}


def several(step: Callable[[], object]) -> None:
    """A turn: some updates in a row."""
    for _ in range(STEPS):
        step()


def compare(name: str, rounds: int) -> bool:
    """The table of one workload; whether all is as claimed."""
    title, layers = WORKLOADS[name]
    print(f"\n{name} {title}: {rounds} rounds of {STEPS} steps, batch {BATCH}")
    sides = updates(name)
    losses = {one: [update() for _ in range(CHECKED)][-1] for one, update in sides.items()}
    turns = {"products alone": floor(network_of(layers)), **sides}
    times = timing.race(
        {one: partial(several, turn) for one, turn in turns.items()}, rounds, timing.SETTLE
    )
    return report(times, losses, STEPS, timing.ratio, TOLERANCE)


def report(
    times: timing.Times,
    losses: Mapping[str, float],
    updates: int,
    ratio: Callable[[timing.Times, str, str], float],
    tolerance: float,
) -> bool:
    """Print the table of a race of `updates` at a time; whether all is as claimed.

    The target is judged by `ratio`, against the faster of PyTorch's formats.
    """
    peers = [one for one in losses if one.startswith("torch")]
    best = max(peers, key=partial(ratio, times, "nnlab compiled"), default="")
    rows = []
    for one in times:
        ratios = [f"{of(times, one, best):.2f}" if best else "-" for of in RATIOS]
        loss = f"{losses[one]:.6f}" if one in losses else "-"
        rows.append([one, f"{timing.median(times, one) / updates * 1e3:.2f}", *ratios, loss])
    print(timing.table(["", "ms per update", f"x {best or 'torch'}", "least", "loss"], rows))
    claim = f"  target: nnlab compiled <= {TARGET:.2f} x {best or 'torch'}"
    if not best:
        print(f"{claim}: not measured")
        return True
    reached = ratio(times, "nnlab compiled", best)
    print(f"{claim}: {reached:.2f}, {'met' if reached <= TARGET else 'MISSED'}")
    same = max(losses.values()) - min(losses.values()) <= tolerance * min(losses.values())
    print(f"  the same loss, to {tolerance:g}: {'yes' if same else 'NO'}")
    return same and reached <= TARGET


def main() -> int:
    """Read the options, then one table per workload."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convolution")
    known = timing.some_of(WORKLOADS)
    parser.add_argument("--only", type=known, default=[*WORKLOADS], help="workloads, e.g. W8a")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(timing.environment())
    results = [compare(name, options.rounds) for name in options.only]
    return 0 if all(results) else 9


if __name__ == "__main__":
    raise SystemExit(main())
