"""Run commands in their own folder, in this process or in a new process."""

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nnlab.cli import main
from tests.process import python

FLOWERS = """length,colour,kind
1.0,red,rose
2.0,blue,iris
1.5,red,rose
2.5,blue,iris
1.2,white,rose
2.2,blue,iris
"""
CONFIG = """# Flowers.
data: {name: csv, path: flowers.csv, target: kind, categorical: [colour]}
network: [{dense: 4}, tanh, {dense: 2}, softmax]
loss: cross_entropy
optimizer: {name: sgd, lr: 0.5}
training: {epochs: 60, batch_size: full}
"""


@pytest.fixture
def nnlab(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_figures: None
) -> Callable[..., Result]:
    """Runs a command in this process, inside tmp_path; runs go to tmp_path/runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NNLAB_RUNS", raising=False)

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(main, arguments, prog_name="nnlab", **options)

    return run


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs Python with the given arguments in a fresh process, inside tmp_path."""
    return partial(python, cwd=tmp_path, COLUMNS="80")


@pytest.fixture
def flowers(nnlab: Callable[..., Result], tmp_path: Path) -> Path:
    """The only run in tmp_path/runs: two kinds of flowers by length and colour."""
    (tmp_path / "flowers.csv").write_text(FLOWERS)
    (tmp_path / "flowers.yaml").write_text(CONFIG)
    result = nnlab("train", "flowers.yaml", "--no-plots")
    assert result.exit_code == 0, result.output
    (folder,) = (tmp_path / "runs").iterdir()
    return folder
