"""The playground in a real Chromium: settings, training, the address, keeping, keyboard."""

from collections.abc import Callable
from typing import Any

import pytest

import nnlab
from nnlab.config.load import parse_config
from nnlab.core.layers.activations import Relu
from nnlab.play.playground import Playground
from tests.page.conftest import Browser
from tests.page.test_browser import CONTRAST
from tests.patience import PATIENCE

pytest.importorskip("uvicorn", reason="the extra live is not installed")
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
Serve = Callable[..., tuple[Playground, str]]


def wait(browser: Browser, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What the condition gives, once that is true; the form is drawn again after each change."""
    from selenium.common import exceptions
    from selenium.webdriver.support.wait import WebDriverWait

    ignored = [
        exceptions.StaleElementReferenceException,
        exceptions.ElementNotInteractableException,
    ]
    waiting = WebDriverWait(browser.driver, seconds, 0.05, ignored)
    return waiting.until(lambda _: condition())


def opened(browser: Browser, address: str) -> None:
    browser.driver.get("about:blank")
    browser.driver.get(address)
    wait(browser, lambda: browser.all("#settings .field") and browser.all(".view svg"))


def done(browser: Browser, action: Callable[[], None]) -> None:
    """Does it, again where the form was drawn meanwhile."""
    wait(browser, lambda: action() is None)


def choose(browser: Browser, key: str, name: str) -> None:
    from selenium.webdriver.support.select import Select

    menu = f'select[data-id="{key}"]'
    done(browser, lambda: Select(browser.one(menu)).select_by_visible_text(name))


def press(browser: Browser, selector: str) -> None:
    done(browser, lambda: browser.one(selector).click())


def write(browser: Browser, key: str, text: str) -> None:
    from selenium.webdriver import Keys

    keys = (Keys.CONTROL, "a", Keys.NULL, text, Keys.ENTER)
    done(browser, lambda: browser.one(f'input[data-id="{key}"]').send_keys(*keys))


def field(browser: Browser, key: str) -> str:
    return str(browser.run(f"return document.querySelector('[data-id=\"{key}\"]').value"))


def numbers(browser: Browser) -> dict[str, float]:
    texts = "return [...document.querySelectorAll('.key div')].map(e => [...e.children].map("
    pairs = browser.run(texts + "child => child.textContent))")
    return {name: float(text.replace(" × 10⁻", "e-").translate(RAISED)) for name, text in pairs}


def test_xor_is_learned_by_clicks_copied_and_kept(browser: Browser, playground: Serve) -> None:
    game, address = playground()
    opened(browser, address)
    assert field(browser, "data") == "moons"
    choose(browser, "data", "xor")
    wait(browser, lambda: field(browser, "data") == "xor" and browser.one(".reply").text)
    assert browser.one(".reply").text == "The network began again."
    write(browser, "optimizer.lr", "0.5")
    wait(browser, lambda: game.player.training.plan.optimizer.lr == 0.5)
    browser.run("document.querySelector('#speed').value = '0'")
    assert numbers(browser)["training accuracy"] < 1
    browser.one("#play").click()
    wait(browser, lambda: numbers(browser).get("training loss", 1) < 0.05)
    browser.one("#play").click()
    wait(browser, lambda: browser.one(".story").text.startswith("Paused: epoch"))
    assert numbers(browser)["training accuracy"] == 1
    assert browser.driver.current_url == f"{address}#data%3Dxor&optimizer.lr%3D0.5"
    assert browser.one("#play").text == "Play"

    browser.one("#yaml").click()
    shown_text = "return document.querySelector('#config pre').textContent"
    text = wait(browser, lambda: browser.run(shown_text))
    shown = game.player.training.state.weights.tobytes()
    run = nnlab.train(parse_config(text), runs=game.runs)
    assert run.network("final").values.tobytes() == shown
    browser.one('[data-act="keep"]').click()
    wait(browser, lambda: browser.one(".reply").text.startswith("Kept in "))
    kept = nnlab.load("latest", runs=game.runs)
    assert kept.name in browser.one(".reply").text
    assert kept.network("final").values.tobytes() == shown
    assert {url.split("/")[2] for url in browser.requests() if url.startswith("http")} == {
        address.split("/")[2]
    }


def test_the_address_restores_the_settings(browser: Browser, playground: Serve) -> None:
    _, address = playground()
    pairs = ["data=spirals", "data.noise=0.1", "optimizer=adam", "optimizer.lr=0.02", "seed=7"]
    network = "network=[{dense: 6}, relu, {dense: 1}, sigmoid]"
    opened(browser, address + "#" + "&".join([*pairs, network]))
    wait(browser, lambda: field(browser, "data") == "spirals")
    expected = {"data.noise": "0.1", "optimizer": "adam", "optimizer.lr": "0.02", "seed": "7"}
    expected |= {"layer 0 units": "6", "kind 1": "relu", "activation": "relu"}
    assert {key: field(browser, key) for key in expected} == expected
    again = browser.driver.current_url
    _, other = playground()  # another program: what is shared is behind the #
    opened(browser, other + "#" + again.partition("#")[2])
    wait(browser, lambda: field(browser, "data") == "spirals")
    assert {key: field(browser, key) for key in expected} == expected
    opened(browser, other + "#data.path=/etc/passwd")
    wait(browser, lambda: browser.one(".wrong").text == "A page cannot set 'data.path'.")
    browser.driver.get_log("browser")  # the answer 400 is a line in the console


def test_data_with_more_classes_and_layers_by_click(browser: Browser, playground: Serve) -> None:
    game, address = playground()
    opened(browser, address)
    choose(browser, "data", "blobs")
    wait(browser, lambda: "now fit the data" in browser.one(".reply").text)
    wait(browser, lambda: field(browser, "loss") == "cross_entropy")
    press(browser, '[data-id="more layers"]')
    wait(browser, lambda: len(game.player.training.config.network) == 8)
    choose(browser, "activation", "relu")
    wait(browser, lambda: game.player.training.config.network[1] == Relu())
    wait(browser, lambda: len(browser.all(".layer")) == 8)


def test_a_wrong_value_is_said_and_changes_nothing(browser: Browser, playground: Serve) -> None:
    game, address = playground()
    opened(browser, address)
    choose(browser, "data", "blobs")
    wait(browser, lambda: "now fit the data" in browser.one(".reply").text)
    before = game.player.training
    write(browser, "optimizer.lr", "-3")
    wait(browser, lambda: browser.one(".wrong").text)
    assert not browser.one(".reply").text  # the note of the change before
    assert browser.one(".wrong").text == "optimizer.lr is -3. Allowed: a number > 0."
    assert browser.one('[data-id="optimizer.lr"]').get_attribute("aria-invalid") == "true"
    assert game.player.training is before
    browser.driver.get_log("browser")  # the answer 400 is a line in the console


def test_the_keyboard_alone(browser: Browser, playground: Serve) -> None:
    """Every control has the focus once, and space plays."""
    from selenium.webdriver import ActionChains, Keys

    game, address = playground()
    opened(browser, address)
    seen = []
    for _ in range(12):
        ActionChains(browser.driver).send_keys(Keys.TAB).perform()
        active = browser.driver.switch_to.active_element
        seen.append(active.text or active.get_attribute("data-id") or active.tag_name)
        if seen[-1] == "One update":
            ActionChains(browser.driver).send_keys(Keys.SPACE).perform()
            wait(browser, lambda: game.player.training.state.step == 1)
    assert seen[1:5] == ["Play", "One update", "One epoch", "Reset"]
    write(browser, "optimizer.lr", "0.4")
    wait(browser, lambda: game.player.training.plan.optimizer.lr == 0.4)
    focus = "return document.activeElement.dataset.id"
    wait(browser, lambda: browser.run(focus) == "optimizer.lr")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_and_every_text_can_be_read(
    browser: Browser, playground: Serve, scheme: str
) -> None:
    _, address = playground()
    browser.media(width=400, color_scheme=scheme)
    opened(browser, address)
    wide = "return document.documentElement.scrollWidth - innerWidth"
    assert browser.run(wide) <= 0
    assert browser.run(CONTRAST) == []
