"""The page of a race of optimizers: it speaks of steps and of a function, and of no network."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from nnlab.cli import main
from nnlab.race.page import in_full, report_race
from nnlab.run.folder import RunFolder
from nnlab.show.figures import view
from nnlab.show.page.settings import explain_settings
from tests.page.test_page import Tags

RACE = """\
name: two
function: {name}
start: [1, 2]
runs:
  - {{name: slow, optimizer: {{sgd: 0.01}}, steps: 5}}
  - {{name: fast, optimizer: {{sgd: {rate}}}, steps: 400}}
"""


def race(folder: Path, name: str = "himmelblau", rate: float = 0.02) -> RunFolder:
    config = folder / "two.yaml"
    config.write_text(RACE.format(name=name, rate=rate))
    CliRunner().invoke(main, ["descend", str(config), "--runs", str(folder / "runs"), "--no-plots"])
    (run,) = (one for one in (folder / "runs").iterdir() if not one.name.startswith("."))
    return RunFolder(run)


def test_the_page_tells_the_race(tmp_path: Path) -> None:
    run = race(tmp_path)
    answer = CliRunner().invoke(main, ["report", str(run.path)])
    assert (answer.exit_code, answer.stderr) == (0, "")
    html = (run.path / "report.html").read_text()
    assert Tags(html).open == []
    assert "The race came to its end" in html
    assert "nnlab descend resolved.yaml --runs .." in html
    for wrong in ("nnlab verify", "nnlab train", "the network", "epochs were", "has lost"):
        assert wrong not in html.partition("<main")[2].partition("<script>")[0], wrong
    assert 'alt="The race of the optimizers of two' in html
    with (run.path / "paths.csv").open() as file:
        last = {row["run"]: row for row in csv.DictReader(file)}
    assert html.count("(3, 2)") == 2  # the known minimum of Himmelblau's function nearest to both
    assert all(row["step"] in html for row in last.values())


@pytest.mark.parametrize(
    ("name", "rate", "said"),
    [
        ("himmelblau", 10.0, "<td>at step 4</td>"),
        ("saddle", 0.1, "The race came to its end"),  # no lowest value, no minimum
    ],
)
def test_a_race_without_a_good_end(tmp_path: Path, name: str, rate: float, said: str) -> None:
    assert said in report_race(race(tmp_path, name, rate)).html


def test_every_setting_of_every_run_stands_by_itself(tmp_path: Path) -> None:
    """No mapping is cut off, and what nobody wrote is told from what somebody did."""
    found = explain_settings(view(race(tmp_path)), in_full)
    shown = found.sections
    assert [one.value for one in shown["start"][0]] == ["[1, 2]"]
    written = dict.fromkeys(("", "optimizer", "lr", "steps"), "given")
    for line, name, lr, steps in zip(
        shown["runs"], ("slow", "fast"), ("0.01", "0.02"), ("5", "400"), strict=True
    ):
        values = {one.key: one.value for one in line}
        assert (values[""], values["optimizer"], values["lr"]) == (name, "sgd", lr)
        assert (values["schedule"], values["steps"], values["start"]) == ("constant", steps, "null")
        assert {one.key: one.state for one in line if one.state != "default"} == written
    assert found.compared
    assert not any("{" in one.value for lines in shown.values() for line in lines for one in line)


def test_a_race_that_lost_its_files_gives_a_page_that_says_so(tmp_path: Path) -> None:
    run = race(tmp_path)
    (run.path / "resolved.yaml").unlink()
    (run.path / "summary.json").unlink()
    report = report_race(run)
    assert report.notices
    assert "The race came to its end" in report.html
