"""The page in a real Chromium, from file://: what moves, what answers, and who may read it."""

import base64
import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

import nnlab
from nnlab.core.types import FloatArray
from nnlab.run.folder import RunFolder
from nnlab.show.figures import view
from nnlab.show.page import report_run
from nnlab.show.words import format_number
from tests.page.conftest import LARGEST, SMALL, Browser, save_page

# What each run's page shows beside its slider.
VIEWS = {
    "plane": ["of-plane", "of-heat", "of-diagram", "of-health"],
    "codes": ["of-heat", "of-diagram", "of-health"],
    "curve": ["of-curve", "of-diagram", "of-health"],
    "filters": ["of-diagram", "of-filters", "of-health"],
}
# The contrast of every text with what is behind it: WCAG's formula, over the page's own colours.
CONTRAST = """
const rgb = text => text.match(/[\\d.]+/g).map(Number);
const light = c => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const luminance = c => 0.2126 * light(c[0]) + 0.7152 * light(c[1]) + 0.0722 * light(c[2]);
const behind = element => {
  for (let e = element; e; e = e.parentElement) {
    const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c;
  }
  return [255, 255, 255];
};
const poor = [];
for (const element of document.querySelectorAll("body *")) {
  const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  if (!own || !element.checkVisibility() || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
  if (element.closest(".cells")) continue;  // on colours of their own, see test_cells
  const style = getComputedStyle(element);
  const front = rgb(element instanceof SVGElement ? style.fill : style.color);
  const [a, b] = [luminance(front), luminance(behind(element))].sort((x, y) => y - x);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) poor.push([element.outerHTML.slice(0, 90), ratio]);
}
return poor;
"""


@pytest.mark.parametrize("name", SMALL)
def test_opens_from_a_file_and_asks_nobody(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    browser.open(pages[name])
    assert browser.driver.title == f"{name}: report"
    wanted = [url for url in browser.requests() if not url.startswith("data:")]
    assert wanted == [pages[name].as_uri()]


@pytest.mark.data
def test_the_page_of_many_pictures(browser: Browser, data_folder: Path, tmp_path: Path) -> None:
    """The largest of the shipped configs' pages is small enough, and every picture has a size."""
    run = RunFolder.open(nnlab.train("fashion_mlp", runs=tmp_path, epochs=1).path)
    page = save_page(run, report_run(run).html)
    assert 500_000 < page.stat().st_size < LARGEST
    browser.open(page)
    assert browser.driver.title == "fashion-mlp: report"
    assert [url for url in browser.requests() if not url.startswith("data:")] == [page.as_uri()]
    sizes = [one.size["width"] for one in browser.all("img") if one.is_displayed()]
    assert sizes
    assert all(sizes)


@pytest.mark.parametrize("name", VIEWS)
def test_the_slider_moves_every_picture(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    """By the keyboard and by the mouse; and it says where it stands."""
    from selenium.webdriver import ActionChains, Keys

    browser.open(pages[name])
    figures = browser.all("figure.view")
    assert [f.get_attribute("class").split()[1] for f in figures] == VIEWS[name]
    slider, label = browser.one(".player input"), browser.one(".moment-label")
    last, drawn = pictures(figures), browser.run(DRAWN)
    slider.send_keys(Keys.HOME)
    first = pictures(figures)
    assert label.text.startswith("epoch 0 ")
    assert slider.get_attribute("aria-valuetext").startswith("epoch 0: training loss ")
    assert all(changed(a, b) for a, b in zip(first, last, strict=True))
    assert browser.texts(".cells tbody td:not(.target)") == browser.run(CELLS)
    ActionChains(browser.driver).move_to_element(slider).click().perform()  # its middle
    assert not label.text.startswith("epoch 0 ")
    assert browser.run(DRAWN) != drawn
    slider.send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    assert label.text.startswith("epoch 1 ")
    slider.send_keys(Keys.END)
    assert browser.run(DRAWN) == drawn


DRAWN = "return [...document.querySelectorAll('figure.view')].map(figure => figure.outerHTML)"


CELLS = """
const data = JSON.parse(document.querySelector(".replay > script").textContent);
const heat = data.scenes.find(scene => scene.kind === "heat");
return heat ? heat.values[0].map(value => (value / 100).toFixed(2).replace("-", "\u2212")) : [];
"""


def pictures(elements: list[Any]) -> list[FloatArray]:
    return [imread(io.BytesIO(element.screenshot_as_png)) for element in elements]


def changed(before: FloatArray, after: FloatArray) -> bool:
    """Whether more than the edges of letters are another colour."""
    height, width = (min(a, b) for a, b in zip(before.shape[:2], after.shape[:2], strict=True))
    distance = np.abs(before[:height, :width] - after[:height, :width]).max(axis=2)
    return bool((distance > 0.1).mean() > 0.003)


def test_the_player_plays_to_the_end(browser: Browser, pages: dict[str, Path]) -> None:
    from selenium.webdriver import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    browser.open(pages["filters"])
    play, label = browser.one(".play"), browser.one(".moment-label")
    assert play.text == "Play"
    play.send_keys(Keys.ENTER)
    assert (play.text, play.get_attribute("aria-pressed")) == ("Pause", "true")
    WebDriverWait(browser.driver, 20).until(lambda _: play.text == "Play")
    assert label.text.startswith("epoch 3 ")


# Of the first chart, where each of its circles stands: one per epoch of a short curve.
DOTS = """
const dots = document.querySelectorAll("figure.chart:first-child svg[role=img] .dot.c0");
return [...dots].map(dot => [Number(dot.getAttribute("cx")), Number(dot.getAttribute("cy"))]);
"""


def test_a_pointer_on_a_curve_reads_its_values(browser: Browser, pages: dict[str, Path]) -> None:
    from selenium.webdriver import ActionChains, Keys

    browser.open(pages["filters"])  # 3 epochs, training and test
    chart = browser.one("figure.chart")
    plot, reading = chart.find_element("css selector", ".plot"), browser.one(".reading")
    assert reading.text == ""
    right = round(plot.rect["width"] / 2 - 14)
    ActionChains(browser.driver).move_to_element_with_offset(plot, right, 0).perform()
    text = reading.text
    shown = dict(part.split() for part in text.removeprefix("epoch 3: ").split(", "))
    assert list(shown) == ["training", "test"]
    cursor = plot.find_element("css selector", ".cursor").get_attribute("d")
    assert float(cursor[1:].split()[0]) == pytest.approx(browser.run(DOTS)[3][0], abs=0.01)
    scrub = chart.find_element("css selector", "input")
    scrub.send_keys(Keys.ARROW_LEFT)
    assert reading.text.startswith("epoch 2: ")
    assert scrub.get_attribute("aria-valuetext") == reading.text


def test_a_share_far_below_zero_stays_inside_its_axes(
    browser: Browser, pages: dict[str, Path]
) -> None:
    """The coefficient of determination of an untrained network can be minus a million."""
    browser.open(pages["filters"])
    browser.run("""
    const curve = { label: "training", x: [0, 1, 2], y: [-1e6, -1, 0.9] };
    const data = { title: "R", note: "", unit: "epoch", scales: ["linear"], marks: [], share: true,
                   alt: "", stepped: false, smoothing: 0, curves: [curve] };
    new Chart(document.querySelector("figure.chart"), data);
    """)
    part = browser.run("""
    const curve = document.querySelector("figure.chart:first-child svg svg path.curve.c0");
    const part = curve.closest("svg"), end = part.y.baseVal.value + part.height.baseVal.value;
    return { overflow: getComputedStyle(part).overflow, end, line: curve.getBBox().height };
    """)
    assert part["overflow"] == "hidden"
    assert part["end"] < browser.run("return CHART.height") < part["line"]


def test_values_of_a_curve_are_those_of_the_table(
    browser: Browser, pages: dict[str, Path], runs: dict[str, RunFolder]
) -> None:
    """As text beside the pointer; and as a line, whose points are where the axis says."""
    from selenium.webdriver import Keys

    browser.open(pages["filters"])
    browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    rows = [line.split() for line in browser.texts("details table.data tbody tr")]
    head = browser.texts("details table.data thead th")
    loss = [row[[text.split()[0] for text in head].index("train")] for row in rows]
    scrub = browser.one("figure.chart input")
    scrub.send_keys(Keys.HOME)
    found = []
    for _ in loss:
        found.append(browser.one(".reading").text.split("training ")[1].split(",")[0])
        scrub.send_keys(Keys.ARROW_RIGHT)
    assert found == loss
    assert len(found) == 4
    values = np.asarray(view(runs["filters"]).metrics["train_loss"])
    heights = [height for _, height in browser.run(DOTS)]
    share = (values - values[0]) / (values[-1] - values[0])
    drawn = (np.array(heights) - heights[0]) / (heights[-1] - heights[0])
    if browser.one(".rescale").get_attribute("aria-pressed") == "true":
        share = np.log(values / values[0]) / np.log(values[-1] / values[0])
    np.testing.assert_allclose(drawn, share, atol=1e-6)


def test_the_scale_can_be_chosen(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["codes"])
    button = browser.one(".rescale")
    path = "figure.chart:first-child path.curve"
    before = button.get_attribute("aria-pressed"), browser.one(path).get_attribute("d")
    button.click()
    after = button.get_attribute("aria-pressed"), browser.one(path).get_attribute("d")
    assert before[0] == "false"
    assert after[0] == "true"
    assert before[1] != after[1]
    button.click()
    assert browser.one(path).get_attribute("d") == before[1]


@pytest.mark.parametrize("values", [(1.0, 1e-312), (1e99, 1e-215), (1.0, 5e-324)])
def test_an_axis_spans_all_numbers(
    browser: Browser, pages: dict[str, Path], values: tuple[float, float]
) -> None:
    """Their quotient overflows; ticks from 0 on would never come to an end."""
    browser.open(pages["untrained"])
    low, high = browser.run(f"return valueRange({list(values)}, 'log', false)")
    assert 0 < low <= values[1]
    assert values[0] < high < 1e308
    assert browser.run(f"return logTicks({low!r}, {high!r}).length") in range(4, 9)


@pytest.mark.parametrize(
    "value", [0.0, 1.0, 0.5, 12.3456, 1234.5, 20_000.0, 9.9996, 1e-4, 3.2e-5, -0.25, 1.2e7, None]
)
def test_the_script_words_numbers_as_python_does(
    browser: Browser, pages: dict[str, Path], value: float | None
) -> None:
    browser.open(pages["untrained"])
    text = "null" if value is None else repr(value)
    assert browser.run(f"return formatNumber({text})") == format_number(value)


def test_tables_sort(browser: Browser, pages: dict[str, Path]) -> None:
    """A number's column first from the largest, a name's from A; a second time the other way."""
    browser.open(pages["filters"])
    table = "table.data[data-sortable]:not(details *)"
    names = browser.texts(f"{table} caption")
    index = next(i for i, name in enumerate(names) if name.startswith("Each class"))

    def column(number: int) -> list[str]:
        rows = browser.all(table)[index].find_elements("css selector", "tbody tr")
        return [row.find_elements("css selector", "th, td")[number].text for row in rows]

    def click(number: int) -> str | None:
        head = browser.all(table)[index].find_elements("css selector", "thead th")[number]
        head.find_element("css selector", "button").click()
        return str(head.get_attribute("aria-sort"))

    f1 = [float(text) for text in column(3)]
    assert click(3) == "descending"
    assert [float(text) for text in column(3)] == sorted(f1, reverse=True)
    assert click(3) == "ascending"
    assert [float(text) for text in column(3)] == sorted(f1)
    names = ["5 or more", "below 5", "macro mean", "weighted mean"]
    assert click(0) == "ascending"
    assert column(0) == names
    assert click(0) == "descending"
    assert column(0) == names[::-1]


def test_numbers_with_powers_of_ten_sort_as_numbers(browser: Browser, tmp_path: Path) -> None:
    """What is missing comes last either way."""
    from nnlab.show.page.render import Page, render
    from nnlab.show.page.tables import Notices, table_of_records

    values = [0.5, 2e-7, None, 1234.0, 3e9]
    page = Page("k", "t", "", "run folder", "f", Notices())
    records = [{"name": str(i), "x": v} for i, v in enumerate(values)]
    page.tables = table_of_records("c", records, {})
    (tmp_path / "page.html").write_text(render(page).html, encoding="utf-8")
    browser.open(tmp_path / "page.html")
    button = browser.all("thead button")[1]
    button.click()
    assert browser.texts("tbody th") == ["4", "3", "0", "1", "2"]
    button.click()
    assert browser.texts("tbody th") == ["1", "0", "3", "4", "2"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["plane", "filters"])
def test_every_text_can_be_read(
    browser: Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    browser.media(color_scheme=scheme)
    browser.open(pages[name])
    browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.run(CONTRAST) == []
    paper = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, paper[4:-1].split(","))) < 60) is (scheme == "dark")


@pytest.mark.parametrize("width", [320, 375, 1100])
@pytest.mark.parametrize("name", SMALL)
def test_nothing_is_wider_than_the_screen(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    browser.media(width=width)
    browser.open(pages[name])
    assert browser.run("return document.documentElement.scrollWidth") <= width


def test_on_paper_the_slider_stands_at_the_end(browser: Browser, pages: dict[str, Path]) -> None:
    from selenium.webdriver import Keys

    browser.open(pages["plane"])
    browser.one(".player input").send_keys(Keys.HOME)
    pdf = browser.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})["data"]
    assert base64.b64decode(pdf).startswith(b"%PDF")
    assert browser.one(".moment-label b").text == "epoch 400"
    browser.media("print")
    hidden = browser.all("nav, .player, .controls, .reading, details")
    assert hidden
    assert not any(one.is_displayed() for one in hidden)
    assert all(one.is_displayed() for one in browser.all("figure.view, table.settings"))
    paper = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


@pytest.mark.parametrize("name", VIEWS)
def test_without_scripts_figures_show_the_last_epoch(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    emulate = "Emulation.setScriptExecutionDisabled"
    browser.driver.execute_cdp_cmd(emulate, {"value": True})
    try:
        browser.open(pages[name])
        epochs = SMALL[name][1]["epochs"]
        assert browser.one(".moment-label b").text == f"epoch {epochs}"
        assert len(browser.all(".drawing img")) == len(VIEWS[name]) - 1  # no figure of health
        assert all(image.is_displayed() for image in browser.all(".drawing img"))
        assert not any(one.is_displayed() for one in browser.all(".player, .controls"))
    finally:
        browser.driver.execute_cdp_cmd(emulate, {"value": False})


@pytest.mark.parametrize("name", SMALL)
def test_a_screen_reader_finds_its_way(browser: Browser, pages: dict[str, Path], name: str) -> None:
    browser.open(pages[name])
    browser.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    levels = browser.run(
        "return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert browser.one("html").get_attribute("lang") == "en"
    assert all(one.get_attribute("alt") for one in browser.all("img"))
    assert all(one.get_attribute("aria-label") for one in browser.all("svg[role=img]"))
    loose = browser.all("svg:not([role=img]):not([aria-hidden])")
    assert loose == []
    named = browser.all("input, button, [role=region]")
    assert [one.get_attribute("outerHTML") for one in named if not one.accessible_name] == []
    assert browser.all("th:not([scope])") == []
    assert browser.all("table:not(:has(> caption))") == []
    anchors = [link.get_attribute("href").partition("#")[2] for link in browser.all("nav a")]
    assert [one.get_attribute("id") for one in browser.all("section")] == anchors


def test_focus_is_seen(browser: Browser, pages: dict[str, Path]) -> None:
    from selenium.webdriver import Keys

    browser.open(pages["codes"])
    reached = set()
    for _ in range(25):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        tag, width = browser.run(
            "const e = document.activeElement; return [e.tagName, getComputedStyle(e).outlineWidth]"
        )
        if tag != "BODY":
            reached.add(tag)
            assert width == "3px", tag
    assert {"A", "INPUT", "BUTTON", "SUMMARY"} <= reached


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_of_a_weight_can_be_read_in_grey(
    browser: Browser, pages: dict[str, Path], scheme: str
) -> None:
    """Lighter than grey is below zero, darker is above, and a legend says so."""
    browser.media(color_scheme=scheme)
    browser.open(pages["filters"])
    assert browser.texts(".of-filters .legend span") == ["negative", "zero", "positive"]
    greys = browser.run(
        "return [0, 60, 127, 190, 254].map(byte => shadeOfLightness(byte))"
        ".map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b)"
    )
    assert all(lighter - darker > 20 for lighter, darker in pairwise(greys))
