"""Kinds of figures, and how they become files. A figure that fails never costs a run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnlab.errors import NnlabError, RunUnreadable, StorageError
from nnlab.run import durable
from nnlab.run.folder import RunFolder
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.style import encode_figure, style
from nnlab.show.figures.view import View, view

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """A kind of figure. Its functions see a `View`; the methods also take a run folder.

    title: "Learning curves". caption: a sentence that says what it shows.
    unsuited: None where the figure suits a run, else the reason why not, as a clause ("the run has
    no classes"). painter: draws it. details: a clause with this run's own numbers for the alt text.
    kind: the kind of run that it shows, None for a training. early: a report shows it with the
    course of the run, before the results.
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
        run = view(run)
        if self.kind != run.run_kind:
            kinds = [kind or "training" for kind in (self.kind, run.run_kind)]
            return f"it shows a {kinds[0]}, and this is a {kinds[1]}"
        return self.unsuited(run)

    def suits(self, run: RunFolder | View) -> bool:
        """Whether the figure suits this run."""
        return self.why_not(run) is None

    def draw(self, run: RunFolder | View) -> "Figure":
        """The figure; inside `style()` it has nnlab's look."""
        return self.painter(view(run))

    def alt(self, run: RunFolder | View) -> str:
        """The alternative text for readers who cannot see the figure."""
        run = view(run)
        text = f"{self.title} of {run.title[0]}"
        return f"{text}: {self.details(run)}." if self.details else f"{text}. {self.caption}"


@dataclass(frozen=True)
class FigureForm:
    """The kinds of files (png, svg, pdf), light or dark, and the scale of losses and rates."""

    kinds: tuple[str, ...] = ("png",)
    dark: bool = False
    scale: Scale | None = None


@dataclass(frozen=True)
class Drawn:
    """The files, and a sentence for each reason why a figure is missing.

    errors: those of the run folder, in the order of the figures; unwritten: why the files could
    not be written.
    """

    paths: tuple[Path, ...]
    warnings: tuple[str, ...]
    errors: tuple[NnlabError, ...] = ()
    unwritten: NnlabError | None = None


def draw_each(
    plots: Mapping[str, Plot],
    run: RunFolder | View,
    form: FigureForm | None = None,
    out: Path | None = None,
) -> Drawn:
    """Draw those of `plots` that suit `run` into its folder, or into `out`.

    A figure that fails costs a warning, never the run. Figures that fail for the same reason share
    a warning.
    """
    run = view(run)
    paths: list[Path] = []
    failed: dict[str, list[str]] = {}
    errors: list[NnlabError] = []
    unwritten = None
    for name, plot in plots.items():
        try:
            if plot.why_not(run) is not None:
                continue
            files = figure_files(name, lambda plot=plot: plot.draw(run), form)  # type: ignore[misc]
        except NnlabError as error:
            failed.setdefault(f": {error}", []).append(name)
            errors.append(error)
            continue
        except Exception as error:
            failed.setdefault(f" ({type(error).__name__}: {error}).", []).append(name)
            continue
        try:
            paths += [save_figure(run.folder, file, data, out) for file, data in files]
        except (RunUnreadable, StorageError) as error:  # it stops the other figures too
            unwritten = error
            break
    warnings = [
        f"The figure{'s' * (len(names) > 1)} {name_list(names)} could not be drawn{reason}"
        for reason, names in failed.items()
    ]
    if unwritten:
        warnings.append(str(unwritten))
    return Drawn((*paths,), (*_newer(run), *warnings), tuple(errors), unwritten)


def figure_files(
    name: str, paint: Callable[[], "Figure"], form: FigureForm | None = None
) -> list[tuple[str, bytes]]:
    """Names and bytes of the files of one figure."""
    form = form or FigureForm()
    with style(form.dark, form.scale):
        figure = paint()
        dark = "-dark" if form.dark else ""
        return [(f"{name}{dark}.{kind}", encode_figure(figure, kind)) for kind in form.kinds]


def save_figure(folder: RunFolder | None, name: str, data: bytes, out: Path | None = None) -> Path:
    """Write a figure into `out`, else the run's folder. Raises RunUnreadable, StorageError."""
    if out is None and folder is not None:
        return folder.write_figure(name, data)
    place = out or Path()
    durable.make_folder(place)
    durable.write_file(place / name, data, sync=False)
    return place / name


def name_list(names: Iterable[str]) -> str:
    """The names as a list in words: a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _newer(run: View) -> list[str]:
    try:
        return [run.newer_format] if run.newer_format else []
    except NnlabError:
        return []
