"""`nnlab play`."""

from pathlib import Path

import click

from nnlab.cli import options
from nnlab.cli.terminal import print_message


@click.command
@click.argument("what", metavar="[CONFIG|RUN]", required=False, shell_complete=options.complete_run)
@options.set_option("Override a setting of CONFIG, for example lr=0.1; may be repeated.")
@options.runs_option
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Default: a free one.")
@click.option("--open/--no-open", "show", default=True, show_default=True, help="Open the browser.")
@options.threads_option
@options.verbosity
def command(
    what: str | None, overrides: tuple[str, ...], runs: Path | None, port: int | None, show: bool
) -> None:
    """Play with a network in the browser.

    Without an argument, or with a CONFIG, a page trains a network: its data, layers and optimizer
    can be changed, and what it learns is drawn while it learns. With a RUN, a page asks its
    trained network: a board to draw an image on, or a slider for each input of a table. Only this
    machine can reach the page. Ctrl+C ends it. Needs pip install 'nnlab[live]'.

    \b
    nnlab play
    nnlab play xor
    nnlab play latest
    """
    from nnlab.live.feed import Feed
    from nnlab.live.server import Site, require_packages, serving
    from nnlab.play.playground import Playground, playground_page
    from nnlab.play.settings import Start
    from nnlab.run.names import runs_folder

    require_packages()
    start, feed = Start.of(what, overrides), Feed()
    game = Playground(start, runs_folder(runs), feed)
    html, policy = playground_page(start.config.name)
    with game.player, serving(Site(html, policy, feed, game.actions), port) as address:
        print_message(f"The playground is at {address}\nCtrl+C ends it.")
        import threading

        threading.Event().wait()
