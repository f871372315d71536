"""`nnlab watch` and `train --live`: what cannot be followed, in one line each."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from urllib.request import urlopen

import pytest
from click.testing import Result

from nnlab.live.server import Site, listen
from tests.patience import wait_until


@pytest.mark.parametrize("command", ["watch latest", "train flowers.yaml --live"])
def test_without_the_extra(
    nnlab: Callable[..., Result], flowers: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("nnlab.errors.find_spec", lambda name: None)
    result = nnlab(*command.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "A live page needs starlette, which is not installed: pip install 'nnlab[live]'.\n"
    )
    assert [path.name for path in flowers.parent.iterdir()] == [flowers.name]


@pytest.mark.parametrize("command", ["watch latest", "train flowers.yaml --live"])
def test_a_port_that_is_taken_starts_nothing(
    nnlab: Callable[..., Result], flowers: Path, command: str
) -> None:
    with listen() as listener:
        port = str(listener.getsockname()[1])
        result = nnlab(*command.split(), "--port", port, "--no-open")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"Cannot listen on port {port} of 127.0.0.1 (Address already in use): choose another "
        "--port, or leave it out for a free one.\n"
    )
    assert [path.name for path in flowers.parent.iterdir()] == [flowers.name]


def test_a_port_without_a_page_starts_nothing(nnlab: Callable[..., Result], flowers: Path) -> None:
    result = nnlab(*["train", "flowers.yaml", "--port", "8000"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "--port is for the page: add --live.\n"
    assert [path.name for path in flowers.parent.iterdir()] == [flowers.name]


def test_what_is_no_run(nnlab: Callable[..., Result], tmp_path: Path) -> None:
    result = nnlab("watch", "nothing", "--no-open")
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr.count("\n") == 1
    nnlab("descend", "landscape", "--no-plots")
    result = nnlab("watch", "latest", "--no-open")
    assert result.exit_code == 2
    assert "is a race of optimizers on a function, and has no network." in result.stderr


@pytest.mark.parametrize("opens", [True, False])
def test_without_a_browser_the_address_is_printed(
    nnlab: Callable[..., Result], flowers: Path, monkeypatch: pytest.MonkeyPatch, opens: bool
) -> None:
    """And with one it is opened; Ctrl+C ends the page with exit code 0."""
    asked = []

    class Browser:
        def open(self, address: str) -> bool:
            asked.append(address)
            return opens

    def interrupt(site: Site, look: Callable[[], None]) -> None:
        look()
        raise KeyboardInterrupt

    monkeypatch.setattr("webbrowser.get", Browser)
    monkeypatch.setattr("nnlab.live.watch.keep_looking", interrupt)
    result = nnlab("watch", "latest")
    assert (result.exit_code, result.stdout) == (0, "")
    lines = result.stderr.splitlines()
    assert lines[0] == f"The page: {asked[0]}"
    assert asked[0].startswith("http://127.0.0.1:")
    hint = "No browser could be opened: open this address yourself."
    assert lines[1:] == ([] if opens else [hint]) + ["Ctrl+C ends it."]


def test_a_folder_that_vanishes_ends_the_page_with_a_sentence(
    nnlab: Callable[..., Result], flowers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says it too; exit code 6."""
    heard = []

    def listen_to(address: str) -> None:
        with suppress(OSError):
            while True:
                with urlopen(f"{address}news?after=0") as answer:
                    heard.append(answer.read().decode())

    class Browser:
        def open(self, address: str) -> bool:
            Thread(target=listen_to, args=(address,), daemon=True).start()
            wait_until(lambda: bool(heard))
            shutil.rmtree(flowers)
            return True

    monkeypatch.setattr("webbrowser.get", Browser)
    result = nnlab("watch", "latest")
    shown = flowers.relative_to(Path.cwd())
    sentence = f"The folder {shown} was deleted, moved or renamed."
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr.splitlines()[1:] == ["Ctrl+C ends it.", sentence]
    assert any(json.dumps(sentence) in text and '"kind":"end"' in text for text in heard)
