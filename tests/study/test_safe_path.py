"""L2: the processes of a sweep run no module that lies in the current folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# As the script `nnlab`, which does not look there either. The option -P would be handed on.
COMMAND = "import sys; del sys.path[0]; from nnlab.cli import main; main(prog_name='nnlab')"
MODULES = ("multiprocessing", "signal", "json", "numpy", "nnlab", "socket", "struct", "runpy")
# Each starts processes: of its own, and through Dask.
WAYS = (
    ("--jobs", "2", "--timeout", "3600"),
    pytest.param(("--cluster", "local:1"), marks=pytest.mark.thorough, id="--cluster"),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way[0])
def test_modules_of_the_current_folder_are_not_run(tmp_path: Path, way: tuple[str, ...]) -> None:
    if "--cluster" in way:
        pytest.importorskip("distributed")
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text("open('RUN', 'a').close(); raise SystemExit(77)\n")
    sweep = ["sweep", "lr=0.1,0.2", "-c", "xor", *way, "--no-plots"]
    settings = ["--set", "epochs=2", "--set", "training.engine=numpy"]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *sweep, *settings],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not (tmp_path / "RUN").exists()
    assert done.returncode == 0, done.stderr
