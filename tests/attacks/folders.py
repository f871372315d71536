"""Run folders and data files that someone made to hurt, and the commands that meet them.

python -m tests.attacks.folders FOLDER    prints what each command came to, as JSON

Each command runs in a fork of a process that has done the same with an honest folder, so that all
there is to import is imported, and an audit hook listens for code that is run.
"""

import contextlib
import io
import json
import os
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnlab.cli.evaluate
import nnlab.cli.plot
import nnlab.cli.predict
import nnlab.cli.report
import nnlab.cli.runs
import nnlab.cli.verify  # noqa: F401
from nnlab.config.load import load_config
from nnlab.experiment.session import begin
from nnlab.run import arrays, checkpoint
from nnlab.run.folder import RunFolder
from tests.quick import leave_out_figures_on_request
from tests.torture import worker

CONFIG = """
data: {name: npz, path: data.npz}
network: [{dense: 3}, tanh, {dense: 2}, softmax]
loss: cross_entropy
training: {epochs: 3, batch_size: 2, dtype: float64}
"""
PICKLE = b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94"


def npy(header: bytes, content: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


def archive(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as made:
        for name, data in members.items():
            made.writestr(name, data)
    return buffer.getvalue()


def header(descr: str, shape: str) -> bytes:
    return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()


NPZ: dict[str, bytes | Callable[[], bytes]] = {  # a function: takes a second to make
    "not a zip": b"hello",
    "a pickle": PICKLE,
    "objects": archive({"x.npy": npy(header("|O", "(3,)"), PICKLE)}),
    "32 GiB announced in 128 bytes": archive({"x.npy": npy(header("<f8", "(65536, 65536)"))}),
    "a bomb": lambda: archive(
        {"x.npy": npy(header("<f8", "(33554432,)"), bytes(1 << 28))}, zipfile.ZIP_DEFLATED
    ),
    "code as a shape": archive({"x.npy": npy(header("<f8", "__import__('os').system('x')"))}),
    "deep brackets": archive({"x.npy": npy(header("<f8", "(" * 900))}),
    "a negative shape": archive({"x.npy": npy(header("<f8", "(-3, 2)"), bytes(48))}),
    "a path as a name": archive({"../../x.npy": npy(header("<f8", "(1,)"), bytes(8))}),
    "an escape as a name": archive({"\x1b[2J.npy": npy(header("<f8", "(1,)"), bytes(8))}),
    "thousands of members": lambda: archive({f"{n}.npy": b"" for n in range(20_000)}),
    "nan": arrays.pack_npz({"x": np.full((3, 2), np.nan)}).tobytes(),
}


DEEP = "[" * 100_000
GIT = shutil.which("git")
JSON: dict[str, str] = {
    "deep": DEEP,
    "a list": "[1]",
    "a text": '"x"',
    "not UTF-8": "\udcff",
    "long number": '{"inputs": [' + "9" * 6000 + "]}",
    "huge inputs": '{"inputs": [1000000000000], "sha256": "x", "rows": {}}',
    "negative inputs": '{"inputs": [-4]}',
    "inputs that are text": '{"inputs": "abc"}',
    "inputs that are floats": '{"inputs": [2.5]}',
    "nothing": "{}",
    "escape": '{"status": "\\u001b[2J", "name": "\\u001b[2J", "inputs": [2]}',
    "nan": '{"inputs": [NaN]}',
}


CSV = {
    "binary": b"\xff\xfe\x00",
    "one cell": b"x",
    "ragged": b"epoch,step\n1\n1,2,3\n",
    "no numbers": b"epoch,step,seconds\na,b,c\n",
    "a column less": b"epoch\n0\n1\n2\n3\n",
    "a huge cell": b"epoch,step,seconds\n" + b"9" * 100_000 + b",1,1\n",
    "NUL": b"epoch,step,seconds\n\0,1,1\n",
    "escape": b"\x1b[2J,step,seconds\n0,1,1\n",
    "nothing": b"",
    "20,000 columns": b",".join(b"c%d" % n for n in range(20_000)) + b"\n",
}


Change = Callable[[Path], Any]
ODD: dict[str, Change] = {
    "the config is a bomb": lambda path: (path / "resolved.yaml").write_text("a: &a [*a]"),
    "the config is a device": lambda path: _link(path / "resolved.yaml", "/dev/zero"),
    "the checkpoint is a device": lambda path: _link(path / checkpoint.CURRENT, "/dev/zero"),
    "run.json is a pipe": lambda path: _pipe(path / "run.json"),
    "units of a network of gigabytes": lambda path: _edit(
        path / "resolved.yaml", "units: 3", "units: 300000000"
    ),
    "epochs for ever": lambda path: _edit(
        path / "resolved.yaml", "epochs: 3", "epochs: 1000000000000000"
    ),
    "half a gigabyte of summary.json": lambda path: os.truncate(path / "summary.json", 500 << 20),
    "half a gigabyte of run.json": lambda path: os.truncate(path / "run.json", 500 << 20),
    "metrics.csv is a folder": lambda path: _folder(path / "metrics.csv"),
}


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _link(path: Path, to: str) -> None:
    path.unlink()
    path.symlink_to(to)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


LOOKS = (["verify", "run"], ["evaluate", "run"], ["plot", "run"], ["runs", "."])
# Figures that need the network say nothing new of most damage, and take a second.
CURVES = (*LOOKS[:2], ["plot", "run", "--only", "curves"], LOOKS[3])
GOES_ON = (["resume", "run", "--no-plots"],)
TRAIN = ["train", "c.yaml", "--no-plots"]
ROWS = (["predict", "run", "../rows.csv"],)
PAGE = (["report", "run"],)  # draws all figures twice
DRAWN = ("escape", "huge inputs", "nothing")  # damage that is met by all figures
# Arrays are read by one function; a figure that asks for them meets it, and two kinds meet all.
ALL_FIGURES = ("not a zip", "nan")


def only(*figures: str) -> list[str]:
    """The command that draws these."""
    return ["plot", "run", *(word for name in figures for word in ("--only", name))]


Case = tuple[str, Callable[[Path], Any], tuple[list[str], ...]]


def cases() -> Iterator[Case]:
    """Name, what is done to a copy of a good folder `run`, and the commands."""
    yield "honest", lambda path: None, (*LOOKS, *PAGE, *ROWS, *GOES_ON, TRAIN)
    for name, made in NPZ.items():
        data = cache(made) if callable(made) else made
        met = name in ALL_FIGURES
        drawn = LOOKS[2] if met else only("weights", "histograms")
        yield f"weights: {name}", _each("weights/{}.npz", WEIGHTS, data), (*LOOKS[:2], drawn)
        drawn = LOOKS[2] if met else only("confusion", "scatter", "boundary_epochs")
        yield f"kept: {name}", _each("{}.npz", KEPT, data), (drawn,)
        yield f"checkpoint: {name}", _each("{}", SAVES, data), (*GOES_ON, LOOKS[0])
        yield f"data: {name}", _each("../{}", ("data.npz",), data), (TRAIN,)
    for name, text in JSON.items():
        data = text.encode("utf-8", "surrogateescape")
        for file in ("data.json", "run.json", "summary.json"):
            met = {"data.json": DRAWN, "run.json": (), "summary.json": ("escape",)}[file]
            looks = LOOKS if name in met else CURVES
            page = PAGE if file == "data.json" and name in DRAWN else ()
            yield f"{file}: {name}", _each("{}", (file,), data), (*GOES_ON, *looks, *page, *ROWS)
    for name, data in CSV.items():
        yield (
            f"metrics: {name}",
            _each("{}", ("metrics.csv",), data),
            (*CURVES, *(PAGE if name == "escape" else ()), *GOES_ON),
        )
    for name, change in ODD.items():
        yield f"odd: {name}", change, (LOOKS[0], *GOES_ON)


WEIGHTS = ("initial", "best", "final")
KEPT = ("predictions", "snapshots")
SAVES = (checkpoint.CURRENT, checkpoint.PREVIOUS)


def _each(
    pattern: str, names: tuple[str, ...], data: bytes | Callable[[], bytes]
) -> Callable[[Path], Any]:
    def change(path: Path) -> None:
        content = data() if callable(data) else data
        for name in names:
            (path / pattern.format(name)).write_bytes(content)

    return change


def whole(folder: Path) -> Path:
    """A folder with data, a config, and a run that stopped after its end was saved."""
    folder.mkdir()
    x = np.arange(24.0).reshape(12, 2)
    np.savez(folder / "data.npz", x=x, y=np.arange(12) % 2)
    (folder / "c.yaml").write_text(CONFIG)
    (folder / "rows.csv").write_text("1,2\n3,4\n")
    with begin(load_config(folder / "c.yaml"), folder) as run:
        for _ in run:
            run.checkpoint()
    run.folder.path.rename(folder / "run")
    return folder


def tried(good: Path, place: Path, change: Callable[[Path], Any], command: list[str]) -> Any:
    """The command on a changed copy of the good folder: its code, stderr, KiB, seconds, events."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(good, place)
    run = place / "run"
    resolved = (run / "resolved.yaml").read_text().replace(str(good), str(place))
    (run / "resolved.yaml").write_text(resolved)
    if command[0] == "resume":  # as if it had been killed at the end
        state = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps(state | {"status": "running"}))
        saved = checkpoint.read_checkpoint(run)
        saved.meta["config"]["data"]["path"] = str(place / "data.npz")
        for _ in range(2):
            RunFolder(run).save_checkpoint(saved.arrays, saved.meta)
    change(run)
    arguments = [one.replace("../", "") for one in command]
    ended = worker.forked(arguments, place, setup=lambda: listen(place / "seen"))
    seen = (place / "seen").read_text() if (place / "seen").exists() else ""
    return [ended.code, ended.stderr, ended.memory, ended.cpu, seen]


def listen(path: Path) -> None:
    """Note what may not happen."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        found = event in ("os.system", "os.exec", "os.posix_spawn", "pickle.find_class")
        if event == "exec":
            found = getattr(args[0], "co_filename", "") in ("<string>", "<unknown>")
        if event == "subprocess.Popen":
            found = args[0] not in ("git", GIT)
        if found:
            os.write(file, f"{event} {str(args)[:80]}\n".encode())

    sys.addaudithook(hook)


def main() -> None:
    room = Path(sys.argv[1])
    good = whole(room / "good")
    os.environ["MPLBACKEND"] = "agg"
    leave_out_figures_on_request(pytest.MonkeyPatch())  # they read the same files
    os.chdir(good)
    error, out = sys.stderr, sys.stdout
    with (room / "warm").open("w") as sys.stdout:
        sys.stderr = sys.stdout
        for command in (*LOOKS, *PAGE, *ROWS, TRAIN, ["evaluate", "nothing"]):
            with contextlib.suppress(SystemExit):
                worker.main.main([one.replace("../", "") for one in command], prog_name="nnlab")
    sys.stdout, sys.stderr = out, error
    shutil.rmtree(good / "runs")
    found = {}
    for name, change, commands in cases():
        found[name] = {
            command[0]: tried(good, room / "place", change, command) for command in commands
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
