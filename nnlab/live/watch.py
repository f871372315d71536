"""The page of a run or a sweep: what it shows, and the looks at the folder."""

from collections.abc import Callable
from time import sleep

from nnlab.errors import RunUnreadable
from nnlab.live.feed import Feed
from nnlab.live.follow import LOOK, RunFollower, title_of
from nnlab.live.server import Site
from nnlab.live.trials import SweepFollower
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder
from nnlab.run.text import shown
from nnlab.show.page.render import live_page

HEARD = 0.3  # seconds in which a page hears of the end


def live_site(folder: RunFolder | SweepFolder) -> tuple[Site, Callable[[], None]]:
    """The site of a folder, and the function that publishes what is new there.

    That function raises RunUnreadable once the folder has gone.
    """
    feed = Feed()
    follower: RunFollower | SweepFollower
    if isinstance(folder, SweepFolder):
        html, policy = live_page(folder.name, "", "Live: a sweep")
        follower = SweepFollower(folder, feed)
    else:
        html, policy = live_page(*title_of(folder.path), "Live: a run")
        follower = RunFollower(folder, feed)

    def look() -> None:
        if not folder.path.is_dir():
            raise RunUnreadable(f"The folder {shown(folder.path)} was deleted, moved or renamed.")
        follower.look()

    return Site(html, policy, feed), look


def keep_looking(
    site: Site, look: Callable[[], None], ended: Callable[[], bool] = lambda: False
) -> None:
    """Looks again and again until `ended`, or Ctrl+C, and tells the page of the end.

    Raises what `look` raises; the page then says so.
    """
    try:
        while not ended():
            look()
            sleep(LOOK)
        look()
    except RunUnreadable as error:
        site.feed.publish({"kind": "page", "story": str(error), "numbers": [], "ended": True})
        raise
    finally:
        site.feed.publish({"kind": "end"})
        sleep(HEARD)
