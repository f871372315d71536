"""What run.json says of the machine."""

import json
import platform
import re
import sys
from datetime import datetime
from importlib.metadata import distributions, version
from pathlib import Path

import numpy as np
import pytest

from nnlab.run import environment
from nnlab.run.text import to_json


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


def test_installed_packages() -> None:
    """The same as importlib.metadata, which needs a hundred times as long."""
    head, *lines = environment.installed().splitlines()
    assert head.startswith(f"# Python {platform.python_version()}, {platform.system()} ")
    assert lines == sorted(lines, key=str.lower)

    def plain(name: str) -> str:
        return re.sub(r"[-_.]+", "-", name).lower()

    packages = {plain(name): number for name, _, number in (line.partition("==") for line in lines)}
    assert packages.keys() == {plain(each.name) for each in distributions()}
    assert packages["numpy"] == version("numpy")
