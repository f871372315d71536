"""The browser of the report's tests, and a playground that it can open."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from nnlab.live.feed import Feed
from nnlab.live.server import Site, serving
from nnlab.play.board import QuestionPage, board_page
from nnlab.play.playground import Playground, playground_page
from nnlab.play.settings import Start
from nnlab.run.run import Run
from nnlab.show.figures import View
from tests.page.conftest import Browser, browser, driver  # noqa: F401  (fixtures)

Opened = tuple[Playground, str]  # and its address


@pytest.fixture
def playground(
    browser: Browser,  # noqa: F811
    tmp_path: Path,
) -> Iterator[Callable[..., Opened]]:
    """A function that serves a playground for a config and settings."""
    with ExitStack() as stack:

        def serve(config: str | None = None, *settings: str) -> Opened:
            feed = Feed()
            game = Playground(Start.of(config, settings), tmp_path / "runs", feed)
            stack.enter_context(game)
            site = Site(*playground_page("test"), feed, game.actions)
            return game, stack.enter_context(serving(site))

        yield serve
        browser.driver.get("about:blank")  # a page asks until its server ends


@pytest.fixture
def serve_board(browser: Browser) -> Iterator[Callable[[Run], str]]:  # noqa: F811
    """A function that serves the page that asks a run."""
    with ExitStack() as stack:

        def serve(run: Run) -> str:
            board = QuestionPage(View(run.path))
            site = Site(*board_page(board.run), Feed(), board.actions)
            return stack.enter_context(serving(site))

        yield serve
        browser.driver.get("about:blank")
