"""The page of a sweep: every trial with its link, the curves of the cells, and what failed."""

import html
import json
import platform
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nnlab.cli import main
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures.sweep_view import SweepView
from nnlab.show.page.pictures import Album
from nnlab.show.page.repeat import repeat_sweep
from nnlab.show.page.sweep import report_sweep, sweep_charts
from nnlab.show.page.tables import Notices
from nnlab.study.plan import prepare_sweep
from tests.page.conftest import Browser


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    """xor with two rates and two seeds."""
    place = tmp_path_factory.mktemp("sweeps")
    asked = ["sweep", "lr=0.1,0.5", "-c", "xor", "--set", "epochs=20", "--seeds", "2"]
    done = CliRunner().invoke(main, [*asked, "--runs", str(place)], prog_name="nnlab")
    assert done.exit_code == 0, done.output
    (folder,) = place.glob("sweep-*")
    return SweepFolder(folder)


@pytest.fixture(scope="module")
def page(sweep: SweepFolder) -> Path:
    done = CliRunner().invoke(main, ["report", str(sweep.path)], prog_name="nnlab")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{sweep.path / 'report.html'}\n"
    return sweep.path / "report.html"


def test_every_trial_is_linked(sweep: SweepFolder, page: Path) -> None:
    """To its own report where it has one, else to its folder; in the order of the axes."""
    links = re.findall(r'<a href="([^"#]+)">', page.read_text())
    assert sorted(links) == [f"{name}/" for name in sweep.trials()]
    assert all((page.parent / link).is_dir() for link in links)
    rates = re.findall(r'<td class="number" data-order="(0\.[15])">', page.read_text())
    assert rates == ["0.1", "0.1", "0.5", "0.5"]
    first = sweep.trial(sweep.trials()[0])
    CliRunner().invoke(main, ["report", str(first.path)], prog_name="nnlab")
    CliRunner().invoke(main, ["report", str(sweep.path)], prog_name="nnlab")
    links = re.findall(r'<a href="([^"#]+)">', page.read_text())
    assert f"{first.name}/report.html" in links
    first_page = first.path / "report.html"
    first_page.unlink()


def test_a_curve_is_the_median_over_the_seeds(sweep: SweepFolder) -> None:
    loss = sweep_charts(SweepView(sweep), Album(Notices()))[0]
    assert [curve["label"] for curve in loss.data["curves"]] == ["0.1", "0.5"]
    last = [
        float(sweep.trial(record.name).read_table("metrics.csv")["train_loss"][-1])
        for record in sweep.records()
        if record.cell["lr"] == 0.5
    ]
    assert loss.data["curves"][1]["y"][-1] == pytest.approx(np.median(last), rel=1e-3)
    assert loss.data["curves"][1]["x"] == list(range(21))


def test_in_the_browser(page: Path, browser: Browser) -> None:
    """It sorts, it fits, it asks nobody, and a link leads to the trial."""
    browser.open(page)
    assert browser.one(".kind").text == "REPORT OF A SWEEP"
    sections = ["What was asked", "What happened", "Every run", "How to repeat it"]
    assert browser.texts("h2") == browser.texts("nav a") == sections
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]
    assert browser.all("img")
    loss = next(b for b in browser.all("table.runs thead button") if b.text == "train loss")
    loss.click()
    rows = browser.run(
        "return [...document.querySelectorAll('table.runs tbody tr')]"
        ".map(row => +row.cells[5].dataset.order)"
    )
    assert rows == sorted(rows, reverse=True)
    target = browser.one("table.runs a")
    where = target.get_attribute("href")
    target.click()
    assert browser.driver.current_url == where
    browser.driver.get_log("browser")  # Chromium's own list of a folder has something to say


def test_how_to_repeat_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands as they were typed, in their order; the seeds, and a config to keep."""
    more = ["-c", "xor", "--set", "epochs=2", "--no-plots", "--name", "two words"]
    typed = [["sweep", "lr=0.5,0.1", *more], ["sweep", "lr=0.1,0.3", "--seeds", "2", *more]]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NNLAB_RUNS", raising=False)
    for arguments in [*typed, typed[0]]:  # at last there is nothing to do
        monkeypatch.setattr(sys, "argv", ["nnlab", *arguments])
        assert CliRunner().invoke(main, arguments, prog_name="nnlab").exit_code == 0
    folder = SweepFolder(tmp_path / "runs" / "two words")
    found = repeat_sweep(folder, folder.read_about(), folder.trials())
    (_, commands), (_, first_trial) = found.steps
    assert commands.splitlines() == [
        "nnlab sweep lr=0.5,0.1 -c xor --set epochs=2 --no-plots --name 'two words'",
        "nnlab sweep lr=0.1,0.3 --seeds 2 -c xor --set epochs=2 --no-plots --name 'two words'",
    ]
    assert found.facts[:4] == [
        ("config", "xor"),
        ("seeds", "3, 4"),
        ("engine", "numpy"),
        ("Python", platform.python_version()),
    ]
    assert [name for name, _ in found.hashes] == ["data xor"]
    (tmp_path / "base.yaml").write_text(found.base)
    again = prepare_sweep(["lr=0.1,0.3,0.5"], str(tmp_path / "base.yaml"))
    own_seed = {record.name for record in folder.records() if record.seed == 3}
    assert {one.name for one in again.trials} == own_seed
    page = html.unescape(report_sweep(folder, tmp_path / "report.html").html)
    match = re.fullmatch(
        r"nnlab train (\w+)/resolved.yaml --runs \.\.\nnnlab verify (\w+)", first_trial
    )
    assert match is not None
    assert match[1] == match[2]
    assert folder.record(match[1]).cell == {"lr": 0.5}
    assert first_trial in page
    assert commands in page
    monkeypatch.chdir(folder.path)
    for command in first_trial.splitlines():
        words = [*command.split()[1:], *([] if "verify" in command else ["--no-plots"])]
        assert CliRunner().invoke(main, words).exit_code == 0, command
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_trials_of_two_machines_tell_of_both(sweep: SweepFolder, tmp_path: Path) -> None:
    shutil.copytree(sweep.path, tmp_path / "copy")
    copy = SweepFolder(tmp_path / "copy")
    one, other, *_ = copy.trials()
    about = json.loads((copy.path / one / "run.json").read_text())
    about["started"] = f"9{about['started'][1:]}"  # the last of all
    about["versions"]["numpy"] = "1.99.0"
    (copy.path / one / "run.json").write_text(json.dumps(about))
    (copy.path / other / "run.json").write_text("[")
    found = dict(repeat_sweep(copy, copy.read_about(), copy.trials()).facts)
    assert found["NumPy"] == f"{np.__version__}; 1.99.0"
    assert found["Python"] == platform.python_version()


def test_a_trial_that_cannot_be_read_is_told(sweep: SweepFolder) -> None:
    name = sweep.trials()[-1]
    about = sweep.path / name / "run.json"
    before = about.read_bytes()
    about.write_text("[")
    try:
        done = CliRunner().invoke(main, ["report", str(sweep.path)], prog_name="nnlab")
    finally:
        about.write_bytes(before)
    assert done.exit_code == 0
    assert done.stderr.startswith(f"Note: Trial {name}: Cannot read ")
    assert len(done.stderr.splitlines()) == 1


def test_a_sweep_that_says_nothing(sweep: SweepFolder, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("[]")
    done = CliRunner().invoke(main, ["report", str(tmp_path)], prog_name="nnlab")
    assert (done.exit_code, done.stdout) == (6, "")
    assert done.stderr == f"Cannot read {tmp_path / 'sweep.yaml'}: it holds no settings.\n"
