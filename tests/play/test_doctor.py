"""The doctor in the playground: findings while it trains, and remedies by a click."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from nnlab.errors import UsageError
from nnlab.play.playground import Playground
from nnlab.play.settings import Start
from tests.page.conftest import Browser
from tests.patience import wait_until
from tests.play.test_page import Serve, opened, wait

pytest.importorskip("uvicorn", reason="the extra live is not installed")


def findings(game: Playground) -> list[dict[str, Any]]:
    messages = json.loads(game.feed.news(0)[1])["messages"]
    return next(m["findings"] for m in messages if m["kind"] == "findings")


@pytest.mark.parametrize(
    ("remedy", "pairs"),
    [
        (["lr=1"], ["data=xor", "optimizer.lr=1"]),
        (["optimizer={name: adam, lr: 0.5}"], ["data=xor", "optimizer=adam", "optimizer.lr=0.5"]),
        (["init=he_normal"], ["data=xor", "init=he_normal"]),
        (
            ["activation=relu", "lr=0.3"],
            [
                "data=xor",
                "network=[{dense: 4}, relu, {dense: 4}, relu, {dense: 1}, sigmoid]",
                "optimizer.lr=0.3",
            ],
        ),
        (["training.early_stopping.patience=5"], None),  # no field of the form
        (["data.path=/etc/passwd"], None),
        (["lr=-1"], None),
    ],
)
def test_a_remedy_as_settings_of_the_form(remedy: list[str], pairs: list[str] | None) -> None:
    start = Start.of(None, [])
    remedied = start.remedied(["data=xor"], remedy)
    assert remedied is None if pairs is None else start.needed(remedied or []) == pairs


def test_a_finding_appears_and_its_remedy_is_applied(browser: Browser, playground: Serve) -> None:
    """With the update at which it appeared; a reset removes it."""
    game, address = playground(None, "init=zeros", "data.samples=40")
    opened(browser, address)
    assert not browser.one("#findings").is_displayed()
    browser.one("#play").click()
    wait(browser, lambda: browser.texts(".finding summary"))
    browser.one("#play").click()
    wait(browser, lambda: browser.one("#play").text == "Play")
    assert browser.texts(".finding summary")[0].startswith("All 4 units of layer 0 (dense) are")
    browser.one(".finding summary").click()
    assert browser.one(".finding .sure").text == "99 % sure · before training"
    assert browser.one(".finding pre").text == "--set init=xavier_uniform"
    with pytest.raises(UsageError, match="no longer a remedy"):
        game.actions["apply"]({"pairs": ["init=he_normal", "lr=3"]})
    browser.one(".finding .remedy button").click()
    wait(browser, lambda: "init=xavier_uniform" in game.pairs)
    wait(browser, lambda: browser.one(".reply").text == "The network began again.")
    wait(browser, lambda: not browser.one("#findings").is_displayed())


def test_a_healthy_network_has_no_finding_and_is_examined_once(
    playground: Callable[..., Any],
) -> None:
    game, _ = playground(None, "lr=0.3", "training.engine=numpy")
    game.feed.news(0)
    for _ in range(40):
        game.actions["epoch"]({})
    training = game.player.training
    wait_until(lambda: game.doctor.seen == (training, training.state.step, ""))
    assert findings(game) == []
    version, _ = game.feed.news(0)
    game.doctor._look()
    assert game.feed.news(0)[0] == version
