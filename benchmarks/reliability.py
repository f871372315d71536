"""What the promises of docs/reliability.md cost (R11, N2): `python -m benchmarks.reliability`.

A durable save of 784-128-10 with Adam's state, beside an epoch of that network on as many rows as
MNIST has; and the look at every update whether its numbers are finite, which should take at most
2 % of a step. Its floor is one product of the gradient with itself, which shows any number that is
not finite. The exit code is 9 when the look takes more.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import timing
from nnlab.build import build
from nnlab.config.load import from_mapping
from nnlab.experiment.session import CHECKPOINT_SECONDS, Session
from nnlab.run.folder import RunFolder
from nnlab.training import start
from nnlab.training.drivers import NumpyDriver
from nnlab.training.evaluation import Tally

ROUNDS = 101
GUARD = 0.02  # of a step


def config(sizes: tuple[int, int, int], batch: int, rows: int) -> dict[str, object]:
    inputs, hidden, outputs = sizes
    return {
        "data": {"name": "random", "samples": rows, "inputs": inputs, "outputs": outputs},
        "network": [{"dense": hidden}, "relu", {"dense": outputs}],
        "loss": "mse",
        "optimizer": "adam",
        "training": {"epochs": 1, "batch_size": batch},
    }


def seconds(action: Callable[[], object]) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def save(folder: Path) -> tuple[float, float]:
    """Seconds of a save, and of a plain write and sync of as many bytes: what the disk takes."""
    built = build(from_mapping(config((784, 128, 10), 128, 1000)))
    run = RunFolder.create(folder, "bench")
    session = Session(built, run, start(built.plan, built.network), {})
    times = [seconds(session.checkpoint) for _ in range(ROUNDS)]
    data = (run.path / "checkpoint.npz").read_bytes()

    def plain() -> None:
        with (folder / "plain").open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    return statistics.median(times), statistics.median(seconds(plain) for _ in range(ROUNDS))


def epoch(sizes: tuple[int, int, int], batch: int, rows: int) -> tuple[float, float, float]:
    """Seconds of an epoch, the guard's share of them, and its floor's: medians.

    The guard is timed where it is: epochs with and without it differ more by chance.
    """
    built = build(from_mapping(config(sizes, batch, rows)))
    state = start(built.plan, built.network)
    tally = Tally.of(built.plan.kind, built.plan.loss, built.plan.train.targets)
    driver = NumpyDriver(built.plan, state, tally)
    engine = driver.engine
    guard, product, guarded = engine._is_safe, engine.guarded.dot, engine.guarded
    looks, floors = list[float](), list[float]()

    def timed_guard(*update: Any) -> bool:
        begin = time.perf_counter()
        safe = guard(*update)
        looks.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        product(guarded)
        floors.append(time.perf_counter() - begin)
        return safe

    def one_epoch() -> None:
        while state.batch < driver.count:
            driver.advance(1)
        driver.end_epoch()
        state.batch = 0

    whole = statistics.median(seconds(one_epoch) for _ in range(7))
    engine._is_safe = timed_guard  # type: ignore[assignment, method-assign]
    one_epoch()
    update = whole / driver.count
    return whole, statistics.median(looks) / update, statistics.median(floors) / update


def main() -> int:
    print(timing.environment())
    with tempfile.TemporaryDirectory(dir=".") as folder:
        one, disk = save(Path(folder))
    whole, *_ = epoch((784, 128, 10), 128, 60_000)
    print(f"save of 784-128-10 with Adam's state: {one * 1e3:.2f} ms median of {ROUNDS}")
    print(f"  of which the disk, for one plain write and sync: {disk * 1e3:.2f} ms")
    print(f"epoch of 60,000 rows: {whole:.2f} s; a save per epoch: {one / whole:.2%}")
    print(f"  a save every {CHECKPOINT_SECONDS:.0f} s: {one / CHECKPOINT_SECONDS:.2%}")
    missed = False
    for name, sizes, batch, rows in (
        ("8-3-8, batch 1", (8, 3, 8), 1, 2000),
        ("64-32-10, batch 32", (64, 32, 10), 32, 20_000),
        ("784-128-10, batch 128", (784, 128, 10), 128, 12_800),
        ("784-512-10, batch 128", (784, 512, 10), 128, 12_800),
    ):
        _, share, floor = epoch(sizes, batch, rows)
        missed |= share > GUARD
        verdict = f"target <= {GUARD:.0%}: {'MISSED' if share > GUARD else 'met'}"
        print(f"guard, {name}: {share:.1%} of a step, floor {floor:.1%}; {verdict}")
    return 9 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
