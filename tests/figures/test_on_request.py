"""The figures that `train` leaves out: their numbers, compared with other ways to them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import nnlab
from nnlab.cli import main
from nnlab.core.types import Array
from nnlab.run.folder import RunFolder
from nnlab.show import figures
from nnlab.show.figures import FIGURES, draw_all, probe, view
from nnlab.show.figures.axes import distinct, mark_negative
from nnlab.show.figures.gradient_flow import gradient_flow
from nnlab.show.figures.hidden_maps import marks_of, pca_map, tsne_map
from nnlab.show.figures.importance import permutation_importance
from nnlab.show.figures.loss_path import heights_between, loss_plane
from nnlab.show.figures.occlusion import occlusion, patches
from nnlab.show.figures.probe import LossOfRows, filter_normalised, principal_axes, principal_plane
from nnlab.show.figures.style import panels, style
from nnlab.show.figures.view import View
from nnlab.show.page import report_run
from tests.figures.conftest import Runs
from tests.figures.runs import DRAWN, HUGE, epochs

Train = Callable[..., View]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """A function that trains a small network of some data."""

    def make(data: Any, network: list[Any], **settings: Any) -> View:
        config = {"data": data, "network": network, "loss": "mse", **settings}
        return view(RunFolder(nnlab.train({"name": "small", **config}, runs=tmp_path).path))

    return make


# --- the loss along the path ------------------------------------------------------------------


def test_the_loss_at_recorded_weights_is_the_recorded_loss(runs: Runs) -> None:
    run = view(runs["blobs"])
    loss, (moments, values) = LossOfRows(run, run.rows["validation"]), run.moments
    assert moments.tolist() == list(range(7))
    assert [loss(row) for row in values] == pytest.approx(run.metrics["val_loss"], rel=1e-12)
    plane = loss_plane(run)
    assert plane.at_weights[0] == pytest.approx(run.metrics["train_loss"][0], rel=1e-12)


def test_the_plane_goes_through_the_last_weights_and_shows_the_path_from_above(runs: Runs) -> None:
    from sklearn.decomposition import PCA

    run = view(runs["blobs"])
    plane, values = loss_plane(run), run.moments[1]
    pca = PCA(2).fit(values)
    assert plane.axes == pytest.approx(pca.components_, abs=1e-9)
    assert plane.shares == pytest.approx(pca.explained_variance_ratio_, rel=1e-9)
    places = pca.transform(values)
    assert plane.path == pytest.approx(places - places[-1], abs=1e-9)
    assert plane.at_places[-1] == pytest.approx(plane.at_weights[-1], rel=1e-12)


def test_the_loss_at_a_place_of_the_grid(runs: Runs) -> None:
    """By hand: softmax and cross entropy of 2-6-3 with tanh."""
    run = view(runs["blobs"])
    plane, rows = loss_plane(run), run.rows["train"]
    theta = run.moments[1][-1] + plane.a[3] * plane.axes[0] + plane.b[30] * plane.axes[1]
    p = run.latest_network.named(theta)
    hidden = np.tanh(rows.inputs @ p["0.dense.weight"] + p["0.dense.bias"])
    z = hidden @ p["2.dense.weight"] + p["2.dense.bias"]
    own = z[np.arange(len(rows)), rows.targets]
    losses = np.log(np.exp(z).sum(axis=1)) - own
    assert plane.losses[30, 3] == pytest.approx(losses.mean(), rel=1e-9)


def test_batch_norm_takes_the_statistics_of_the_rows_at_each_place(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnlab.show.figures.loss_path.SIDES", (5,))
    run = view(runs["conv"])  # with dropout, which drops nothing here
    plane, network = loss_plane(run), run.latest_network
    loss, place = LossOfRows(run, plane.rows), (0, 3)
    values = network.values.astype(np.float64)
    values[: network.theta.size] += plane.a[3] * plane.axes[0] + plane.b[0] * plane.axes[1]
    before = nnlab.Network(network.layers[:2], network.inputs, dtype=network.dtype)
    (kernel,) = before.parameters.values()
    kernel[...] = network.layout.named(values[: network.theta.size])["1.conv2d.weight"]
    maps = before.predict(loss.x).reshape(-1, 8).astype(np.float64)
    means = np.concatenate([maps.mean(axis=0), maps.var(axis=0)])
    assert network.buffers.shape == means.shape
    values[network.theta.size :] = means
    assert plane.losses[place] == pytest.approx(loss(values), rel=1e-4)
    # The running ones say something else.
    values[network.theta.size :] = network.buffers
    assert plane.losses[place] != pytest.approx(loss(values), rel=1e-3)


def test_one_epoch_leaves_one_direction_and_the_other_is_random(runs: Runs) -> None:
    run = view(runs[HUGE])
    plane = loss_plane(run)
    assert plane.shares == pytest.approx([1.0])
    assert plane.axes[0] @ plane.axes[1] == pytest.approx(0, abs=1e-9)
    assert plane.at_places == pytest.approx(plane.at_weights, rel=1e-9)  # the line has both
    assert (plane.b[0], plane.b[-1]) == (-1, 1)


def test_a_filter_of_a_random_direction_is_as_long_as_that_of_the_weights(runs: Runs) -> None:
    run = view(runs["colours"])
    network = run.latest_network
    drawn = filter_normalised(run, network.values, np.random.default_rng(0))
    named, weights = network.layout.named(drawn), network.parameters
    maps = {key: np.sqrt((a["1.conv2d.weight"] ** 2).sum(axis=(0, 1, 2))) for key, a in
            {"drawn": named, "weights": weights}.items()}  # fmt: skip
    assert maps["drawn"] == pytest.approx(maps["weights"])
    assert maps["drawn"].shape == (4,)
    assert not named["1.conv2d.bias"].any()


def test_heights_are_dense_where_the_loss_is_low() -> None:
    losses = np.array([[1e-3, 1e9], [2.0, np.inf]])
    heights = heights_between(losses, np.array([2.0, 1e-3]))
    assert heights[0] == pytest.approx(1e-3)
    assert heights[-1] == pytest.approx(60.0)  # what is far above the path has one shade
    assert np.diff(np.log(heights)) == pytest.approx(np.log(heights[1] / heights[0]))


@pytest.mark.parametrize("shape", [(7, 400), (400, 7), (5, 5)])
def test_axes_are_those_of_scikit_learn(shape: tuple[int, int]) -> None:
    from sklearn.decomposition import PCA

    points = np.random.default_rng(0).normal(size=shape) * np.linspace(3, 1, shape[1])
    axes, shares = principal_axes(points)
    pca = PCA(2, svd_solver="full").fit(points)
    assert axes == pytest.approx(pca.components_, abs=1e-9)
    assert shares == pytest.approx(pca.explained_variance_ratio_, rel=1e-9)


def test_a_line_has_one_axis_and_a_point_none() -> None:
    line = np.outer([0.0, 1.0, 5.0], [3.0, 4.0, 0.0])
    axes, shares = principal_axes(line)
    assert axes == pytest.approx(np.array([[0.6, 0.8, 0.0]]))
    assert shares == pytest.approx([1.0])
    assert principal_axes(np.ones((4, 3)))[0].shape == (0, 3)
    axes, names = principal_plane(line)
    assert axes == pytest.approx(np.array([[0.6, 0.8, 0.0], [0.0, 0.0, 0.0]]))
    assert names == ["component 1: 100 %", "component 2: 0 %"]


def test_a_network_without_snapshots_has_its_weights_files(train: Train) -> None:
    wide = [{"dense": 40_000}, "tanh", {"dense": 1}]
    run = train("xor", wide, optimizer={"sgd": 1e-5}, training={"epochs": 3})
    assert len(run.snapshots[0]) == 0
    moments, values = run.moments
    assert moments[0] == 0
    assert moments[-1] == 3
    assert (values[0] == run.network("initial").values).all()
    assert (values[-1] == run.network("final").values).all()


def test_epochs_that_no_run_has_are_left_out(copy: Callable[[str], RunFolder]) -> None:
    folder = copy("blobs")
    folder.write_json("summary.json", {"best": {"epoch": 10**20}, "final": {"epoch": "x"}})
    (folder.path / "metrics.csv").write_text("")
    run = view(folder)
    assert run.moments[0].tolist() == list(range(7))  # the snapshots
    assert np.isfinite(gradient_flow(run).updates).all()


# --- the hidden layer -------------------------------------------------------------------------


def test_maps_by_pca_lie_on_the_axes_of_the_last_epoch(runs: Runs) -> None:
    from sklearn.decomposition import PCA

    run = view(runs["blobs"])
    drawn, (moments, values) = pca_map(run), run.moments

    def hidden(theta: Array) -> Array:
        p = run.latest_network.named(theta)
        return np.tanh(drawn.rows.inputs @ p["0.dense.weight"] + p["0.dense.bias"])

    pca = PCA(2).fit(hidden(values[-1]))
    for epoch, places, note in zip(drawn.epochs, drawn.places, drawn.notes, strict=True):
        outputs = hidden(values[list(moments).index(epoch)])
        assert places == pytest.approx(pca.transform(outputs), abs=1e-9)
        share = pca.transform(outputs).var(axis=0).sum() / outputs.var(axis=0).sum()
        assert note == f"{100 * share:.0f} % of the variance"
    assert drawn.epochs[[0, -1]].tolist() == [0, 6]
    assert drawn.axes[0] == f"component 1: {100 * pca.explained_variance_ratio_[0]:.0f} %"


def test_the_same_run_gives_the_same_maps_by_tsne(runs: Runs, tmp_path: Path) -> None:
    copy = RunFolder(shutil.copytree(runs["noise"].path, tmp_path / "copy"))
    first, second = (tsne_map(view(run)) for run in (runs["noise"], copy))
    assert (first.places == second.places).all()
    assert first.places.shape == (4, 40, 2)
    # Neighbours in the layer are neighbours on the map.
    run = view(runs["noise"])
    p = run.network("final").parameters
    hidden = np.maximum(first.rows.inputs @ p["0.dense.weight"] + p["0.dense.bias"], 0)
    far, near = (np.linalg.norm(a[:, None] - a, axis=2) for a in (hidden, first.places[-1]))
    pairs = np.triu_indices(40, 1)
    assert np.corrcoef(far[pairs], near[pairs])[0, 1] > 0.4


def test_marks_of_classes() -> None:
    assert marks_of(["rose", "iris"]) == (("o", "s"), False)
    assert marks_of(list("0123456789")) == (tuple("0123456789"), True)
    assert marks_of([f"class {n}" for n in range(12)]) == (tuple("0123456789AB"), True)


# --- importance -------------------------------------------------------------------------------


class Answers:
    """A network as scikit-learn sees it."""

    def __init__(self, predict: Callable[[Array], Array]) -> None:
        self.predict = predict

    def fit(self, x: Array, y: Array) -> None:
        """Nothing is fitted."""


def drops_of_scikit_learn(run: View, x: Array, y: Array, predict: Any, score: Any) -> Array:
    from sklearn.inspection import permutation_importance as reference

    def scorer(answers: Answers, x: Array, y: Array) -> float:
        return float(score(y, answers.predict(x)))

    options = {"scoring": scorer, "n_repeats": 10, "random_state": run.config.seed}
    return np.asarray(reference(Answers(predict), x, y, **options)["importances"])


@pytest.mark.parametrize("name", ["noise", "diagonal"])
def test_importance_is_that_of_scikit_learn(runs: Runs, name: str) -> None:
    from sklearn.metrics import accuracy_score, r2_score

    run = view(runs[name])
    found, network = permutation_importance(run), run.network("final")
    rows, is_numbers = found.rows, name == "noise"

    def predict(x: Array) -> Array:
        outputs = network.predict(run.scaling.apply(x))
        return outputs if is_numbers else (outputs[:, 0] >= 0.5).astype(int)

    score = r2_score if is_numbers else accuracy_score
    expected = drops_of_scikit_learn(run, rows.inputs, rows.targets, predict, score)
    assert found.drops == pytest.approx(expected, abs=1e-12)
    assert np.abs(expected).max() > 0.1
    assert found.score == pytest.approx(score(rows.targets, predict(rows.inputs)), abs=1e-12)


def test_the_inputs_of_a_category_are_shuffled_together(train: Train, tmp_path: Path) -> None:
    from sklearn.metrics import r2_score

    rng = np.random.default_rng(0)
    numbers, colours = rng.normal(size=60), rng.integers(0, 3, 60)
    lines = [
        f"{a:.3f},{['red', 'blue', 'green'][c]},{a + 2 * c:.3f}"
        for a, c in zip(numbers, colours, strict=True)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["size,colour,price", *lines]))
    data = {"name": "csv", "path": str(tmp_path / "t.csv"), "target": "price",
            "categorical": ["colour"], "validation": 0.5}  # fmt: skip
    run = train(data, [{"dense": 4}, "tanh", {"dense": 1}], training=epochs(5), optimizer="adam")
    found, network = permutation_importance(run), run.network("final")
    assert found.columns == ["size", "colour"]
    assert found.rows.part == "validation"
    x = np.column_stack([found.rows.inputs[:, 0], found.rows.inputs[:, 1:].argmax(axis=1)])

    def predict(x: Array) -> Array:
        inputs = np.column_stack([x[:, 0], np.eye(3)[x[:, 1].astype(int)]])
        return network.predict(run.scaling.apply(inputs))

    expected = drops_of_scikit_learn(run, x, found.rows.targets, predict, r2_score)
    assert found.drops == pytest.approx(expected, abs=1e-9)


def test_only_patches_over_the_pixel_that_counts_matter(train: Train) -> None:
    """A network that looks at pixel (3, 3) alone."""
    weight = np.zeros((64, 10))
    weight[27] = np.linspace(-1, 1, 10)
    layer = {"dense": {"units": 10, "weight": weight.tolist(), "bias": False}}
    run = train({"name": "digits", "test": 0.9}, [layer, "softmax"], loss="cross_entropy",
                training=epochs(0))  # fmt: skip
    found = occlusion(run)
    assert found.patch == (2, 2)
    near = np.zeros((8, 8), bool)
    near[2:5, 2:5] = True
    assert not found.drops[:, ~near].any()

    def chance(pixel: Array) -> Array:
        scaled = run.scaling.apply(np.tile(pixel[:, None], 64))[:, 27]
        e = np.exp(scaled[:, None] * weight[27])
        return np.asarray((e / e.sum(axis=1, keepdims=True))[range(len(e)), found.rows.targets])

    mean = np.full(len(found.rows), run.rows["train"].inputs[:, 27].mean())
    expected = chance(found.rows.inputs[:, 27]) - chance(mean)
    assert found.drops[:, 3, 3] == pytest.approx(expected, abs=1e-9)
    assert found.drops[:, 2, 2] == pytest.approx(expected / 4, abs=1e-9)  # 1 of its 4 patches


@pytest.mark.parametrize(("shape", "size", "many"), [((28, 28), 7, 81), ((3, 40, 3), 1, 27)])
def test_patches_cover_the_image(shape: tuple[int, ...], size: int, many: int) -> None:
    found = patches(shape)
    assert len(found) == many
    seen = np.zeros(shape[:2], int)
    for high, wide in found:
        seen[high, wide] += 1
    assert seen.all()
    assert found[0][0].stop == size


# --- gradient flow ----------------------------------------------------------------------------


def test_an_update_of_sgd_is_the_rate_times_the_gradient(train: Train) -> None:
    network = [{"dense": 3}, "tanh", {"dense": 1}, "sigmoid"]
    run = train("xor", network, optimizer={"sgd": 0.5}, training=epochs(3, batch_size="full"))
    flow = gradient_flow(run)
    assert flow.layers == ["0.dense", "2.dense"]
    assert flow.epochs.tolist() == [0, 1, 2, 3]
    assert flow.gradients is not None
    assert flow.updates == pytest.approx(0.5 * flow.gradients[:-1], rel=1e-9)
    first = np.linalg.norm(run.network("initial").parameters["0.dense.weight"])
    assert flow.ratios[0, 0] == pytest.approx(flow.updates[0, 0] / first)


def test_a_summed_gradient_is_that_of_a_batch(train: Train) -> None:
    """Two of four rows: twice the gradient of the mean."""
    found = []
    for reduction in ("sum", "batch_mean"):
        loss = {"name": "mse", "reduction": reduction}
        run = train("xor", [{"dense": 1}], loss=loss, training=epochs(1, batch_size=2))
        found.append(gradient_flow(run).gradients)
    assert found[0][0] == pytest.approx(2 * found[1][0])


def test_updates_are_per_update(runs: Runs) -> None:
    flow, run = gradient_flow(view(runs["noise"])), view(runs["noise"])
    assert (np.diff(run.metrics["step"]) == 4).all()
    names = [name for name in run.latest_network.parameters if name.endswith("0.dense.weight")]
    before, after = (run.latest_network.named(row)[names[0]] for row in run.moments[1][:2])
    assert flow.updates[0, 0] == pytest.approx(np.linalg.norm(after - before) / 4)


# --- what they cost, and where they appear ----------------------------------------------------


QUICK = {"roc", "precision_recall", "calibration", "residuals"}  # they compute no forward pass


@pytest.mark.parametrize("name", sorted(DRAWN.keys() - QUICK))
def test_what_would_take_too_long_is_not_drawn(
    runs: Runs, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "MOST_OPERATIONS", 10.0)
    run = runs["digits" if name == "occlusion" else "noise"]
    reason = FIGURES[name].why_not(run)
    assert reason is not None
    assert "over 32 rows would take more than" in reason
    drawn = CliRunner().invoke(main, ["plot", str(run.path), "--only", name])
    assert drawn.exit_code == 2
    assert drawn.stderr == f"The figure {name} does not suit {run.name}: {reason}.\n"


def test_train_leaves_them_out_and_a_report_has_them_on_request(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(figures, "draw_each", lambda plots, *_: drawn.extend(plots))
    draw_all(runs["untrained"])
    assert {name for name, plot in FIGURES.items() if plot.on_request} == DRAWN.keys()
    assert set(drawn) == FIGURES.keys() - DRAWN.keys()
    for name in drawn:  # they only take time here
        monkeypatch.delitem(FIGURES, name)
    title = FIGURES["importance"].title
    assert title in report_run(runs["untrained"], with_slow=True).html
    assert title not in report_run(runs["untrained"]).html


# --- signs and names in grey and small --------------------------------------------------------


def test_a_stroke_marks_what_is_clearly_negative() -> None:
    values = np.array([[-1.0, -0.1], [0.5, -0.4]])
    with style():
        _, (large, small) = panels(2)
        mark_negative(large, values, 1.0, 0.1)
        mark_negative(small, values, 1.0, 0.01)
    (line,) = large.lines
    assert np.column_stack(line.get_data()).tolist() == [[0, 0], [1, 1]]
    assert not small.lines


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["a", "b"], ["a", "b"]),
        (["petal length", "petal width"], ["petal l…", "petal w…"]),
        (["mean of a", "mean of b"], ["…an of a", "…an of b"]),
        (["left side a", "left side b", "next side a"], ["left…e a", "left…e b", "next…e a"]),
        (["abcdefghijklmnop", "abcdefgXijklmnop"], ["1 abcde…", "2 abcde…"]),
    ],
)
def test_short_names_differ(names: list[str], labels: list[str]) -> None:
    assert distinct(names, 8) == labels
