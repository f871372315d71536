"""Runs every benchmark, prints its table and writes all of them into docs/benchmarks.md.

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
    "step": "Microseconds an update",
    "whole": "Whole commands against the peers",
    "convolution": "Convolutions: a step beside PyTorch",
    "study": "The learning-rate study: 30 trainings",
    "scaling": "How the cost grows",
    "startup": "Start-up",
    "memory": "Memory",
    "reliability": "What durable saves cost",
}


def main() -> int:
    """Run, print, write."""
    sections = []
    for script, title in SCRIPTS.items():
        print(f"== {title}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{script}"]
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

Machines here are shared: quote the ratios, which are taken within one run, and not the times.
What each script claims, and how it measures, stands at its top. Peers take part where they are
installed (`pip install torch==2.13.0 jax scikit-learn`). Targets that are missed are marked; why
is said in [LOG.md](LOG.md).

"""


if __name__ == "__main__":
    sys.exit(main())
