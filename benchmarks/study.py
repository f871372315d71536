"""Claim: a study of 30 trainings of 8-3-8 takes about as long as starting Python (W7).

    python -m benchmarks.study [--rounds 3]

`nnlab sweep lr --seeds 5` into an empty folder: six learning rates, five seeds, 5,000 epochs each.
The whole command's wall time with compiled kernels cached: imports, processes, 30 run folders and
the figures included. Its floor is its processor time, shared evenly by all processors. The exit
code is 9 when it is over 1.5 seconds.
"""

import argparse
import os
import sys
import tempfile

from benchmarks import timing
from benchmarks.usage import measure

COMMAND = ("-m", "nnlab", "sweep", "lr", "--seeds", "5", "--quiet")
LIMIT = 1.5  # seconds


def main() -> int:
    """Run the command some times and print how long the fastest took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.study")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(timing.environment())
    rounds = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as runs:
            rounds.append(measure([sys.executable, *COMMAND, "--runs", runs]))
    best = min(used.wall for used in rounds)
    floor = min(used.cpu for used in rounds) / (os.cpu_count() or 1)
    verdict = "met" if best <= LIMIT else "MISSED"
    print(
        f"W7: nnlab {' '.join(COMMAND[2:-1])}: {best:.2f} s; target <= {LIMIT} s: {verdict}; "
        f"floor {floor:.2f} s"
    )
    return 0 if best <= LIMIT else 9


if __name__ == "__main__":
    raise SystemExit(main())
