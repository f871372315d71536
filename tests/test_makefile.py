"""What `make demo` says to somebody who has just cloned the repository."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_demo_says_what_it_installs_and_ends_with_the_next_step(tmp_path: Path) -> None:
    command = ["make", "--dry-run", "demo", f"VENV={tmp_path / 'venv'}"]
    lines = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    steps = [line for line in lines if " -m venv " in line or "pip install" in line]
    assert len(steps) == 2
    for step in steps:  # a sentence stands before each, with how long it takes
        before = lines[lines.index(step) - 1]
        assert before.startswith("echo ")
        assert "second" in before or "minute" in before
    train = next(index for index, line in enumerate(lines) if "nnlab train" in line)
    rest = "\n".join(lines[train + 1 :])
    assert "figures" in rest
    assert "nnlab report latest" in rest
