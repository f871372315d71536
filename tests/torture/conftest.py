"""Where the short proofs run: in memory if there is such a folder, as every write is synced."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.process import printed_by

MEMORY = Path("/dev/shm")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    if not os.access(MEMORY, os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(dir=MEMORY))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def proof(room: Path) -> Callable[..., dict[str, Any]]:
    """Runs a module of this package in a process without threads, which can fork."""

    def run(module: str, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            printed_by("-m", f"tests.torture.{module}", room, *arguments)
        )
        return found

    return run
