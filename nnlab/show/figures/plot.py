"""Kinds of figures, and how they become files. A figure that fails never costs a run.

In a notebook they show themselves, without pyplot.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from nnlab.errors import NnlabError, RunUnreadable, StorageError, UsageError
from nnlab.run import durable
from nnlab.run.folder import RunFolder
from nnlab.show.figures.mpl import Figure
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.style import encode_figure, style
from nnlab.show.figures.view import View, view
from nnlab.suggest import did_you_mean

Painter = Callable[[], Figure | None]  # None where the figure does not suit
T = TypeVar("T")
PIXELS = 96  # of a page, per inch


@dataclass(frozen=True)
class Plot:
    """A kind of figure. Its functions see a `View`; the methods also take a run folder.

    title: "Learning curves". caption: a sentence that says what it shows.
    unsuited: None where the figure suits a run, else the reason why not, as a clause ("the run has
    no classes"). painter: draws it. details: a clause with this run's own numbers for the alt text.
    kind: the kind of run that it shows, None for a training. early: a report shows it with the
    course of the run, before the results. on_request: `train` leaves it out, because it takes
    long or few need it; `plot` and `report --all` draw it.
    """

    title: str
    caption: str
    unsuited: Callable[[View], str | None]
    painter: Callable[[View], Figure]
    details: Callable[[View], str] | None = None
    kind: str | None = None
    early: bool = False
    on_request: bool = False

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

    def draw(self, run: RunFolder | View) -> Figure:
        """The figure; inside `style()` it has nnlab's look."""
        return self.painter(view(run))

    def draw_if_suited(self, run: View) -> Figure | None:
        """The figure; None where it does not suit this run."""
        return self.draw(run) if self.suits(run) else None

    def alt(self, run: RunFolder | View) -> str:
        """The alternative text for readers who cannot see the figure."""
        run = view(run)
        text = f"{self.title} of {run.title[0]}"
        return f"{text}: {self.details(run)}." if self.details else f"{text}. {self.caption}"


def require_known(name: str, figures: Mapping[str, Any]) -> None:
    """Raises UsageError where no figure has this name."""
    if name not in figures:
        meant = did_you_mean(name, figures)
        raise UsageError(f"There is no figure '{name}'.{meant} There are {', '.join(figures)}.")


def require_suited(name: str, figures: Mapping[str, Plot], run: View) -> Plot:
    """The figure of this name. Raises UsageError where there is none, or it does not suit."""
    require_known(name, figures)
    if reason := figures[name].why_not(run):
        raise UsageError(f"The figure {name} does not suit {run.name}: {reason}.")
    return figures[name]


@dataclass(frozen=True)
class FigureForm:
    """The kinds of files (png, svg, pdf), light or dark, the scale of losses and rates.

    smooth: the decay of the moving average of curves.
    """

    kinds: tuple[str, ...] = ("png",)
    dark: bool = False
    scale: Scale | None = None
    smooth: float | None = None


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
    """Draw those of `plots` that suit `run` into its folder, or into `out`; see `draw_files`."""
    run, newer = view(run), None
    with suppress(NnlabError):
        newer = run.newer_format
    painters = {name: partial(plot.draw_if_suited, run) for name, plot in plots.items()}
    save = partial(save_figure, out) if out else run.folder.write_figure
    return draw_files(painters, form, save, [newer] if newer else [])


def draw_files(
    painters: Mapping[str, Painter],
    form: FigureForm | None,
    save: Callable[[str, bytes], Path],
    warnings: Iterable[str] = (),
) -> Drawn:
    """Draw figures and save their files.

    A figure that fails costs a warning. Figures that fail for the same reason share a warning.
    """
    paths: list[Path] = []
    failed: dict[str, list[str]] = {}
    errors: list[NnlabError] = []
    unwritten = None
    for name, paint in painters.items():
        try:
            files = figure_files(name, paint, form)
        except NnlabError as error:
            failed.setdefault(f": {error}", []).append(name)
            errors.append(error)
            continue
        except Exception as error:
            failed.setdefault(f" ({type(error).__name__}: {error}).", []).append(name)
            continue
        try:
            paths += [save(file, data) for file, data in files]
        except (RunUnreadable, StorageError) as error:  # it stops the other figures too
            unwritten = error
            break
    warnings = list(warnings)
    for reason, names in failed.items():
        *first, last = names
        listed = f"s {', '.join(first)} and {last}" if first else f" {last}"
        warnings.append(f"The figure{listed} could not be drawn{reason}")
    if unwritten:
        warnings.append(str(unwritten))
    return Drawn(tuple(paths), tuple(warnings), tuple(errors), unwritten)


def figure_files(
    name: str, paint: Painter, form: FigureForm | None = None
) -> list[tuple[str, bytes]]:
    """Names and bytes of the files of one figure; none where it does not suit."""
    form = form or FigureForm()
    with style(form.dark, form.scale, smooth=form.smooth):
        if (figure := paint()) is None:
            return []
        dark = "-dark" if form.dark else ""
        return [(f"{name}{dark}.{kind}", encode_figure(figure, kind)) for kind in form.kinds]


def save_figure(folder: Path, name: str, data: bytes) -> Path:
    """Write a figure into a folder that may not exist yet. Raises RunUnreadable, StorageError."""
    durable.make_folder(folder)
    durable.write_file(folder / name, data, sync=False)
    return folder / name


def draw_inline(
    painter: Callable[[T], Figure], of: T, dark: bool = False, scale: Scale | None = None
) -> Figure:
    """The figure that `painter` draws of a run or sweep, with nnlab's look.

    IPython shows a Figure only where pyplot has set that up; a method of its own is always asked.
    """
    with style(dark, scale):
        figure = painter(of)
    figure._repr_png_ = partial(png_for_page, figure, dark)  # type: ignore[attr-defined]
    return figure


def png_for_page(figure: Figure, dark: bool = False) -> tuple[bytes, dict[str, Any]]:
    """A sharp PNG, and the size at which a page shows it."""
    width, height = figure.get_size_inches()
    with style(dark):
        return encode_figure(figure), {"width": width * PIXELS, "height": height * PIXELS}
