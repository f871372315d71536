"""Asking a trained network: drawings prepared as its images are, and rows of a table."""

import base64
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnlab
from nnlab.core.types import FloatArray
from nnlab.errors import NnlabError, RunUnreadable, UsageError
from nnlab.play.board import QuestionPage
from nnlab.play.drawing import SIDE, ImageForm, decode_ink, extent, mass_centre, resized
from nnlab.run.run import Run
from nnlab.show.figures import View
from tests.page.conftest import Browser
from tests.play.strokes import STROKES, Stroke

MNIST = ImageForm((28, 28), 20, (14, 14), 0.0, 255.0)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return nnlab.train("digits_conv", runs=tmp_path_factory.mktemp("runs"), epochs=6)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A table with a number, a category and a target in its own units: price = 1000 area + ..."""
    folder = tmp_path_factory.mktemp("prices")
    rng = np.random.default_rng(0)
    area, kind = rng.uniform(20, 120, 60).round(1), rng.integers(0, 2, 60)
    price = 10 * area + 300 * kind
    table = zip(area, kind, price, strict=True)
    rows = [f"{a},{'house' if k else 'flat'},{p}" for a, k, p in table]
    (folder / "prices.csv").write_text("\n".join(["area,kind,price", *rows]))
    config = {
        "data": {"name": "csv", "path": str(folder / "prices.csv"), "target": "price"},
        "network": [{"dense": 1}],
        "loss": "mse",
        "optimizer": {"adam": 10.0},
        "training": {"epochs": 300},
    }
    config["data"] |= {"scale": "standardize", "categorical": ["kind"]}  # type: ignore[operator]
    return nnlab.train(config, runs=folder / "runs")


def drawn(strokes: list[Stroke]) -> FloatArray:
    """A board (SIDE, SIDE) with round strokes."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    ink = np.zeros((SIDE, SIDE))
    for stroke in strokes:
        for start, end in pairwise(stroke):
            (ax, ay), (bx, by) = (SIDE * np.array(point) for point in (start, end))
            across, down = bx - ax, by - ay
            along = ((x - ax) * across + (y - ay) * down) / (across**2 + down**2)
            along = np.clip(along, 0, 1)
            distance = np.hypot(x - ax - along * across, y - ay - along * down)
            ink = np.maximum(ink, np.clip(5 - distance, 0, 1))
    return ink


def as_text(ink: FloatArray) -> str:
    return base64.b64encode(np.round(255 * ink).astype(np.uint8).tobytes()).decode()


@pytest.mark.parametrize("digit", STROKES)
def test_a_drawn_digit_is_recognised(digits: Run, digit: str) -> None:
    board = QuestionPage(View(digits.path))
    answer = board.answer({"ink": as_text(drawn(STROKES[digit]))})
    assert answer["decision"] == digit
    assert [bar["name"] for bar in answer["answers"]] == list("0123456789")
    assert sum(bar["share"] for bar in answer["answers"]) == pytest.approx(1, abs=1e-5)
    assert [scene["caption"].split(":")[0] for scene in answer["maps"]] == [
        "What the network gets",
        "What 3.relu makes of it",
        "What 7.relu makes of it",
    ]


@pytest.mark.data
def test_the_form_of_mnist_is_its_published_preparation(data_folder: Path, tmp_path: Path) -> None:
    """Digits in a box of 20 x 20 pixels, their centre of mass in the middle of 28 x 28."""
    network = [{"dense": 10}, "softmax"]
    config = {"data": "mnist", "network": network, "loss": "cross_entropy"}
    run = nnlab.train({**config, "optimizer": {"adam": 0.003}}, runs=tmp_path, epochs=1)
    form = ImageForm.of_run(View(run.path))
    assert form.box == 20
    assert form.centre == pytest.approx((14, 14), abs=0.6)
    assert (form.blank, form.full) == (0, 255)
    board = QuestionPage(View(run.path))
    answers = {digit: board.answer({"ink": as_text(drawn(STROKES[digit]))}) for digit in "307"}
    assert [answer["decision"] for answer in answers.values()] == ["3", "0", "7"]


def test_where_and_how_large_it_is_drawn_does_not_matter() -> None:
    small = np.zeros((SIDE, SIDE))
    small[60:100, 3:13] = 1  # 40 x 10 dots
    large = np.zeros((SIDE, SIDE))
    large[10:90, 40:60] = 1  # 80 x 20 dots
    image = MNIST.image(small).reshape(28, 28)
    assert np.array_equal(image, MNIST.image(large).reshape(28, 28))
    assert extent(image / 255) == 20
    assert mass_centre(image) == pytest.approx((14, 14), abs=0.5)
    assert int((image > 0).sum()) == 20 * 5


def test_ink_of_a_bright_paper_is_dark() -> None:
    form = ImageForm((10, 10, 3), 8, (4.5, 4.5), 1.0, 0.0)
    ink = np.zeros((SIDE, SIDE))
    ink[40:50, 40:50] = 1
    image = form.image(ink).reshape(10, 10, 3)
    assert image[0, 0].tolist() == [1, 1, 1]
    assert image[5, 5].tolist() == [0, 0, 0]


@pytest.mark.parametrize(("height", "width"), [(3, 5), (7, 2), (20, 20)])
def test_resizing_keeps_the_mean_and_what_is_constant(height: int, width: int) -> None:
    image = np.random.default_rng(0).random((12, 10))
    assert resized(image, height, width).mean() == pytest.approx(image.mean())
    assert resized(np.ones((4, 9)), height, width) == pytest.approx(np.ones((height, width)))
    blocks = image.reshape(3, 4, 5, 2).mean(axis=(1, 3))  # means of blocks of 4 x 2
    assert resized(image, 3, 5) == pytest.approx(blocks)


def test_an_empty_board_has_no_answer(digits: Run) -> None:
    board = QuestionPage(View(digits.path))
    assert board.answer({"ink": as_text(np.zeros((SIDE, SIDE)))})["answers"] == []


@pytest.mark.parametrize("ink", [None, 5, "", "AAAA", "!!", [1] * SIDE**2])
def test_what_is_no_drawing(ink: Any) -> None:
    with pytest.raises(UsageError, match="A drawing has 112 x 112 dots"):
        decode_ink(ink)


def test_the_answers_for_a_row_are_those_of_predict(prices: Run) -> None:
    """In the units of the file; the category becomes its inputs."""
    board = QuestionPage(View(prices.path))
    area, kind = board.form()["sliders"]
    assert area["name"] == "area"
    assert 20 <= area["low"] < area["value"] < area["high"] <= 120
    assert (kind["name"], kind["choices"]) == ("kind", [["flat", "flat"], ["house", "house"]])
    (answer,) = board.answer({"values": [80, "house"]})["answers"]
    expected = prices.predict(np.array([[80.0, 0.0, 1.0]]))[0, 0]
    assert answer["name"] == "price"
    assert float(answer["text"].replace(",", "")) == pytest.approx(expected, rel=1e-3)
    assert expected == pytest.approx(1100, rel=0.05)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1], "A row has 2 values."),
        ("80", "A row has 2 values."),
        (["x", "house"], "area is a number."),
        ([float("nan"), "house"], "area is a number."),
        ([True, "house"], "area is a number."),
        ([10**400, "house"], "area is a number."),
        ([-1e300, "house"], "area is a number."),
        ([80, "castle"], "kind is one of flat, house."),
    ],
)
def test_what_is_no_row(prices: Run, values: Any, message: str) -> None:
    with pytest.raises(UsageError) as error:
        QuestionPage(View(prices.path)).answer({"values": values})
    assert str(error.value) == message


def test_a_run_without_weights(digits: Run, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / digits.name
    shutil.copytree(digits.path, copy)
    shutil.rmtree(copy / "weights")
    (copy / "checkpoint.npz").unlink(missing_ok=True)
    with pytest.raises(RunUnreadable) as error:
        QuestionPage(View(copy))
    assert "\n" not in str(error.value)


def test_a_table_with_too_many_inputs(tmp_path: Path) -> None:
    config = {"data": {"name": "random", "inputs": 61}, "network": [{"dense": 5}], "loss": "mse"}
    run = nnlab.train(config, runs=tmp_path, epochs=1)
    sentence = r"has 61 inputs, and a page has sliders for 60\. `nnlab predict"
    with pytest.raises(NnlabError, match=sentence):
        QuestionPage(View(run.path))


# In the browser.


def test_digits_drawn_with_the_mouse_and_with_keys(
    browser: Browser, serve_board: Any, digits: Run
) -> None:
    from selenium.webdriver import ActionChains, Keys

    from tests.play.test_page import wait

    browser.driver.get(serve_board(digits))
    wait(browser, lambda: browser.one("canvas").is_displayed())
    canvas, decision = browser.one("canvas"), browser.one(".decision")
    side = canvas.size["width"]
    for digit, strokes in STROKES.items():
        browser.one("#wipe").click()
        for stroke in strokes:
            action = ActionChains(browser.driver, duration=20)
            for number, point in enumerate(stroke):
                x, y = (round(side * (place - 0.5)) for place in point)
                action.move_to_element_with_offset(canvas, x, y)
                if number == 0:
                    action.click_and_hold()
            action.release().perform()
        wait(browser, lambda digit=digit: decision.text == digit)  # type: ignore[misc]
    assert len(browser.all(".maps img")) == 3
    canvas.send_keys(Keys.ESCAPE)
    wait(browser, lambda: decision.text == "")
    canvas.send_keys(*[Keys.ARROW_UP] * 10, " ", *[Keys.ARROW_DOWN] * 20)  # a vertical line
    wait(browser, lambda: decision.text == "1")


def test_sliders_answer_and_fit_a_phone(browser: Browser, serve_board: Any, prices: Run) -> None:
    from selenium.webdriver import Keys

    from tests.page.test_browser import CONTRAST
    from tests.play.test_page import wait

    browser.media(width=400)
    browser.driver.get(serve_board(prices))
    shown = "return [...document.querySelectorAll('.bar .number')].map(e => e.textContent)"
    wait(browser, lambda: browser.run(shown))
    before = browser.run(shown)
    browser.one(".slider input").send_keys(Keys.END)
    wait(browser, lambda: browser.run(shown) != before)
    assert browser.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    assert browser.run(CONTRAST) == []
    browser.media(width=400, color_scheme="dark")  # a page without moments has none to draw again


def test_a_menu_has_every_category_as_the_file_writes_it(
    browser: Browser, serve_board: Any, tmp_path: Path
) -> None:
    """Spaces stay, a missing cell has a name, and nothing of the file becomes HTML."""
    from selenium.webdriver.support.select import Select

    from tests.play.test_page import wait

    names = ["<b>x</b>", "dark  red", "", "Köln"]
    rows = [f"{name},{number},5,{number}.5" for number, name in enumerate(3 * names)]
    (tmp_path / "odd.csv").write_text("\n".join(["city,size,constant,price", *rows]))
    data = {"name": "csv", "path": str(tmp_path / "odd.csv"), "target": "price"}
    data |= {"categorical": ["city"], "missing_categories": "category"}  # type: ignore[dict-item]
    config = {"data": data, "network": [{"dense": 1}], "loss": "mse", "training": {"epochs": 1}}
    browser.driver.get(serve_board(nnlab.train(config, runs=tmp_path / "runs")))
    wait(browser, lambda: browser.all(".bar .number"))
    menu = Select(browser.one("#sliders select"))
    assert [option.text for option in menu.options] == ["(missing)", "<b>x</b>", "Köln", "dark red"]
    shown, numbers = "return document.querySelector('.bar .number').textContent", set()
    for index in range(4):
        menu.select_by_index(index)
        wait(browser, lambda: browser.run(shown) not in numbers)
        numbers.add(browser.run(shown))
        assert not browser.one(".wrong").text


def test_an_autoencoder_gives_an_image_back(tmp_path: Path) -> None:
    """The image that goes through unchanged comes out as it went in."""
    config = {
        "data": {"name": "digits", "rows": 20, "learn": "inputs"},
        "network": [{"dense": {"units": 64, "weight": np.eye(64).tolist()}}],
        "loss": "mse",
    }
    run = nnlab.train(config, runs=tmp_path, epochs=0)
    answer = QuestionPage(View(run.path)).answer({"ink": as_text(drawn(STROKES["7"]))})
    assert (answer["answers"], answer["decision"]) == ([], "")
    got, back = answer["maps"]
    assert back["caption"] == "What the network gives back"
    assert back["fields"] == got["fields"]
