"""`data.learn: inputs`: the targets, what a run keeps of them, and what other rows measure."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

import nnlab
from nnlab.build import build
from nnlab.config.load import from_mapping
from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.remedies import straight_pairs
from nnlab.errors import ConfigError, DataError, RunUnreadable
from nnlab.show.figures import FIGURES, View
from nnlab.show.figures.autoencoder import code_map, shown_rows
from nnlab.show.figures.hidden_maps import mapped_layer
from nnlab.status import Status

LINEAR: dict[str, Any] = {
    "data": {"name": "digits", "learn": "inputs"},
    "network": [{"dense": 2}, {"dense": 64}],
    "loss": "mse",
    "optimizer": {"adam": 0.05},
    "training": {"epochs": 60, "batch_size": 100, "engine": "numpy"},
    "schedule": "cosine",
}
PIXELS, DIGITS = load_digits(return_X_y=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return nnlab.train(LINEAR, runs=tmp_path_factory.mktemp("autoencoder"), name="linear")


def test_the_targets_are_pixels_from_0_to_1() -> None:
    data = from_mapping(LINEAR).data
    dataset = data.load()
    np.testing.assert_array_equal(dataset.targets, PIXELS / 16)
    np.testing.assert_array_equal(dataset.row_classes, DIGITS)
    assert dataset.row_class_names == tuple("0123456789")
    assert dataset.signature == data.signature()
    assert (dataset.task, dataset.outputs, dataset.class_names) == ("regression", 64, ())


def test_the_scale_of_the_inputs_does_not_change_the_targets() -> None:
    built = build(from_mapping(LINEAR, ["data.scale=standardize"]))
    np.testing.assert_array_equal(built.plan.train.targets, (PIXELS / 16).astype(np.float32))
    assert built.plan.train.inputs is not built.plan.train.targets


def test_augmented_images_are_restored() -> None:
    """Only the inputs are changed: a denoising autoencoder (Vincent et al. 2008)."""
    changes = ["training.augment=[{shift: 1}]"]
    plan = build(from_mapping(LINEAR, changes)).plan
    assert plan.train.augmenter is not None
    np.testing.assert_array_equal(plan.train.targets, (PIXELS / 16).astype(np.float32))


def test_a_linear_autoencoder_finds_the_plane_of_pca(run: Any) -> None:
    """No linear code of two numbers has a smaller error (Baldi and Hornik, 1989)."""
    pca = PCA(2).fit(PIXELS / 16)
    least = np.square(pca.inverse_transform(pca.transform(PIXELS / 16)) - PIXELS / 16).mean()
    loss = nnlab.evaluate(run)["loss"]
    assert least * (1 - 1e-6) < loss < least * (1 + 1e-4)


def test_a_run_keeps_the_classes_and_not_the_targets(run: Any) -> None:
    with np.load(run.path / "predictions.npz") as saved:
        assert "train.targets" not in saved
        np.testing.assert_array_equal(saved["train.classes"], DIGITS)
    rows = View(run.path).judged
    np.testing.assert_array_equal(rows.targets, PIXELS / 16)
    np.testing.assert_array_equal(rows.take(np.array([5, 3])).classes, DIGITS[[5, 3]])
    assert run.summary["targets"] is None  # no table over pixels


def test_the_code_is_what_the_narrow_layer_answers(run: Any) -> None:
    rows, places, names = code_map(View(run.path))
    weights = run.weights("final")
    code = rows.inputs / 16 @ weights["0.dense.weight"] + weights["0.dense.bias"]
    np.testing.assert_allclose(places, code, atol=1e-5)
    assert names == ["unit 1", "unit 2"]


def test_the_reconstructions_are_of_each_class_and_of_the_largest_loss(run: Any) -> None:
    some, worst = shown_rows(View(run.path))
    np.testing.assert_array_equal(some.classes, range(10))
    error = np.square(run.predict(PIXELS) - PIXELS / 16).mean(axis=1)
    assert set(worst.numbers) == set(np.argsort(-error)[:10])


def test_the_code_is_the_narrowest_layer(tmp_path: Path) -> None:
    network = [{"dense": units} for units in (4, 2, 8, 64)]
    run = nnlab.train({**LINEAR, "network": network}, runs=tmp_path, epochs=1)
    assert mapped_layer(View(run.path)) == 1


def test_rows_of_a_program_are_learned(tmp_path: Path) -> None:
    run = nnlab.train(LINEAR, data=(PIXELS, DIGITS), runs=tmp_path, epochs=1)
    assert (run.data.learn, run.data.row_class_names) == ("inputs", tuple("0123456789"))


def test_more_units_are_drawn_by_their_principal_components(tmp_path: Path) -> None:
    network = [{"dense": 5}, "tanh", {"dense": 64}]
    run = nnlab.train({**LINEAR, "network": network}, runs=tmp_path, epochs=2)
    _, places, names = code_map(View(run.path))
    assert places.shape == (1000, 2)
    assert names[0].startswith("component 1: ")


@pytest.mark.parametrize(
    ("network", "data", "reason"),
    [
        ([{"dense": 64}], {}, "no hidden layer of 2 units or more is narrower than the inputs"),
        ([{"dense": 1}, {"dense": 64}], {}, "no hidden layer of 2 units"),
        ([{"dense": 10}, "softmax"], {"learn": "targets"}, "it is for a network that learns its"),
    ],
)
def test_networks_without_a_code(
    tmp_path: Path, network: list[Any], data: dict[str, Any], reason: str
) -> None:
    config = {**LINEAR, "network": network, "data": {**LINEAR["data"], "rows": 50, **data}}
    config["loss"] = "cross_entropy" if data else "mse"
    run = nnlab.train(config, runs=tmp_path, epochs=1)
    assert str(FIGURES["code"].why_not(View(run.path))).startswith(reason)


def test_another_file_needs_no_targets(run: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=PIXELS[:50])
    measured = nnlab.evaluate(run, tmp_path / "rows.npz")
    error = np.square(run.predict(PIXELS[:50]) - PIXELS[:50] / 16).mean()
    assert measured["loss"] == pytest.approx(error, rel=1e-5)


def test_images_in_folders_are_measured(tmp_path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 5), np.uint8)
    for number, image in enumerate(pixels):
        folder = tmp_path / "images" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    data = {"name": "images", "path": str(tmp_path / "images"), "height": 4, "width": 5}
    config = {**LINEAR, "data": {**data, "learn": "inputs"}, "network": [{"dense": 20}]}
    run = nnlab.train(config, runs=tmp_path, epochs=1)
    measured = nnlab.evaluate(run, tmp_path / "images")
    assert measured["loss"] == pytest.approx(nnlab.evaluate(run)["loss"], rel=1e-6)


def test_the_target_column_of_a_table_gives_the_classes(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,kind,b\n1,x,2\n3,y,5\n4,x,7\n")
    data = {"name": "csv", "path": str(table), "target": "kind", "learn": "inputs"}
    run = nnlab.train({**LINEAR, "data": data, "network": [{"dense": 2}]}, runs=tmp_path, epochs=1)
    rows = View(run.path).judged
    np.testing.assert_array_equal(rows.targets, [[1, 2], [3, 5], [4, 7]])
    np.testing.assert_array_equal(rows.classes, [0, 1, 0])
    assert [row["target"] for row in run.summary["targets"]] == ["a", "b"]
    later = tmp_path / "later.csv"
    later.write_text("b,a\n2,1\n")
    assert nnlab.evaluate(run, later)["rows"] == 1


def test_missing_cells_are_no_targets(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,b,kind\n1,2,x\n3,,y\n4,5,y\n")
    data = {"name": "csv", "path": str(table), "target": "kind", "learn": "inputs"}
    network = [{"dense": 2}]
    with pytest.raises(DataError, match=r"some are missing\. Set data\.missing: drop\.$"):
        build(from_mapping({**LINEAR, "data": {**data, "missing": "mean"}, "network": network}))
    dropped = {**LINEAR, "data": {**data, "missing": "drop"}, "network": network}
    assert from_mapping(dropped).data.load().rows == 2


def test_the_network_has_an_output_per_input() -> None:
    with pytest.raises(ConfigError, match=r"10 numbers wide, but the targets have 64 columns"):
        from_mapping({**LINEAR, "network": [{"dense": 10}]})


def test_a_code_needs_no_activation() -> None:
    for width, pairs in ((2, []), (64, [(0, 1)])):
        config = from_mapping({**LINEAR, "network": [{"dense": width}, {"dense": 64}]})
        evidence = Evidence(build(config), {}, (), None, Status.RUNNING)
        assert list(straight_pairs(evidence)) == pairs
        assert np.isnan(evidence.neighbours)


def test_damaged_classes_are_left_out(run: Any, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(run.path, tmp_path / "copy"))
    with np.load(copy / "predictions.npz") as saved:
        arrays = dict(saved)
    arrays["train.classes"] = arrays["train.classes"] + 5
    np.savez(copy / "predictions.npz", **arrays)
    assert View(copy).judged.classes is None
    arrays["train.inputs"] = arrays["train.inputs"].astype(str)
    np.savez(copy / "predictions.npz", **arrays)
    with pytest.raises(RunUnreadable):
        _ = View(copy).judged
