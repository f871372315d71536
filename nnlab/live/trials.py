"""From the folder of a sweep to messages for a page, while its trials train."""

from dataclasses import asdict
from time import monotonic
from typing import Any

from nnlab.live.feed import Feed
from nnlab.live.follow import Follower
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures.sweep_view import SweepView
from nnlab.show.page.sweep import sweep_records, sweep_story, trials_table


class SweepFollower(Follower):
    """Publishes the trials of a sweep; a cell appears when its trial ends."""

    def __init__(self, folder: SweepFolder, feed: Feed) -> None:
        super().__init__()
        self.folder, self.feed = folder, feed
        self._trials: list[Any] = []  # that were published

    def look(self) -> None:
        """Publish the table and the curves if a trial began or ended since the last look."""
        self._attempt("trials", monotonic(), self._publish)

    def _publish(self) -> None:
        sweep = SweepView(self.folder)
        records = sweep.folder.records()
        trials = [(record.name, record.status) for record in records]
        if trials == self._trials:
            return
        story = sweep_story(sweep.about, records)
        self.feed.publish(
            {"kind": "page", "story": story, "numbers": [], "ended": False},
            {"kind": "trials", "table": asdict(trials_table(sweep, records))},
            {"kind": "charts", "charts": [chart for chart, _ in sweep_records(sweep)]},
        )
        self._trials = trials
