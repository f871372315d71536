"""`nnlab watch`."""

from pathlib import Path

import click

from nnlab.api.find import find_sweep, find_training
from nnlab.cli.live_page import announce_page, open_option, port_option, until_interrupted
from nnlab.cli.options import run_argument


@click.command
@run_argument
@port_option
@open_option
def command(run: str, runs: Path | None, port: int | None, show: bool) -> None:
    """Follow a run or a sweep in the browser.

    The page shows the curves, the network and what the doctor finds, while another process trains.
    Of a sweep it shows each trial as it ends. It only reads the folder. Nothing but this machine
    can reach the page. Ctrl+C ends it: exit code 0. Exit code 6 if the folder vanishes. Needs pip
    install 'nnlab[live]'.

    \b
    nnlab watch latest
    nnlab watch sweep-identity8-lr
    """
    from nnlab.live.server import require_packages, serving
    from nnlab.live.watch import keep_looking, live_site

    require_packages()
    sweep = find_sweep(run, runs)
    site, look = live_site(sweep if sweep is not None else find_training(run, runs))
    with serving(site, port) as address:
        announce_page(address, show)
        with until_interrupted():
            keep_looking(site, look)
