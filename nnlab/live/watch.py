"""The page of a run or a sweep: what it shows, and the looks at the folder."""

from collections.abc import Callable
from time import sleep

from nnlab.live.feed import Feed
from nnlab.live.follow import LOOK, RunFollower, title_of
from nnlab.live.server import Site
from nnlab.live.trials import SweepFollower
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder
from nnlab.show.page.render import live_page


def live_site(folder: RunFolder | SweepFolder) -> tuple[Site, Callable[[], None]]:
    """The site of a folder, and the function that publishes what is new there."""
    feed = Feed()
    if isinstance(folder, SweepFolder):
        html, policy = live_page(folder.name, "", "Live: a sweep")
        return Site(html, policy, feed), SweepFollower(folder, feed).look
    html, policy = live_page(*title_of(folder.path), "Live: a run")
    return Site(html, policy, feed), RunFollower(folder, feed).look


def keep_looking(look: Callable[[], None], ended: Callable[[], bool] = lambda: False) -> None:
    """Looks again and again until `ended`, or Ctrl+C."""
    while not ended():
        look()
        sleep(LOOK)
