"""A command of nnlab in a forked process, with a hook in every durable write.

The process that forks has imported everything, so that a round costs no start-up.
"""

import contextlib
import csv
import io
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

# What a command imports, before it is forked.
import nnlab.cli.resume
import nnlab.cli.train
import nnlab.config.load
import nnlab.experiment.resume
import nnlab.show.figures  # noqa: F401
from nnlab.cli import main
from nnlab.data import batches
from nnlab.experiment import session
from nnlab.run import checkpoint, durable
from nnlab.run.folder import PROGRESS, ROWS, RunFolder

Hook = Callable[[str, Path], None]


@dataclass(frozen=True)
class Ended:
    """How a command ended, what it wrote to stderr, and what it took."""

    code: int
    stderr: str
    seconds: float
    cpu: float = 0.0
    memory: int = 0  # KiB at its largest


def forked(
    arguments: list[str],
    folder: Path,
    hook: Hook | None = None,
    kill_after: float | None = None,
    setup: Callable[[], None] | None = None,
) -> Ended:
    """Run `nnlab ARGUMENTS` in `folder`; SIGKILL after so many seconds unless it has ended."""
    began = time.monotonic()
    err = folder / "stderr"
    pid = os.fork()
    if pid == 0:
        _become(arguments, folder, err, hook, setup)
    if kill_after is not None:
        _kill(pid, began + kill_after)
    _, status, used = os.wait4(pid, 0)
    return Ended(
        os.waitstatus_to_exitcode(status),
        err.read_text() if err.exists() else "",
        time.monotonic() - began,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss,
    )


def _become(
    arguments: list[str],
    folder: Path,
    err: Path,
    hook: Hook | None,
    setup: Callable[[], None] | None,
) -> None:
    """Never returns."""
    code = 99
    try:
        os.chdir(folder)
        for descriptor, path in ((1, os.devnull), (2, err)):
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(file, descriptor)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", closefd=False)
        frequent()
        if setup is not None:
            setup()
        durable.hook = hook
        main.main(arguments, prog_name="nnlab")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


def frequent() -> None:
    """Short chunks and frequent saves: a run of a moment has many places to be killed at."""
    batches.CHUNK_BATCHES = 3
    session.CHECKPOINT_SECONDS = 0.02
    session.FLUSH_SECONDS = 0.0
    session.LITTLE_SECONDS = 1e9  # else the number of system calls follows the clock


def _kill(pid: int, moment: float) -> None:
    while (left := moment - time.monotonic()) > 0:
        done, _ = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) or (None, None), 0
        if done != (None, None):
            return
        time.sleep(min(left, 0.002))
    os.kill(pid, signal.SIGKILL)


def dying_at(k: int) -> Hook:
    """A hook that ends the process for good at its k-th call."""
    calls = 0

    def hook(step: str, path: Path) -> None:
        nonlocal calls
        calls += 1
        if calls == k:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def failing_at(k: int, number: int, for_good: bool, note: Path) -> Hook:
    """A hook that raises an OSError at its k-th call, and with `for_good` at all later ones.

    The path of the first that a training cannot do without is written into `note`.
    """
    calls = 0
    noted = False

    def hook(step: str, path: Path) -> None:
        nonlocal calls, noted
        calls += 1
        if calls == k or (for_good and calls > k):
            missed = path.name in (ROWS, PROGRESS) and step != "unlink"
            if not noted and not missed:
                note.write_text(str(path))
                noted = True
            raise OSError(number, os.strerror(number))

    return hook


def counting(note: Path) -> Hook:
    """A hook that writes a letter into `note` at each of its calls."""

    def hook(step: str, path: Path) -> None:
        with note.open("a") as file:
            file.write(".")

    return hook


def warm(commands: list[list[str]], folder: Path) -> None:
    """Run commands in this process: its forks begin with what is made once per process."""
    with contextlib.chdir(folder):
        for arguments in commands:
            ended = CliRunner().invoke(main, arguments, prog_name="nnlab")
            assert ended.exit_code == 0, ended.output


def only_run(folder: Path) -> Path | None:
    """The run that is in folder/runs, if it got so far as to be one."""
    found = [p for p in (folder / "runs").glob("*") if (p / "run.json").is_file()]
    assert len(found) <= 1, found
    return found[0] if found else None


def content(path: Path) -> dict[str, Any]:
    """What must be the same in two runs of one config: everything but times and places."""
    run = RunFolder.open(path)
    saved = checkpoint.read_save(path / checkpoint.CURRENT)
    meta = dict(saved.meta)
    for key in ("seconds", "environment"):
        meta.pop(key)
    found: dict[str, Any] = {
        "status": run.status(),
        "metrics.csv": rows_without_seconds(path / "metrics.csv"),
        "steps.csv": (path / "steps.csv").read_bytes() if (path / "steps.csv").exists() else b"",
        "resolved.yaml": run.read_text("resolved.yaml"),
        "data.json": run.read_json("data.json"),
        "summary.json": run.read_json("summary.json"),
        "checkpoint": {name: array.tobytes() for name, array in saved.arrays.items()},
        "state": meta,
        "hashes": run.read_json("run.json")["hashes"],
    }
    for file in [*sorted(path.glob("weights/*.npz")), *sorted(path.glob("[ps]*.npz"))]:
        found[file.name] = file.read_bytes()
    return json.loads(json.dumps(found, default=lambda data: data.hex()), object_hook=_timeless)


def _timeless(entries: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if key != "seconds"}


def rows_without_seconds(path: Path) -> list[list[str]]:
    """metrics.csv as text, cell by cell, without the time."""
    rows = list(csv.reader(io.StringIO(path.read_text())))
    skip = rows[0].index("seconds")
    return [row[:skip] + row[skip + 1 :] for row in rows]


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The entries of two `content`s that are not the same."""
    return [key for key in one.keys() | other.keys() if one.get(key) != other.get(key)]
