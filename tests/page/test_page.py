"""What stands in the page, compared with the run folder by other means."""

import hashlib
import json
import re
import shutil
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnlab
from nnlab.core.types import FloatArray
from nnlab.run.folder import RunFolder
from nnlab.show.figures import view
from nnlab.show.figures.network import short_number
from nnlab.show.page import report_run
from nnlab.show.page.pictures import Album
from nnlab.show.page.replay import Replay, make_replay
from nnlab.show.page.settings import explain_settings, intro_paragraphs
from nnlab.show.page.tables import Notices
from tests.page.conftest import LARGEST, SMALL, Browser, save_page


class Tags(HTMLParser):
    """Every start tag with its attributes, and whether every element was closed in turn."""

    VOID = ("meta", "link", "img", "input", "br", "source")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", SMALL)
def test_one_file_that_names_no_other(pages: dict[str, Path], name: str) -> None:
    html = pages[name].read_text()
    assert len(html.encode()) < LARGEST
    found = Tags(html)
    assert found.open == []
    for tag, attributes in found.tags:
        for key in ("src", "href", "srcset"):
            value = attributes.get(key) or "#"
            assert value.startswith(("#", "data:")), (tag, value[:80])
        assert "style" not in attributes
        assert not any(key.startswith("on") for key in attributes)
    rest = re.sub(r"<(pre|p)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert "://" not in rest.replace('const SVG = "http://www.w3.org/2000/svg"', "")


def test_the_same_folder_gives_the_same_bytes(
    runs: dict[str, RunFolder], pages: dict[str, Path], tmp_path: Path
) -> None:
    """Also somewhere else, at another time, with a report in it."""
    copy = tmp_path / runs["curve"].name
    shutil.copytree(runs["curve"].path, copy)
    assert report_run(RunFolder.open(copy)).html == pages["curve"].read_text()


EVIL = "</script><script>document.title='no'</script><img src=x onerror=alert(1)>\"'&"


@pytest.fixture
def evil(runs: dict[str, RunFolder], tmp_path: Path) -> RunFolder:
    """A run in which every text was made to break out of its place."""
    copy = tmp_path / "20260101-000000-evil-abcdef"
    shutil.copytree(runs["codes"].path, copy)
    (copy / "config.yaml").write_text(f"# {EVIL}\n" + (copy / "config.yaml").read_text())
    data = json.loads((copy / "data.json").read_text())
    names = [f"{EVIL}{i}" for i in range(8)]
    changed = {"feature_names": names, "target_names": names, "class_names": names}
    (copy / "data.json").write_text(json.dumps(data | changed))
    about = json.loads((copy / "run.json").read_text())
    changes = {"argv": ["nnlab", "train", EVIL], "engine": EVIL, "versions": {"python": EVIL}}
    (copy / "run.json").write_text(json.dumps(about | changes))
    metrics = (
        (copy / "metrics.csv")
        .read_text()
        .replace("train_accuracy", '"train_' + EVIL.replace('"', '""') + '"', 1)
    )
    (copy / "metrics.csv").write_text(metrics)
    summary = json.loads((copy / "summary.json").read_text())
    summary["classes"] = [{"class": EVIL, "f1": 1.0}]
    summary["confusion"] = [[1] * 8] * 8
    (copy / "summary.json").write_text(json.dumps(summary))
    return RunFolder.open(copy)


def test_hostile_texts_are_only_texts(evil: RunFolder, browser: Browser) -> None:
    report = report_run(evil)
    html = report.html
    assert report.notices == ()
    assert Tags(html).open == []
    assert "<img src=x" not in html
    page = save_page(evil, html)
    browser.open(page)  # the fixture fails on an error or a refused script in the console
    assert browser.driver.title == "codes: report"
    assert EVIL in browser.one("#again").text
    from selenium.webdriver import Keys

    browser.one(".player input").send_keys(Keys.HOME)
    assert browser.one(".moment-label b").text == "epoch 0"


def test_a_hostile_name(evil: RunFolder, browser: Browser) -> None:
    """It is no name that a config may have, so the parts that need the config say so in a line."""
    path = evil.path / "resolved.yaml"
    path.write_text(path.read_text().replace("name: codes", f"name: {json.dumps(EVIL)}", 1))
    report = report_run(evil)
    assert len(report.notices) == 1
    assert re.fullmatch(r".*: a name cannot contain '<'\..*", report.notices[0])
    browser.open(save_page(evil, report.html))
    assert browser.driver.title == f"{EVIL}: report"
    assert browser.one("h1").text == EVIL


def test_the_policy_stops_what_is_not_of_the_page(
    pages: dict[str, Path], browser: Browser, tmp_path: Path
) -> None:
    """A script, a style or a picture from elsewhere that came in all the same."""
    more = (
        "<script>document.title = 'no'</script><style>h1 { display: none }</style>"
        "<img id=far src=far.png>"
    )
    page = tmp_path / "page.html"
    page.write_text(pages["untrained"].read_text().replace("</header>", f"{more}</header>"))
    browser.open(page)
    assert browser.driver.title == "untrained: report"
    assert browser.one("h1").is_displayed()
    refused = [entry["message"] for entry in browser.driver.get_log("browser")]
    assert len(refused) == 3
    assert all("Content Security Policy" in message for message in refused)


# --- what was asked -----------------------------------------------------------------------------


def states(run: RunFolder) -> dict[str, str]:
    """section.key -> given, default or changed."""
    return {
        f"{section}.{one.key}": one.state
        for section, lines in explain_settings(view(run)).sections.items()
        for line in lines
        for one in line
    }


def test_defaults_differ_from_what_was_written(runs: dict[str, RunFolder]) -> None:
    found = states(runs["plane"])
    wanted = {
        "data.": "given",
        "data.variant": "given",
        "data.split": "default",
        "init.std": "given",
        "loss.reduction": "given",
        "optimizer.lr": "changed",
        "optimizer.momentum": "default",
        "schedule.": "default",
        "training.epochs": "changed",
        "training.shuffle": "default",
        "training.engine": "changed",  # auto, which became numpy when the run began
        "network.units": "given",
        "network.init": "default",
    }
    assert {key: found[key] for key in wanted} == wanted


def test_a_file_written_in_short_form_counts_as_written(tmp_path: Path) -> None:
    """And a path that was made absolute is still the one that was written."""
    (tmp_path / "rows.csv").write_text("a,b\n" + "".join(f"{i},{i * 2}\n" for i in range(9)))
    (tmp_path / "c.yaml").write_text(
        "data: {name: csv, path: rows.csv, target: b, task: regression}\n"
        "network: [{dense: 2}, tanh, {dense: 1}]\nloss: mse\noptimizer: {adam: 0.5}\n"
        "training: {epochs: 1}\n"
    )
    run = nnlab.train(tmp_path / "c.yaml", runs=tmp_path)
    found = states(RunFolder.open(run.path))
    wanted = ("data.path", "optimizer.", "optimizer.lr", "loss.", "network.units")
    assert {key: found[key] for key in wanted} == dict.fromkeys(wanted, "given")
    assert found["optimizer.beta1"] == "default"


def test_what_is_inside_a_setting_stands_beside_it(tmp_path: Path) -> None:
    """A member's settings by their names, those of a plain mapping behind its own."""
    (tmp_path / "c.yaml").write_text(
        "data: xor\nnetwork: [{dense: {units: 2, init: {normal: 0.5}}}, tanh, {dense: 1}]\n"
        "loss: mse\ntraining: {epochs: 1, early_stopping: {patience: 5}}\n"
    )
    run = RunFolder.open(nnlab.train(tmp_path / "c.yaml", runs=tmp_path).path)
    shown = explain_settings(view(run)).sections
    first = [(one.key, one.value, one.state) for one in shown["network"][0]]
    assert first[:5] == [
        ("", "dense", "given"),
        ("units", "2", "given"),
        ("bias", "true", "default"),
        ("init", "normal", "given"),
        ("std", "0.5", "given"),
    ]
    stopping = {
        one.key: one.state for one in shown["training"][0] if one.key.startswith("early_stopping")
    }
    assert stopping == {
        "early_stopping.patience": "given",
        "early_stopping.min_delta": "default",
        "early_stopping.mode": "default",
        "early_stopping.restore_best": "default",
    }


@pytest.mark.parametrize("config", ["", "a: [", "network: [{new_layer: 3}]\n"])
def test_without_a_config_that_can_be_read_nothing_is_greyed(
    runs: dict[str, RunFolder], tmp_path: Path, config: str
) -> None:
    copy = tmp_path / runs["plane"].name
    shutil.copytree(runs["plane"].path, copy)
    (copy / "config.yaml").write_text(config)
    run = RunFolder.open(copy)
    assert set(states(run).values()) == {"given"}
    assert explain_settings(view(run)).compared is False


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [
        ("name: x\n# later\n", []),
        ("# One\n# line.\n#\n# Two.\nname: x\n", [("One line.", False), ("Two.", False)]),
        ("# List:\n# * a\n#   b\n# * c\n", [("List:", False), ("a b", True), ("c", True)]),
    ],
)
def test_the_comment_at_the_top(text: str, paragraphs: list[tuple[str, bool]]) -> None:
    assert intro_paragraphs(text) == paragraphs


# --- the slider ---------------------------------------------------------------------------------


def replayed(run: RunFolder) -> Replay | None:
    return make_replay(view(run), Album(Notices()))


def scene(run: RunFolder, kind: str) -> dict[str, Any]:
    replay = replayed(run)
    assert replay is not None
    return next(one.data for one in replay.scenes if one.data["kind"] == kind)


def test_the_slider_has_the_recorded_epochs_and_their_losses(runs: dict[str, RunFolder]) -> None:
    found = replayed(runs["plane"])
    assert found is not None
    assert found.epochs[:4] == [0, 1, 2, 3]
    assert found.epochs[-1] == 400
    run = nnlab.load(runs["plane"].path)
    loss = float(run.metrics["train_loss"][-1])
    shown = re.match(r"training loss ([0-9.]+)", found.labels[-1])
    assert shown is not None
    assert float(shown[1]) == pytest.approx(loss, rel=1e-3)


def test_lines_and_biases_are_the_weights(runs: dict[str, RunFolder]) -> None:
    """First and last moment, against the files of weights; input by input, unit by unit."""
    data = scene(runs["codes"], "diagram")
    for moment, which in ((0, "initial"), (-1, "final")):
        arrays = np.load(runs["codes"].path / "weights" / f"{which}.npz")
        weights = np.concatenate([arrays[f"{i}.dense.weight"].ravel() for i in (0, 2)])
        biases = np.concatenate([arrays[f"{i}.dense.bias"] for i in (0, 2)])
        np.testing.assert_allclose(data["weights"][moment], weights, rtol=5e-3)
        assert data["biases"][moment] == [short_number(value) for value in biases]


def test_a_wide_layer_shows_its_first_and_last_units(runs: dict[str, RunFolder]) -> None:
    found = scene(runs["filters"], "diagram")
    first, second, _ = found["layers"]
    assert first["names"] == [f"x{number}" for number in (1, 2, 3, 4, 5, 60, 61, 62, 63, 64)]
    assert (second["names"][0], second["names"][-1]) == ("unit 1 of 0.dense", "unit 32 of 0.dense")
    assert [layer["shortened"] for layer in found["layers"]] == [True, True, False]
    weights = np.load(runs["filters"].path / "weights" / "final.npz")["0.dense.weight"]
    assert found["weights"][-1][0] == pytest.approx(weights[0, 0], rel=5e-3)
    assert found["weights"][-1][99] == pytest.approx(weights[63, 31], rel=5e-3)


def test_the_heat_map_is_what_the_network_answers(runs: dict[str, RunFolder]) -> None:
    found = scene(runs["codes"], "heat")
    hidden, outputs = np.split(np.array(found["values"][-1]).reshape(8, 11) / 100, [3], axis=1)
    run = nnlab.load(runs["codes"].path)
    np.testing.assert_allclose(outputs, run.predict(np.eye(8)), atol=0.0051)
    arrays = np.load(runs["codes"].path / "weights" / "final.npz")
    z = arrays["0.dense.weight"] + arrays["0.dense.bias"]
    np.testing.assert_allclose(hidden, 1 / (1 + np.exp(-z)), atol=0.0051)


def test_of_several_hidden_layers_the_narrowest_is_shown(tmp_path: Path) -> None:
    run = nnlab.train("xor", runs=tmp_path, epochs=3, **{"network.0.units": 2})
    found = scene(RunFolder.open(run.path), "heat")
    assert [len(block["columns"]) for block in found["blocks"]] == [2, 1]


def decoded(field: str, height: int, width: int) -> FloatArray:
    """The numbers (h, w) between -1 and 1 of a field."""
    return np.frombuffer(b64decode(field), np.uint8).reshape(height, width) / 127.0 - 1.0


def test_the_plane_is_what_the_network_answers(runs: dict[str, RunFolder]) -> None:
    found = scene(runs["plane"], "plane")
    shown = decoded(found["fields"][-1], 64, 64)
    side = np.linspace(-0.1, 1.1, 64)  # 0..1 with 10 % of room
    across, down = np.meshgrid(side, side[::-1])
    run = nnlab.load(runs["plane"].path)
    said = run.predict(np.stack([across.ravel(), down.ravel()], axis=1)).reshape(64, 64)
    np.testing.assert_allclose(shown, 2 * said - 1, atol=0.005)


def test_the_curve_is_what_the_network_answers(runs: dict[str, RunFolder]) -> None:
    found = scene(runs["curve"], "curve")
    said = nnlab.load(runs["curve"].path).predict(np.array(found["along"])[:, None])[:, 0]
    np.testing.assert_allclose(found["outputs"][-1][0], said, rtol=1e-3, atol=1e-3)


def test_filters_are_the_weights_of_the_first_layer(runs: dict[str, RunFolder]) -> None:
    found = scene(runs["filters"], "filters")
    tiles = decoded(found["fields"][-1], found["height"], found["width"])
    weights = np.load(runs["filters"].path / "weights" / "final.npz")["0.dense.weight"]
    for unit in (0, 9, 31):
        row, column = divmod(unit, 8)
        tile = tiles[1 + 9 * row : 9 + 9 * row, 1 + 9 * column : 9 + 9 * column]
        image = weights[:, unit].reshape(8, 8)
        assert np.corrcoef(tile.ravel(), image.ravel())[0, 1] > 0.999


def test_no_slider_where_nothing_moved(runs: dict[str, RunFolder]) -> None:
    assert replayed(runs["untrained"]) is None


def test_hashes_and_command(runs: dict[str, RunFolder], pages: dict[str, Path]) -> None:
    html = pages["codes"].read_text()
    weights = (runs["codes"].path / "weights" / "final.npz").read_bytes()
    assert hashlib.sha256(weights).hexdigest() in html
    assert f"for the run&#39;s folder, {runs['codes'].name}, where" in html
    assert '<pre tabindex="0">nnlab train resolved.yaml --runs ..</pre>' in html


def test_the_first_update_of_a_small_network(pages: dict[str, Path]) -> None:
    """In formulas, folded; not of a network whose units would be left out."""
    shown = {name for name, page in pages.items() if 'id="explained"' in page.read_text()}
    assert shown >= {"plane", "codes"}
    assert not shown & {"filters", "untrained"}
    for name in shown:
        section = pages[name].read_text().partition('id="explained"')[2].partition('id="again"')[0]
        assert "before training" in section
        assert section.count("<math>") > 20
        assert "<details>" in section
