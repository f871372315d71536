"""`nnlab report`: where the page goes, and its messages about incomplete folders."""

import html
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from nnlab.run.folder import RunFolder
from nnlab.show.figures import view

Nnlab = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def _few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The curves alone; tests/page looks at the others."""
    monkeypatch.setattr("nnlab.show.page.run.FIGURES", {})
    monkeypatch.setattr("nnlab.show.page.replay._still", lambda *_: None)


@pytest.fixture
def xor(nnlab: Nnlab, tmp_path: Path) -> Path:
    """A finished run of five epochs."""
    assert nnlab("train", "xor", "--no-plots", "--set", "epochs=5").exit_code == 0
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


def test_the_page_goes_into_the_folder(nnlab: Nnlab, xor: Path) -> None:
    result = nnlab("report", "latest")
    page = xor / "report.html"
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{Path('runs', xor.name, 'report.html')}\n"
    assert "<h1>xor</h1>" in page.read_text()


def test_the_commands_of_a_page_run_in_the_folder_of_their_run(
    nnlab: Nnlab, xor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(nnlab("report", "latest").stdout.strip()).resolve()
    text = page.read_text().partition('<section id="again">')[2]
    shown = [html.unescape(c) for c in re.findall(r"<pre tabindex=\"0\">(.*)</pre>", text)]
    _, again, verify = shown  # the first is as it was typed, for where that was
    monkeypatch.chdir(page.parent)
    for command in (f"{again} --no-plots", verify):
        program, *words = shlex.split(command)
        result = nnlab(*words)
        assert (program, result.exit_code) == ("nnlab", 0), result.output
    assert nnlab("explain", ".", "--row", "1").stdout.startswith(f"{xor.name}, row 1 ")
    new = {run.name for run in (tmp_path / "runs").iterdir()} - {xor.name}
    assert len(new) == 1


def test_out_and_open(
    nnlab: Nnlab, xor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--open calls the browser that $BROWSER names."""
    opener = tmp_path / "opener"
    opener.write_text(f"#!{sys.executable}\nimport sys\nopen('seen', 'w').write(sys.argv[1])\n")
    opener.chmod(0o700)
    monkeypatch.setenv("BROWSER", f"{opener} %s")
    sys.modules.pop("webbrowser", None)  # it reads the variable once
    result = nnlab("report", xor.name, "--out", "page.html", "--open")
    assert (result.exit_code, result.stdout) == (0, "page.html\n")
    assert not (xor / "report.html").exists()
    assert Path("seen").read_text() == (tmp_path / "page.html").as_uri()


def test_several_runs_side_by_side(nnlab: Nnlab, xor: Path, tmp_path: Path) -> None:
    """In the folder where `nnlab plot` puts their curves; links start there."""
    nnlab("report", xor.name)
    nnlab("train", "xor", "--no-plots", "--set", "epochs=5", "--set", "lr=0.5")
    names = sorted(run.name for run in (tmp_path / "runs").iterdir())
    result = nnlab("report", *names)
    assert (result.exit_code, result.stderr) == (0, "")
    page = Path(result.stdout.strip())
    assert re.fullmatch(r"runs/compare-[0-9a-f]{6}/report\.html", page.as_posix())
    text = page.read_text()
    links = re.findall(r'<a href="([^"#]+)"', text)
    other = next(name for name in names if name != xor.name)
    assert sorted(links) == sorted([f"../{xor.name}/report.html", f"../{other}/"])
    assert all((page.parent / link).exists() for link in links)
    headers = re.findall(r'<th scope="col"[^>]*>([^<]+)</th>', text)
    assert headers == [
        *("run", "status", "optimizer.lr", "epochs", "best training loss"),
        *("best training accuracy", "time"),
    ]


def test_a_folder_that_is_no_run(nnlab: Nnlab, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = nnlab("report", "empty")
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr == "Cannot read empty: it has no run.json, so it is not a run.\n"


def test_a_run_before_its_first_epoch(nnlab: Nnlab, xor: Path) -> None:
    lines = (xor / "metrics.csv").read_text().splitlines(keepends=True)
    (xor / "metrics.csv").write_text("".join(lines[:2]))
    for name in ("summary.json", "predictions.npz", "snapshots.npz", "checkpoint.npz"):
        (xor / name).unlink()
    change(xor, status="running")
    result = nnlab("report", xor.name)
    assert result.exit_code == 0
    assert result.stderr == (
        f"Note: The run {xor.name} has not finished an epoch: there are no curves.\n"
    )
    text = (xor / "report.html").read_text()
    story = "The training was killed; `nnlab resume` continues it. 0 of 5 epochs were trained"
    assert story in text
    assert 'id="asked"' in text


def change(run: Path, **entries: object) -> None:
    about = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(about | entries))


def test_a_diverged_run(nnlab: Nnlab, tmp_path: Path) -> None:
    options = ["--set", "lr=1e9", "--seed", "0", "--no-plots"]
    assert nnlab("train", "digits_binary", *options).exit_code == 4
    result = nnlab("report", "latest")
    assert result.exit_code == 0
    assert re.fullmatch(
        r"Note: The run diverged in epoch \d+, at update [\d,]+: the [a-z0-9 ()]+ is not finite\. "
        r"The last finite weights are shown\.\n",
        result.stderr,
    )
    (run,) = (tmp_path / "runs").iterdir()
    page = (run / "report.html").read_text()
    assert "diverged in epoch" in page
    assert "<td>after that epoch</td>" in page  # final.npz has the last finite weights
    assert view(RunFolder.open(run)).when == "before it diverged"


def test_a_run_of_a_newer_version(nnlab: Nnlab, xor: Path) -> None:
    change(xor, format=2)
    text = (xor / "resolved.yaml").read_text()
    (xor / "resolved.yaml").write_text(text.replace("seed: 3\n", "seed: 3\nquantum: true\n", 1))
    result = nnlab("report", xor.name)
    assert result.exit_code == 0
    first = result.stderr.splitlines()[0]
    assert first.startswith(f"Note: The run {xor.name} is of format 2, and this nnlab knows ")
    page = (xor / "report.html").read_text()
    assert "quantum" in page  # the settings are shown as they stand there
    assert page.count('<figure class="chart"') == 2  # and so are the curves


def test_missing_weights(nnlab: Nnlab, xor: Path) -> None:
    """The slider has its own copies of the weights, so it is still there."""
    for name in ("best", "final"):
        (xor / "weights" / f"{name}.npz").unlink()
    result = nnlab("report", xor.name)
    assert result.exit_code == 0
    first = f"Note: The run {xor.name} has lost weights/best.npz, weights/final.npz."
    assert result.stderr.splitlines()[0] == first
    assert 'class="player"' in (xor / "report.html").read_text()


@pytest.mark.skipif(os.name == "nt", reason="permissions of a folder")
def test_a_folder_that_cannot_be_written(process: Process, xor: Path, tmp_path: Path) -> None:
    """Also for root, whom no permission stops: it gives up that right first."""
    script = tmp_path / "script.py"
    script.write_text(AS_NOBODY)
    place = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    shutil.copytree(xor, place / "run")
    try:
        place.chmod(0o777)
        (place / "run").chmod(0o555)
        done = process(str(script), str(place / "run"), str(place / "warm.html"))
    finally:
        (place / "run").chmod(0o755)
        shutil.rmtree(place)
    assert (done.returncode, done.stdout) == (7, f"{place / 'warm.html'}\n")
    assert done.stderr == (
        f"Cannot write {place / 'run' / 'report.html'}: Permission denied (while trying to open). "
        "Use -o FILE to write the page elsewhere.\n"
    )


# All modules are imported first: the other user may be unable to read the folder of Python.
AS_NOBODY = """
import os, sys
from nnlab.cli import main
from nnlab.show.page import replay, run
run.FIGURES, replay._still = {}, lambda *_: None
try:
    main(["report", sys.argv[1], "--out", sys.argv[2]], prog_name="nnlab")
except SystemExit as end:
    assert end.code == 0
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
main(["report", sys.argv[1]], prog_name="nnlab")
"""


def test_another_file_in_the_way(nnlab: Nnlab, xor: Path) -> None:
    (xor / "report.html").mkdir()
    result = nnlab("report", xor.name)
    assert (result.exit_code, result.stdout) == (6, "")
    assert result.stderr.endswith(" Use -o FILE to write the page elsewhere.\n")
    assert [path.name for path in xor.glob(".*.tmp")] == []
