"""`nnlab play`: what cannot be played with is said in one line; Ctrl+C ends it."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import pytest
from click.testing import Result

from tests.patience import PATIENCE

pytest.importorskip("uvicorn", reason="the extra live is not installed")
Nnlab = Callable[..., Result]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nosuch"], 6, "There is no run 'nosuch'"),
        (["nosuch.yaml"], 2, "nosuch.yaml"),
        (["landscape"], 2, "landscape is a race of optimizers on a function"),
        (["xor", "--set", "lr=-1"], 2, "optimizer.lr is -1."),
        (["--set", "nothing=1"], 2, "there is no setting"),
        (["--port", "70000"], 2, "70000 is not in the range"),
    ],
)
def test_what_cannot_be_played_with(
    nnlab: Nnlab, arguments: list[str], code: int, message: str
) -> None:
    result = nnlab("play", *arguments, "--no-open")
    assert result.exit_code == code
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_port_that_is_taken(nnlab: Nnlab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = nnlab("play", "xor", "--port", str(port), "--no-open")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Cannot listen on port {port} of 127.0.0.1")
    assert len(result.stderr.splitlines()) == 1


def test_a_missing_extra(nnlab: Nnlab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnlab.errors.find_spec", lambda name: None)
    result = nnlab("play")
    assert result.exit_code == 2
    assert result.stderr == (
        "A live page needs starlette, which is not installed: pip install 'nnlab[live]'.\n"
    )


def test_a_run_without_weights(nnlab: Nnlab, flowers: Path) -> None:
    shutil.rmtree(flowers / "weights")
    (flowers / "checkpoint.npz").unlink(missing_ok=True)
    result = nnlab("play", "latest", "--no-open")
    assert result.exit_code == 6
    assert len(result.stderr.splitlines()) == 1
    assert "there are no weights" in result.stderr


def test_it_serves_a_page_until_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nnlab", "play", "--no-open"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        try:
            lines = iter(program.stderr.readline, "")  # the first may say "Compiling"
            found = (re.search(r"http://127\.0\.0\.1:\d+/\S+", line) for line in lines)
            with urlopen(next(filter(None, found))[0]) as page:
                assert b'id="transport"' in page.read()
        finally:
            program.send_signal(signal.SIGINT)
        assert program.wait(PATIENCE) == 0
    assert not (tmp_path / "runs").exists()
