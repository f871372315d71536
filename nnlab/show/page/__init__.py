"""One self-contained HTML page for a run, or for several: `nnlab report`.

    single     the page of a run; several: of several runs; study: of a sweep
    asked      every setting, and whether a person wrote it
    happened   curves and tables: charts, ticks, tables, numbers
    replay     a slider through the recorded epochs: film, field, diagram, heat, png
    pictures   the figures of `nnlab plot`
    again      how to repeat it
    page       from all that to HTML, with the files in page/

Everything comes from run folders. The same folder gives the same bytes.
"""

from nnlab.show.page.several import of_runs
from nnlab.show.page.single import Report, of_run
from nnlab.show.page.study import of_sweep

__all__ = ["Report", "of_run", "of_runs", "of_sweep"]
