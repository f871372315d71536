"""Claim: an update of nnlab is about as fast as a NumPy loop by hand, and faster than the peers'.

    python -m benchmarks.step [--only W1,W2] [--rounds 7] [--engines sketch,torch]

For each workload: microseconds per update (median), the time as a multiple of the NumPy sketch's
and of PyTorch's (medians of ratios taken round by round), the loss after the first updates
(`Workload.check`), and the targets. An engine whose loss differs from the sketch's is marked: its
time means nothing. The exit code is 9 when a loss differs or a target is missed.

On a busy machine two BLAS threads wait for each other and W5 says nothing: then set
OPENBLAS_NUM_THREADS=1 and OMP_NUM_THREADS=1 for all.
"""

import argparse
import math
from collections.abc import Callable

from benchmarks import floors, nnlab_side, sketches, timing
from benchmarks.workloads import WORKLOADS, Problem, Session, Target, Workload, loss, problem

TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
"""Largest relative difference of the loss: rounding, which every update makes grow."""


def _torch(given: Problem) -> Session:
    from benchmarks import peers_torch

    return peers_torch.prepare(given)


def _jax(given: Problem) -> Session:
    from benchmarks import peers_jax

    return peers_jax.prepare(given)


def _sklearn(given: Problem) -> Session:
    from benchmarks import peers_sklearn

    return peers_sklearn.prepare(given)


ENGINES: dict[str, Callable[[Problem], Session]] = {
    "floor": lambda given: floors.FLOORS[given.workload.name](given),
    "sketch": sketches.prepare,
    "torch": _torch,
    "sklearn": _sklearn,
    "jax": _jax,
    "nnlab numpy": lambda given: nnlab_side.prepare_nnlab(given, "numpy"),
    "nnlab compiled": lambda given: nnlab_side.prepare_nnlab(given, "compiled"),
}


def compare(workload: Workload, engines: list[str], rounds: int) -> bool:
    """Print the table of one workload; whether all losses agree and all targets are met."""
    losses = _losses(problem(workload, workload.check), engines)
    given = problem(workload, workload.updates)
    sessions, absent = _prepare(given, engines)
    for session in sessions.values():
        session.train()  # fills caches, starts threads
    turns = {name: session.train for name, session in sessions.items()}
    times = timing.race(turns, rounds, timing.SETTLE)

    rows, good = [], True
    for name, session in sessions.items():
        verdict = _same_loss(given, session, losses[name], losses["sketch"])
        good &= verdict != "DIFFERS"
        rows.append(
            [
                name,
                f"{timing.median(times, name) / workload.updates * 1e6:.2f}",
                f"{timing.ratio(times, name, 'sketch'):.2f}",
                f"{timing.ratio(times, name, 'torch'):.3f}" if "torch" in times else "-",
                f"{losses[name]:.6f}",
                verdict,
                session.note,
            ]
        )
    print(f"\n{workload.name} {workload.title}: {rounds} rounds of {workload.updates:,} updates")
    if given.note:
        print(f"  data: {given.note}")
    header = ["engine", "us/update", "x sketch", "x torch", "loss", "same as sketch", "note"]
    print(timing.table(header, rows))
    for reason in absent:
        print(f"  not run: {reason}")
    for target in workload.targets:
        good &= _judge(target, times)
    return good


def _losses(given: Problem, engines: list[str]) -> dict[str, float]:
    """What each engine has reached after this round."""
    sessions, _ = _prepare(given, engines)
    losses = {}
    for name, session in sessions.items():
        session.train()
        losses[name] = loss(given, session.parameters())
    return losses


def _prepare(given: Problem, engines: list[str]) -> tuple[dict[str, Session], list[str]]:
    """The engines that can run here, and for each other one a sentence why not."""
    sessions, absent = {}, []
    for name in engines:
        if name == "floor" and given.workload.name not in floors.FLOORS:
            continue
        try:
            sessions[name] = ENGINES[name](given)
        except ImportError as error:
            absent.append(f"{name}: {error}")
    return sessions, absent


def _same_loss(given: Problem, session: Session, value: float, expected: float) -> str:
    if not session.comparable:
        return "-"
    close = math.isclose(value, expected, rel_tol=TOLERANCE[given.workload.dtype])
    return "yes" if close else "DIFFERS"


def _judge(target: Target, times: timing.Times) -> bool:
    """Print a target with what was found; False only when it was measured and missed."""
    claim = f"  target: {target.engine} <= {target.ratio:.2f} x {target.against}"
    if target.engine not in times or target.against not in times:
        print(f"{claim}: not measured")
        return True
    found = timing.ratio(times, target.engine, target.against)
    met = found <= target.ratio
    print(f"{claim}: {found:.2f}, {'met' if met else 'MISSED'}")
    return met


def main() -> int:
    """Read the options, print where this runs, then one table a workload."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step")
    known, sides = timing.some_of(WORKLOADS), timing.some_of(ENGINES)
    parser.add_argument("--only", type=known, default=[*WORKLOADS], help="workloads, e.g. W1,W2")
    parser.add_argument(
        "--engines", type=sides, default=[*ENGINES], help="e.g. 'sketch,nnlab numpy'"
    )
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if "sketch" not in options.engines:
        parser.error("the engines must include sketch: everything is compared with it")
    print(timing.environment())
    results = [compare(WORKLOADS[name], options.engines, options.rounds) for name in options.only]
    return 0 if all(results) else 9


if __name__ == "__main__":
    raise SystemExit(main())
