"""Tables of openml.org: its real answers, read from scikit-learn's cache without a network."""

import errno
import gzip
import http.server
import json
import os
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from nnlab.data import openml as source
from nnlab.data.openml import Openml
from nnlab.errors import DataError, StorageError
from tests.openml import lay_out_answers, lead_to
from tests.patience import PATIENCE

TITANIC: dict[str, Any] = {
    "id": 40945,
    "ignore": ("name", "ticket", "cabin", "boat", "body", "home.dest"),
    "missing": "mean",
}


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    source._read.cache_clear()
    yield
    source._read.cache_clear()


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every request goes to a port on which nothing listens; the pauses between them are short."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        for name in ("https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{taken.getsockname()[1]}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda seconds: None)
        yield


def test_iris_is_that_of_scikit_learn(openml: Path) -> None:
    data, own = Openml(id=61).load(0), load_iris()
    same = (data.inputs == own.data).all(axis=1)
    assert same.sum() == 148  # rows 34 and 37 of scikit-learn's copy are known to differ
    assert data.targets.tolist() == own.target.tolist()
    assert data.class_names == ("Iris-setosa", "Iris-versicolor", "Iris-virginica")
    assert data.feature_names == ("sepallength", "sepalwidth", "petallength", "petalwidth")
    assert (data.name, data.target_names, data.notes) == ("openml 61", ("class",), ())


def test_columns_of_every_kind(openml: Path) -> None:
    """Titanic has columns of text, so it comes as a data frame; its figures are well known."""
    data = Openml(**TITANIC).load(0)
    assert data.feature_names == (
        *("pclass", "sex=female", "sex=male", "age", "sibsp", "parch", "fare"),
        *("embarked=C", "embarked=Q", "embarked=S"),
    )
    assert data.class_names == ("0", "1")
    assert np.bincount(data.targets).tolist() == [809, 500]
    assert data.inputs[0].tolist() == [1, 1, 0, 29, 0, 0, 211.3375, 0, 0, 1]
    assert np.isnan(data.inputs).sum(axis=0).tolist() == [0, 0, 0, 263, 0, 0, 1, 2, 2, 2]


def test_codes_become_the_texts_of_their_columns(openml: Path) -> None:
    """Penguins have no text, so their nominal columns come as numbers; the file has the texts."""
    data = Openml(id=42585, missing="mean").load(0)
    path = lay_out_answers(42585, openml)
    _, _, rows = gzip.decompress(path.read_bytes()).decode().partition("@DATA")
    lines = [[cell.strip('"') for cell in line.split(",")] for line in rows.split()]
    assert [data.class_names[label] for label in data.targets] == [line[0] for line in lines]
    for column, name in ((1, "island"), (6, "sex")):
        for value in sorted({line[column] for line in lines} - {"?"}):
            inputs = data.inputs[:, data.feature_names.index(f"{name}={value}")]
            cells = [line[column] for line in lines]
            expected = [np.nan if cell == "?" else cell == value for cell in cells]
            assert np.array_equal(inputs, expected, equal_nan=True)


def test_rows_are_left_out(openml: Path) -> None:
    data = Openml(id=42585, missing="drop").load(0)
    assert data.notes == ("openml 42585: missing: drop left out 10 of 344 rows.",)
    assert data.file_rows is not None
    assert data.file_rows[:4].tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize(
    ("settings", "task", "targets"),
    [
        ({"id": 561}, "regression", ("class",)),
        ({"id": 561, "task": "classes"}, "classes", ("class",)),
        ({"id": 561, "target": "vendor"}, "classes", ("vendor",)),
        ({"id": 561, "target": (1, "MMAX")}, "regression", ("MYCT", "MMAX")),
        ({"id": 62}, "classes", ("type",)),
        ({"id": 40945, **TITANIC, "target": "age", "missing_targets": "drop"}, "regression", None),
        (
            {"id": 40589},
            "multilabel",
            (
                *("amazed.suprised", "happy.pleased", "relaxing.calm", "quiet.still"),
                *("sad.lonely", "angry.aggresive"),
            ),
        ),
    ],
)
def test_targets(
    settings: dict[str, Any], task: str, targets: tuple[str, ...] | None, openml: Path
) -> None:
    data = Openml(**settings).load(0)
    assert (data.task, data.target_names) == (task, targets or ("age",))


def test_marked_columns_are_no_inputs(openml: Path) -> None:
    assert not any(name.startswith("animal") for name in Openml(id=62).load(0).feature_names)


def test_labels(openml: Path) -> None:
    data = Openml(id=40589).load(0)
    path = lay_out_answers(40589, openml)
    _, _, rows = gzip.decompress(path.read_bytes()).decode().partition("@data")
    lines = [line.split(",")[-6:] for line in rows.split() if "," in line]
    labels = [[cell == '"TRUE"' for cell in line] for line in lines]
    assert data.targets.tolist() == labels


def test_rows_count_by_their_weights(openml: Path) -> None:
    data = Openml(id=561, weight="CHMIN", ignore=("vendor",)).load(0)
    assert data.weights is not None
    assert data.weights[:3].tolist() == [16, 8, 8]
    assert "CHMIN" not in data.feature_names


def test_what_openml_says_of_a_data_set_is_a_note(openml: Path) -> None:
    """And no warning of Python, which the tests take for an error."""
    assert Openml(id=40675).load(0).notes == (
        "openml 40675: openml.org gives its status as 'deactivated'.",
    )
    assert Openml(id=3).load(0).notes == (
        "openml 3: openml.org gives its warning as 'Deep Blue is in the house.'.",
    )


def test_the_hash_of_the_rows(openml: Path) -> None:
    data = Openml(id=61).load(0)
    assert Openml(id=61, sha256=data.sha256).load(0).sha256 == data.sha256
    with pytest.raises(DataError) as error:
        Openml(id=61, sha256="12").load(0)
    assert str(error.value) == (
        f"These rows have the SHA-256 {data.sha256}, and data.sha256 is 12. Give the same rows, or "
        "set data.sha256 to '' to train on others."
    )


COLUMNS = "'sepallength', 'sepalwidth', 'petallength', 'petalwidth', 'class'"
REVIEWS = (
    "'country', 'description', 'designation', 'points', 'price', 'province', 'region_1', "
    "'region_2', 'variety', 'winery'"
)
NO_TARGET = f"openml 42074 names no data.target; its columns are {REVIEWS}."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"id": 292}, "openml 292 is a sparse table, and nnlab needs all its numbers."),
        ({"id": 42074}, NO_TARGET),
        (
            {"id": 61, "target": "clas"},
            f"there is no target column 'clas'; the columns are {COLUMNS}. Did you mean 'class'?",
        ),
        (
            {"id": 61, "target": 7},
            f"there is no target column 7; the columns are {COLUMNS}.",
        ),
        (
            {"id": 61, "ignore": (0, 1, 2, 3)},
            "openml 61: there are target columns only, and no input.",
        ),
        (
            {"id": 61, "target": "class", "ignore": (4,)},
            "openml 61: column 'class' is chosen twice.",
        ),
        (
            {"id": 42585},
            "row 3 (counted from 0), column 'culmen_length_mm': the cell is missing (NaN). Fill "
            "it, or set missing to 'mean' or 'drop'.",
        ),
        (
            {"id": 2, "missing": "mean"},
            "openml 2, column 'family': every cell is missing. Leave it out with ignore.",
        ),
        (
            {"id": 40945, "missing": "mean"},
            "openml 40945, column 'name' has 1,307 distinct values; one-hot takes up to 1,000.",
        ),
    ],
)
def test_a_table_that_does_not_fit(settings: dict[str, Any], message: str, openml: Path) -> None:
    with pytest.raises(DataError) as error:
        Openml(**settings).load(0)
    assert str(error.value) == message


def place(openml: Path) -> str:
    return (
        f" is not complete in {openml / 'openml'}, and could not be downloaded from "
        "www.openml.org: there is no connection, or it broke. Copy that folder from a computer "
        "that has it, or set NNLAB_DATA_DIR to a folder that has openml in it."
    )


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("damage", ["", "junk", "short", "changed"])
def test_without_a_network(damage: str, openml: Path) -> None:
    """scikit-learn removes a damaged file from its cache, and fetches it again."""
    number = 7
    if damage:
        number, path = 61, lay_out_answers(61, openml)
        content = path.read_bytes()
        table = gzip.decompress(content).replace(b"5.1,3.5", b"5.1,9.9")
        path.write_bytes(
            {"junk": b"junk", "short": content[:-99], "changed": gzip.compress(table)}[damage]
        )
    with pytest.raises(DataError) as error:
        Openml(id=number).load(0)
    assert str(error.value) == f"openml {number}{place(openml)}"
    assert socket.getdefaulttimeout() is None
    assert error.value.__suppress_context__


class Answers(http.server.BaseHTTPRequestHandler):
    """openml.org with one answer for everything."""

    status, body = 412, b'{"error": {"code": "111", "message": "Unknown dataset"}}'

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Answers]]:
    """The addresses of openml.org lead to a server here."""
    handler = type("Handler", (Answers,), {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        lead_to(f"http://127.0.0.1:{server.server_port}", monkeypatch)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


UNREADABLE = "openml 7 cannot be read, or its MD5 is wrong. To download it again, remove {}."


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (412, b"{}", "openml.org has no data set 7 that all may read."),
        (200, b"\x1b[31mno JSON", UNREADABLE),
        (200, b'{"data_set_description": {}}', UNREADABLE),
        (200, b"[]", UNREADABLE),
    ],
)
def test_answers_of_the_server(
    status: int, body: bytes, message: str, server: type[Answers], openml: Path
) -> None:
    server.status, server.body = status, body
    with pytest.raises(DataError) as error:
        Openml(id=7).load(0)
    assert str(error.value) == message.format(openml / "openml")


def test_a_server_that_fails(server: type[Answers], openml: Path) -> None:
    server.status = 503
    with pytest.raises(DataError) as error:
        Openml(id=7).load(0)
    reason = "there is no connection, or it broke."
    assert str(error.value) == f"openml 7{place(openml)}".replace(
        reason, "it answered with status 503."
    )


def test_a_silent_server(openml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """scikit-learn sets no timeout."""
    monkeypatch.setattr(source, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lead_to(f"http://127.0.0.1:{silent.getsockname()[1]}", monkeypatch)
        patience = threading.Timer(PATIENCE, silent.shutdown, [socket.SHUT_RDWR])
        patience.daemon = True
        patience.start()  # without a timeout the test fails, and does not hang
        with pytest.raises(DataError, match=r"it was silent for 30 seconds\."):
            Openml(id=7).load(0)
        patience.cancel()


def test_a_wrong_checksum(openml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the server itself: the file that is fetched again has it too."""
    about = openml / "openml" / "openml.org" / "api" / "v1" / "json" / "data" / "61.gz"
    answer = json.loads(gzip.decompress(about.read_bytes()))
    answer["data_set_description"]["md5_checksum"] = "0" * 32
    about.write_bytes(gzip.compress(json.dumps(answer).encode()))
    monkeypatch.setattr(os, "unlink", lambda path: None)  # the file comes as it was
    with pytest.raises(DataError) as error:
        Openml(id=61).load(0)
    assert str(error.value) == UNREADABLE.format(openml / "openml").replace("openml 7", "openml 61")


def test_texts_without_pandas(openml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file stays in the cache: scikit-learn would take it for a damaged one."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    for _ in range(2):
        with pytest.raises(DataError) as error:
            Openml(**TITANIC).load(0)
    assert str(error.value) == "openml 40945 has columns of text: pip install pandas"


@pytest.mark.parametrize(
    ("failure", "kind", "message"),
    [
        (MemoryError("too much"), MemoryError, "^too much$"),
        (ssl.SSLEOFError(8, "EOF"), DataError, "could not be downloaded .* broke off or made no"),
        (OSError(errno.ENOSPC, "No space"), StorageError, "could not be used: No space"),
    ],
)
def test_what_is_no_fault_of_the_files(
    failure: Exception,
    kind: type[Exception],
    message: str,
    openml: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(source, "_fetch_unguarded", fail)
    with pytest.raises(kind, match=message):
        Openml(id=61).load(0)


def test_a_folder_that_cannot_be_made(openml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (openml / "file").write_text("in the way")
    monkeypatch.setenv("NNLAB_DATA_DIR", str(openml / "file"))
    with pytest.raises(StorageError) as error:
        Openml(id=61).load(0)
    reason = os.strerror(errno.EEXIST)
    assert str(error.value) == (
        f"{openml / 'file' / 'openml'} could not be used: {reason}. Set NNLAB_DATA_DIR to another "
        "folder."
    )


def test_rows_are_read_once(openml: Path) -> None:
    assert Openml(id=61).load(0) is Openml(id=61).load(1)
