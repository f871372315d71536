"""What the figures draw: numbers worked out by hand or taken from the run's own files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text
from sklearn import metrics
from sklearn.calibration import calibration_curve

from nnlab.core.layers import LAYERS
from nnlab.errors import UsageError
from nnlab.run.folder import RunFolder
from nnlab.show.figures import FIGURES, activation, overlay, view
from nnlab.show.figures.cells import verdict
from nnlab.show.figures.network import Column, shortened, unit_heights
from nnlab.show.figures.overlay import run_labels
from nnlab.show.figures.plane import chosen_moments
from nnlab.show.figures.style import look, style
from tests.figures.conftest import Runs


def drawn(name: str, run: RunFolder) -> Any:
    with style():
        return FIGURES[name].draw(run)


def texts(ax: Any) -> list[str]:
    return [text.get_text() for text in ax.texts]


# --- codes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("run", "line"), [("identity", "8 of 8 codes differ"), ("same-codes", "1 of 8 codes differ")]
)
def test_the_codes_line(runs: Runs, run: str, line: str) -> None:
    (ax,) = drawn("codes", runs[run]).axes
    assert ax.get_title(loc="left") == line
    assert line in FIGURES["codes"].alt(runs[run])


def test_the_codes_are_the_hidden_units_above_the_threshold(runs: Runs) -> None:
    (ax,) = drawn("codes", runs["identity"]).axes
    binary = [str(row >> bit & 1) for row in range(8) for bit in range(3)]
    assert texts(ax) == binary
    (same,) = drawn("codes", runs["same-codes"]).axes
    assert texts(same) == ["1"] * 24  # all are 0.5
    (values,) = drawn("activations", runs["identity"]).axes
    assert texts(values) == ["1.00" if bit == "1" else "0.00" for bit in binary]


def test_a_verdict_counts_different_codes() -> None:
    assert verdict(np.array([[1, 0], [0, 1], [1, 0]], bool)) == "2 of 3 codes differ"


# --- the network -------------------------------------------------------------------------------


def test_lines_are_as_thick_as_weights_and_dashed_where_negative(runs: Runs) -> None:
    (ax,) = drawn("weights", runs["diagonal"]).axes
    positive, negative = ax.collections[:2]
    assert positive.get_linestyle() == [(0, None)]
    assert negative.get_linestyle()[0][1] is not None
    assert positive.get_linewidth() == negative.get_linewidth()  # 9 and -9
    assert ax.get_legend().get_texts()[0].get_text() == "weight 9"
    assert texts(ax)[0] == "0"  # the bias


def test_biases_stand_in_the_circles(runs: Runs) -> None:
    (ax,) = drawn("weights", runs["box"]).axes
    assert texts(ax)[:2] == ["1.0", "-1.0"]


@pytest.mark.parametrize(
    ("units", "shown"),
    [(1, 1), (3, 3), (10, 10), (784, 8)],
)
def test_wide_layers_are_shortened(units: int, shown: int) -> None:
    places = unit_heights(units)
    assert len(places) == shown
    assert (np.diff(places) < 0).all()
    assert places.mean() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("count", [1, 2, 10, 11, 60])
def test_many_layers_are_shortened(count: int) -> None:
    found = shortened([Column((str(number),), (2,)) for number in range(count)])
    assert len(found) == min(count, 10)
    hidden = [one for one in found if isinstance(one, int)]
    shown = [one for one in found if isinstance(one, Column)]
    assert len(shown) + sum(hidden) == count
    assert shown[-1].labels == (str(count - 1),)


def test_under_each_column_stands_what_it_is(runs: Runs) -> None:
    (ax,) = drawn("network", runs["digits"]).axes
    assert texts(ax) == [
        "64\ninput",
        "24\n0.dense\n1.relu\n2.dropout",
        "10\n3.dense\n4.softmax",
    ]


def test_only_layers_that_mix_numbers_or_change_the_shape_have_columns(runs: Runs) -> None:
    (ax,) = drawn("network", runs["conv"]).axes
    assert texts(ax) == [
        "8 x 8 x 1\ninput\n0.reshape",
        "6 x 6 x 8\n1.conv2d\n2.batch norm\n3.dropout\n4.relu",
        "3 x 3 x 8\n5.max pool",
        "3 x 3 x 3\n6.conv2d",
        "27\n7.flatten",
        "10\n8.dense\n9.softmax",
    ]
    (ax,) = drawn("network", runs["deep-conv"]).axes  # 13 columns, 9 of them drawn
    assert "8 x 8 x 7\n1.conv2d\n2.batch norm\n3.relu\n4.dropout" in texts(ax)
    assert sum(text.startswith("8 x 8 x 7") for text in texts(ax)) == 4
    assert sum(text.startswith("12\n") for text in texts(ax)) == 3
    assert "4 more" in texts(ax)


@pytest.mark.parametrize("run", ["conv", "deep-conv", "deep"])
@pytest.mark.parametrize("name", ["network", "feature_maps"])
def test_on_a_page_every_label_can_be_read(runs: Runs, run: str, name: str) -> None:
    """7 points at least where the figure is 9.3 inches wide at most."""
    if not FIGURES[name].suits(runs[run]):
        assert (run, name) == ("deep", "feature_maps")
        return
    figure = drawn(name, runs[run])
    assert figure.get_size_inches()[0] <= 9.3
    assert min(text.get_fontsize() for text in figure.findobj(Text)) >= 7


# --- the plane --------------------------------------------------------------------------------


def test_the_boundary_is_where_the_network_is_undecided(runs: Runs) -> None:
    """Weights 9 and -9 and no bias: the line x = y."""
    ax, scale = drawn("boundary", runs["diagonal"]).axes
    assert scale.get_ylabel() == "output: probability of class x > y"
    (contour,) = ax.collections
    vertices = np.vstack([path.vertices for path in contour.get_paths()])
    assert len(vertices) > 100
    np.testing.assert_allclose(vertices[:, 0], vertices[:, 1], atol=1e-6)


def test_the_boundary_shows_the_training_points(runs: Runs) -> None:
    run = runs["blobs"]
    (ax,) = drawn("boundary", run).axes
    kept = run.read_arrays("predictions.npz")
    for number, line in enumerate(ax.get_lines()):
        mine = kept["train.inputs"][kept["train.targets"] == number]
        np.testing.assert_array_equal(np.column_stack(line.get_data()), mine)
        assert line.get_label() == f"class {number}"


def test_the_second_scatter_shows_what_the_network_says(runs: Runs) -> None:
    run = runs["blobs"]
    truth, found = drawn("scatter", run).axes
    kept = run.read_arrays("predictions.npz")
    guesses = kept["test.outputs"].argmax(axis=1)
    right = int((guesses == kept["test.targets"]).sum())
    assert found.get_title(loc="left") == f"prediction, {right} of 15 right"
    for ax, labels in ((truth, kept["test.targets"]), (found, guesses)):
        for number, line in enumerate(ax.get_lines()[:3]):
            np.testing.assert_array_equal(
                np.column_stack(line.get_data()), kept["test.inputs"][labels == number]
            )


def test_the_strip_goes_from_the_first_epoch_to_the_last(runs: Runs) -> None:
    axes = drawn("boundary_epochs", runs["blobs"]).axes
    titles = [ax.get_title(loc="left") for ax in axes]
    assert (titles[0], titles[-1]) == ("before training", "after 6 epochs")
    assert 3 <= len(titles) <= 6


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ([0, 1], [0, 1]),
        ([0, 1, 10, 100, 1000], [0, 1, 10, 100, 1000]),
        (range(101), [0, 1, 5, 22, 100]),
    ],
)
def test_moments_are_log_spaced(epochs: Any, expected: list[int]) -> None:
    found = np.array(list(epochs))
    assert found[chosen_moments(found)].tolist() == expected


# --- targets ----------------------------------------------------------------------------------


def test_predictions_against_targets_at_the_first_and_the_last_epoch(runs: Runs) -> None:
    run = runs["noise"]
    axes = drawn("targets", run).axes
    kept, shots = run.read_arrays("predictions.npz"), run.read_arrays("snapshots.npz")
    assert shots["epochs"].tolist()[:2] == [0, 1]
    first = view(run).outputs(kept["train.inputs"], shots["theta"][1])
    for output, ax in enumerate(axes):
        _, early, late = ax.get_lines()
        assert (early.get_label(), late.get_label()) == ("after 1 epoch", "after 4 epochs")
        np.testing.assert_array_equal(late.get_xdata(), kept["train.targets"][:, output])
        np.testing.assert_array_equal(late.get_ydata(), kept["train.outputs"][:, output])
        np.testing.assert_array_equal(early.get_ydata(), first[:, output])


def test_a_network_of_the_textbooks_size_remembers_its_first_epoch(tmp_path: Any) -> None:
    import nnlab

    run = nnlab.train("textbook", runs=tmp_path, epochs=12)
    with np.load(run.path / "snapshots.npz") as kept:
        assert kept["theta"].shape[1] == 11_705
        assert kept["epochs"].tolist() == list(range(13))
    line = drawn("targets", RunFolder(run.path)).axes[0].get_lines()[1]
    assert line.get_label() == "after 1 epoch"


def test_the_box_is_exact_and_its_walls_are_no_slopes(runs: Runs) -> None:
    (ax,) = drawn("fit", runs["box"]).axes
    x, y = ax.get_lines()[-1].get_data()
    inside = (x >= -1) & (x < 1)
    shown = np.isfinite(y)
    np.testing.assert_array_equal(y[shown], inside[shown].astype(float))
    assert (~shown).sum() == 2


def test_the_table_of_outputs_is_rounded(runs: Runs) -> None:
    (ax,) = drawn("outputs", runs["identity"]).axes
    outputs = runs["identity"].read_arrays("predictions.npz")["train.outputs"]
    assert texts(ax) == [f"{value:.1f}" for value in outputs.ravel()]


def test_a_line_for_each_point_says_truth_and_prediction(runs: Runs) -> None:
    truth, found = drawn("outputs", runs["deep"]).axes
    assert texts(truth) == ["0", "1", "1", "0"]
    outputs = runs["deep"].read_arrays("predictions.npz")["train.outputs"]
    assert texts(found) == [f"{value:.2f}" for value in outputs.ravel()]
    assert [label.get_text() for label in truth.get_yticklabels()] == [
        "0, 0",
        "0, 1",
        "1, 0",
        "1, 1",
    ]


# --- classes ----------------------------------------------------------------------------------


def test_truth_and_prediction_of_a_hundred_points_stand_in_blocks(runs: Runs) -> None:
    axes = drawn("outputs", runs["diagonal"]).axes
    kept = runs["diagonal"].read_arrays("predictions.npz")
    assert len(axes) == 8
    assert [text for ax in axes[::2] for text in texts(ax)] == [
        f"{target:g}" for target in kept["train.targets"]
    ]
    assert [text for ax in axes[1::2] for text in texts(ax)] == [
        f"{output:.2f}" for output in kept["train.outputs"].ravel()
    ]
    assert len({ax.get_ylim() for ax in axes}) == 1


def test_the_confusion_matrix_is_that_of_the_summary(runs: Runs) -> None:
    run = runs["digits"]
    (ax,) = drawn("confusion", run).axes
    matrix = np.array(run.read_json("summary.json")["confusion"])
    assert texts(ax) == [str(count) for count in matrix.ravel() if count]
    right = int(np.trace(matrix))
    assert ax.get_title(loc="left").startswith(f"{right:,} of {matrix.sum():,} test rows right, ")


def test_curves_of_ranking_are_those_of_the_worst_classes(runs: Runs) -> None:
    run = runs["digits"]
    rows = run.read_arrays("predictions.npz")
    truth, outputs = np.eye(10)[rows["test.targets"]], rows["test.outputs"]
    for name, score in (
        ("roc", metrics.roc_auc_score),
        ("precision_recall", metrics.average_precision_score),
    ):
        lines = drawn(name, run).axes[0].lines
        assert len(lines) == 10
        for line in lines:
            if (label := line.get_label()).isdigit():
                area = np.trapezoid(line.get_ydata(), line.get_xdata())
                wanted = score(truth[:, int(label)], outputs[:, int(label)])
                assert area == pytest.approx(wanted, abs=0.02 if name != "roc" else 1e-9)
    areas = [metrics.roc_auc_score(truth[:, c], outputs[:, c]) for c in range(10)]
    named = [line.get_label() for line in drawn("roc", run).axes[0].lines[:4]]
    assert named == [str(c) for c in np.argsort(areas, kind="stable")[:4]]


def test_calibration_has_a_point_per_bin(runs: Runs) -> None:
    run = runs["digits"]
    rows = run.read_arrays("predictions.npz")
    right = rows["test.outputs"].argmax(axis=1) == rows["test.targets"]
    actual, predicted = calibration_curve(right, rows["test.outputs"].max(axis=1), n_bins=10)
    top, bottom = drawn("calibration", run).axes
    np.testing.assert_allclose(top.lines[1].get_xydata().T, (predicted, actual), rtol=1e-6)
    assert sum(bar.get_height() for bar in bottom.patches) == len(right)


def test_residuals_are_predictions_minus_targets(runs: Runs) -> None:
    rows = view(runs["noise"]).judged
    for number, ax in enumerate(drawn("residuals", runs["noise"]).axes):
        x, y = ax.lines[1].get_xydata().T
        np.testing.assert_array_equal(x, rows.outputs[:, number])
        np.testing.assert_allclose(y, x - rows.targets[:, number], rtol=1e-6)


def test_bars_are_the_probabilities_and_the_right_one_is_blue(runs: Runs) -> None:
    run = runs["digits"]
    kept = run.read_arrays("predictions.npz")
    images, bars = (drawn("samples", run).axes[place] for place in (0, 1))
    truth = int(kept["test.targets"][0])
    assert images.get_title(loc="left") == f"true {truth}"
    widths = [bar.get_width() for bar in bars.patches]
    np.testing.assert_allclose(widths, kept["test.outputs"][0], rtol=1e-6)
    from matplotlib.colors import to_rgba

    blue = [bar.get_facecolor() == to_rgba(look().blue) for bar in bars.patches]
    assert blue == [number == truth for number in range(10)]
    shown = images.get_images()[0].get_array()
    np.testing.assert_allclose(shown, kept["test.inputs"][0].reshape(8, 8) / 16.0)


def test_the_worst_mistakes_are_wrong_and_in_order(runs: Runs) -> None:
    run = runs["digits"]
    kept = run.read_arrays("predictions.npz")
    outputs, targets = kept["test.outputs"], kept["test.targets"]
    losses = -np.log(outputs[np.arange(len(targets)), targets])
    wrong = np.flatnonzero(outputs.argmax(axis=1) != targets)
    worst = wrong[np.argsort(-losses[wrong])][:12]
    axes = drawn("mistakes", run).axes
    found = [ax.get_title(loc="left") for ax in axes]
    assert found == [
        f"said {outputs[row].argmax()} ({outputs[row].max():.2f})\ntrue {targets[row]}"
        for row in worst
    ]


def test_filters_are_the_columns_of_the_first_weights(runs: Runs) -> None:
    run = runs["digits"]
    figure = drawn("filters", run)
    sheet = np.asarray(figure.axes[0].get_images()[0].get_array())
    weight = run.read_arrays("weights/final.npz")["0.dense.weight"]
    assert sheet.shape == (4 * 9 + 1, 6 * 9 + 1)  # 24 units, 6 beside each other
    np.testing.assert_array_equal(sheet[1:9, 1:9], weight[:, 0].reshape(8, 8))
    np.testing.assert_array_equal(sheet[10:18, 10:18], weight[:, 7].reshape(8, 8))


def test_filters_of_a_convolution(runs: Runs, tmp_path: Any) -> None:
    import shutil

    run = RunFolder(shutil.copytree(runs["digits"].path, tmp_path / "copy"))
    kernel = np.arange(3 * 3 * 1 * 4, dtype=np.float64).reshape(3, 3, 1, 4)
    for which in ("initial", "final"):
        run.write_arrays(
            f"weights/{which}.npz", {"0.conv2d.weight": kernel, "0.conv2d.bias": np.zeros(4)}
        )  # type: ignore[arg-type]
    sheet = np.asarray(drawn("filters", run).axes[0].get_images()[0].get_array())
    np.testing.assert_array_equal(sheet[1:4, 5:8], kernel[:, :, 0, 1])


# --- histograms, forward ----------------------------------------------------------------------


def test_histograms_count_every_weight(runs: Runs) -> None:
    run = runs["noise"]
    grid = np.array(drawn("histograms", run).axes).reshape(2, 3)
    for ax in grid.ravel():
        values = ax.patches[0].get_data().values
        assert values.sum() == pytest.approx(1)
    weights = run.read_arrays("weights/final.npz")["0.dense.weight"]
    edges = grid[0, 0].patches[0].get_data().edges
    initial = run.read_arrays("weights/initial.npz")["0.dense.weight"]
    assert edges[0] == min(weights.min(), initial.min())
    assert edges[-1] == max(weights.max(), initial.max())


def test_the_gradient_is_that_of_the_loss(runs: Runs) -> None:
    """Against central differences of the mean loss over the kept training rows."""
    from nnlab.show.figures.histograms import layer_spreads

    seen = view(runs["noise"])
    rows = seen.rows["train"]
    gradient = layer_spreads(seen)[1].gradient
    assert gradient is not None
    theta = seen.latest_network.parameters["2.dense.weight"].reshape(-1)
    for place in (0, 7):
        ends = []
        for step in (1e-6, -1e-6):
            theta[place] += step
            ends.append(seen.losses(rows).mean())
            theta[place] -= step
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6, abs=1e-9)


def test_forward_shows_the_loss_of_every_sample(runs: Runs) -> None:
    run = runs["untrained"]
    _, outputs, losses, _ = drawn("forward", run).axes
    kept = run.read_arrays("predictions.npz")
    expected = ((kept["train.outputs"] - kept["train.targets"]) ** 2).mean(axis=1)
    np.testing.assert_allclose(losses.get_lines()[0].get_ydata(), expected)
    for number, line in enumerate(outputs.get_lines()):
        np.testing.assert_array_equal(line.get_ydata(), kept["train.outputs"][:, number])
    loss = run.read_table("metrics.csv")["train_loss"][0]
    assert losses.get_lines()[1].get_label() == f"mean {loss:.4g}"


# --- activations ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", activation.activation_names())
def test_the_derivative_is_the_slope_of_the_curve(name: str) -> None:
    x, y, slope = activation.activation_curves(name)
    assert (x[0], x[-1]) == (-10, 10)
    if slope is None:
        assert name == "step"
        return
    inner = slice(1, -1)
    smooth = np.abs(x[inner]) > 0.02  # relu and its like have a corner at 0
    np.testing.assert_allclose(
        np.gradient(y, x)[inner][smooth], slope[inner][smooth], rtol=2e-4, atol=2e-4
    )


@pytest.mark.parametrize("name", activation.activation_names())
def test_every_activation_is_drawn(name: str) -> None:
    with style():
        figure = activation.activation_figure(name)
    assert figure.texts[0].get_text() == name.replace("_", " ")
    assert len(figure.axes[0].get_lines()) == 2


def test_all_activations_can_be_asked_for() -> None:
    assert set(activation.activation_names()) <= LAYERS.keys()
    assert {"relu", "softmax", "step"} <= set(activation.activation_names())
    with pytest.raises(UsageError, match=r"^There is no activation 'rellu'. Did you mean 'relu'\?"):
        activation.require_activation("rellu")


# --- several runs -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("configs", "names"),
    [
        ([{"a": {"lr": 1}}, {"a": {"lr": 2}}], ["lr 1", "lr 2"]),
        ([{"name": "x", "seed": 1}, {"name": "y", "seed": 1}], ["x", "y"]),
        ([{"name": "x", "seed": 1}, {"name": "y", "seed": 2}], ["seed 1", "seed 2"]),
        ([{"n": [{"dense": 3}]}, {"n": [{"dense": 5}]}], ["dense 3", "dense 5"]),
        ([{"seed": 1}, {"seed": 1}], ["aaaaaa", "bbbbbb"]),
        ([{"seed": 1}, {}], ["seed 1", "seed null"]),
        ([{"sweeps": {"lr": 1}, "seed": 0}, {"seed": 1}], ["seed 0", "seed 1"]),
    ],
)
def test_a_run_is_called_by_what_sets_it_apart(configs: Any, names: list[str]) -> None:
    assert run_labels(configs, ["x-aaaaaa", "x-bbbbbb"]) == names


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("metrics.csv", "epoch,train_loss\n0,1,2\n", "row 2 has 3 cells, the header has 2."),
        ("resolved.yaml", "name: [", "resolved.yaml:1:8"),
    ],
)
def test_an_overlay_leaves_out_a_run_that_cannot_be_read(
    runs: Runs,
    copy: Callable[[str], RunFolder],
    tmp_path: Path,
    file: str,
    content: str,
    reason: str,
) -> None:
    broken = copy("digits")
    (broken.path / file).write_text(content)
    drawn = overlay.draw_overlay([runs["blobs"], broken, runs["race"]], tmp_path)
    assert [path.name for path in drawn.paths] == ["curves.png"]
    one, race = drawn.warnings
    assert one.startswith("A run is left out: ")
    assert reason in one
    assert race.endswith("is a race, which has no curves.")


def test_an_overlay_has_a_line_for_every_run_and_part(runs: Runs) -> None:
    seen = [view(runs[name]) for name in ("blobs", "digits", "identity")]
    with style():
        loss, accuracy = overlay.draw_runs(seen).axes
    assert len(loss.get_lines()) == len(accuracy.get_lines()) == 3  # identity trained no epoch
    np.testing.assert_array_equal(loss.get_lines()[0].get_ydata(), seen[0].metrics["train_loss"])
    np.testing.assert_array_equal(loss.get_lines()[1].get_ydata(), seen[0].metrics["val_loss"])
    assert [line.get_label() for line in loss.get_lines()[1:]] == ["blobs", "digits"]


def test_summary_figures_match_the_file(runs: Runs) -> None:
    content = json.loads((runs["blobs"].path / "summary.json").read_text())
    assert (
        FIGURES["confusion"]
        .alt(runs["blobs"])
        .startswith(f"Confusion matrix of blobs: {np.trace(content['confusion']):,} of 15 rows")
    )
