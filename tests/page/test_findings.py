"""The doctor's findings in a report: what findings.json says, and nothing else."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from nnlab.run.folder import FINDINGS, RunFolder
from nnlab.show.figures import FIGURES, view
from nnlab.show.page import report_run
from nnlab.show.page.findings import overview_of_findings
from nnlab.show.page.tables import Notices

EVIL = "<script>alert(1)</script>"


def finding(**changes: Any) -> dict[str, Any]:
    usual = {
        "kind": "plateau",
        "sure": 0.6,
        "sentence": "It stands still.",
        "advice": "",
        "evidence": ["loss 1, then 1"],
        "why": "Slopes are small.",
        "epoch": 5,
        "step": 1200,
        "remedies": [["lr=1"], ["init={normal: 1}", "lr=2"]],
        "figure": "curves",
        "serious": True,
    }
    return usual | changes


@pytest.fixture
def examined_run(runs: dict[str, RunFolder], tmp_path: Path) -> RunFolder:
    """A copy of a finished run of 300 epochs."""
    copy = tmp_path / runs["codes"].name
    shutil.copytree(runs["codes"].path, copy)
    return RunFolder.open(copy)


def test_the_report_shows_findings_the_surest_first(
    examined_run: RunFolder, monkeypatch: pytest.MonkeyPatch
):
    few = {"codes": FIGURES["codes"]}  # to draw
    monkeypatch.setattr("nnlab.show.page.run.FIGURES", few)
    monkeypatch.setattr("nnlab.show.page.run.make_replay", lambda run, album: None)
    second = finding(kind="odd", sure=0.8, sentence=EVIL, figure="codes", epoch=0, step=0)
    saved = {"epochs": 300, "updates": 600, "findings": [finding(), second]}
    examined_run.write_json("findings.json", saved)
    html = report_run(examined_run).html
    section = html.partition('<section id="doctor">')[2].partition("</section>")[0]
    assert section.index("80 % sure · before training") < section.index("60 % sure · epoch 5")
    assert "update 1,200" in section
    assert EVIL not in html
    assert "--set lr=1\n--set &#39;init={normal: 1}&#39; --set lr=2</pre>" in section
    assert "looks again" not in section
    for name in ("curves", "codes"):
        assert f'href="#figure-{name}"' in section
        assert html.count(f'id="figure-{name}"') == 1


def test_without_findings_there_is_no_section_and_old_ones_are_named(examined_run: RunFolder):
    assert overview_of_findings(view(examined_run), ()) is None
    examined_run.write_json("findings.json", {"epochs": 20, "findings": [finding()]})
    old = overview_of_findings(view(examined_run), ())
    assert old is not None
    assert old.state == (
        "The doctor looked at 20 epochs: 1 finding. The run has 300 epochs now: "
        f"nnlab doctor {examined_run.name} looks again."
    )
    assert old.findings[0]["figure"] == ""  # the page does not have it


@pytest.mark.parametrize(
    "content", ["", "[]", '{"findings": 3}', '{"epochs": 1, "findings": [{"sure": "x"}]}']
)
def test_damaged_findings_are_one_notice(examined_run: RunFolder, content: str):
    (examined_run.path / "findings.json").write_text(content)
    notices = Notices()
    overview = notices.attempt(FINDINGS, lambda: overview_of_findings(view(examined_run), ()), None)
    assert overview is None
    assert len(notices) == 1
    assert "findings.json" in notices[0]
