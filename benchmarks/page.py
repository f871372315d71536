"""Run every benchmark, print its table and write all tables to docs/benchmarks.md.

    make bench
    python -m benchmarks.page --only step,columns  # the other sections stay as they are

Every section has its date, its machine and the versions, and says where a target is missed.
"""

import argparse
import subprocess
import sys
from datetime import date

from benchmarks import timing
from benchmarks.commands import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
SCRIPTS = {
    "step": "Microseconds per update",
    "columns": "Quiet and busy, with and without AVX-512",
    "whole": "Whole commands and other libraries",
    "convolution": "Convolutions: one step, compared with PyTorch",
    "epoch": "An update of the image configs, compared with PyTorch",
    "study": "The learning-rate study: 30 trainings",
    "trials": "A sweep of 2,000 short trials",
    "scaling": "How the cost grows",
    "threads": "Threads and processes",
    "scaling --sizes": "Many runs, and a large file",
    "startup": "Start-up",
    "memory": "Memory",
    "reliability": "The cost of durable saves",
    "live": "What a live page costs",
    "play": "States per second of the playground",
}

HEAD = """<!-- Written by `make bench`; edit benchmarks/, not this page. -->

# Benchmarks

Each section has its date, its machine and the versions of what was compared: libraries that are
installed (`pip install torch==2.13.0 jax scikit-learn`). Quote the ratios, which were measured
within one run, not the times. The docstring of each script states what it claims and how it
measures. Missed targets are marked; [LOG.md](LOG.md) gives the reasons.
"""


def sections() -> dict[str, str]:
    """The sections of the page as it is, by title."""
    _, *parts = PAGE.read_text().split("\n## ") if PAGE.exists() else [""]
    return dict(part.split("\n", 1) for part in parts)


def section(script: str, output: str) -> str:
    """What a section says under its title; the output begins with the machine and the versions."""
    lines = f"```text\n{output.strip()}\n```\n"
    return f"\n`python -m benchmarks.{script}`, {date.today().isoformat()}\n\n{lines}"


def write(texts: dict[str, str]) -> None:
    """The page, its sections in the order of SCRIPTS."""
    parts = [f"## {title}\n{texts[title]}" for title in SCRIPTS.values() if title in texts]
    PAGE.write_text("\n".join([HEAD, *parts]))


def main() -> int:
    """Run and print one script after another; the page is written after each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page")
    known = timing.some_of(SCRIPTS)
    parser.add_argument("--only", type=known, default=[*SCRIPTS], help="e.g. step,columns")
    for script in parser.parse_args().only:
        print(f"== {SCRIPTS[script]}", flush=True)
        command = [sys.executable, "-m", *f"benchmarks.{script}".split()]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        print(done.stdout, flush=True)
        if done.returncode not in (0, 9):  # 9: a target was missed, which the table says
            print(f"{script} ended with exit code {done.returncode}", file=sys.stderr)
            continue
        write(sections() | {SCRIPTS[script]: section(script, done.stdout)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
