"""What several families of tests share."""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests.quick import leave_out_figures_on_request

REPOSITORY = Path(__file__).resolve().parents[1]
FILE = "train-images-idx3-ubyte"
MEMORY, ENOUGH = Path("/dev/shm"), 4 << 30  # a file system without a disk; bytes free there

# A second thread of the BLAS gains nothing in products as small as these, and where the machine is
# busy each product waits for it. Before NumPy is imported; children inherit it.
for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# Hundreds of processes start here: without bytecode each compiles all modules of nnlab, which
# doubles its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

signals: list[int] = []  # the pipe into which Python writes every signal that it has noted


def pytest_configure() -> None:
    """Children inherit an ignored SIGINT, which a shell gives to what it starts in the background.

    SIGTERM ends the tests, and their fixtures end what they have started. Temporary folders lie in
    memory where there is enough: runs sync thousands of files, and no test is about the disk.
    """
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _end)
    signals.extend(os.pipe())
    for end in signals:
        os.set_blocking(end, False)
    signal.set_wakeup_fd(signals[1], warn_on_full_buffer=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file comes first: at the end, the other cores would wait for it."""
    items.sort(key=lambda item: "torture" not in item.nodeid)  # stable


def _end(number: int, frame: FrameType | None) -> None:
    pytest.exit("SIGTERM", returncode=143)


def pytest_runtest_logfinish() -> None:
    """A command that runs in this process takes a SIGTERM for its own: it ends, the tests go on."""
    try:
        noted = os.read(signals[0], 1 << 16)
    except BlockingIOError:
        return
    if signal.SIGTERM in noted:
        pytest.exit("SIGTERM", returncode=143)


@pytest.fixture
def quick_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the figures that `train` leaves out: each takes as long as three others."""
    leave_out_figures_on_request(monkeypatch)


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


@pytest.fixture
def openml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with some answers of openml.org, which scikit-learn has for its own tests."""
    from tests.openml import lay_out_answers  # which imports scikit-learn

    folder = tmp_path / "data folder"
    for number in (2, 3, 61, 62, 292, 561, 40589, 40675, 40945, 42074, 42585):
        lay_out_answers(number, folder)
    monkeypatch.setenv("NNLAB_DATA_DIR", str(folder))
    return folder


catalogue: dict[str, object] = {}  # the figures in their order, when they were first seen


@pytest.fixture(autouse=True)
def _figures_in_their_order() -> Iterator[None]:
    """A figure that a test leaves out comes back at the end of the catalogue: put them in order."""
    module = sys.modules.get("nnlab.show.figures")
    if module is not None and not catalogue:
        catalogue.update(module.FIGURES)
    yield
    if module is not None and list(module.FIGURES) != list(catalogue):
        ordered = sorted(
            module.FIGURES.items(), key=lambda item: [*catalogue, item[0]].index(item[0])
        )
        module.FIGURES.clear()
        module.FIGURES.update(ordered)
