"""What a page draws: the scenes of a report, of the network itself, and only for a reader."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest

from nnlab.errors import UsageError
from nnlab.live.feed import Feed
from nnlab.live.server import Site, serving
from nnlab.play.frames import Camera
from nnlab.play.playground import Playground, playground_page
from nnlab.play.session import SteppedTraining, keep
from nnlab.play.settings import Start
from nnlab.show.figures import View
from nnlab.show.page.film import Film
from nnlab.show.page.scenes import make_scenes
from tests.patience import PATIENCE, wait_until


@pytest.mark.parametrize("name", ["xor", "identity8", "approximate"])
def test_the_scenes_are_those_of_the_report_of_the_kept_run(name: str, tmp_path: Path) -> None:
    training = SteppedTraining(Start.of(name, []).config)
    camera = Camera.of(training.built, training.state.weights)
    for _ in range(5):
        before = training.state.weights.copy()
        training.advance_epoch()
    config, weights = training.repeatable()
    moment = camera.moment(weights, training.epochs, "", before)
    assert moment is not None
    report = make_scenes(Film.of_run(View(keep(config, weights, tmp_path).path)))
    assert [scene["kind"] for scene in camera.scenes] == [scene["kind"] for scene in report]
    for still, moving in zip(camera.still()["scenes"], moment["scenes"], strict=True):
        assert not still.keys() & moving.keys()  # what moves is sent with each moment
    for still, moving, scene in zip(camera.scenes, moment["scenes"], report, strict=True):
        assert still.get("points") == scene.get("points")
        assert set(still["by_moment"]) <= set(moving)
        for key in still["by_moment"]:
            assert moving[key] == scene[key][-1:], (still["kind"], key)


def test_a_moment_whose_numbers_are_not_finite_is_left_out() -> None:
    training = SteppedTraining(Start.of("xor", []).config)
    camera, weights = Camera.of(training.built, training.state.weights), training.state.weights
    assert camera.moment(weights, 0.0, "") is not None
    assert camera.moment(np.full_like(weights, np.nan), 1.0, "") is None


def test_of_many_rows_some_are_shown_as_numbers() -> None:
    training = SteppedTraining(Start.of(None, ["training.engine=numpy"]).config)
    camera = Camera.of(training.built, training.state.weights)
    heat = next(scene for scene in camera.scenes if scene["kind"] == "heat")
    assert heat["caption"].endswith(" Here 24 of 200 rows, evenly spaced.")
    assert len(heat["rows"]) == len(heat["targets"]) == 24
    binding = training.built.network.bind(200)
    outputs = binding.forward(training.plan.train.copied(slice(None))[0])[:, 0]
    shown = np.array(heat["values"][0]).reshape(24, -1)[:, -1]  # hidden units, then the output
    assert shown[[0, -1]] == pytest.approx(100 * outputs[[0, -1]], abs=0.51)


@pytest.fixture
def game(tmp_path: Path) -> Iterator[Playground]:
    game = Playground(Start.of(None, ["training.epochs=20"]), tmp_path, Feed())
    with game:
        yield game


def kinds(game: Playground, after: int = 0) -> list[str]:
    _, text = game.feed.news(after)
    return [message["kind"] for message in json.loads(text)["messages"]]


def test_nothing_is_drawn_where_nobody_looks(
    game: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[float] = []
    moment = Camera.moment

    def count(camera: Camera, *arguments: Any) -> Any:
        drawn.append(arguments[1])
        return moment(camera, *arguments)

    monkeypatch.setattr(Camera, "moment", count)
    monkeypatch.setattr("nnlab.play.session.FRAME", 0.0)  # would draw after every few updates
    game.actions["play"]({"speed": 0})
    wait_until(lambda: not game.player.is_playing)
    game.player.ask(lambda: None)
    assert len(drawn) < 10  # what was asked for, and the end
    assert drawn[-1] == 20
    game.actions["reset"]({})
    drawn.clear()
    kinds(game)  # a page looks
    game.actions["play"]({"speed": 0})
    while game.player.is_playing:
        kinds(game)
    assert len(set(drawn)) > 20


def test_a_slow_page_gets_the_newest_state(game: Playground) -> None:
    game.player.ask(game.player.pause)
    version, _ = game.feed.news(0)
    for _ in range(5):
        game.actions["step"]({})
    game.player.ask(lambda: None)
    news = kinds(game, version)
    assert news.count("page") == news.count("play") == news.count("charts") == 1
    assert news.count("moment") <= 2


def test_a_request_that_is_none(game: Playground) -> None:
    for pairs in (None, 5, "seed=3", [1], {"seed": 3}):
        with pytest.raises(UsageError, match="Settings are a list of texts"):
            game.actions["set"]({"pairs": pairs})
    for speed in (-1, "fast", None, True, 1e9, float("nan")):
        with pytest.raises(UsageError, match="The speed is a number"):
            game.actions["play"]({"speed": speed})


def test_live_and_reset_settings(game: Playground) -> None:
    game.actions["epoch"]({})
    answer = game.actions["set"]({"pairs": ["optimizer.lr=0.5"]})
    assert (answer["pairs"], answer["note"]) == (["optimizer.lr=0.5"], "")
    assert game.player.training.state.epoch == 1
    answer = game.actions["set"]({"pairs": ["optimizer.lr=0.5", "seed=4"]})
    assert answer["note"] == "The network began again."
    assert game.player.training.state.epoch == 0
    game.actions["epoch"]({})
    game.actions["set"]({"pairs": ["seed=4"]})  # the learning rate of the start again
    with pytest.raises(UsageError, match="A setting was changed after update 20"):
        game.actions["keep"]({})
    assert "is copied. A setting was changed" in game.actions["yaml"]({})["note"]
    game.actions["reset"]({})
    game.actions["epoch"]({})
    assert game.actions["keep"]({})["note"].startswith("Kept in ")
    with game._keeping, pytest.raises(UsageError, match="It is being kept already"):
        game.actions["keep"]({})  # a second click while the first run trains


def test_twenty_tabs_at_once(game: Playground) -> None:
    """Each loads the page, follows a training that plays, and asks for something: none waits."""
    pytest.importorskip("uvicorn", reason="the extra live is not installed")
    site = Site(*playground_page("test"), game.feed, game.actions)
    with serving(site) as address, ThreadPoolExecutor(20) as pool:
        origin = address.rpartition("/")[0].rpartition("/")[0]
        headers = {"Content-Type": "application/json", "Origin": origin}

        def asked(name: str) -> dict[str, Any]:
            request = Request(f"{address}do/{name}", b'{"speed": 0}', headers)
            return dict(json.loads(urlopen(request, timeout=PATIENCE).read()))

        def tab(number: int) -> tuple[bool, bool]:
            page = urlopen(address, timeout=PATIENCE).read()
            answer = asked("play" if number == 7 else "step")
            over, version = False, 0
            while not over:
                news = urlopen(f"{address}news?after={version}", timeout=PATIENCE).read()
                version = json.loads(news)["version"]
                over = any(message.get("over") for message in json.loads(news)["messages"])
                if not over and not game.player.is_playing:
                    asked("play")
            return b"transport" in page, "pairs" in answer

        tabs = [pool.submit(tab, number) for number in range(20)]
        assert [tab.result(PATIENCE) for tab in tabs] == [(True, True)] * 20
    assert game.player.training.state.epoch == 20
