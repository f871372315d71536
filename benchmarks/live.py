"""What `nnlab train --live` costs the training: with a page that a client reads, and without.

Claim: at most 5 % of the wall clock on identity8 and fashion_mlp, and the same bits.

The same command runs in turns with and without --live, and the least time of each is compared: the
machine may be busy. By the clock: the seconds of the training, from summary.json. CPU: of the whole
command without the page's process, which has a low priority.

    python -m benchmarks.live [ROUNDS]
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

from benchmarks import timing

MOST = 1.05  # of the time without a page
ROUNDS = 3
CONFIGS = {
    "identity8": ["identity8", "--set", "epochs=1000000"],
    "fashion_mlp": ["fashion_mlp", "--set", "epochs=10"],
}
PROGRAM = """
import atexit, resource, runpy, sys
own = lambda: resource.getrusage(resource.RUSAGE_SELF)
atexit.register(lambda: print("seconds", own().ru_utime + own().ru_stime, file=sys.stderr))
runpy.run_module("nnlab", run_name="__main__")
"""


def follow(address: str) -> None:
    """Ask for news as a page does, until the server ends."""
    version = 0
    try:
        while True:
            with urlopen(f"{address}news?after={version}") as answer:
                version = json.load(answer)["version"]
    except OSError:
        pass


def train(config: str, folder: Path, live: bool) -> tuple[float, float, bytes]:
    """Seconds of the training by the clock, of the command's processor, and the weights."""
    options = ["--no-plots", "--json", "--runs", str(folder)]
    options += ["--live", "--no-open"] if live else []
    command = [sys.executable, "-c", PROGRAM, "train", *CONFIGS[config], *options]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, **pipes)
    processor = 0.0
    for line in process.stderr or ():
        if address := re.search(r"The page: (\S+)", line):
            Thread(target=follow, args=(address[1],), daemon=True).start()
        if line.startswith("seconds "):
            processor = float(line.split()[1])
    result = json.loads(process.communicate()[0])
    weights = (Path(result["folder"]) / "weights" / "final.npz").read_bytes()
    return result["summary"]["final"]["seconds"], processor, weights


def measure(config: str, rounds: int) -> list[str]:
    """A row of the table."""
    clock: dict[bool, list[float]] = {False: [], True: []}
    processor: dict[bool, list[float]] = {False: [], True: []}
    weights = set()
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for live in clock:
                wall, used, final = train(config, Path(folder), live)
                clock[live].append(wall)
                processor[live].append(used)
                weights.add(final)
    cells = [config]
    for times in (clock, processor):
        plain, live = min(times[False]), min(times[True])
        cells += [f"{plain:.2f}", f"{live:.2f}", f"{live / plain:.3f}"]
    bits = "same" if len(weights) == 1 else "other"
    met = min(clock[True]) <= MOST * min(clock[False]) and bits == "same"
    return [*cells, bits, "met" if met else "missed"]


def main() -> int:
    """Measure and print; 9 where a page costs more."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    rows = [measure(config, rounds) for config in CONFIGS]
    header = ["training", "plain s", "live s", "ratio", "plain CPU s", "live CPU s", "ratio"]
    print(timing.environment())
    print(timing.table([*header, "bits", f"ratio <= {MOST}"], rows))
    return 0 if all(row[-1] == "met" for row in rows) else 9


if __name__ == "__main__":
    sys.exit(main())
