"""The whole commands that `startup` and `memory` run, and how they are run."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
BARE = "python -c pass"

NNLAB = (sys.executable, "-m", "nnlab")


@contextmanager
def commands() -> Iterator[Mapping[str, tuple[str, ...]]]:
    """Command lines by name; run folders go to a temporary folder that is removed in the end."""
    with TemporaryDirectory(prefix="nnlab-bench-") as runs:

        def train(config: str, *more: str) -> tuple[str, ...]:
            path = str(ROOT / "configs" / config)
            return (*NNLAB, "train", path, "--no-plots", "--runs", runs, *more)

        yield {
            BARE: (sys.executable, "-c", "pass"),
            "nnlab --help": (*NNLAB, "--help"),
            "identity8, numpy": train("identity8.yaml", "--set", "training.engine=numpy"),
            "identity8, compiled": train("identity8.yaml", "--set", "training.engine=compiled"),
            "fashion_mlp": train("fashion_mlp.yaml"),
        }


def start(command: tuple[str, ...], **variables: str) -> subprocess.Popen[str]:
    """Start a command in the project's root, its stdout dropped and its stderr kept.

    The data folder next to the project is used when none is set; `variables` of the environment
    are set for it alone.
    """
    environment = {"NNLAB_DATA_DIR": str(ROOT.parent / "shared" / "data"), **os.environ}
    environment |= variables
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def works(command: tuple[str, ...]) -> str:
    """Run it once, which also fills caches; '' if it ended well, else its last line of stderr."""
    process = start(command)
    _, errors = process.communicate()
    if process.returncode == 0:
        return ""
    lines = errors.strip().splitlines() or ["no message"]
    return f"exit {process.returncode}: {lines[-1]}"
