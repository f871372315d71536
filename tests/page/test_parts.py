"""Numbers, charts and tables of a page, by hand."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnlab
from nnlab.core.types import FloatArray
from nnlab.run.folder import RunFolder
from nnlab.show.figures.palette import DARK, LIGHT, Look, contrast, mixed
from nnlab.show.figures.style import panels
from nnlab.show.page import report_run
from nnlab.show.page.charts import BUCKETS, chart_record, thin
from nnlab.show.page.pictures import Album
from nnlab.show.page.render import TEMPLATE, colors
from nnlab.show.page.repeat import typed_command
from nnlab.show.page.scenes import SHADES, STRONGEST
from nnlab.show.page.tables import Notices, table_of_records
from nnlab.show.words import duration


def test_a_long_curve_keeps_its_ends_and_its_extremes() -> None:
    values = np.sin(np.arange(30_000) / 500)
    values[12_345], values[20_001] = 9, -9
    found = thin(values)
    assert len(found) <= 2 * BUCKETS + 2
    assert {0, 12_345, 20_001, 29_999} <= set(found.tolist())
    np.testing.assert_array_equal(thin(values[:200]), np.arange(200))


def record(
    values: list[FloatArray], labels: Sequence[str] = ("training", "validation"), **options: Any
) -> dict[str, Any] | None:
    """The record of curves over the epochs."""
    curves = {
        label: (np.arange(len(one), dtype=float), np.array(one))
        for label, one in zip(labels, values, strict=False)
    }
    return chart_record("loss (mse)", curves, **options)


def test_a_chart_in_words_and_values() -> None:
    found = record([[4.0, 2.0, 1.0]])
    assert found is not None
    assert found["alt"] == (
        "loss (mse) over the epochs: training goes from 4.000 at epoch 0 to 1.000 at epoch 2."
    )
    assert found["scales"] == ["linear", "log"]
    assert found["curves"] == [{"label": "training", "x": [0, 1, 2], "y": [4, 2, 1]}]


@pytest.mark.parametrize(
    ("values", "options", "scales"),
    [
        ([5.0, 0.001], {}, ["log", "linear"]),  # it falls far
        ([5.0, 1.0], {}, ["linear", "log"]),
        ([1.0, 0.0], {}, ["linear"]),
        ([0.5, -0.5], {}, ["linear"]),
        ([1.0, 1.0], {}, ["linear"]),
        ([0.001, 1.0], {"share": True}, ["linear"]),
        (
            [0.05 * (1 + np.cos(np.pi * t / 20)) for t in range(20)],
            {"rate": True},
            ["linear", "log"],
        ),
    ],
)
def test_the_scales_of_a_chart(
    values: list[float], options: dict[str, bool], scales: list[str]
) -> None:
    found = record([values], **options)
    assert found is not None
    assert found["scales"] == scales


def test_a_gap_has_no_value_and_nothing_is_no_chart() -> None:
    nan = float("nan")
    found = record([[4.0, nan, 3.0, 2.0]])
    assert found is not None
    assert found["curves"][0]["y"] == [4, None, 3, 2]
    assert record([[nan, nan]]) is None


def test_a_noisy_curve_has_its_running_mean_beside_it() -> None:
    noise = 1 + np.random.default_rng(0).normal(size=600)
    found, smooth = record([noise]), record([np.linspace(1, 2, 600)])
    assert found is not None
    assert smooth is not None
    (line,) = found["curves"]
    assert len(line["mean"]) == len(line["x"]) == len(line["y"]) <= 2 * BUCKETS + 2
    assert np.std(line["mean"]) < 0.5 * np.std(line["y"])
    assert found["smoothing"] == 21
    assert smooth["smoothing"] == 0


def test_a_figure_of_very_many_marks_is_png() -> None:
    def still(values: FloatArray) -> str:
        def paint() -> Any:
            figure, (ax,) = panels(1)
            ax.plot(values)
            return figure

        (found,) = Album(Notices()).add_chart(record([values], share=True), paint)
        assert found.still is not None
        return found.still.src

    assert still(np.array([1.0, 2.0])).startswith("data:image/svg+xml;base64,")
    large = still(np.random.default_rng(0).normal(size=20_000))
    assert large.startswith("data:image/png;base64,")


def test_columns_in_which_nothing_stands_are_left_out() -> None:
    (table,) = table_of_records("c", [{"a": 1, "b": None}, {"a": "x", "r2": 0.5}], {"r2": "R²"})
    assert table.header == ["a", "R²"]
    assert [[cell.text for cell in row] for row in table.rows] == [["1", "–"], ["x", "0.5000"]]
    assert table.rows[1][1].order == 0.5
    assert table_of_records("c", [{}], {}) == []


@pytest.mark.parametrize(
    ("argv", "typed"),
    [
        (["/usr/bin/nnlab", "train", "a b.yaml"], "nnlab train 'a b.yaml'"),
        (["/x/nnlab/__main__.py", "train", "xor"], "nnlab train xor"),
        (["/home/me/study.py", "5"], "python study.py 5"),
        ([], ""),
        (None, ""),
        ([1, 2], ""),
    ],
)
def test_the_command_that_was_typed(argv: object, typed: str) -> None:
    assert typed_command(argv) == typed


@pytest.mark.parametrize(("look", "place"), [(LIGHT, 0), (DARK, 1)], ids=["light", "dark"])
def test_the_page_has_the_colours_of_the_figures(look: Look, place: int) -> None:
    """Read from the style sheet; and no rule of page.css brings a colour of its own for them."""
    variables = re.findall(r":root \{ ([^}]*) \}", colors())[place]
    found = dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6});", variables))
    assert [found[f"class{number}"] for number in range(7)] == list(look.classes)
    assert [found[f"line{number}"] for number in range(7)] == list(look.lines)
    assert (found["positive"], found["negative"]) == (look.positive, look.negative)
    assert (found["paper"], found["ink"]) == (look.paper, look.ink)
    sheet = (TEMPLATE / "page.css").read_text()
    used = set(re.findall(r"var\(--([a-z0-9]+)\)", sheet))
    own = set(re.findall(r"--([a-z0-9]+):", sheet))
    assert used <= found.keys() | own
    assert not own & found.keys()


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_numbers_in_the_slider_can_be_read_at_every_level(look: Look) -> None:
    for colour in (look.positive, look.negative):
        for level in np.linspace(0, STRONGEST, 20):
            assert contrast(look.ink, mixed(look.paper, colour, level)) >= 4.5


def test_the_script_and_the_style_sheet_have_one_order_of_classes() -> None:
    """The numbers that page.js repeats are those of Python."""
    script = (TEMPLATE / "page.js").read_text()
    assert f"const CLASSES = {len(LIGHT.classes)}, SHADES = {SHADES};" in script


def test_the_page_says_how_long_the_training_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As metrics.csv has it, which `train` and `runs` print; run.json also counts figures."""
    monkeypatch.setattr("nnlab.show.page.run.FIGURES", {})
    run = nnlab.train("xor", runs=tmp_path, epochs=3)
    about = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps(about | {"seconds": 4000.0}))
    page = report_run(RunFolder(run.path)).html
    took = duration(float(run.metrics["seconds"][-1]))
    assert f"3 epochs were trained, in {took}." in page
