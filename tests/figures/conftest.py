"""Run folders made by hand, as small as a figure needs."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnlab.run.folder import RunFolder
from tests.figures import runs as runs_of

RESOLVED = """\
name: by-hand
seed: 3
data: {name: digits, validation: 0.2}
network:
  - dense: {units: 32}
  - relu
  - dense: {units: 10}
  - softmax
loss: {name: cross_entropy, reduction: batch_mean}
optimizer: {name: sgd, lr: 1e-1, momentum: 0.0}
schedule: {name: constant}
training: {epochs: 10, batch_size: 32}
"""

RACE = """\
name: by-hand
function: {name: quadratic, condition: 4.0}
start: [2.0, 1.0]
runs:
- {name: slow, optimizer: {name: sgd, lr: 0.1}, steps: 2}
- {name: wild, optimizer: {name: sgd, lr: 1e300}, steps: 2}
"""
PATHS = {
    "run": [0, 0, 0, 1],
    "step": [0, 1, 2, 0],
    "x": [2.0, 1.8, 1.62, 2.0],
    "y": [1.0, 0.6, 0.36, 1.0],
    "value": [4.0, 2.34, 1.5714, 4.0],
    "gradient_norm": [4.47, 3.0, 2.16, 4.47],
    "lr": [None, 0.1, 0.1, None],
}

MakeRun = Callable[..., RunFolder]
Runs = dict[str, RunFolder]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Real runs, one of each sort; never changed."""
    return runs_of.make(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def copy(runs: Runs, tmp_path: Path) -> Callable[[str], RunFolder]:
    """A function that gives a copy of one of them, to be changed."""

    def make(name: str) -> RunFolder:
        return RunFolder(shutil.copytree(runs[name].path, tmp_path / runs[name].name))

    return make


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """A function that writes a run folder from columns of metrics.csv and steps.csv."""

    def make(
        metrics: dict[str, list[Any]] | None = None,
        steps: dict[str, list[Any]] | None = None,
        resolved: str = RESOLVED,
        ended: dict[str, Any] | None = None,
        summary: dict[str, Any] | None = None,
        paths: dict[str, list[Any]] | None = None,
    ) -> RunFolder:
        run = RunFolder.create(tmp_path, "by-hand")
        kind = {"kind": "race"} if paths else {}
        run.write_json("run.json", (ended or {"status": "completed"}) | kind)
        run.write_json("data.json", {"inputs": [64], "outputs": 10, "task": "classes"})
        run.save_text("resolved.yaml", resolved)
        run.append("metrics.csv", _rows(metrics or {}))
        run.append("steps.csv", _rows(steps or {}))
        run.append("paths.csv", _rows(paths or {}))
        if summary is not None:
            run.write_json("summary.json", summary)
        return run

    return make


def _rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
