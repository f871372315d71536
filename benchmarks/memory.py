"""Claim: training needs little memory; ten epochs of Fashion-MNIST peak below 300 MB.

    python -m benchmarks.memory [--only fashion_mlp]

Each command runs once in a child process. Its peak is `ru_maxrss` as `os.wait4` reports it for
that child alone (`RUSAGE_CHILDREN` would give the largest of all). A child starts as a copy of
this process, so nothing heavy is imported here. Linux and macOS only. The exit code is 9 when a
target is missed.
"""

import argparse
import os
import sys

from benchmarks import commands, timing

LIMITS_MB = {"fashion_mlp": 300}
UNIT = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, else in KiB


def peak(command: tuple[str, ...]) -> tuple[float, int]:
    """Peak resident memory in MB, and the exit code."""
    process = commands.start(command)
    assert process.stderr is not None
    with process.stderr:
        process.stderr.read()  # to its end, so that a full pipe never blocks the child
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss * UNIT / 1e6, process.returncode


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--only", action="append", help="a command's name; may be repeated")
    only = parser.parse_args().only
    rows = []
    with commands.commands() as known:
        for name, command in known.items():
            if only and name not in only:
                continue
            megabytes, code = peak(command)
            limit = LIMITS_MB.get(name)
            target, verdict = "-", ""
            if code:
                verdict = f"exit {code}"
            elif limit is not None:
                target, verdict = f"<= {limit}", "met" if megabytes <= limit else "MISSED"
            rows.append([name, f"{megabytes:.0f}", target, verdict])
    print(timing.environment())
    print(timing.table(["command", "peak MB", "target", ""], rows))
    return 9 if any(row[-1] == "MISSED" for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main())
