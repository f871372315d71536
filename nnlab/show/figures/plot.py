"""What a kind of figure is: what it is called, whether it suits a run, and how it is drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nnlab.run.folder import RunFolder
from nnlab.show.figures.view import View, view

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """A kind of figure. Its functions see a `View`; the methods also take a run folder.

    title: "Learning curves". caption: a sentence that says what one sees.
    unsuited: None where the figure says something about a run, else the reason why not, as a
    clause ("the run has no classes"). painter: draws it. details: a clause for the alt text that
    tells this run's own numbers. kind: the kind of run that it shows, None for a training. early:
    a report shows it with the course of the run, before the results.
    """

    title: str
    caption: str
    unsuited: Callable[[View], str | None]
    painter: Callable[[View], "Figure"]
    details: Callable[[View], str] | None = None
    kind: str | None = None
    early: bool = False

    def why_not(self, run: RunFolder | View) -> str | None:
        """Why the figure does not suit this run; None if it does."""
        seen = view(run)
        if self.kind != seen.run_kind:
            kinds = [kind or "training" for kind in (self.kind, seen.run_kind)]
            return f"it shows a {kinds[0]}, and this is a {kinds[1]}"
        return self.unsuited(seen)

    def suits(self, run: RunFolder | View) -> bool:
        """Whether the figure says something about this run."""
        return self.why_not(run) is None

    def draw(self, run: RunFolder | View) -> "Figure":
        """The figure; inside `style()` it has nnlab's look."""
        return self.painter(view(run))

    def alt(self, run: RunFolder | View) -> str:
        """What a reader who cannot see the picture should know."""
        seen = view(run)
        text = f"{self.title} of {seen.title[0]}"
        return f"{text}: {self.details(seen)}." if self.details else f"{text}. {self.caption}"
