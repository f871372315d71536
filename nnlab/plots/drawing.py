"""Drawing the figures of a run into its folder, or elsewhere. None ever costs the run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nnlab.errors import NnlabError, StorageError
from nnlab.plots.plot import Plot
from nnlab.plots.style import Scale, encode, style
from nnlab.plots.view import View, view
from nnlab.run import durable
from nnlab.run.folder import RunFolder


@dataclass(frozen=True)
class Drawn:
    """What drawing left: the files, a sentence for what failed, and the errors behind them."""

    paths: tuple[Path, ...]
    warnings: tuple[str, ...]
    errors: tuple[NnlabError, ...] = ()


def draw_each(
    plots: Mapping[str, Plot],
    run: RunFolder | View,
    kinds: Iterable[str] = ("png",),
    *,
    out: Path | None = None,
    dark: bool = False,
    scale: Scale | None = None,
) -> Drawn:
    """Draw those of `plots` that suit `run`, as png, svg or pdf, into its folder or into `out`.

    A figure that fails costs a warning, never the run: all that matters is already saved. Figures
    that fail for the same reason share one.
    """
    seen = view(run)
    paths: list[Path] = []
    failed: dict[str, list[str]] = {}
    errors: list[NnlabError] = []
    for name, plot in plots.items():
        try:
            if plot.why_not(seen) is not None:
                continue
            files = drawn(plot, seen, kinds, dark, scale)
        except NnlabError as error:
            failed.setdefault(f": {error}", []).append(name)
            errors.append(error)
            continue
        except Exception as error:
            failed.setdefault(f" ({type(error).__name__}: {error}).", []).append(name)
            continue
        try:
            paths += [save(seen.folder, f"{name}{suffix}", data, out) for suffix, data in files]
        except StorageError as error:  # so will the others
            return Drawn(tuple(paths), (*_newer(seen), *_told(failed), str(error)), (error,))
    return Drawn(tuple(paths), (*_newer(seen), *_told(failed)), tuple(errors))


def drawn(
    plot: Plot, seen: View, kinds: Iterable[str], dark: bool = False, scale: Scale | None = None
) -> list[tuple[str, bytes]]:
    """The figure as files: the end of each one's name, and its bytes."""
    with style(dark, scale):
        figure = plot.draw(seen)
        return [(f"{'-dark' if dark else ''}.{kind}", encode(figure, kind)) for kind in kinds]


def save(folder: RunFolder | None, name: str, data: bytes, out: Path | None = None) -> Path:
    """Write a figure into the run's folder, or into `out`. Raises StorageError."""
    if out is None and folder is not None:
        return folder.write_figure(name, data)
    place = out or Path()
    durable.make_folder(place)
    durable.write(place / name, data, sync=False)
    return place / name


def _told(failed: Mapping[str, list[str]]) -> list[str]:
    """A sentence for each reason, with the figures that it stopped."""
    told = []
    for reason, names in failed.items():
        which = f"The figure {names[0]}" if len(names) == 1 else f"The figures {listed(names)}"
        told.append(f"{which} could not be drawn{reason}")
    return told


def listed(names: Iterable[str]) -> str:
    """a, b and c."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _newer(seen: View) -> list[str]:
    try:
        return [seen.newer] if seen.newer else []
    except NnlabError:
        return []
