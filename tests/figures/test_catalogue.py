"""Every figure in the catalogue on every small run that it suits, and none ever costs a run."""

import io
from pathlib import Path
from typing import Never

import numpy as np
import pytest

from nnlab.race import figure
from nnlab.run.folder import RunFolder
from nnlab.show import figures
from nnlab.show.figures import Drawn, FigureForm, Plot, View, draw_all, view
from nnlab.show.figures.plot import draw_each
from nnlab.show.figures.style import encode_figure, style
from tests.figures.conftest import MakeRun, Runs
from tests.figures.geometry import clipped, overlaps, unreadable
from tests.figures.runs import DRAWN, SUITS

FIGURES = figures.FIGURES | figure.FIGURES
PAIRS = [
    (run, name)
    for run in SUITS
    for name in FIGURES
    if name in SUITS[run] and run in DRAWN.get(name, SUITS)
]
QUICK = sorted(SUITS["blobs"] - DRAWN.keys())
METRICS = {"epoch": [0, 1, 2], "train_loss": [1.0, 0.5, 0.2]}


def test_every_figure_has_a_run_that_it_suits() -> None:
    assert set().union(*SUITS.values()) == FIGURES.keys()


@pytest.mark.parametrize("name", SUITS)
def test_what_suits_a_run(runs: Runs, name: str) -> None:
    seen = view(runs[name])
    reasons = {figure: plot.why_not(seen) for figure, plot in FIGURES.items()}
    assert {figure for figure, reason in reasons.items() if reason is None} == SUITS[name]
    assert all(reason and not reason.endswith(".") for reason in reasons.values() if reason)


@pytest.mark.parametrize(("run", "name"), PAIRS)
def test_draws(runs: Runs, run: str, name: str) -> None:
    """Ink on paper, the experiment's name above, something in every axes, all of it legible."""
    with style():
        figure = FIGURES[name].draw(runs[run])
        figure.canvas.draw()
        wrong = [*overlaps(figure), *clipped(figure), *unreadable(figure)]
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].min(axis=2)
    assert pixels.shape[0] > 150
    assert 180 < pixels.shape[1] < 1900
    assert 0.004 < np.mean(pixels < 0.9 * 255) < 0.8
    title = "".join(text.get_text() for text in figure.texts)
    assert title.startswith(run)
    name, *rest = figure.texts  # the name alone is of a title's size
    sizes = {text.get_fontsize() for text in rest if text.get_text() not in run}
    assert all(size < name.get_fontsize() for size in sizes)
    visible = [ax for ax in figure.axes if ax.get_visible()]
    assert visible
    assert all(ax.has_data() or ax.texts or ax.patches or ax.collections for ax in visible)
    assert wrong == []


@pytest.mark.parametrize(("run", "name"), PAIRS)
def test_an_alternative_text_tells_what_it_is(runs: Runs, run: str, name: str) -> None:
    text = FIGURES[name].alt(runs[run])
    assert text.startswith(f"{FIGURES[name].title} of {run}")
    assert text.endswith(".")


@pytest.mark.parametrize("name", FIGURES)
def test_titles_and_captions(name: str) -> None:
    plot = FIGURES[name]
    assert plot.title
    assert not plot.title.endswith(".")
    assert plot.caption.endswith(".")


def test_the_dark_variant_is_dark(runs: Runs) -> None:
    from matplotlib.image import imread

    for name in QUICK:
        with style(dark=True):
            png = encode_figure(FIGURES[name].draw(runs["blobs"]))
        assert abs(imread(io.BytesIO(png))[-1, -1, :3].max() - 0.1) < 0.05, name


CURVES = {"curves": FIGURES["curves"]}


def test_each_kind_asked_for_is_written(make_run: MakeRun) -> None:
    drawn = draw_each(CURVES, make_run(METRICS), FigureForm(("png", "svg", "pdf")))
    assert [path.name for path in drawn.paths] == ["curves.png", "curves.svg", "curves.pdf"]


def test_dark_figures_stand_beside_the_others(make_run: MakeRun, tmp_path: Path) -> None:
    drawn = draw_each(CURVES, make_run(METRICS), FigureForm(dark=True), tmp_path / "here")
    assert drawn.paths == (tmp_path / "here" / "curves-dark.png",)
    assert drawn.paths[0].is_file()


def test_a_copied_folder_draws_the_same(runs: Runs, tmp_path: Path) -> None:
    import shutil

    other = RunFolder(shutil.copytree(runs["blobs"].path, tmp_path / "elsewhere"))
    for name in QUICK:
        with style():
            one, two = (encode_figure(FIGURES[name].draw(run)) for run in (runs["blobs"], other))
        assert one == two, name


def fail(run: View) -> Never:
    raise ValueError("no such column")


def test_a_figure_that_fails_costs_a_warning(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = {
        "suits": Plot("One", "", fail, fail),
        "draws": Plot("Two", "", lambda run: None, fail),
    }
    monkeypatch.setattr(figures, "FIGURES", {**broken, "curves": FIGURES["curves"]})
    drawn = draw_all(make_run(METRICS))
    assert [path.name for path in drawn.paths] == ["curves.png"]
    assert drawn.warnings == (
        "The figures suits and draws could not be drawn (ValueError: no such column).",
    )


def test_a_folder_that_cannot_be_read_costs_a_warning(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("epoch,train_loss\n0,1\n1,2,3\n")
    drawn = draw_each({**CURVES, "lr": FIGURES["lr"]}, RunFolder(tmp_path))
    assert drawn == Drawn((), drawn.warnings, drawn.errors)
    assert drawn.warnings == (
        f"The figures curves and lr could not be drawn: Cannot read {tmp_path / 'metrics.csv'}: "
        "row 3 has 3 cells, the header has 2.",
    )


def test_an_interrupt_is_not_swallowed(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(run: View) -> Never:
        raise KeyboardInterrupt

    monkeypatch.setattr(figures, "FIGURES", {"slow": Plot("Slow", "", interrupt, interrupt)})
    with pytest.raises(KeyboardInterrupt):
        draw_all(make_run())


def test_a_name_that_is_no_mathematics(make_run: MakeRun) -> None:
    run = make_run({"epoch": [0, 1], "train_loss": [1.0, 0.5], "train_$a_b$": [1.0, 0.5]})
    figure = FIGURES["curves"].draw(run)
    assert [ax.get_ylabel() for ax in figure.axes][1] == r"\$a_b\$"
    encode_figure(figure)
