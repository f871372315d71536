"""The page of a sweep: every trial with its link, the curves of the cells, and what failed."""

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nnlab.cli import main
from nnlab.plots.sweeps import Study
from nnlab.report.study import charts
from nnlab.run.sweeps import SweepFolder
from tests.report.conftest import Browser


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
    loss = charts(Study(sweep))[0]
    assert [label for label, _ in loss.series] == ["0.1", "0.5"]
    last = [
        float(sweep.trial(record.name).read_metrics()["train_loss"][-1])
        for record in sweep.records()
        if record.cell["lr"] == 0.5
    ]
    assert float(loss.data["values"][1][-1]) == pytest.approx(np.median(last), rel=1e-3)
    assert loss.data["epochs"] == list(range(21))


def test_in_the_browser(page: Path, browser: Browser) -> None:
    """It sorts, it fits, it asks nobody, and a link leads to the trial."""
    browser.open(page)
    assert browser.one(".kind").text == "REPORT OF A SWEEP"
    assert browser.texts("h2") == ["What was asked", "What happened", "Every run"]
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]
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
    assert done.stderr == f"Cannot read {tmp_path / 'sweep.yaml'}: it describes no sweep.\n"
