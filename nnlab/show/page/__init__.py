"""One self-contained HTML page for a run, for several, or for a sweep: `nnlab report`.

    run, runs, sweep   what the page of a run, of several runs, of a sweep says
    settings, repeat   every setting and where it came from; how to repeat a run
    tables             tables, and notices about what could not be shown
    pictures           the figures of `nnlab plot`
    charts             curves as JSON, which template/page.js draws
    film, replay       the recorded epochs
    scenes, diagram    what moves with the epochs, as JSON for page.js
    render             from all that to HTML, with the files in template/

Everything comes from run folders. The same folder gives the same bytes.
"""

from nnlab.show.page.render import Report
from nnlab.show.page.run import report_run
from nnlab.show.page.runs import report_runs
from nnlab.show.page.sweep import report_sweep

__all__ = ["Report", "report_run", "report_runs", "report_sweep"]
