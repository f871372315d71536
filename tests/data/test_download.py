"""Downloads over a local server (S7): whatever a mirror does, the cache is absent or right."""

import errno
import gzip
import hashlib
import http.server
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nnlab.data import download
from nnlab.data.download import Collection, PublishedFile
from nnlab.errors import DataError, StorageError
from tests.patience import PATIENCE, wait_until

CONTENT = bytes([0, 0, 8, 1, 0, 0, 0, 6, 0, 1, 2, 3, 8, 9])
ZIPPED = gzip.compress(CONTENT, mtime=0)
FILE = PublishedFile("labels-idx1-ubyte", (6,), hashlib.sha256(CONTENT).hexdigest())
PACKED = replace(FILE, sha256=hashlib.sha256(ZIPPED).hexdigest(), hash_is_of="gzip")
OTHER = gzip.compress(CONTENT[:-1] + b"\7")  # a right IDX file with wrong content
BAD_LABEL = gzip.compress(CONTENT[:-1] + b"\x0b")


ANSWERS: dict[str, dict[str, Any]] = {
    "good": {"body": ZIPPED},
    "slow": {"body": ZIPPED},
    "short": {"body": ZIPPED[:-5]},
    "lie": {"body": ZIPPED[:-5], "length": len(ZIPPED)},
    "letters": {"body": ZIPPED, "length": "many"},
    "endless": {"body": bytes(1 << 20)},
    "html": {"body": b"<html>Please log in to this network</html>"},
    "other": {"body": OTHER},
    "label": {"body": BAD_LABEL},
    "missing": {"body": b"\x1b[31mnothing", "status": 404},
}
MOVES = {"loop": "", "file": "file:///etc/hostname", "nowhere": "http://["}  # "": the same address


class Mirror(http.server.BaseHTTPRequestHandler):
    """The first part of the path says how to misbehave."""

    def do_GET(self) -> None:
        self.server.visits.append(self.path)  # type: ignore[attr-defined]
        behaviour = self.path.split("/")[1]
        if behaviour == "slow":
            time.sleep(0.5)
        if behaviour in ANSWERS:
            self.answer(**ANSWERS[behaviour])
        elif behaviour in MOVES:
            self.move(MOVES[behaviour] or self.path)
        else:
            getattr(self, f"send_{behaviour}")()

    def answer(self, body: bytes, length: object = None, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def send_chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\n" + ZIPPED[:5] + b"\r\nmany\r\n")

    def send_headers(self) -> None:
        self.send_response(200)
        for number in range(1000):
            self.send_header(f"X-{number}", "1")
        self.end_headers()

    def move(self, address: str) -> None:
        self.send_response(302)
        self.send_header("Location", address)
        self.end_headers()

    def send_stall(self) -> None:
        self.answer(ZIPPED[:5], length=len(ZIPPED))
        self.wfile.flush()
        self.server.stop.wait(PATIENCE)  # type: ignore[attr-defined]

    def send_reset(self) -> None:
        self.answer(ZIPPED[:5], length=len(ZIPPED))
        self.wfile.flush()
        # Closing with a linger time of 0 sends a reset instead of an end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        http.server.ThreadingHTTPServer.__init__(self, ("127.0.0.1", 0), Mirror)
        self.visits: list[str] = []
        self.stop = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """A client that hangs up, or a reset made on purpose, is no news."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.stop.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NNLAB_DATA_DIR", str(tmp_path))
    return tmp_path


def collection(server: Server, *behaviours: str) -> Collection:
    mirrors = tuple(f"{server.address}/{behaviour}/" for behaviour in behaviours)
    return Collection("toy", ("toy", "toy_2"), mirrors, (FILE,))


def visible(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.suffix != ".lock")


SENT = "what it sent "
FAILURES = {
    "short": SENT + "is a damaged gzip file: it ends too early.",
    "lie": "its answer broke off or made no sense.",
    "letters": "its answer broke off or made no sense.",
    "endless": "it sent more than the whole file.",
    "html": SENT + "starts with 3c 68 74 6d, not with 00 00 08 01: no such IDX file.",
    "other": SENT + "is not the published file: its SHA-256 is "
    f"{hashlib.sha256(gzip.decompress(OTHER)).hexdigest()}, not {FILE.sha256}.",
    "label": "what it sent: row 5 has label 11; only 0 to 9 are allowed.",
    "missing": "it answered with status 404.",
    "chunks": "its answer broke off or made no sense.",
    "headers": "its answer broke off or made no sense.",
    "loop": "it answered with status 302.",
    "file": "it answered with status 302.",
    "nowhere": "its answer broke off or made no sense.",
    "reset": "its answer broke off or made no sense.",
    "stall": "it was silent for 0.3 seconds.",
}


def timeout(behaviour: str) -> float:
    """Seconds of silence until a mirror is given up: few only where the silence is the point."""
    return 0.3 if behaviour == "stall" else 600.0


@pytest.mark.parametrize("behaviour", FAILURES)
def test_a_bad_mirror_leaves_nothing_and_says_why(
    behaviour: str, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", timeout(behaviour))
    toy = collection(server, behaviour)
    with pytest.raises(DataError) as caught:
        download.load_published(toy, FILE)
    assert str(caught.value) == (
        f"{FILE.name}.gz is not in {folder / 'toy'} and could not be downloaded:\n"
        f"  {toy.mirrors[0]}{FILE.name}.gz: {FAILURES[behaviour]}\n"
        "Put the file there by hand, or set NNLAB_DATA_DIR to a folder that has "
        f"toy/{FILE.name}.gz."
    )
    assert visible(folder) == []


@pytest.mark.parametrize("behaviour", FAILURES)
def test_the_next_mirror_is_tried(
    behaviour: str, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []

    def report(message: str) -> None:
        messages.append(message)
        monkeypatch.setattr(download, "TIMEOUT", timeout(message.split("/")[-2]))

    (state,) = download.fetch_files(collection(server, behaviour, "good", "other"), report=report)
    assert state.state == "verified"
    assert visible(folder) == [f"{FILE.name}.gz"]
    assert (folder / "toy" / f"{FILE.name}.gz").read_bytes() == ZIPPED
    assert [message.split("/")[-2] for message in messages] == [behaviour, "good"]


def test_a_good_file_is_downloaded_once(server: Server, folder: Path) -> None:
    for _ in range(2):
        download.load_published(collection(server, "good"), FILE)
    assert server.visits == [f"/good/{FILE.name}.gz"]


def test_nobody_answers(folder: Path) -> None:
    with socket.socket() as taken:  # bound but not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        toy = Collection("toy", ("toy",), (address, address), (FILE,))
        with pytest.raises(DataError) as caught:
            download.load_published(toy, FILE)
    line = f"  {address}{FILE.name}.gz: there is no connection, or it broke.\n"
    assert line * 2 in str(caught.value)


def test_a_hash_of_the_packed_file(server: Server, folder: Path) -> None:
    """As Kuzushiji-MNIST has them: another packing of the same bytes is another file."""
    toy = replace(collection(server, "short", "other", "good"), files=(PACKED,))
    assert download.load_published(toy, PACKED).tolist() == [0, 1, 2, 3, 8, 9]
    path = folder / "toy" / f"{FILE.name}.gz"
    assert path.read_bytes() == ZIPPED
    assert [visit.split("/")[1] for visit in server.visits] == ["short", "other", "good"]
    again = gzip.compress(CONTENT, mtime=1)
    path.write_bytes(again)
    (state,) = download.fetch_files(toy)
    assert state.detail == (
        f"{path} is not the published file: its SHA-256 is {hashlib.sha256(again).hexdigest()}, "
        f"not {PACKED.sha256}."
    )


def test_an_unpacked_copy_has_no_published_hash(server: Server, folder: Path) -> None:
    (folder / "toy").mkdir()
    path = folder / "toy" / FILE.name
    path.write_bytes(CONTENT)
    toy = replace(collection(server, "good"), files=(PACKED,))
    with pytest.raises(DataError) as caught:
        download.load_published(toy, PACKED)
    assert str(caught.value) == (
        f"{path} is unpacked. {FILE.name}.gz is needed: the published SHA-256 is that of the "
        "packed file. Remove it, or replace it with: nnlab data fetch toy --force"
    )
    (state,) = download.fetch_files(toy, force=True)
    assert (state.state, state.path) == ("verified", path.with_name(f"{FILE.name}.gz"))
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("where", ["toy", "toy_2"])
@pytest.mark.parametrize("name", ["labels-idx1-ubyte", "labels.idx1-ubyte"])
@pytest.mark.parametrize(("suffix", "content"), [(".gz", ZIPPED), ("", CONTENT)])
def test_what_is_there_is_used(
    where: str, name: str, suffix: str, content: bytes, folder: Path
) -> None:
    (folder / where).mkdir()
    (folder / where / f"{name}{suffix}").write_bytes(content)
    labels = download.load_published(Collection("toy", ("toy", "toy_2"), (), (FILE,)), FILE)
    assert labels.tolist() == [0, 1, 2, 3, 8, 9]


def test_a_damaged_file_is_reported_and_kept(server: Server, folder: Path) -> None:
    (folder / "toy").mkdir()
    path = folder / "toy" / FILE.name
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(DataError) as caught:
        download.load_published(collection(server, "good"), FILE)
    assert str(caught.value) == (
        f"{path} ends after 5 of 6 values. "
        "Remove it, or replace it with: nnlab data fetch toy --force"
    )
    assert path.read_bytes() == CONTENT[:-1]
    assert server.visits == []


@pytest.mark.parametrize("name", [FILE.name, f"{FILE.name}.gz"])
def test_fetch_replaces_a_damaged_file_only_by_force(
    name: str, server: Server, folder: Path
) -> None:
    toy = collection(server, "good")
    (folder / "toy_2").mkdir()
    (folder / "toy_2" / name).write_bytes(b"junk")
    (state,) = download.fetch_files(toy)
    assert (state.state, server.visits) == ("damaged", [])
    assert state.detail.startswith(str(folder / "toy_2" / name))
    messages: list[str] = []
    (state,) = download.fetch_files(toy, force=True, report=messages.append)
    assert state == download.FileState(
        "toy", FILE.name, folder / "toy_2" / f"{FILE.name}.gz", "verified"
    )
    assert messages == [f"Downloading {server.address}/good/{FILE.name}.gz"]


def test_states(server: Server, folder: Path) -> None:
    toy = collection(server, "good")
    path = folder / "toy" / f"{FILE.name}.gz"
    missing = download.FileState("toy", FILE.name, path, "missing")
    assert download.file_states(toy) == (missing,)
    assert download.file_states(toy, verify=True) == (missing,)
    assert download.fetch_files(toy) == (replace(missing, state="verified"),)
    assert download.file_states(toy) == (replace(missing, state="present"),)
    path.write_bytes(OTHER)
    assert download.file_states(toy) == (replace(missing, state="present"),)
    assert download.file_states(toy, verify=True)[0].state == "damaged"


@pytest.mark.parametrize("answer", ["an error", "~/.cache/nnlab"])
def test_without_a_known_home(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user without a line in /etc/passwd, say; old platformdirs leave the ~."""

    def user_cache_dir(name: str) -> str:
        if answer == "an error":
            raise RuntimeError("could not determine the home directory")
        return answer

    monkeypatch.delenv("NNLAB_DATA_DIR", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", user_cache_dir)
    with pytest.raises(StorageError) as error:
        download.data_folder()
    assert str(error.value) == (
        "There is no folder for downloaded files: your home folder is not known. "
        "Set NNLAB_DATA_DIR to a folder."
    )


def test_a_folder_of_an_unknown_user_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNLAB_DATA_DIR", "~nosuch-user/data")
    assert download.data_folder() == Path("~nosuch-user/data")


def test_the_platform_has_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NNLAB_DATA_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert download.data_folder().name == "nnlab"
    if sys.platform == "linux":
        assert download.data_folder() == tmp_path / "nnlab"


def test_a_folder_that_cannot_be_made(server: Server, folder: Path) -> None:
    (folder / "toy").write_text("in the way")
    with pytest.raises(StorageError) as caught:
        download.load_published(collection(server, "good"), FILE)
    assert str(caught.value) == (
        f"{folder / 'toy' / FILE.name}.gz could not be written: File exists. "
        "Set NNLAB_DATA_DIR to a folder that can be."
    )


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk(
    call: str, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(StorageError, match=r"could not be written: No space left on device\."):
        download.load_published(collection(server, "good", "good"), FILE)
    assert visible(folder) == []
    assert len(server.visits) == 1


CHILD = """
import sys
from nnlab.data import download
from nnlab.data.download import Collection, PublishedFile
file = PublishedFile("labels-idx1-ubyte", (6,), sys.argv[2])
print(download.load_published(Collection("toy", ("toy",), (sys.argv[1],), (file,)), file).tolist())
"""


def child(server: Server, behaviour: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", CHILD, f"{server.address}/{behaviour}/", FILE.sha256]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_eight_at_once(server: Server, folder: Path) -> None:
    children = [child(server, "slow") for _ in range(8)]
    assert {process.communicate(timeout=PATIENCE)[0] for process in children} == {
        "[0, 1, 2, 3, 8, 9]\n"
    }
    assert visible(folder) == [f"{FILE.name}.gz"]
    assert len(server.visits) == 1


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_in_the_middle(server: Server, folder: Path) -> None:
    with child(server, "stall") as process:
        part = folder / "toy" / f".{FILE.name}.gz.part"
        wait_until(part.exists)
        process.send_signal(signal.SIGKILL)
    assert visible(folder) == [part.name]
    toy = collection(server, "good")
    assert download.file_states(toy)[0].state == "missing"
    assert download.load_published(toy, FILE).tolist() == [0, 1, 2, 3, 8, 9]
    assert visible(folder) == [f"{FILE.name}.gz"]


def test_a_link_in_the_place_of_the_temporary_file(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    thesis = tmp_path.with_name("thesis.txt")
    thesis.write_text("mine")
    (folder / "toy").mkdir(parents=True)
    (folder / "toy" / f".{FILE.name}.gz.part").symlink_to(thesis)
    assert download.load_published(collection(server, "good"), FILE).tolist() == [0, 1, 2, 3, 8, 9]
    assert thesis.read_text() == "mine"
    assert visible(folder) == [f"{FILE.name}.gz"]


@pytest.mark.data
def test_the_real_files_are_verified(data_folder: Path) -> None:
    from nnlab.data.sources import COLLECTIONS

    present = [real for real in COLLECTIONS.values() if real.find(real.files[0]) is not None]
    for real in present:
        states = download.file_states(real, verify=True)
        assert [state.state for state in states] == ["verified"] * 4
