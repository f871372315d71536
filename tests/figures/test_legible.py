"""Nothing overlaps, is cut off or is hard to read, also in figures that no run of the tests has."""

import numpy as np
import pytest

from nnlab.show.figures import style
from nnlab.show.figures.axes import choose_scale, compact, is_log_rate, smoothed, window
from nnlab.show.figures.cells import heat
from nnlab.show.figures.histograms import draw_histogram
from nnlab.show.figures.palette import (
    BLACK,
    DARK,
    LIGHT,
    WHITE,
    Look,
    contrast,
    luminance,
    mixed,
    text_on,
)
from nnlab.show.figures.plane import box
from tests.figures.geometry import clipped, overlaps, unreadable

LOOKS = pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
CENTRES = [0.0, -0.37, 123456.0, -98765.4]
SPREADS = [1e-9, 3e-6, 1.7e-4, 0.0052, 0.3, 12.0, 4e4, 1e9]


@pytest.mark.parametrize("centre", CENTRES)
def test_tick_labels_of_histograms_stand_apart(centre: float) -> None:
    spread = np.linspace(-1.0, 1.0, 50)
    with style.style():
        figure = style.canvas(2 * style.PANEL[0] * 0.9, 0.95 * len(SPREADS) + 0.75)
        for line, size in zip(figure.subplots(len(SPREADS), 3), SPREADS, strict=True):
            for ax, skew in zip(line, (0.0, 0.9, -0.9), strict=True):
                draw_histogram(ax, centre + size * (spread + skew), "#0072b2")
        figure.canvas.draw()
        assert overlaps(figure) == []
        for size, ax in zip(SPREADS, figure.axes[::3], strict=True):
            texts = [label.get_text() for label in ax.get_xticklabels()]
            alike = size < 1e-6 * abs(centre)  # nine digits do not tell such values apart
            assert alike or len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1.0, "1"),
        (-0.005, "\N{MINUS SIGN}0.005"),
        (0.00025, "0.00025"),
        (2000.0, "2,000"),
        (1e-5, "1e\N{MINUS SIGN}5"),
        (-2.5e6, "\N{MINUS SIGN}2.5e6"),
        (0.30000000000000004, "0.3"),
    ],
)
def test_a_tick_is_short(value: float, text: str) -> None:
    assert compact(value) == text


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (1e-8, 1.0),
        (0.02, 3.0),
        (0.9, 21.0),
        (3e-5, 9e-4),
        (1e3, 1e9),
        (1e-300, 1e90),
        (1e-312, 1.0),
    ],
)
def test_a_logarithmic_axis_has_labels_that_stand_apart(low: float, high: float) -> None:
    with style.style():
        figure, (ax,) = style.panels(1)
        values = np.geomspace(low, high, 30)
        ax.plot(values)
        choose_scale(ax, values, log=True)
        style.head(figure, "name", "setting")
        figure.canvas.draw()
        bottom, top = ax.get_ylim()
        labels = [t for t in ax.yaxis.get_major_ticks() if bottom <= t.get_loc() <= top]
        assert len(labels) >= 2
        assert overlaps(figure) == []


@LOOKS
def test_numbers_in_cells_can_be_read_at_every_level(look: Look) -> None:
    """Also at 0.65, where black stood on blue; with signs and without."""
    values = np.linspace(0.0, 1.0, 101)[:, None] * [1.0, -1.0]
    with style.style(dark=look.dark):
        figure, axes = style.panels(2, height=6)
        heat(axes[0], values[:, :1], "{:.2f}")
        heat(axes[1], values, "{:.2f}")
        figure.canvas.draw()
        assert unreadable(figure) == []


def test_black_or_white_can_be_read_on_every_colour() -> None:
    steps = [f"{value:02x}" for value in range(0, 256, 15)]
    worst = min(
        contrast(text_on(fill), fill)
        for fill in (f"#{r}{g}{b}" for r in steps for g in steps for b in steps)
    )
    assert worst >= 4.5


def test_luminance_and_contrast_are_those_of_wcag() -> None:
    """The W3C's examples: black and white 21:1; #767676 is the lightest grey with 4.5 on white."""
    assert contrast(BLACK, WHITE) == pytest.approx(21)
    assert contrast("#767676", WHITE) == pytest.approx(4.54, abs=0.005)
    assert contrast("#777777", WHITE) < 4.5
    assert luminance("#ff0000") == pytest.approx(0.2126)


@LOOKS
def test_texts_of_both_looks_can_be_read(look: Look) -> None:
    assert contrast(look.ink, look.paper) > 7
    assert contrast(look.soft, look.paper) >= 4.5
    assert mixed(look.paper, look.ink, 1.0) == look.ink


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("constant", False),
        ("small step", False),
        ("step", True),
        ("exponential", True),
        ("inverse time", True),
        ("cosine", False),
        ("cosine of epochs", False),
        ("cosine to a hundredth", False),
        ("linear", False),
        ("warmup", False),
        ("to zero", False),
    ],
)
def test_a_rate_is_logarithmic_where_that_shows_its_shape(name: str, log: bool) -> None:
    t = np.arange(1000) / 1000
    cosine = (1 + np.cos(np.pi * t)) / 2
    rates = {
        "constant": np.full(9, 0.1),
        "small step": np.repeat([0.1, 0.05], 50),
        "step": 0.3 * 0.5 ** np.floor(10 * t),
        "exponential": np.exp(-8 * t),
        "inverse time": 1 / (1 + 100 * t),
        "cosine": cosine,
        "cosine of epochs": (1 + np.cos(np.pi * np.arange(20) / 20)) / 2,
        "cosine to a hundredth": 0.01 + 0.99 * cosine,
        "linear": 1 - t,
        "warmup": np.minimum(20 * (t + 1e-3), 1.0),
        "to zero": np.linspace(1.0, 0.0, 100),
    }
    assert is_log_rate(rates[name]) is log
    assert is_log_rate(rates["exponential"], "linear") is False
    assert is_log_rate(rates["cosine"], "log") is True


def test_a_noisy_line_is_its_running_mean_and_a_smooth_one_stays() -> None:
    rng = np.random.default_rng(0)
    epochs = np.arange(300)
    smooth = np.exp(-epochs / 60) + 0.1
    noisy = smooth + rng.normal(0.0, 0.05, 300)
    assert smoothed(smooth, 0.0, 1.1) is None
    mean = smoothed(noisy, 0.0, 1.1)
    assert mean is not None
    half = window(300) // 2
    assert mean[100] == pytest.approx(noisy[100 - half : 101 + half].mean())
    assert mean[[0, -1]] == pytest.approx(noisy[[0, -1]])  # the window is symmetric everywhere
    assert np.abs(mean - smooth)[half:-half].max() < 0.06
    assert smoothed(noisy[:40], 0.0, 1.1) is None
    assert smoothed(np.where(epochs == 7, np.nan, noisy), 0.0, 1.1) is None
    logs = smoothed(np.exp(20 * noisy), 1.0, 1e9, log=True)
    assert logs is not None
    assert np.log(logs[100]) == pytest.approx(20 * mean[100])


@pytest.mark.parametrize(
    ("x", "y", "equal"),
    [
        ((0.0, 1.0), (0.0, 1.0), True),
        ((-4.0, 6.0), (-10.0, 8.0), True),
        ((0.0, 1000.0), (0.0, 1.0), False),
        ((5.0, 5.0), (0.0, 1.0), True),
    ],
)
def test_a_plane_has_equal_axes_where_its_inputs_are_alike(
    x: tuple[float, float], y: tuple[float, float], equal: bool
) -> None:
    left, right, bottom, top = box(np.array([x, y]).T)
    assert left < x[0] <= x[1] < right
    assert bottom < y[0] <= y[1] < top
    assert bool((right - left) == pytest.approx(top - bottom)) is equal


def test_a_clipped_marker_and_a_faint_text_are_seen() -> None:
    """The geometry's own test: what it is to find, it finds."""
    with style.style():
        figure, (ax,) = style.panels(1)
        ax.plot([0.0, 1.0], [0.0, 1.0], "o", label="ends")
        ax.set_xlim(0.0, 1.0)
        ax.imshow([[0.5]], cmap="gray", vmin=0, vmax=1)
        ax.text(0, 0, "grey", color="#999999")
        ax.text(0, 0, "other")
        figure.canvas.draw()
        assert ("ends", "has a marker that is cut off") in clipped(figure)
        assert ("grey", "other") in overlaps(figure)
        assert unreadable(figure)[0][0] == "grey"
