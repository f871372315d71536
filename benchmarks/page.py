"""Run every benchmark, print its table and write all tables to docs/benchmarks.md.

    make bench

The page has the machine, the versions and the date; where a target is missed the table says so.
"""

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


def main() -> int:
    """Run, print, write."""
    sections = []
    for script, title in SCRIPTS.items():
        print(f"== {title}", flush=True)
        command = [sys.executable, "-m", *f"benchmarks.{script}".split()]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        print(done.stdout, flush=True)
        if done.returncode not in (0, 9):  # 9: a target was missed, which the table says
            print(f"{script} ended with exit code {done.returncode}", file=sys.stderr)
            continue
        lines = done.stdout.strip().removeprefix(timing.environment()).strip()
        sections.append(f"## {title}\n\n`python -m benchmarks.{script}`\n\n```text\n{lines}\n```\n")
    PAGE.write_text(HEAD.format(date=date.today().isoformat(), machine=timing.environment()))
    with PAGE.open("a") as page:
        page.write("\n".join(sections))
    return 0


HEAD = """<!-- Written by `make bench`; edit benchmarks/, not this page. -->

# Benchmarks

{date}

```text
{machine}
```

The machine also did other work: quote the ratios, which were measured within one run, not the
times. The docstring of each script states what it claims and how it measures. Libraries that are
installed are compared (`pip install torch==2.13.0 jax scikit-learn`). Missed targets are marked;
[LOG.md](LOG.md) gives the reasons.

"""


if __name__ == "__main__":
    sys.exit(main())
