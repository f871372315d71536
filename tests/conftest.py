"""What several families of tests share."""

import os
import signal
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
FILE = "train-images-idx3-ubyte"


def pytest_configure() -> None:
    """The tests send SIGINT to children, which inherit that it is ignored where we were told so.

    A shell does that with whatever it starts in the background.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the full MNIST and Fashion-MNIST files, set as the cache; skips without it."""
    chosen = os.environ.get("NNLAB_DATA_DIR")
    candidates = [Path(chosen)] if chosen else []
    candidates.append(REPOSITORY.parent / "shared" / "data")
    for folder in candidates:
        if (folder / "mnist" / FILE).exists() or (folder / "mnist" / f"{FILE}.gz").exists():
            monkeypatch.setenv("NNLAB_DATA_DIR", str(folder))
            return folder
    pytest.skip(f"no MNIST in {' or '.join(map(str, candidates))}")
