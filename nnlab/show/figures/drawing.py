"""From figures to files, in a run's folder or elsewhere. No figure ever costs a run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nnlab.errors import NnlabError, RunUnreadable, StorageError
from nnlab.run import durable
from nnlab.run.folder import RunFolder
from nnlab.show.figures.palette import Scale
from nnlab.show.figures.plot import Plot
from nnlab.show.figures.style import encode, style
from nnlab.show.figures.view import View, view

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Form:
    """What the files shall be: png, svg or pdf; for dark pages; the scale of losses and rates.

    heading: whether each figure names its experiment; a page names it once, for all figures.
    """

    kinds: tuple[str, ...] = ("png",)
    dark: bool = False
    scale: Scale | None = None
    heading: bool = True


@dataclass(frozen=True)
class Drawn:
    """What drawing left: the files, and a sentence for each reason why a figure is missing.

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
    form: Form | None = None,
    out: Path | None = None,
) -> Drawn:
    """Draw those of `plots` that suit `run` into its folder, or into `out`.

    A figure that fails costs a warning, never the run: all that matters is already saved. Figures
    that fail for the same reason share one.
    """
    seen = view(run)
    paths: list[Path] = []
    failed: dict[str, list[str]] = {}
    errors: list[NnlabError] = []
    unwritten = None
    for name, plot in plots.items():
        try:
            if plot.why_not(seen) is not None:
                continue
            made = files(name, lambda plot=plot: plot.draw(seen), form or Form())  # type: ignore[misc]
        except NnlabError as error:
            failed.setdefault(f": {error}", []).append(name)
            errors.append(error)
            continue
        except Exception as error:
            failed.setdefault(f" ({type(error).__name__}: {error}).", []).append(name)
            continue
        try:
            paths += [save(seen.folder, file, data, out) for file, data in made]
        except (RunUnreadable, StorageError) as error:  # so will the others
            unwritten = error
            break
    warnings = [*_newer(seen), *_told(failed), *([str(unwritten)] if unwritten else [])]
    return Drawn(tuple(paths), tuple(warnings), tuple(errors), unwritten)


def files(name: str, paint: Callable[[], "Figure"], form: Form) -> list[tuple[str, bytes]]:
    """Names and bytes of the files of one figure."""
    with style(form.dark, form.scale, form.heading):
        figure = paint()
        dark = "-dark" if form.dark else ""
        return [(f"{name}{dark}.{kind}", encode(figure, kind)) for kind in form.kinds]


def save(folder: RunFolder | None, name: str, data: bytes, out: Path | None = None) -> Path:
    """Write a figure into `out`, else the run's folder. Raises RunUnreadable, StorageError."""
    if out is None and folder is not None:
        return folder.write_figure(name, data)
    place = out or Path()
    durable.make_folder(place)
    durable.write_file(place / name, data, sync=False)
    return place / name


def listed(names: Iterable[str]) -> str:
    """a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _told(failed: Mapping[str, list[str]]) -> list[str]:
    """A sentence for each reason, with the figures that it stopped."""
    told = []
    for reason, names in failed.items():
        which = f"The figure {names[0]}" if len(names) == 1 else f"The figures {listed(names)}"
        told.append(f"{which} could not be drawn{reason}")
    return told


def _newer(seen: View) -> list[str]:
    try:
        return [seen.newer] if seen.newer else []
    except NnlabError:
        return []
