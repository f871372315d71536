"""Python in a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[1]


def python(
    *arguments: object,
    cwd: Path = ROOT,
    timeout: float | None = PATIENCE,
    stdin: str | None = None,
    **variables: str,
) -> "subprocess.CompletedProcess[str]":
    """The process after its end; `variables` go to its environment."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("NNLAB_RUNS", None)
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=timeout,
        input=stdin,
        check=False,
    )


def printed_by(*arguments: object, cwd: Path = ROOT) -> str:
    """The standard output of a process that must succeed."""
    done = python(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout
