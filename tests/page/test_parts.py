"""Numbers, axes, curves and tables of a page, by hand."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import nnlab
from nnlab.run.folder import RunFolder
from nnlab.show.figures.palette import DARK, LIGHT, Look, channels, contrast, mixed
from nnlab.show.page import numbers, of_run, png, ticks
from nnlab.show.page.again import command
from nnlab.show.page.charts import BUCKETS, Mark, Series, chart, thin
from nnlab.show.page.heat import STRONGEST
from nnlab.show.page.page import HERE, colours
from nnlab.show.page.tables import of_records


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (12345, "12,345"),
        (0, "0"),
        (0.0, "0.000"),
        (0.5, "0.5000"),
        (-0.25, "−0.2500"),
        (1234.5678, "1,235"),
        (0.00012346, "0.0001235"),
        (0.000012345, "1.234 × 10⁻⁵"),
        (-3.2e9, "−3.200 × 10⁹"),
        ("text", "text"),
        (True, "True"),
    ],
)
def test_a_number_in_a_table(value: object, text: str) -> None:
    assert numbers.text(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0449, "45 ms"), (1.25, "1.2 s"), (125, "2 min 5 s"), (3720, "1 h 2 min"), (None, "–")],
)
def test_a_duration(seconds: float | None, text: str) -> None:
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (0, 10_000, ["0", "2,000", "4,000", "6,000", "8,000", "10,000"]),
        (-1, 1, ["−1.0", "−0.5", "0.0", "0.5", "1.0"]),
        (0.31, 0.42, ["0.325", "0.350", "0.375", "0.400"]),
        (5, 5, ["5"]),
    ],
)
def test_straight_ticks(low: float, high: float, labels: list[str]) -> None:
    axis = ticks.Axis(low, high, 0, 100) if high > low else ticks.linear([low], 0, 100)
    found = [label for _, label in axis.ticks()]
    assert found == labels or (low == high and "5" in found)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.01, 1.0], ["0.01", "0.1", "1"]),
        ([1e-9, 1.0], ["10⁻⁸", "10⁻⁶", "10⁻⁴", "0.01", "1"]),
        ([0.5, 200.0], ["1", "10", "100"]),
        ([0.2, 5.0], ["0.2", "0.5", "1", "2", "5"]),
        ([1e-40, 1e40], ["10⁻³⁶", "10⁻¹⁸", "1", "10¹⁸", "10³⁶"]),
    ],
)
def test_logarithmic_ticks(values: list[float], labels: list[str]) -> None:
    assert [label for _, label in ticks.logarithmic(values, 0, 100).ticks()] == labels


def test_whole_numbers_on_an_axis_of_epochs() -> None:
    assert [label for _, label in ticks.Axis(0, 3, 0, 90).ticks(5, whole=True)] == [*"0123"]


def test_places_on_an_axis() -> None:
    axis = ticks.Axis(0, 10, 50, 150)
    assert [axis.at(value) for value in (0, 5, 10, 99, -1)] == [50, 100, 150, 150, 50]
    log = ticks.Axis(0.01, 1, 0, 100, log=True)
    assert [log.at(value) for value in (0.01, 0.1, 1)] == [0, 50, 100]


def test_a_long_curve_keeps_its_ends_and_its_extremes() -> None:
    values = np.sin(np.arange(30_000) / 500)
    values[12_345], values[20_001] = 9, -9
    found = thin(values)
    assert len(found) <= 2 * BUCKETS + 2
    assert {0, 12_345, 20_001, 29_999} <= set(found.tolist())
    np.testing.assert_array_equal(thin(values[:200]), np.arange(200))


def series(values: list[float], label: str = "training") -> Series:
    return Series(label, "train", np.arange(len(values), dtype=float), np.array(values))


def test_a_chart_in_words_and_places() -> None:
    found = chart("loss", "loss (mse)", [series([4.0, 2.0, 1.0])], Mark("best", 2, 1.0))
    assert found is not None
    assert found.alt == (
        "loss (mse) over the epochs: training goes from 4.000 at epoch 0 to 1.000 at epoch 2."
    )
    straight, log = found.scales
    assert (straight.name, log.name) == ("linear", "log")
    assert straight.mark == (found.right, straight.mark[1] if straight.mark else None)
    assert straight.paths[0][1].startswith(f"M{found.left} ")
    assert found.data["values"] == [["4.000", "2.000", "1.000"]]
    assert found.data["places"] == [found.left, (found.left + found.right) / 2, found.right]


def test_a_loss_that_falls_far_is_logarithmic_at_first() -> None:
    found = chart("loss", "loss", [series([5.0, 0.001])])
    assert found is not None
    assert [scale.name for scale in found.scales] == ["log", "linear"]


@pytest.mark.parametrize("values", [[1.0, 0.0], [0.5, -0.5], [1.0, 1.0]])
def test_no_logarithm_of_what_has_none(values: list[float]) -> None:
    found = chart("loss", "loss", [series(values)])
    assert found is not None
    assert [scale.name for scale in found.scales] == ["linear"]


def test_a_gap_breaks_the_line_and_nothing_is_no_chart() -> None:
    nan = float("nan")
    found = chart("loss", "loss", [series([4.0, nan, 3.0, 2.0])])
    assert found is not None
    assert found.scales[0].paths[0][1].count("M") == 2
    assert found.data["values"] == [["4.000", "–", "3.000", "2.000"]]
    assert chart("loss", "loss", [series([nan, nan])]) is None


def test_columns_in_which_nothing_stands_are_left_out() -> None:
    (table,) = of_records("c", [{"a": 1, "b": None}, {"a": "x", "r2": 0.5}], {"r2": "R²"})
    assert table.header == ["a", "R²"]
    assert [[cell.text for cell in row] for row in table.rows] == [["1", "–"], ["x", "0.5000"]]
    assert table.rows[1][1].order == 0.5
    assert of_records("c", [{}], {}) == []


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
    assert command(argv) == typed


@pytest.mark.parametrize(("look", "place"), [(LIGHT, 0), (DARK, 1)], ids=["light", "dark"])
def test_the_page_has_the_colours_of_the_figures(look: Look, place: int) -> None:
    """Read from the style sheet; and no rule of page.css brings a colour of its own for them."""
    variables = re.findall(r":root \{ ([^}]*) \}", colours())[place]
    found = dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6});", variables))
    assert [found[f"class{number}"] for number in range(7)] == list(look.classes)
    assert [found[f"line{number}"] for number in range(7)] == list(look.lines)
    assert (found["positive"], found["negative"]) == (look.positive, look.negative)
    assert (found["paper"], found["ink"]) == (look.paper, look.ink)
    sheet = (HERE / "page.css").read_text()
    used = set(re.findall(r"var\(--([a-z0-9]+)\)", sheet))
    own = set(re.findall(r"--([a-z0-9]+):", sheet))
    assert used <= found.keys() | own
    assert not own & found.keys()


@pytest.mark.parametrize("look", [LIGHT, DARK], ids=["light", "dark"])
def test_numbers_in_the_slider_can_be_read_at_every_level(look: Look) -> None:
    for colour in (look.positive, look.negative):
        for level in np.linspace(0, STRONGEST, 20):
            assert contrast(look.ink, mixed(look.paper, colour, level)) >= 4.5
    for shade in (0.08, 0.56):  # of the confusion matrix, .s1 to .s9
        assert contrast(look.ink, mixed(look.paper, look.positive, shade)) >= 4.5


def test_the_slider_and_the_figures_have_one_order_of_classes() -> None:
    palette = png.classes(list(LIGHT.classes))
    for number, colour in enumerate(LIGHT.classes):
        assert tuple(palette[number * png.STEPS, :3]) == channels(colour)


def test_a_cosine_is_seen_as_one() -> None:
    rates = 0.1 * (1 + np.cos(np.pi * np.arange(20) / 20)) / 2
    found = chart("lr", "lr", [Series("rate", "train", np.arange(20.0), rates)], rate=True)
    assert found is not None
    assert [scale.name for scale in found.scales] == ["linear", "log"]


def test_a_noisy_curve_is_pale_behind_its_mean() -> None:
    noisy = 1.0 + np.random.default_rng(0).normal(0, 0.2, 200)
    lines = [
        Series("training", "train", np.arange(200.0), np.linspace(1.5, 0.6, 200)),
        Series("validation", "val", np.arange(200.0), noisy),
    ]
    found = chart("loss", "loss", lines)
    assert found is not None
    assert [colour for colour, _ in found.scales[0].paths] == ["train", "val"]
    assert [colour for colour, _ in found.scales[0].pale] == ["val"]
    assert found.pale == "pale: every epoch; strong: mean of 7"


def test_the_page_says_how_long_the_training_took(tmp_path: Path) -> None:
    """As metrics.csv has it, which `train` and `runs` print; run.json also counts figures."""
    run = nnlab.train("xor", runs=tmp_path, epochs=3)
    about = json.loads((run.path / "run.json").read_text())
    (run.path / "run.json").write_text(json.dumps(about | {"seconds": 4000.0}))
    page = of_run(RunFolder(run.path)).html
    took = numbers.duration(float(run.metrics["seconds"][-1]))
    assert f"3 epochs were trained, in {took}." in page
