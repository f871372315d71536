"""Figures need no window system and leave no trace in the program that draws them."""

import subprocess
from itertools import pairwise

import matplotlib as mpl
import pytest

from nnlab.show.figures import FIGURES
from nnlab.show.figures.palette import DARK, LIGHT, Look
from nnlab.show.figures.plot import draw_each
from nnlab.show.figures.style import encode_figure, head, panels, style
from tests.figures.conftest import MakeRun
from tests.process import python

METRICS = {"epoch": [0, 1, 2], "train_loss": [1.0, 0.5, 0.3]}

CURVES = {"curves": FIGURES["curves"]}


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return python("-W", "error", "-c", code, **environment)


@pytest.mark.parametrize("backend", ["TkAgg", "nonsense", "module://no_such_module", ""])
def test_draws_without_a_display_whatever_the_backend(make_run: MakeRun, backend: str) -> None:
    run = make_run(METRICS)
    code = f"""
import os, sys
from pathlib import Path
from nnlab.show.figures import FIGURES
from nnlab.show.figures.plot import draw_each
from nnlab.run.folder import RunFolder
drawn = draw_each({{'curves': FIGURES['curves']}}, RunFolder(Path({str(run.path)!r})))
print([path.name for path in drawn.paths], drawn.warnings, os.environ["MPLBACKEND"])
print([name for name in sys.modules if "pyplot" in name or "backend_tk" in name])
"""
    done = run_python(code, DISPLAY=":999", MPLBACKEND=backend)
    assert done.stderr == ""
    assert done.stdout == f"['curves.png'] () {backend}\n[]\n"


def test_the_backend_that_was_asked_for_is_kept_for_others() -> None:
    code = (
        "from nnlab.show.figures.style import panels; panels(1); import matplotlib; "
        "print(dict.__getitem__(matplotlib.rcParams, 'backend'))"
    )
    assert run_python(code, MPLBACKEND="svg").stdout == "svg\n"


def test_importing_plots_does_not_import_matplotlib() -> None:
    done = run_python("import sys, nnlab.show.figures; print('matplotlib' in sys.modules)")
    assert done.stdout == "False\n", done.stderr


def test_settings_of_the_program_come_back_after_drawing(make_run: MakeRun) -> None:
    with mpl.rc_context({"lines.linewidth": 7.5, "axes.grid": False}):
        before = dict(mpl.rcParams)
        draw_each(CURVES, make_run(METRICS))
        assert dict(mpl.rcParams) == before


def test_settings_of_the_program_do_not_change_the_figure(make_run: MakeRun) -> None:
    run = make_run(METRICS)
    (path,) = draw_each(CURVES, run).paths
    plain = path.read_bytes()
    with mpl.rc_context({"lines.linewidth": 7.5, "font.size": 20}):
        draw_each(CURVES, run)
    assert path.read_bytes() == plain


@pytest.mark.parametrize(
    ("kind", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_the_same_figure_gives_the_same_bytes(kind: str, start: bytes) -> None:
    def draw() -> bytes:
        with style():
            figure, (ax,) = panels(1)
            ax.plot([0, 1], [1, 0])
            return encode_figure(figure, kind)

    assert draw().startswith(start)
    assert draw() == draw()


def test_the_head_takes_names_as_they_are_and_keeps_the_panels_size() -> None:
    with style():
        figure, (ax,) = panels(1)
        head(figure, "a $ and $ b_{c}", "one · " * 40)
        data = encode_figure(figure, "svg").decode()
        texts = [text.get_text() for text in figure.texts]
        left, bottom, right, top = ax.get_tightbbox().extents / figure.dpi
    assert "a $ and $ b_{c}" in data
    assert len(texts) == 5
    width, height = figure.get_size_inches()
    assert 0 <= left < right <= width
    lowest_line = min(text.get_position()[1] for text in figure.texts) * height
    assert 0 <= bottom < top < lowest_line
    assert top - bottom > 2.5


def test_the_head_breaks_between_the_parts_of_a_setting() -> None:
    with style():
        figure, _ = panels(1)
        head(figure, "name", " · ".join(["sgd lr 0.1"] * 9))
    _, *lines = [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in figure.texts]
    assert len(lines) > 1
    assert {part for line in lines for part in line.split(" · ")} == {"sgd lr 0.1"}


@pytest.mark.parametrize("words", range(3, 14))
def test_a_part_longer_than_a_line_ends_lines_between_words(words: int) -> None:
    setting = f"{'max_pool, ' * words}relu ... · sgd lr 0.1"
    with style():
        figure, _ = panels(1)
        head(figure, "name", setting)
    _, *lines = [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in figure.texts]
    assert " ".join(lines).replace(" · ", " ") == setting.replace(" · ", " ")
    assert not any(line.startswith(("·", "...", " ")) for line in lines), lines


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_neighbours_in_the_palette_differ_as_greys(look: Look) -> None:
    """Relative luminance after BT.601; 0.1 is a step that a printed page still shows."""

    def grey(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    greys = [grey(colour) for colour in look.lines]
    assert all(abs(a - b) > 0.1 for a, b in pairwise(greys))


def test_the_numbers_of_a_network_stay_on_one_line() -> None:
    """784-120-10 with many layers is longer than a narrow figure's line: it ends at a space."""
    with style():
        figure, _ = panels(1)
        head(figure, "a-name", "784-120-10 reshape, conv2d, batch_norm, max_pool, relu, drop...")
        lines = [text.get_text() for text in figure.texts]
    assert not any(line.endswith("-") for line in lines), lines
