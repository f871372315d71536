"""L5: what a run folder describes takes no more memory than its files are long."""

import os
import re
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from nnlab.config.load import Loaded, from_mapping
from nnlab.errors import ConfigError, NnlabError, RunUnreadable
from nnlab.experiment.resume import rebuild, reopen
from nnlab.experiment.session import begin
from nnlab.run.folder import RunFolder
from nnlab.run.listing import record
from nnlab.run.run import Run

CONFIG = {
    "data": {"random": {"samples": 6, "inputs": 64, "outputs": 2}},
    "network": [
        {"reshape": [8, 8, 1]},
        {"conv2d": {"filters": 3, "kernel": 3}},
        "flatten",
        {"dense": 2},
    ],
    "loss": "mse",
    "training": {"epochs": 2},
}
LARGE = [("filters: 3", "filters: 100000"), ("units: 2", "units: 100000")]
Ask = Callable[[RunFolder], object]


def going_on(folder: RunFolder) -> None:
    with reopen(folder) as session:
        assert session is None


ASKS: dict[str, Ask] = {
    "network": lambda folder: Run(folder.path).network(),
    "data": lambda folder: rebuild(Run(folder.path)),
    "resume": going_on,
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    with begin(Loaded(from_mapping(CONFIG)), tmp_path_factory.mktemp("runs")) as session:
        for _ in session:
            pass
    for left in session.folder.path.glob("checkpoint*"):
        left.unlink()
    session.folder.update_status("interrupted")
    return session.folder


def refused(folder: RunFolder, ask: Ask) -> NnlabError:
    """What is raised, within 4 MiB."""
    tracemalloc.start()
    try:
        with pytest.raises(NnlabError) as caught:
            ask(folder)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    return caught.value


@pytest.mark.parametrize(("old", "new"), LARGE)
@pytest.mark.parametrize("ask", ASKS)
def test_a_network_larger_than_its_weights(done: RunFolder, ask: str, old: str, new: str) -> None:
    resolved = done.read_text("resolved.yaml")
    assert old in resolved
    done.save_text("resolved.yaml", resolved.replace(old, new))
    try:
        error = refused(done, ASKS[ask])
    finally:
        done.save_text("resolved.yaml", resolved)
    assert isinstance(error, RunUnreadable)
    assert re.fullmatch(
        rf"Cannot read {done.path}/weights: the network in resolved\.yaml has [\d,]+ bytes of "
        r"weights, but the files there have at most [\d,]+\.",
        str(error),
    )


@pytest.mark.parametrize("ask", ["data", "resume"])
def test_data_larger_than_the_run_had(done: RunFolder, ask: str) -> None:
    resolved = done.read_text("resolved.yaml")
    done.save_text("resolved.yaml", resolved.replace("samples: 6", "samples: 100000"))
    try:
        error = refused(done, ASKS[ask])
    finally:
        done.save_text("resolved.yaml", resolved)
    assert str(error) == (
        f"Cannot read {done.path}: resolved.yaml describes 100,000 rows of 64 numbers, "
        "data.json fewer."
    )


def test_epochs_without_end(done: RunFolder) -> None:
    resolved = done.read_text("resolved.yaml")
    done.save_text("resolved.yaml", resolved.replace("epochs: 2", "epochs: 1000000000000000"))
    try:
        error = refused(done, going_on)
    finally:
        done.save_text("resolved.yaml", resolved)
    assert isinstance(error, ConfigError)
    assert "epochs" in str(error)


@pytest.mark.parametrize("name", ["run.json", "summary.json", "data.json"])
def test_json_of_half_a_gigabyte(done: RunFolder, name: str) -> None:
    path = done.path / name
    size = path.stat().st_size
    os.truncate(path, 500 << 20)  # takes no space on the disk
    tracemalloc.start()
    try:
        found = record(done.path)
        with pytest.raises(RunUnreadable, match=r"it has 524,288,000 bytes; at most 67,108,864"):
            done.read_json(name)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
        os.truncate(path, size)
    assert (found.status == "unreadable") == (name != "data.json")


def test_columns_without_end(done: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    (tmp_path / "metrics.csv").write_text(",".join(f"c{n}" for n in range(20_000)) + "\n")
    for read in (partial(folder.read_table, "metrics.csv"), folder.last_metrics):
        with pytest.raises(RunUnreadable) as caught:
            read()
        assert str(caught.value) == (
            f"Cannot read {tmp_path}/metrics.csv: it has 20,000 columns, more than 200."
        )
