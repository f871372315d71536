"""The process that supervises trials: orders in, answers out, nothing left behind."""

import json
import subprocess
import sys
from pathlib import Path

from nnlab.run.folder import RunFolder
from nnlab.study.foreman import as_order
from tests.cluster.parts import ROOT, trial
from tests.patience import PATIENCE

LIMITS = {"timeout": None, "memory": None, "compiled": False}


def foreman(*lines: str, idle: float = 60.0) -> "subprocess.Popen[str]":
    code = f"from nnlab.study import foreman; foreman.IDLE = {idle}; foreman.main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.writelines(lines)
    process.stdin.flush()
    return process


def test_it_obeys_one_order_after_the_other(tmp_path: Path) -> None:
    orders = [as_order(trial(name, "epochs=2"), str(tmp_path), **LIMITS) for name in ("a", "b")]
    process = foreman(*orders)
    assert process.stdout is not None
    answers = [json.loads(process.stdout.readline()) for _ in orders]
    assert [(one["name"], one["status"]) for one in answers] == [
        ("a", "completed"),
        ("b", "completed"),
    ]
    assert RunFolder(tmp_path / "b").read_json("run.json")["threads"]["blas"] == 1
    _, said = process.communicate(timeout=PATIENCE)  # stdin closes
    assert (process.returncode, said) == (0, "")


def test_it_ends_when_there_is_nothing_to_do() -> None:
    process = foreman(idle=0.2)
    assert process.wait(timeout=PATIENCE) == 0
    assert process.communicate() == ("", "")
