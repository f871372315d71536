"""Figures of sweeps made by hand: which are drawn, and what they show."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures.style import style
from nnlab.show.figures.sweep_plots import (
    SWEEP_FIGURES,
    draw_finals,
    draw_map,
    draw_sweep,
    draw_sweep_curves,
    log_spaced,
)
from nnlab.show.figures.sweep_view import SweepView
from tests.figures.geometry import clipped, overlaps, unreadable

BASE = {
    "seed": 3,
    "network": [{"name": "dense", "units": 8}, {"name": "relu"}, {"name": "dense", "units": 1}],
    "loss": {"name": "mse", "reduction": "mean"},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "training": {"epochs": 3, "batch_size": 1},
    "data": {"name": "curve"},
}
Make = Callable[..., SweepView]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Writes a sweep from its axes and, for each cell and seed, the losses of its epochs."""

    def write(
        axes: dict[str, list[Any]],
        trials: list[tuple[dict[str, Any], int, list[float]]],
        caption: str = "",
        status: str = "completed",
    ) -> SweepView:
        folder = SweepFolder(tmp_path / "sweep-case")
        folder.create()
        named = [{"key": key, "values": values} for key, values in axes.items()]
        folder.write_about({"name": "case", "axes": named, "base": BASE, "caption": caption})
        for number, (cell, seed, losses) in enumerate(trials):
            path = folder.path / f"{number:012x}"
            path.mkdir()
            about = {"status": status, "trial": {"cell": cell, "seed": seed}}
            (path / "run.json").write_text(json.dumps(about))
            (path / "data.json").write_text('{"inputs": [2]}')
            lines = [f"{epoch},{loss!r},{1 - loss!r}" for epoch, loss in enumerate(losses)]
            head = "epoch,train_loss,train_r2\n"
            (path / "metrics.csv").write_text(head + "".join(f"{line}\n" for line in lines))
            final = {"epoch": len(losses) - 1, "train_loss": losses[-1], "train_r2": 1 - losses[-1]}
            (path / "summary.json").write_text(json.dumps({"final": final}))
        return SweepView(folder)

    return write


ONE = {"lr": [0.01, 0.1]}
SEEDS = [
    ({"lr": 0.01}, 3, [1.0, 0.9, 0.8]),
    ({"lr": 0.01}, 4, [1.0, 0.7, 0.6]),
    ({"lr": 0.01}, 5, [1.0, 0.5, 0.1]),
    ({"lr": 0.1}, 3, [1.0, 0.5, 0.3]),
]
TWO = {"lr": [0.01, 0.1], "hidden": [2, 3]}
GRID = [({"lr": lr, "hidden": h}, 3, [1.0, lr * h]) for lr in (0.01, 0.1) for h in (2, 3)]


def drawn(draw, study):
    with style():
        figure = draw(study)
        figure.canvas.draw()
        assert [*overlaps(figure), *clipped(figure), *unreadable(figure)] == []
        return figure


def test_curves_are_medians_with_a_band(make: Make) -> None:
    figure = drawn(draw_sweep_curves, make(ONE, SEEDS, "Two rates."))
    loss = figure.axes[0]
    assert [line.get_label() for line in loss.lines] == ["0.01", "0.1"]
    assert loss.lines[0].get_ydata().tolist() == pytest.approx([1.0, 0.7, 0.6])
    assert len(loss.collections) == 1  # one seed has no band
    band = loss.collections[0].get_paths()[0].vertices
    at_two = sorted({round(float(y), 6) for x, y in band if x == 2})
    assert (at_two[0], at_two[-1]) == (0.35, 0.7)
    assert figure.axes[1].get_legend().get_title().get_text() == "lr"
    assert [text.get_text().replace("\N{NO-BREAK SPACE}", " ") for text in figure.texts] == [
        "case: lr",
        "2-8-1 relu · mse · sgd · batch 1 · 3 epochs · 3 seeds (3 to 5): median and quartiles",
        "Two rates.",
    ]


def test_a_trial_that_ended_early_is_in_the_band_while_it_ran(make: Make) -> None:
    trials = [({"lr": 0.01}, 3, [1.0, 0.8]), ({"lr": 0.01}, 4, [1.0, 0.6, 0.4])]
    figure = drawn(draw_sweep_curves, make({"lr": [0.01]}, trials))
    assert figure.axes[0].lines[0].get_ydata().tolist() == pytest.approx([1.0, 0.7, 0.4])


def test_final_numbers_have_a_dot_a_seed_and_a_line_of_medians(make: Make) -> None:
    loss = drawn(draw_finals, make(ONE, SEEDS)).axes[0]
    dots, medians = loss.lines
    assert sorted(dots.get_ydata()) == [0.1, 0.6, 0.8]
    assert medians.get_ydata().tolist() == [0.6, 0.3]
    assert medians.get_xdata().tolist() == [0.01, 0.1]
    assert loss.get_xlabel() == "lr"
    assert loss.get_ylabel() == "final loss (training)"


@pytest.mark.parametrize(
    ("values", "scale"),
    [([0.001, 0.01, 0.1], "log"), ([2, 3, 5], "linear"), ([0, 1, 100], "linear")],
)
def test_the_axis_is_logarithmic_where_the_values_are(make: Make, values, scale) -> None:
    trials = [({"lr": value}, 3, [1.0, 0.5]) for value in values]
    assert drawn(draw_finals, make({"lr": values}, trials)).axes[0].get_xscale() == scale
    assert log_spaced([float(value) for value in values]) == (scale == "log")


def test_names_are_places_on_the_axis(make: Make) -> None:
    values = ["relu", "tanh", {"leaky_relu": 0.1}]
    trials = [({"activation": value}, 3, [1.0, 0.5]) for value in values]
    ax = drawn(draw_finals, make({"activation": values}, trials)).axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == [
        "relu",
        "tanh",
        "{leaky_relu: 0.1}",
    ]


def test_a_map_of_two_axes_has_the_numbers_written_in(make: Make) -> None:
    ax = drawn(draw_map, make(TWO, GRID)).axes[0]
    assert np.asarray(ax.images[0].get_array()) == pytest.approx(
        np.array([[0.02, 0.03], [0.2, 0.3]])
    )
    assert [text.get_text() for text in ax.texts] == ["0.02", "0.03", "0.2", "0.3"]
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("lr", "hidden")


@pytest.mark.parametrize(
    ("axes", "trials", "names"),
    [
        (ONE, SEEDS, ["curves", "final"]),
        (TWO, GRID, ["curves", "final", "map"]),
        ({"lr": [0.01, 0.1]}, [], []),
        ({"lr": list(range(1, 14))}, [({"lr": n}, 3, [1.0, 0.5]) for n in range(1, 14)], ["final"]),
        ({"lr": [1]}, [({"lr": 1}, 3, [1.0])], ["final"]),  # not trained
        ({"a": [1], "b": [1], "c": [1]}, [({"a": 1, "b": 1, "c": 1}, 3, [1.0, 0.5])], ["curves"]),
    ],
)
def test_which_figures_suit(make: Make, axes, trials, names) -> None:
    found = draw_sweep(make(axes, trials).folder)
    assert found.warnings == ()
    assert [path.stem for path in found.paths] == names
    assert list(SWEEP_FIGURES) == ["curves", "final", "map"]


def test_trials_without_a_result_are_left_out(make: Make) -> None:
    assert draw_sweep(make(ONE, SEEDS, status="diverged").folder).paths == ()


def test_a_damaged_table_costs_its_trial_alone(make: Make) -> None:
    study = make(ONE, SEEDS)
    (study.folder.path / f"{0:012x}" / "metrics.csv").write_bytes(b"epoch\n\xff\n\xff\n")
    assert draw_sweep(study.folder).warnings == ()
    loss = drawn(draw_sweep_curves, SweepView(study.folder)).axes[0]
    assert loss.lines[0].get_ydata().tolist() == pytest.approx([1.0, 0.6, 0.35])


def test_a_figure_that_fails_costs_a_warning(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(study: SweepView) -> bool:
        raise ValueError("no such column")

    monkeypatch.setitem(SWEEP_FIGURES, "curves", replace(SWEEP_FIGURES["curves"], suits=fail))
    found = draw_sweep(make(ONE, SEEDS).folder)
    assert found.warnings == ("The figure curves could not be drawn (ValueError: no such column).",)
    assert [path.stem for path in found.paths] == ["final"]
