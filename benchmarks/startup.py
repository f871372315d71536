"""Claim: whole commands, imports included, start and finish at once.

    python -m benchmarks.startup [--rounds 7] [--only "nnlab --help"]

Each round runs every command once, one after the other. The table shows the median seconds, the
median of the difference to `python -c pass` of the same round, and the target. Every command runs
once before, so that compiled kernels and .pyc files lie in their caches. `fashion_mlp` runs once
more in each round beside a process that never waits, and should take at most 2.5 times as long as
alone. The first use of an installation, which compiles the kernels of dense layers, should wait at
most 5 s for that. The exit code is 9 when a target is missed.
"""

import argparse
import statistics
import sys
from functools import partial
from tempfile import TemporaryDirectory

from benchmarks import commands, timing

LIMITS = {
    "nnlab --help": 0.10,
    "identity8, numpy": 2.5,
    "identity8, compiled": 0.8,
    "fashion_mlp": 8.0,
}
"""Seconds of wall time; for the commands in OVER_BARE those beyond a bare Python."""

OVER_BARE = ("nnlab --help",)

CROWDED = "fashion_mlp"
BESIDE = f"{CROWDED}, beside a busy process"
TIMES_AS_LONG = 2.5

LOAD_KERNELS = "from nnlab.engine.compiled.objects import function\nfunction('float64-dense')"
COMPILING = 5.0


def compiling() -> None:
    """Load the kernels of dense layers in an empty cache."""
    with TemporaryDirectory() as cache:
        command = (sys.executable, "-c", LOAD_KERNELS)
        commands.start(command, XDG_CACHE_HOME=cache).communicate()


def run(command: tuple[str, ...], *, beside: bool = False) -> None:
    """Run the command to its end, on request beside a busy process."""
    with timing.busy(beside):
        commands.start(command).communicate()


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", action="append", help="a command's name; may be repeated")
    options = parser.parse_args()
    print(timing.environment())
    with commands.commands() as known:
        chosen = {
            name: command
            for name, command in known.items()
            if name == commands.BARE or not options.only or name in options.only
        }
        failures = {name: commands.works(command) for name, command in chosen.items()}
        contestants = {
            name: partial(run, chosen[name]) for name, failure in failures.items() if not failure
        }
        if CROWDED in contestants:
            contestants[BESIDE] = partial(run, chosen[CROWDED], beside=True)
        times = timing.race(contestants, options.rounds)
        first = timing.race({"first use": compiling}, 3)
    rows = [_row(name, times, LIMITS.get(name)) for name in times]
    print(timing.table(["command", "seconds", "over bare", "target", ""], rows))
    for name, failure in failures.items():
        if failure:
            print(f"  not run: {name}: {failure}")
    verdicts = [row[-1] for row in rows]
    if BESIDE in times:
        longer = timing.ratio(times, BESIDE, CROWDED)
        verdicts.append("met" if longer <= TIMES_AS_LONG else "MISSED")
        print(f"  target: {BESIDE} <= {TIMES_AS_LONG} x alone: {longer:.2f}, {verdicts[-1]}")
    waited = timing.median(first, "first use")
    verdicts.append("met" if waited <= COMPILING else "MISSED")
    print(f"  target: first use waits <= {COMPILING} s for kernels: {waited:.1f}, {verdicts[-1]}")
    return 9 if "MISSED" in verdicts else 0


def _row(name: str, times: timing.Times, limit: float | None) -> list[str]:
    pairs = zip(times[name], times[commands.BARE], strict=True)
    extra = statistics.median(mine - bare for mine, bare in pairs)
    seconds = timing.median(times, name)
    shown = [name, f"{seconds:.3f}", f"{extra:.3f}"]
    if limit is None:
        return [*shown, "-", ""]
    judged = extra if name in OVER_BARE else seconds
    where = " over bare" if name in OVER_BARE else ""
    return [*shown, f"<= {limit:.2f}{where}", "met" if judged <= limit else "MISSED"]


if __name__ == "__main__":
    raise SystemExit(main())
