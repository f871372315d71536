"""Closed and full standard streams cost what would have been written there, and nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from nnlab.cli.terminal import print_data
from nnlab.run.folder import RunFolder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/full and a shell")

ROOT = Path(__file__).resolve().parents[2]
TRAIN = "train xor --set training.epochs=2 --no-plots --runs runs"
LOST = "Cannot write the results to the standard output: No space left on device.\n"


def shell(folder: Path, command: str, redirection: str) -> "subprocess.CompletedProcess[str]":
    script = f'export PYTHONPATH={ROOT}; "{sys.executable}" -m nnlab {command} {redirection}'
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("redirection", "code", "error"),
    [
        ("2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        (">&-", 0, None),
        (">/dev/full", 7, LOST),
        ("0<&- >&- 2>&-", 0, ""),
        (">/dev/full 2>/dev/full", 7, ""),
    ],
)
def test_a_training_completes(
    tmp_path: Path, redirection: str, code: int, error: str | None
) -> None:
    done = shell(tmp_path, TRAIN, redirection)
    assert done.returncode == code, done.stderr
    assert error is None or done.stderr.endswith(error)
    assert "Traceback" not in done.stderr
    (path,) = (tmp_path / "runs").iterdir()
    run = RunFolder.open(path)
    assert run.status() == "completed"


def test_all_other_commands(tmp_path: Path) -> None:
    commands = [
        "sweep lr=0.1,0.2 -c xor --set training.epochs=2 --name s --runs runs --yes --no-plots",
        "report runs/s --runs runs",
        "runs runs/s",
        "plot runs/s --out out",
    ]
    for redirection, code in [("0<&- >&- 2>&-", 0), (">/dev/full 2>/dev/full", 7)]:
        for command in commands:
            done = shell(tmp_path, command, redirection)
            assert (done.returncode, done.stdout, done.stderr) == (code, "", ""), command
        assert (tmp_path / "runs/s/report.html").exists()
        (tmp_path / "runs/s/report.html").unlink()


NASTY = [
    "plain",
    "no\u00a0break",
    "tab\there",
    "Stra\u00dfe \u2713",
    "\u202egnirts",
    "\x1b[31mred",
    'quo"te, comma',
    "line\nbreak",
    "\ufeffmark",
    "\ud800 alone",
    "\udcff byte",
]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii", "utf-16", "utf-8-sig"])
def test_data_on_stdout_are_the_bytes_of_a_file(tmp_path: Path, encoding: str) -> None:
    """Whatever encoding a terminal would have."""
    script = (
        "import sys; from pathlib import Path; from nnlab.run import durable\n"
        "from nnlab.cli.group import exit_code; from nnlab.cli.terminal import print_data\n"
        f"text = chr(10).join({NASTY!a})\n"
        "durable.write_file(Path('file'), text)\n"
        "sys.exit(exit_code(lambda: print_data(text)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (tmp_path / "file").read_bytes()


def test_a_terminal_sees_data_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_data("a\x1b[31m,\u00a0\nb\n")
    assert capsys.readouterr().out == "a\\x1b[31m,\\xa0\nb\n"


SWAPPED = """
import gc, sys
from contextlib import suppress
from nnlab.cli import main
old = sys.stderr
sys.stderr = open(2, "w", closefd=False)  # which nothing else refers to
with suppress(SystemExit):
    main(["check", "nothing"])
gc.collect()
print("during", file=sys.stderr, flush=True)
sys.stderr = old
with suppress(SystemExit):
    main(["check", "nothing"])
sys.stderr = old
gc.collect()
print("after", file=sys.stderr)
"""


def test_a_program_that_calls_a_command_keeps_its_own_stderr(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SWAPPED]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    lines = done.stderr.splitlines()
    assert [line for line in lines if line in ("during", "after")] == ["during", "after"]
    assert "lost sys.stderr" not in done.stderr
