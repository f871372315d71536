"""`nnlab data`."""

import gzip
import hashlib
import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nnlab.data.download import Collection, PublishedFile

Nnlab = Callable[..., Result]
CONTENT = struct.pack(">BBBBI", 0, 0, 8, 1, 3) + bytes([1, 2, 3])


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One collection of one file with three labels; gives where that file belongs."""
    file = PublishedFile("labels", (3,), hashlib.sha256(CONTENT).hexdigest())
    collection = Collection("small", ("small",), ("http://127.0.0.1:9/",), (file,))
    monkeypatch.setattr("nnlab.data.sources.COLLECTIONS", {"small": collection})
    monkeypatch.setenv("NNLAB_DATA_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache" / "small").mkdir(parents=True)
    return tmp_path / "cache" / "small" / "labels.gz"


def states(result: Result) -> list[str]:
    return [file["state"] for file in json.loads(result.stdout)["files"]]


def test_list(nnlab: Nnlab, small: Path) -> None:
    assert nnlab("data", "list").stdout == (
        f"data   file    state    path\nsmall  labels  missing  {small}\n"
    )
    small.write_bytes(gzip.compress(CONTENT))
    assert states(nnlab("data", "list", "--json")) == ["present"]


def test_verify(nnlab: Nnlab, small: Path) -> None:
    missing = nnlab("data", "verify", "--json")
    assert (missing.exit_code, states(missing)) == (3, ["missing"])
    assert missing.stderr == (
        "None of these files exists. To download them: nnlab data fetch small\n"
    )
    small.write_bytes(gzip.compress(CONTENT))
    good = nnlab("data", "verify", "--json")
    assert (good.exit_code, states(good)) == (0, ["verified"])
    small.write_bytes(gzip.compress(CONTENT[:-1] + b"\x04"))
    bad = nnlab("data", "verify", "small", "--json")
    assert (bad.exit_code, states(bad)) == (3, ["damaged"])
    sentence, advice = bad.stderr.splitlines()
    assert sentence.startswith(f"{small} is not the published file: its SHA-256 is ")
    assert advice == "To replace damaged files: nnlab data fetch small --force"


def test_fetch_keeps_what_is_there(nnlab: Nnlab, small: Path) -> None:
    small.write_bytes(gzip.compress(CONTENT))
    result = nnlab("data", "fetch", "small")
    assert result.exit_code == 0
    assert result.stderr == "small: the mirrors are http://127.0.0.1:9/\n"
    assert result.stdout.splitlines()[1].split()[:3] == ["small", "labels", "verified"]


def test_fetch_offline(nnlab: Nnlab, small: Path) -> None:
    result = nnlab("data", "fetch", "small")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr == (
        "small: the mirrors are http://127.0.0.1:9/\n"
        "Downloading http://127.0.0.1:9/labels.gz\n"
        f"labels.gz is not in {small.parent} and could not be downloaded:\n"
        "  http://127.0.0.1:9/labels.gz: there is no connection, or it broke.\n"
        "Put the file there by hand, or set NNLAB_DATA_DIR to a folder that has "
        "small/labels.gz.\n"
    )


def test_an_unknown_name(nnlab: Nnlab, small: Path) -> None:
    result = nnlab("data", "fetch", "cifar")
    assert result.exit_code == 2
    assert result.stderr == "There is no data set 'cifar' to fetch; these can be: small.\n"
