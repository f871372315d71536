"""What `nnlab train --live` costs the training: with a page that a client reads, and without.

Claim: at most 5 % of the wall clock on identity8 and fashion_mlp, and the same bits.

The same command runs in turns with and without --live, and the least time of each is compared: the
machine may be busy. By the clock: the seconds of the training, from summary.json. CPU: of the whole
command without the page's process, which has a low priority; page: of that process. Python keeps
the compiled modules, as it does where nnlab is installed: compiling them costs the page 0.4 s.

    python -m benchmarks.live [ROUNDS]
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Thread
from typing import Any
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
used = lambda who: resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
whose = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
atexit.register(lambda: print("seconds", *map(used, whose), file=sys.stderr))
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


def train(config: str, folder: Path, live: bool) -> tuple[list[float], bytes]:
    """Seconds of the training by the clock, of the command's and the page's CPU; the weights."""
    options = ["--no-plots", "--json", "--runs", str(folder)]
    options += ["--live", "--no-open"] if live else []
    command = [sys.executable, "-c", PROGRAM, "train", *CONFIGS[config], *options]
    own = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": -1, "stderr": -1}
    process = subprocess.Popen(command, text=True, env=os.environ | own, **pipes)
    processor: list[float] = []
    for line in process.stderr or ():
        if address := re.search(r"The page: (\S+)", line):
            Thread(target=follow, args=(address[1],), daemon=True).start()
        if line.startswith("seconds "):
            processor = [float(word) for word in line.split()[1:]]
    result = json.loads(process.communicate()[0])
    weights = (Path(result["folder"]) / "weights" / "final.npz").read_bytes()
    return [result["summary"]["final"]["seconds"], *processor], weights


def measure(config: str, rounds: int) -> list[str]:
    """A row of the table."""
    times: dict[bool, list[list[float]]] = {False: [], True: []}
    weights = set()
    with tempfile.TemporaryDirectory() as folder:
        train(config, Path(folder), True)  # compiles the modules
        for _ in range(rounds):
            for live, measured in times.items():
                seconds, final = train(config, Path(folder), live)
                measured.append(seconds)
                weights.add(final)
    plain, beside = ([min(column) for column in zip(*times[way], strict=True)] for way in times)
    cells = [config]
    for without, page in zip(plain[:2], beside[:2], strict=True):
        cells += [f"{without:.2f}", f"{page:.2f}", f"{page / without:.3f}"]
    bits = "same" if len(weights) == 1 else "other"
    met = beside[0] <= MOST * plain[0] and bits == "same"
    return [*cells, f"{beside[2] - plain[2]:.2f}", bits, "met" if met else "missed"]


def main() -> int:
    """Measure and print; 9 where a page costs more."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    rows = [measure(config, rounds) for config in CONFIGS]
    header = ["training", "plain s", "live s", "ratio", "plain CPU s", "live CPU s", "ratio"]
    print(timing.environment())
    print(timing.table([*header, "page CPU s", "bits", f"ratio <= {MOST}"], rows))
    return 0 if all(row[-1] == "met" for row in rows) else 9


if __name__ == "__main__":
    sys.exit(main())
