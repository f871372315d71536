"""From the folder of a sweep to messages for a page, while its trials train."""

from typing import Any

from nnlab.errors import NnlabError
from nnlab.live.feed import Feed
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures.sweep_view import SweepView
from nnlab.show.page.sweep import records_in_order, sweep_records, sweep_story, trials_table
from nnlab.show.page.tables import Table


class SweepFollower:
    """Publishes the trials of a sweep; a cell appears when its trial ends."""

    def __init__(self, folder: SweepFolder, feed: Feed) -> None:
        self.folder, self.feed = folder, feed
        self._seen: list[Any] = []

    def look(self) -> None:
        """Publish the table and the curves if a trial began or ended since the last look."""
        try:
            sweep = SweepView(self.folder)
            records = records_in_order(sweep)
            seen = [(record.name, record.status) for record in records]
            if seen == self._seen:
                return
            story = sweep_story(sweep.about, records)
            table = table_record(trials_table(sweep, records))
            charts = [chart for chart, _ in sweep_records(sweep)]
        except (NnlabError, OSError):  # a file that is being replaced just now
            return
        self._seen = seen
        self.feed.publish(
            {"kind": "page", "story": story, "numbers": [], "ended": False},
            {"kind": "trials", "table": table},
            {"kind": "charts", "charts": charts},
        )


def table_record(table: Table) -> dict[str, Any]:
    """A table as live.js draws it."""
    rows = [[{"text": cell.text, "order": cell.order} for cell in row] for row in table.rows]
    return {"caption": table.caption, "header": table.header, "rows": rows}
