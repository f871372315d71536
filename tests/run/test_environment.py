"""What run.json says of the machine."""

import json
import os
import platform
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from nnlab.run import environment
from nnlab.run.text import to_json


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with one committed file, whatever the user's own git settings are."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "a")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")
    path = tmp_path / "repository"
    path.mkdir()
    try:
        run_git(path, "init", "-q")
    except FileNotFoundError:
        pytest.skip("git is not installed")
    return path


def run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def test_git_before_the_first_commit(repository: Path) -> None:
    assert environment.git(repository) == {"commit": None, "dirty": False}


def test_git_clean_and_dirty(repository: Path) -> None:
    (repository / "a").write_text("1")
    run_git(repository, "add", "a")
    run_git(repository, "commit", "-q", "-m", "one")
    commit = run_git(repository, "rev-parse", "HEAD")
    (repository / "unknown").write_text("1")
    assert environment.git(repository) == {"commit": commit, "dirty": False}
    (repository / "a").write_text("2")
    assert environment.git(repository) == {"commit": commit, "dirty": True}


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert environment.git(tmp_path) is None


def test_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment.git(tmp_path) is None


def test_slow_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "git"
    script.write_text("#!/bin/sh\nexec /bin/sleep 5\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(environment, "_PATIENCE", 0.05)
    assert environment.git(tmp_path) is None


def test_describe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = environment.describe(["nnlab", "train", "xor"], tmp_path)
    assert found["argv"] == ["nnlab", "train", "xor"]
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["numpy"] == np.__version__
    assert set(found["versions"]) == {"python", "numpy", "blas", "nnlab"}
    assert found["threads"]["OMP_NUM_THREADS"] == "1"
    assert found["threads"]["MKL_NUM_THREADS"] is None
    assert found["platform"]["machine"] == platform.machine()
    assert found["threads"]["blas"] is None or found["threads"]["blas"] >= 1
    assert json.loads(to_json(found)) == found


def test_threads_of_the_loaded_blas() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        assert environment.describe()["threads"]["blas"] == 1


def test_without_threadpoolctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert environment.describe()["threads"]["blas"] is None
    assert environment.describe()["platform"]["blas_kernel"] is None


def test_blas_has_a_name_and_a_version() -> None:
    config = np.show_config(mode="dicts")
    assert isinstance(config, dict)
    name = config["Build Dependencies"]["blas"]["name"]
    assert environment.versions()["blas"].startswith(f"{name} ")


def test_now_has_a_zone() -> None:
    assert datetime.fromisoformat(environment.now()).tzinfo is not None
