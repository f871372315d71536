"""Claim: a training step of a convolutional network is no slower than PyTorch's.

    python -m benchmarks.convolution [--only W8a] [--rounds 15]

W8a is LeNet-5, W8b two 3 x 3 convolutions of 32 and 64 maps with pooling and a dense layer; batch
128 of 28 x 28 pictures, float32, cross entropy, plain gradient descent. PyTorch takes part in both
of its memory formats, and the better one counts; ratios are medians of those taken round by round.
All start from the same weights and must reach the same loss.

"products alone" is the floor: the matrix products, in the lanes and portions that nnlab does them
in, on memory that is ready. Below each table: what nnlab's step consists of by kind of work, in one
thread, and the memory that it works in. The exit code is 9 when a loss differs or a target is
missed.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import timing
from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.memory import Binding, Bound
from nnlab.core.network import layer_kind
from nnlab.core.optimizers import OPTIMIZERS, bind
from nnlab.core.types import Array, size
from nnlab.engine.network import EngineNetwork
from nnlab.engine.images.portions import portions, stacked
from nnlab.engine.lanes import LaneGroup

BATCH, RATE, CHECKED = 128, 0.05, 5
WARM = 3  # steps before the timed one: training is steps in a row
TOLERANCE = 1e-4  # of the loss after CHECKED updates, in float32
CONV, DENSE = LAYERS["conv2d"], LAYERS["dense"]
POOL, RELU, FLAT = LAYERS["max_pool"](), LAYERS["relu"](), LAYERS["flatten"]()
WORKLOADS: dict[str, tuple[str, list[Any]]] = {
    "W8a": (
        "LeNet-5",
        [
            *(CONV(filters=6, kernel=5, padding=2), RELU, POOL),
            *(CONV(filters=16, kernel=5), RELU, POOL, FLAT),
            *(DENSE(units=120), RELU, DENSE(units=84), RELU, DENSE(units=10)),
        ],
    ),
    "W8b": (
        "32-pool-64-pool-dense, 3 x 3",
        [
            *(CONV(filters=32, padding=1), RELU, POOL),
            *(CONV(filters=64, padding=1), RELU, POOL, FLAT, DENSE(units=10)),
        ],
    ),
}
KINDS = {"conv2d": "gather", "max_pool": "pool", "relu": "elementwise", "dense": "products"}


class Ours:
    """The network, and one update after the other on the same batch."""

    def __init__(self, layers: list[Any], x: Array, t: Array) -> None:
        start = LAYERS["reshape"](shape=(28, 28, 1))
        self.network = EngineNetwork([start, *layers], 784, seed=1, dtype=np.float32)
        self.loss, self.optimizer = LOSSES["cross_entropy"](), OPTIMIZERS["sgd"](lr=RATE)
        theta = self.network.theta
        self.o = bind(self.optimizer, theta, self.network.layout.weights, {}, np.zeros_like(theta))
        self.binding = self.network.bind(BATCH, gradient=self.o.g)
        self.memory = self.loss.bind(BATCH, 10, self.network.dtype)
        self.x, self.t = x, t

    @property
    def lanes(self) -> list[Binding]:
        return self.binding.lanes if isinstance(self.binding, Lanes) else [self.binding]

    def step(self) -> float:
        """One update; the loss before it."""
        z, dz = self.binding.forward(self.x), self.binding.dz
        assert dz is not None
        self.loss.gradient(z, self.t, dz, self.memory)
        self.binding.backward(self.x)
        self.optimizer.update(self.o, RATE, 1)
        return float(self.loss.terms(z, self.t).sum()) / BATCH


def parts(ours: Ours, rounds: int) -> dict[str, float]:
    """Seconds of a step's work by kind, in a single lane with one thread, medians over rounds.

    What a convolution does beside its products counts as gathering.
    """
    seen: dict[str, list[float]] = {}
    ours.network.lanes = 1
    alone = ours.network.bind(BATCH, gradient=np.zeros_like(ours.o.g))
    ours.network.lanes = None
    alone.forward(ours.x)
    alone.z[...], alone.dz[...] = ours.binding.z, ours.binding.dz
    for _ in range(rounds):
        spent: dict[str, float] = {}
        for kind, run in kernels(alone, ours.x):
            began = perf_counter()
            run()
            spent[kind] = spent.get(kind, 0.0) + perf_counter() - began
        began = perf_counter()
        for one in alone.bound:
            if isinstance(one.layer, CONV):
                products(one)
        of_convolutions = perf_counter() - began
        spent["gather"] -= of_convolutions
        spent["products"] += of_convolutions
        for kind, seconds in spent.items():
            seen.setdefault(kind, []).append(seconds)
    return {kind: median(seconds) for kind, seconds in seen.items()}


def kernels(binding: Binding, x: Array) -> Iterator[tuple[str, Callable[[], None]]]:
    """The kind of each layer's work, and each of its two passes."""
    for one in binding.bound:
        given = x if one.x is None else one.x
        kind = KINDS.get(layer_kind(one.layer), "other")
        yield kind, lambda one=one, x=given: one.layer.forward(one.p, x, one.y, one.s, True)
    for one in reversed(binding.bound[1:]):
        given = x if one.x is None else one.x
        kind = KINDS.get(layer_kind(one.layer), "other")
        yield (
            kind,
            lambda one=one, x=given: one.layer.backward(
                one.p, one.g, x, one.y, one.dy, one.dx, one.s
            ),
        )


def products(one: Bound) -> None:
    """The matrix products of a layer's two passes alone, as many and as large as it does them."""
    if isinstance(one.layer, DENSE):
        np.matmul(one.x, one.p.weight, out=one.y)
        np.matmul(one.x.T, one.dy, out=one.g.weight)
        np.matmul(one.dy, one.p.weight.T, out=one.dx)
        return
    inputs = len(one.s.matrix)
    columns = one.x is not None and one.x.shape[-1] == 1  # then patches lie column by column
    patches = one.s.patches.reshape(inputs, -1).T if columns else one.s.patches.reshape(-1, inputs)
    for rows in portions(len(one.y), len(patches) // size(one.y.shape[1:3])):
        stack, y = in_stack(patches, rows, one.y, one.s.matrix)
        np.matmul(stack, one.s.matrix, out=y)
        slopes = one.dy[rows].reshape(y.shape)
        np.matmul(stack.transpose(0, 2, 1), slopes, out=one.s.products[: len(stack)])
    if one.dx is None:
        return
    turned = one.s.turned.reshape(-1, one.dx.shape[-1])
    for rows in portions(len(one.dx), len(one.s.around)):
        stack, dx = in_stack(one.s.around.reshape(-1, len(turned)), rows, one.dx, turned)
        np.matmul(stack, turned, out=dx)


def in_stack(patches: Array, rows: slice, images: Array, matrix: Array) -> tuple[Array, Array]:
    """Some patches and the images made of them, as a product takes them."""
    used = patches[: (rows.stop - rows.start) * size(images.shape[1:3])]
    stack = stacked(used, rows, matrix.size)
    return stack, images[rows].reshape(*stack.shape[:2], -1)


def floor(ours: Ours) -> None:
    """All products of a step, in the lanes that it has."""
    run([partial(products_of, lane) for lane in ours.lanes])


def products_of(lane: Binding) -> None:
    """All products of the rows of a lane."""
    for one in lane.bound:
        if isinstance(one.layer, CONV | DENSE):
            products(one)


def run(tasks: list[Callable[[], None]]) -> None:
    """Side by side, where there is more than one."""
    if len(tasks) > 1:
        LaneGroup(len(tasks)).run(tasks)
    else:
        tasks[0]()


def memory(ours: Ours) -> str:
    """What a step works in."""
    values = sum(2 * one.y.nbytes for one in ours.binding.bound)
    scratch = fixed = 0
    for lane in ours.lanes:
        rows = len(lane.z)
        for one, shape in zip(lane.bound, ours.network.shapes, strict=False):
            arrays, larger = (
                vars(one.layer.scratch(shape, n, np.float32)) for n in (rows, 64 * rows)
            )
            scratch += sum(array.nbytes for array in arrays.values())
            fixed += sum(a.nbytes for name, a in arrays.items() if a.shape == larger[name].shape)
    return (
        f"memory: {values / 1e6:.1f} MB of values and their gradients, {scratch / 1e6:.1f} MB of "
        f"scratch, of which {fixed / 1e6:.1f} MB do not grow with the batch"
    )


def compare(name: str, rounds: int) -> bool:
    """The table of one workload; whether all is as claimed."""
    title, layers = WORKLOADS[name]
    rng = np.random.default_rng(0)
    x = rng.random((BATCH, 784), dtype=np.float32)
    t = np.eye(10, dtype=np.float32)[rng.integers(10, size=BATCH)]
    ours = Ours(layers, x, t)
    steps: dict[str, Callable[[], object]] = {"nnlab": ours.step}
    losses = {}
    print(f"\n{name} {title}: {rounds} rounds of one step, batch {BATCH}")
    try:
        from benchmarks.peers_torch_images import FORMATS, prepare
    except ImportError as error:
        print(f"  not run: torch: {error}")
    else:
        steps |= {one: prepare(ours.network, x, t, RATE, form) for one, form in FORMATS.items()}
    for one, step in steps.items():
        losses[one] = [step() for _ in range(CHECKED)][-1]
    times = timing.race({"products alone": lambda: floor(ours), **steps}, rounds, WARM)
    peers = [one for one in steps if one != "nnlab"]
    best = min(peers, key=lambda one: timing.median(times, one), default="")
    rows = []
    for one in times:
        ratio = f"{timing.ratio(times, one, best):.2f}" if best else "-"
        loss = f"{losses[one]:.6f}" if one in losses else "-"
        rows.append([one, f"{timing.median(times, one) * 1e3:.2f}", ratio, loss])
    print(timing.table(["", "ms per step", f"x {best or 'torch'}", f"loss {CHECKED}"], rows))
    with threadpool_limits(1):
        spent = parts(ours, rounds)
    shares = (f"{kind} {seconds * 1e3:.1f}" for kind, seconds in sorted(spent.items()))
    lanes = len(ours.lanes)
    print(f"  ms of work in one thread: {', '.join(shares)}; the step uses {lanes} lanes")
    print(f"  {memory(ours)}")
    return judge(times, best, losses)


def judge(times: timing.Times, best: str, losses: dict[str, Any]) -> bool:
    """Print the target with what was found; whether it is met and all losses agree."""
    if not best:
        print("  target: nnlab <= 1.00 x torch: not measured")
        return True
    same = all(math.isclose(one, losses["nnlab"], rel_tol=TOLERANCE) for one in losses.values())
    ratio = timing.ratio(times, "nnlab", best)
    verdict = "met" if ratio <= 1 else "MISSED"
    print(f"  target: nnlab <= 1.00 x {best}: {ratio:.2f}, {verdict}")
    print(f"  the same loss: {'yes' if same else 'NO'}")
    return same and ratio <= 1


def main() -> int:
    """Read the options, then one table a workload."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convolution")
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads, e.g. W8a")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    names = options.only.split(",")
    for name in {*names} - {*WORKLOADS}:
        parser.error(f"--only: '{name}' is none of {', '.join(WORKLOADS)}")
    print(timing.environment())
    results = [compare(name, options.rounds) for name in names]
    return 0 if all(results) else 9


if __name__ == "__main__":
    raise SystemExit(main())
