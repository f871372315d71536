"""The picture of a race: contour lines, paths, marks, and the values beside them."""

from typing import Any

import numpy as np
import pytest

from nnlab.errors import RunUnreadable
from nnlab.race import figure as landscape
from nnlab.race.config import parse_race
from nnlab.race.figure import FIGURES, contour, levels, shown_part, trails
from nnlab.race.landscapes import LANDSCAPES, Landscape
from nnlab.race.run import rows, walk
from nnlab.run.folder import RunFolder
from nnlab.show.figures.plot import draw_each
from nnlab.show.figures.style import encode_figure, look, panels, style
from tests.figures.conftest import PATHS, RACE, MakeRun

every = pytest.mark.parametrize("name", LANDSCAPES)


@pytest.fixture
def raced(make_run: MakeRun) -> Any:
    """A function that lets a race run and gives its folder."""

    def race(text: str) -> RunFolder:
        found = parse_race(text)
        descents = [walk(found.function, found.start_of(one), one) for one in found.runs]
        return make_run(resolved=text, paths=columns(rows(descents)))

    return race


def columns(table: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in table] for name in table[0]}


def drawn(run: RunFolder) -> Any:
    with style():
        figure = FIGURES["landscape"].draw(run)
        encode_figure(figure)  # places everything
    return figure


@every
def test_every_landscape_is_drawn_without_a_warning(raced: Any, name: str) -> None:
    """Warnings are errors here; a run that blows up and one that converges exactly among them."""
    run = raced(f"function: {name}\nruns: [{{sgd: 0.001}}, {{adam: 0.5}}, {{sgd: 1e5}}, rmsprop]\n")
    found = draw_each(FIGURES, run)
    assert [path.name for path in found.paths] == ["landscape.png"]
    assert found.warnings == ()


@pytest.mark.parametrize("runs", [1, 20])
def test_one_run_or_as_many_as_there_may_be(raced: Any, runs: int) -> None:
    figure = drawn(raced(f"function: beale\nruns: [{', '.join(['sgd'] * runs)}]\n"))
    left, right = figure.axes
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in right.lines}
    assert len(looks) == runs
    (legend,) = figure.legends
    width, height = figure.canvas.get_width_height()
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= width
    assert 0 <= box.y0 < box.y1 < left.get_window_extent().y0
    assert left.get_window_extent().height > 0.25 * height


def test_paths_starts_ends_and_minima_are_where_they_are(make_run: MakeRun) -> None:
    figure = drawn(make_run(resolved=RACE, paths=PATHS))
    left, right = figure.axes
    slow, wild, start, minimum, *ends = left.lines
    assert slow.get_xydata().tolist() == [[2.0, 1.0], [1.8, 0.6], [1.62, 0.36]]
    assert wild.get_xydata().tolist() == [[2.0, 1.0]]
    assert start.get_xydata().tolist() == [[2.0, 1.0]]
    assert minimum.get_xydata().tolist() == [[0.0, 0.0]]
    assert [end.get_xydata().tolist() for end in ends] == [[[1.62, 0.36]], [[2.0, 1.0]]]
    assert right.lines[0].get_xydata().tolist() == [[0, 4.0], [1, 2.34], [2, 1.5714]]
    names = [text.get_text() for text in figure.legends[0].texts]
    assert names == ["slow", "wild (diverged at step 1)", "start", "known minimum"]
    texts = [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in figure.texts]
    assert texts == ["by-hand", "quadratic condition 4 · start (2, 1) · lowest value 0"]


def test_a_run_may_be_called_as_it_likes(raced: Any) -> None:
    names = ["_hidden", "$\\frac{$", "a $x$ b", "<b>", "%s {}"]
    runs = ", ".join(
        f"{{name: '{name}', optimizer: sgd, steps: {n + 1}}}" for n, name in enumerate(names)
    )
    figure = drawn(raced(f"function: beale\nruns: [{runs}]\n"))
    found = [text.get_text().strip("\N{ZERO WIDTH SPACE}") for text in figure.legends[0].texts]
    assert [text.replace("\\$", "$") for text in found] == [*names, "start", "known minimum"]
    assert not any("$" in text.replace("\\$", "") for text in found)  # none is mathematics


def test_values_are_above_the_lowest_minimum(raced: Any) -> None:
    text = (
        "function: wavy_bowl\nruns: [{optimizer: {name: sgd, lr: 0.1, momentum: 0.5}, steps: 20}]\n"
    )
    right = drawn(raced(text)).axes[1]
    line = right.lines[0].get_ydata()
    assert right.get_yscale() == "log"
    assert right.get_ylabel() == "value above the lowest minimum"
    assert line[0] == pytest.approx(9 + 4 + 12 + np.cos(9) + 2.28070970814705)
    assert line[-1] == pytest.approx(3.5e-5, rel=0.02)


def test_a_function_without_a_minimum_keeps_its_values(raced: Any) -> None:
    left, right = drawn(raced("function: saddle\nruns: [{sgd: 0.1}]\n")).axes
    assert right.get_yscale() == "linear"
    assert right.get_ylabel() == "value"
    bottom, top = right.get_ylim()
    assert right.lines[0].get_ydata()[-1] < -1e6 < -20 < bottom  # it goes down for ever
    assert top == pytest.approx(1.5**2 - 0.01**2)
    assert [line.get_label() for line in left.lines[1:2]] == ["start"]


def test_what_blows_up_does_not_flatten_the_others(raced: Any) -> None:
    text = "function: rosenbrock\nruns: [{sgd: 0.001}, {optimizer: {sgd: 1}, steps: 3}]\n"
    left, right = drawn(raced(text)).axes
    assert np.nanmax(right.lines[1].get_ydata()) > 1e20
    assert right.get_ylim()[1] < 1e4
    assert left.get_xlim() == (-2.0, 2.0)


@pytest.mark.parametrize(("steps", "marked"), [(59, 1), (60, (60, 61)), (500, (500, 501))])
def test_of_many_steps_only_the_last_is_marked(raced: Any, steps: int, marked: Any) -> None:
    run = f"{{optimizer: {{sgd: 0.001}}, steps: {steps}}}"
    right = drawn(raced(f"function: himmelblau\nruns: [{run}]\n")).axes[1]
    assert right.lines[0].get_markevery() == marked


@every
def test_lines_lie_denser_towards_a_minimum(name: str) -> None:
    function: Landscape = LANDSCAPES[name]()
    (low_x, high_x), (low_y, high_y) = function.domain
    x, y = np.meshgrid(np.linspace(low_x, high_x, 99), np.linspace(low_y, high_y, 99))
    values = function.value(x, y)
    found = levels(values, function.lowest)
    gaps = np.diff(found)
    assert (gaps > 0).all()
    assert found[-1] == pytest.approx(values.max())
    if function.lowest is None:
        np.testing.assert_allclose(gaps, gaps[0])
        assert found[0] == values.min()
    else:
        assert found[0] == function.lowest
        assert (np.diff(gaps[1:]) > 0).all()
        shares = [np.mean(values < level) for level in found[1:]]
        assert 0.001 < shares[0] < 0.01  # no line is lost in a dot
        assert np.mean(np.array(shares) < 0.5) > 0.4  # the lower half of the picture has its share


VIEWS = {
    "inside": ([(0.0, 0.0), (1.0, 1.0)], ((-4.0, 4.0), (-3.0, 3.0))),
    "a start outside": ([(10.0, 0.0)], ((-4.0, 10.0), (-3.0, 3.0))),
    "a step beyond": ([(0.0, 0.0), (6.0, 0.0)], ((-4.0, 6.24), (-3.0, 3.0))),
    "far beyond": ([(0.0, 0.0), (9.0, 1e30), (-9.0, -7.0)], ((-4.0, 4.0), (-3.0, 3.0))),
    "out of reach": ([(np.nan, 0.0), (0.0, np.nan)], ((-4.0, 4.0), (-3.0, 3.0))),
}


@pytest.mark.parametrize("what", VIEWS)
def test_what_is_in_view(what: str) -> None:
    points, wanted = VIEWS[what]
    x, y = np.array(points).T
    trail = landscape.Trail("t", np.arange(len(x)), x, y, x, {})
    assert shown_part(LANDSCAPES["quadratic"](), [trail]) == tuple(map(pytest.approx, wanted))


def test_the_lowest_part_is_the_lightest(make_run: MakeRun) -> None:
    run = make_run(resolved=RACE, paths=PATHS)
    race = parse_race(RACE)
    _, (ax,) = panels(1)
    assert contour(ax, race.function, trails(run, race)) == pytest.approx((0, 26), abs=1e-3)
    shades = [colour[0] for colour in ax.collections[0].get_facecolor()]
    assert shades == sorted(shades, reverse=True)
    darkest = shades[-1]
    for colour in look().lines:
        red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        assert 0.3 * red + 0.59 * green + 0.11 * blue < darkest - 0.03


def test_rows_of_no_run(make_run: MakeRun) -> None:
    run = make_run(resolved=RACE, paths={**PATHS, "run": [7, 7, 7, 8]})
    with pytest.raises(RunUnreadable, match=r"paths\.csv: it has no row of any run\.$"):
        FIGURES["landscape"].draw(run)
