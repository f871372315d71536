"""`nnlab play`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnlab.api.find import find_training
from nnlab.cli import options
from nnlab.cli.completion import complete_run
from nnlab.cli.live_page import announce_page, open_option, port_option, until_interrupted

if TYPE_CHECKING:
    from nnlab.live.feed import Feed
    from nnlab.live.server import Site


@click.command
@click.argument(
    "what", metavar="[RUN|CONFIG]", type=options.CONFIG, required=False, shell_complete=complete_run
)
@options.set_option("Override a setting of CONFIG, as lr=0.1; may be repeated.")
@options.runs_option
@port_option
@open_option
@options.threads_option
def command(
    what: str | None, overrides: tuple[str, ...], runs: Path | None, port: int | None, show: bool
) -> None:
    """Play with a network in the browser.

    Without an argument, or with a CONFIG, a page trains a network: its data, layers and optimizer
    can be changed, and what it learns is drawn while it learns, with what the doctor finds. With a
    RUN, a page asks its trained network: a board to draw an image on, or a slider for each input
    of a table. Only this machine can reach the page. Ctrl+C ends it: exit code 0. Needs pip
    install 'nnlab[live]'.

    \b
    nnlab play
    nnlab play xor
    nnlab play latest
    """
    from nnlab.live.feed import Feed
    from nnlab.live.server import Site, require_packages

    require_packages()
    feed = Feed()
    if what is not None and options.names_run(what, overrides):
        _ask_run(what, runs, feed, port, show)
        return
    from nnlab.cli.terminal import print_message
    from nnlab.experiment.provide import provide_kernels
    from nnlab.play.playground import Playground, playground_page
    from nnlab.play.settings import Start
    from nnlab.run.names import runs_folder

    start = Start.of(what, overrides)
    provide_kernels([start.config], print_message)
    game = Playground(start, runs_folder(runs), feed)
    with game:
        _serve(Site(*playground_page(start.config.name), feed, game.actions), port, show)


def _ask_run(run: str, runs: Path | None, feed: "Feed", port: int | None, show: bool) -> None:
    from nnlab.live.server import Site
    from nnlab.play.board import QuestionPage, board_page
    from nnlab.show.figures import View

    board = QuestionPage(View(find_training(run, runs).path))
    _serve(Site(*board_page(board.run), feed, board.actions), port, show)


def _serve(site: "Site", port: int | None, show: bool) -> None:
    """Serves a page until Ctrl+C."""
    from threading import Event

    from nnlab.live.server import serving

    with serving(site, port) as address:
        announce_page(address, show)
        with until_interrupted():
            Event().wait()
