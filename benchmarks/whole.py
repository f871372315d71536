"""Claim: whole commands are several times faster than a script that does the same job in a peer.

    python -m benchmarks.whole [--only W1,W3] [--peers torch,sklearn,jax]

nnlab's side is `nnlab train CONFIG --no-plots`: reading and checking the config, loading the data,
training with loss, metrics and evaluation of every epoch, and a run folder with everything in it.
A peer's side is a process that imports the library, loads the same data and does as many updates,
compiling included; it evaluates nothing and writes nothing. The lesser time of two runs, of which
the first fills caches. "floor s" is nnlab's time for 0 epochs, what starting, the data and the run
folder take. The targets are those of docs/benchmarks.md.
"""

import argparse
import subprocess
import sys
import time

from benchmarks import commands, timing
from benchmarks.step import ENGINES
from benchmarks.workloads import WORKLOADS, problem

JOBS = {  # the config and its number of updates
    "W1": ("identity8", 80_000),
    "W2": ("xor", 30_000),
    "W3": ("digits_binary", 1_180),
    "W4": ("mnist_online", 180_000),
    "W5": ("fashion_mlp", 3_070),
    "W6": ("textbook", 1_000),
}
FASTER = {"torch": 3.0, "sklearn": 3.0, "jax": 1.0}  # how many times; all 1.8 on W5


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole")
    parser.add_argument("--only", type=timing.some_of(JOBS), default=[*JOBS])
    parser.add_argument("--peers", type=timing.some_of(FASTER), default=[*FASTER])
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work(options.child, options.only[0])
        return 0
    print(timing.environment())
    rows, missed = [], False
    for name in options.only:
        row, bad = compare(name, options.peers)
        rows.append(row)
        missed |= bad
    print(timing.table(["job", "nnlab s", "floor s", *[f"{p} s (x)" for p in FASTER]], rows))
    return 9 if missed else 0


def compare(name: str, peers: list[str]) -> tuple[list[str], bool]:
    """A row: seconds of nnlab, its floor, each peer (how many times); and whether one misses."""
    config, _ = JOBS[name]
    with commands.commands() as known:
        example = known["identity8, numpy"]
        path = str(commands.ROOT / "configs" / f"{config}.yaml")
        ours = (*example[:4], path, *example[5:8])
        own, floor = seconds(ours), seconds((*ours, "--set", "training.epochs=0"))
    row, missed = [f"{name} {config}", f"{own:.2f}", f"{floor:.2f}"], False
    for peer in FASTER:
        child = (sys.executable, "-m", "benchmarks.whole", "--child", peer, "--only", name)
        if peer not in peers or commands.works((*child[:3], "--help")):
            row.append("-")
            continue
        try:
            other = seconds(child)
        except subprocess.CalledProcessError:
            row.append("not run")
            continue
        target = 1.8 if name == "W5" else FASTER[peer]
        verdict = "" if other >= target * own else " MISSED"
        missed |= bool(verdict)
        row.append(f"{other:.2f} ({other / own:.1f}){verdict}")
    return row, missed


def seconds(command: tuple[str, ...]) -> float:
    """The lesser wall time of two runs; CalledProcessError when one fails."""
    least = float("inf")
    for _ in range(2):
        began = time.perf_counter()
        process = commands.start(command)
        process.communicate()
        least = min(least, time.perf_counter() - began)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
    return least


def work(peer: str, name: str) -> None:
    """What a peer's process does: the job's updates, in rounds of the workload's size."""
    workload = WORKLOADS[name]
    session = ENGINES[peer](problem(workload, workload.updates))
    rounds = -(-JOBS[name][1] // workload.updates)
    for _ in range(rounds):
        session.train()


if __name__ == "__main__":
    sys.exit(main())
