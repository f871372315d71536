"""A run folder: complete, readable, and enough to make the same run again."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nnlab
from nnlab.build import build
from nnlab.config.load import from_mapping, load_config
from nnlab.core.network import Network
from nnlab.errors import ConfigError, DataError, Interrupted, RunUnreadable, UsageError
from nnlab.experiment.measure import evaluate_part, measure, sample_rows
from nnlab.experiment.resume import rebuild
from nnlab.experiment.session import begin
from nnlab.experiment.state import Snapshots, thaw
from nnlab.run.folder import RunFolder
from nnlab.run.run import Run
from nnlab.teaching.handin import read_handin
from nnlab.training import Epoch, run_training, start
from tests.patience import PATIENCE, wait_until

ROOT = Path(__file__).parents[2]
BLOBS = {"name": "blobs", "samples": 60, "test": 0.25, "validation": 0.2}
SMALL = {
    "name": "small",
    "seed": 3,
    "data": BLOBS,
    "network": [{"dense": 6}, "relu", {"dropout": 0.2}, {"dense": 3}, "softmax"],
    "loss": "cross_entropy",
    "optimizer": {"name": "adam", "lr": 0.02},
    "training": {"epochs": 6, "batch_size": 8},
}
CURVE = {
    "name": "curve",
    "data": {"name": "curve", "samples": 40, "noise": 0.1, "validation": 0.2},
    "network": [{"dense": 5}, "tanh", {"dense": 1}],
    "loss": "mse",
}


def changed(base, **sections):
    """The mapping with some sections replaced, and mappings in them merged."""
    merged = dict(base)
    for name, section in sections.items():
        old = merged.get(name)
        both = isinstance(old, dict) and isinstance(section, dict)
        merged[name] = {**old, **section} if both else section
    return merged


def trained(mapping, folder, **overrides):
    return nnlab.train(mapping, runs=folder, **overrides)


def files(run):
    found = {path.relative_to(run.path).as_posix() for path in run.path.rglob("*")}
    return {name for name in found if not name.startswith(("lock", ".")) and name != "weights"}


def numbers_in(value):
    """Every number anywhere in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from numbers_in(one)
    elif isinstance(value, float):
        yield value


def strict(path):
    def refuse(text):
        raise AssertionError(f"{path.name} holds {text}")

    return json.loads(path.read_text("utf-8"), parse_constant=refuse)


# --- the folder -------------------------------------------------------------------------------

EXPECTED = {
    "config.yaml",
    "resolved.yaml",
    "run.json",
    "data.json",
    "metrics.csv",
    "summary.json",
    "predictions.npz",
    "snapshots.npz",
    "weights/initial.npz",
    "weights/best.npz",
    "weights/final.npz",
    "checkpoint.npz",
    "environment.txt",
}


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
@pytest.mark.parametrize("switch", ["1", "0"])
def test_what_was_not_committed_is_in_the_folder(tmp_path, monkeypatch, switch):
    """In a file of its own, of which no check and no hand-in wants to know."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNLAB_CHANGES", switch)
    monkeypatch.setattr("nnlab.run.repository.PATIENCE", 60.0)
    author = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    Path("notes").write_text("1\n")
    for words in (["init", "-q"], ["add", "notes"], [*author, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], check=True)
    Path("notes").write_text("2\n")
    run = trained(SMALL, tmp_path / "runs")
    assert run.about["git"].keys() == {"commit", "dirty"}
    assert run.about["git"]["dirty"] is True
    patch = run.path / "changes.patch"
    assert files(run) == EXPECTED | ({patch.name} if switch == "1" else set())
    assert switch == "0" or patch.read_text().endswith("@@ -1 +1 @@\n-1\n+2\n")
    assert nnlab.verify(run).good
    assert not any("patch" in name or "environment" in name for name in read_handin(run.path))


def test_the_folder_is_complete(tmp_path, monkeypatch):
    monkeypatch.setenv("NNLAB_CHANGES", "0")
    run = trained(SMALL, tmp_path)
    assert files(run) == EXPECTED
    assert re.fullmatch(r"\d{8}-\d{6}-small-[0-9a-f]{6}", run.path.name)
    for path in run.path.rglob("*.npz"):
        with np.load(path, allow_pickle=False) as arrays:
            assert arrays.files
            assert all(np.isfinite(arrays[name]).all() for name in arrays.files)


def test_run_json(tmp_path):
    run = trained(SMALL, tmp_path)
    found = strict(run.path / "run.json")
    assert found["status"] == "completed"
    assert (found["name"], found["seed"], found["engine"]) == ("small", 3, "numpy")
    assert found["parameters"] == run.network().theta.size == 2 * 6 + 6 + 6 * 3 + 3
    data = run.config.data.source.load(3)
    assert found["data"] == {"name": "blobs", "sha256": data.sha256}
    assert found["seconds"] > 0
    assert found["started"] <= found["ended"]
    text = json.dumps(found)
    for word in ("argv", "git", "python", "numpy", "nnlab", "threads", "platform"):
        assert word in text


def test_data_json(tmp_path):
    run = trained(changed(SMALL, data={"scale": "standardize"}), tmp_path)
    found = strict(run.path / "data.json")
    assert (found["task"], found["kind"], found["outputs"]) == ("classes", "classes", 3)
    assert found["inputs"] == [2]
    assert found["rows"] == {"train": 36, "validation": 9, "test": 15}
    assert found["validation_is_test"] is False
    assert found["scaling"]["kind"] == "standardize"
    assert np.shape(found["scaling"]["factor"]) == (2,)


def test_weights_files_name_their_arrays(tmp_path):
    run = trained(SMALL, tmp_path)
    for which in ("initial", "best", "final"):
        with np.load(run.path / "weights" / f"{which}.npz") as arrays:
            shapes = {name: arrays[name].shape for name in arrays.files}
        assert shapes == {
            "0.dense.weight": (2, 6),
            "0.dense.bias": (6,),
            "3.dense.weight": (6, 3),
            "3.dense.bias": (3,),
        }
    config = run.config
    fresh = Network(config.network, 2, seed=3, init=config.init, dtype="float32")
    np.testing.assert_array_equal(run.network("initial").theta, fresh.theta)


def test_the_config_is_kept_byte_for_byte(tmp_path):
    text = b"# mine\r\ndata: xor   # two\nnetwork: [{dense: 1}, sigmoid]\nloss: bce\n"
    (tmp_path / "mine.yaml").write_bytes(text)
    run = trained(tmp_path / "mine.yaml", tmp_path, epochs=1)
    assert (run.path / "config.yaml").read_bytes() == text
    assert run.config.name == "mine"


# --- metrics and steps -------------------------------------------------------------------------


def test_metrics_are_the_records(tmp_path):
    config = load_config(SMALL, [])
    with begin(config, tmp_path) as session:
        records = [record for record in session if isinstance(record, Epoch)]
    header = "epoch,step,lr,train_loss,train_accuracy,val_loss,val_accuracy,seconds"
    text = (session.folder.path / "metrics.csv").read_text("utf-8")
    assert text.splitlines()[0] == header
    table = session.folder.read_table("metrics.csv")
    assert table["epoch"].tolist() == list(range(7))
    assert table["step"].tolist() == [5 * e for e in range(7)]
    for name in ("loss", "accuracy"):
        assert table[f"train_{name}"].tolist() == [r.train[name] for r in records]
        assert table[f"val_{name}"].tolist() == [r.validation[name] for r in records]
    assert (np.diff(table["seconds"]) >= 0).all()


def test_regression_reports_mae_and_r2(tmp_path):
    run = trained(CURVE, tmp_path)
    names = ["train_loss", "train_mae", "train_r2", "val_loss", "val_mae", "val_r2"]
    assert list(run.metrics) == ["epoch", "step", "lr", *names, "seconds"]
    assert run.summary["classes"] is run.summary["confusion"] is run.summary["test"] is None


def test_steps(tmp_path):
    run = trained(changed(SMALL, training={"record_steps": True}), tmp_path)
    steps = RunFolder.open(run.path).read_table("steps.csv")
    assert list(steps) == ["epoch", "step", "lr", "loss"]
    assert steps["step"].tolist() == list(range(1, 31))
    assert steps["epoch"].tolist() == [e for e in range(1, 7) for _ in range(5)]
    assert set(steps["lr"]) == {0.02}
    sizes = np.array([8, 8, 8, 8, 4])
    means = steps["loss"].reshape(6, 5) @ sizes / 36
    np.testing.assert_allclose(means, run.metrics["train_loss"][1:], rtol=1e-6)


# --- the summary ------------------------------------------------------------------------------


def test_the_summary(tmp_path):
    run = trained(changed(SMALL, training={"epochs": 40}, optimizer={"lr": 0.1}), tmp_path)
    found = strict(run.path / "summary.json")
    columns = {name: column.tolist() for name, column in run.metrics.items()}
    best = columns["val_loss"].index(min(columns["val_loss"]))
    for which, epoch in (("final", 40), ("best", best)):
        assert found[which] == {name: column[epoch] for name, column in columns.items()}
    assert 0 < best < 40
    saved = Run(run.path)
    test = evaluate_part(saved, "final", "test")
    assert found["test"] == {name: test[name] for name in ("loss", "accuracy")}
    best = evaluate_part(saved, "best")
    assert found["test"] != {name: best[name] for name in ("loss", "accuracy")}
    confusion = np.array(found["confusion"])
    assert confusion.sum() == test["rows"] == 15
    assert found["test"]["accuracy"] == confusion.trace() / 15
    assert [row["support"] for row in found["classes"]] == confusion.sum(axis=1).tolist()


def test_test_numbers_by_hand(tmp_path):
    run = trained(SMALL, tmp_path)
    with np.load(run.path / "predictions.npz") as kept:
        outputs, labels = kept["test.outputs"], kept["test.targets"]
    by_hand = -np.log(outputs[np.arange(len(labels)), labels].astype(np.float64)).mean()
    assert run.summary["test"]["loss"] == pytest.approx(by_hand, rel=1e-5)
    assert run.summary["test"]["accuracy"] == (outputs.argmax(1) == labels).mean()


def test_best_weights_give_the_best_epoch(tmp_path):
    run = trained(changed(SMALL, training={"epochs": 40}, optimizer={"lr": 0.1}), tmp_path)
    saved, best = Run(run.path), run.summary["best"]
    assert evaluate_part(saved, "best", "validation")["loss"] == best["val_loss"]
    assert evaluate_part(saved, "final", "validation")["loss"] == run.metrics["val_loss"][-1]
    assert best["val_loss"] < run.metrics["val_loss"][-1]


def test_with_the_average_all_kept_weights_are_averages(tmp_path):
    run = trained(changed(SMALL, training={"ema": 0.9}), tmp_path)
    saved = Run(run.path)
    assert evaluate_part(saved, "final", "validation")["loss"] == run.metrics["val_loss"][-1]
    state = RunFolder.open(run.path).load_checkpoint().arrays
    np.testing.assert_array_equal(run.network().theta, state["average"])


def test_early_stopping_keeps_the_best_weights(tmp_path):
    mapping = changed(
        SMALL, training={"epochs": 200, "early_stopping": {"patience": 3}}, optimizer={"lr": 0.1}
    )
    run = trained(mapping, tmp_path)
    assert run.status == "early_stopped"
    best = int(run.metrics["val_loss"].argmin())
    assert run.metrics["epoch"][-1] == best + 3 < 200
    np.testing.assert_array_equal(run.network().theta, run.network("best").theta)
    assert run.summary["final"] == run.summary["best"]
    assert run.summary["final"]["epoch"] == best


def test_a_validation_part_that_is_the_test_part(tmp_path):
    mapping = changed(SMALL, data={"validation": "test"})
    run = trained(mapping, tmp_path)
    assert strict(run.path / "data.json")["validation_is_test"] is True
    assert run.summary["test"]["loss"] == run.metrics["val_loss"][-1]
    with np.load(run.path / "predictions.npz") as kept:
        assert {name.partition(".")[0] for name in kept.files} == {"train", "test"}
    saved = Run(run.path)
    assert evaluate_part(saved, "final", "validation") == evaluate_part(saved, "final", "test")


# --- predictions, samples, snapshots -------------------------------------------------------------


DIGITS = {
    "data": {"name": "digits", "test": 0.5, "validation": 0.2},
    "network": [{"dense": 10}, "softmax"],
    "loss": "cross_entropy",
}


@pytest.mark.parametrize(
    "mapping",
    [
        SMALL,
        CURVE,
        changed(CURVE, data={"scale": "standardize"}, training={"dtype": "float64"}),
        DIGITS,
    ],
    ids=["classes", "regression", "scaled", "images"],
)
def test_predictions_are_what_predict_gives(tmp_path, mapping):
    run = trained(mapping, tmp_path, epochs=2)
    data = run.config.data.source.load(run.config.data.seed)
    rows = strict(run.path / "data.json")["rows"]
    with np.load(run.path / "predictions.npz") as kept:
        parts = {name.partition(".")[0] for name in kept.files}
        assert parts == {name for name, count in rows.items() if count}
        seen = []
        for part in parts:
            inputs, outputs = kept[f"{part}.inputs"], kept[f"{part}.outputs"]
            assert len(inputs) == len(outputs) == len(kept[f"{part}.targets"]) == rows[part]
            assert inputs.dtype == data.inputs.dtype
            # Batches of another size: BLAS may add in another order.
            np.testing.assert_allclose(run.predict(inputs), outputs, rtol=1e-4, atol=1e-6)
            seen += [row.tobytes() for row in inputs]
    assert sorted(seen) == sorted(row.tobytes() for row in data.inputs)


def test_samples_of_a_large_part(tmp_path):
    data = {"name": "random", "samples": 12_000, "inputs": 2, "outputs": 2, "test": 100}
    mapping = {**CURVE, "data": data, "network": [{"dense": 2}]}
    run = trained(mapping, tmp_path, epochs=1, batch_size=1000)
    with np.load(run.path / "predictions.npz") as kept:
        assert {name.partition(".")[0] for name in kept.files} == {"test"}
    with np.load(run.path / "samples.npz") as kept:
        found = {name.removeprefix("train."): kept[name] for name in kept.files}
    assert set(found) == {"inputs", "targets", "outputs", "file_rows", "rows", "losses"}
    assert {len(array) for array in found.values()} == {100}
    chosen, worst = found["rows"][:64], found["rows"][64:]
    assert (chosen[0], chosen[-1]) == (0, 11_899)
    assert set(np.diff(chosen)) <= {188, 189}

    built = rebuild(Run(run.path))
    inputs, targets = (a[built.parts.train] for a in (built.dataset.inputs, built.dataset.targets))
    losses = ((run.predict(inputs) - targets) ** 2).mean(axis=1)
    np.testing.assert_array_equal(found["inputs"], inputs[found["rows"]])
    np.testing.assert_array_equal(found["targets"], targets[found["rows"]])
    np.testing.assert_array_equal(found["file_rows"], built.parts.train[found["rows"]])
    np.testing.assert_allclose(found["losses"], losses[found["rows"]], rtol=1e-4)
    np.testing.assert_allclose(found["outputs"], run.predict(found["inputs"]), rtol=1e-4, atol=1e-6)
    assert (np.diff(found["losses"][64:]) <= 0).all()
    assert len(set(worst.tolist())) == 36
    rest = np.delete(losses, worst)
    assert rest.max() <= found["losses"][64:].min() * (1 + 1e-4)


def test_exactly_ten_thousand_rows_are_all_kept(tmp_path):
    data = {"name": "random", "samples": 10_000, "inputs": 1, "outputs": 1}
    run = trained({**CURVE, "data": data, "network": [{"dense": 1}]}, tmp_path, epochs=0)
    assert "samples.npz" not in files(run)
    with np.load(run.path / "predictions.npz") as kept:
        assert kept["train.outputs"].shape == (10_000, 1)


def test_snapshots(tmp_path):
    run = trained(changed(SMALL, training={"epochs": 200, "batch_size": "full"}), tmp_path)
    with np.load(run.path / "snapshots.npz") as kept:
        epochs, thetas = kept["epochs"], kept["theta"]
    assert thetas.shape == (len(epochs), 39)
    assert epochs.tolist()[:6] == [0, 1, 2, 3, 4, 5]
    assert epochs[-1] == 200
    assert (np.diff(epochs) > 0).all()
    assert 25 < len(epochs) < 42
    np.testing.assert_array_equal(thetas[0], run.network("initial").theta)
    np.testing.assert_array_equal(thetas[-1], run.network("final").theta)


@pytest.mark.parametrize(("width", "moments"), [(3400, 19), (16_000, 5), (17_000, 0)])
def test_larger_networks_have_fewer_snapshots_and_the_largest_none(tmp_path, width, moments):
    """400,000 numbers in all: 39 parameters have 40 moments, 20,403 have 19 and row 0."""
    network = [{"dense": width}, "relu", {"dense": 3}, "softmax"]
    training = {"epochs": 1000, "batch_size": "full", "engine": "numpy"}
    loaded = from_mapping(changed(SMALL, network=network, training=training))
    built = build(loaded)
    assert built.network.theta.size == 6 * width + 3
    assert len(Snapshots(built.network, 1000).wanted) == moments


# --- the same run again -----------------------------------------------------------------------

CSV = {
    "name": "table",
    "data": {
        "name": "csv",
        "path": "rows.csv",
        "target": "kind",
        "scale": "standardize",
        "test": 0.2,
        "validation": 0.25,
    },
    "network": [{"dense": 4}, "tanh", {"dense": 3}, "softmax"],
    "loss": {"name": "cross_entropy", "class_weight": "balanced", "label_smoothing": 0.1},
    "training": {"epochs": 5, "batch_size": 7},
}
AGAIN = {
    "small": SMALL,
    "early stopping, average": changed(
        SMALL,
        training={"epochs": 60, "early_stopping": {"patience": 2, "min_delta": 0.001}, "ema": 0.8},
        optimizer={"lr": 0.1},
    ),
    "csv": CSV,
    "plateau": changed(CURVE, schedule={"name": "plateau", "patience": 0}),
    "one_cycle": changed(CURVE, schedule="one_cycle", optimizer={"name": "sgd", "momentum": 0.9}),
    "data seed": changed(SMALL, data={"seed": 11, "scale": "unit"}),
}
SHIPPED = {
    "identity8": {"epochs": 20},
    "xor": {"epochs": 30},
    "digits_binary": {"epochs": 2},
    "textbook": {"epochs": 4},
    "approximate": {"epochs": 5},
    "box": {},
}


def write_rows(folder):
    rng = np.random.default_rng(0)
    labels = rng.choice(["x", "y", "z"], 60, p=[0.6, 0.3, 0.1])
    lines = [f"{rng.normal():.3f},{rng.normal():.3f},{label}" for label in labels]
    (folder / "rows.csv").write_text("\n".join(["a,b,kind", *lines, ""]), encoding="utf-8")


def assert_same_run(first, second):
    for which in ("initial", "best", "final"):
        a, b = (run.path / "weights" / f"{which}.npz" for run in (first, second))
        assert a.read_bytes() == b.read_bytes(), which
    one, two = (
        [line.rpartition(",")[0] for line in (run.path / "metrics.csv").read_text().splitlines()]
        for run in (first, second)
    )
    assert one == two
    for name in ("resolved.yaml", "data.json", "predictions.npz", "snapshots.npz"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes(), name


@pytest.mark.parametrize("name", AGAIN)
def test_resolved_yaml_gives_the_same_run(tmp_path, monkeypatch, name):
    """From another folder: the path of a csv file must not depend on where one stands."""
    for folder in ("data", "elsewhere"):
        (tmp_path / folder).mkdir()
    write_rows(tmp_path / "data")
    monkeypatch.chdir(tmp_path / "data")
    first = trained(AGAIN[name], tmp_path)
    monkeypatch.chdir(tmp_path / "elsewhere")
    second = trained(first.path / "resolved.yaml", tmp_path)
    assert_same_run(first, second)


@pytest.mark.parametrize("name", SHIPPED)
def test_resolved_yaml_of_a_shipped_config_gives_the_same_run(tmp_path, name):
    first = trained(name, tmp_path, **SHIPPED[name])
    assert_same_run(first, trained(first.path / "resolved.yaml", tmp_path))


def test_a_csv_file_is_found_beside_the_config(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    write_rows(tmp_path / "data")
    (tmp_path / "data" / "mine.yaml").write_text(json.dumps(CSV), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    first = trained("data/mine.yaml", tmp_path)
    assert first.config.data.source.path == str(tmp_path / "data" / "rows.csv")
    assert_same_run(first, trained(first.path / "resolved.yaml", tmp_path))


def test_another_seed_gives_another_run(tmp_path):
    """Else the tests above would compare constants."""
    first, second = (trained(SMALL, tmp_path, seed=seed) for seed in (1, 2))
    assert (first.network().theta != second.network().theta).mean() > 0.9


# --- starting from another run -----------------------------------------------------------------


def test_weights_of_another_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = trained(SMALL, tmp_path)
    mapping = changed(SMALL, init={"run": first.path.name}, training={"epochs": 2})
    second = trained(mapping, tmp_path)
    np.testing.assert_array_equal(second.network("initial").theta, first.network("final").theta)
    (tmp_path / "x").mkdir()
    monkeypatch.chdir(tmp_path / "x")
    assert_same_run(second, trained(second.path / "resolved.yaml", tmp_path))


def test_weights_of_a_run_with_other_shapes(tmp_path):
    first = trained(SMALL, tmp_path, epochs=0)
    before = sorted(tmp_path.iterdir())
    mapping = changed(SMALL, init={"run": str(first.path)})
    message = (
        f"init: {first.path}: its weights do not fit this network: "
        "0.dense.weight is (2, 6) there and (2, 9) here; "
    )
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        trained(mapping, tmp_path, hidden=9)
    assert sorted(tmp_path.iterdir()) == before  # no folder for a run that never began


# --- runs that end otherwise -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "optimizer", "dtype"),
    [
        ("mse", {"name": "sgd", "lr": 1e4}, "float32"),
        ("mse", {"name": "sgd", "lr": 1e4}, "float64"),
        ("mse", {"name": "sgd", "lr": 1e30, "momentum": 0.9}, "float64"),
        ("mse", {"name": "adam", "lr": 1e30}, "float32"),
        ("huber", {"name": "sgd", "lr": 1e38}, "float32"),
        ("mae", {"name": "rmsprop", "lr": 1e300}, "float64"),
    ],
)
def test_a_diverged_run(tmp_path, loss, optimizer, dtype):
    """Nothing that is not finite is in any file, and the last finite weights load."""
    training = {"epochs": 30, "batch_size": 4, "record_steps": True, "dtype": dtype}
    network = [{"dense": 5}, "relu", {"dense": 5}, "relu", {"dense": 1}]
    sections = {"loss": loss, "optimizer": optimizer, "network": network, "training": training}
    mapping = changed(CURVE, data={"test": 5}, **sections)
    run = trained(mapping, tmp_path)
    found = strict(run.path / "run.json")
    assert run.status == found["status"] == "diverged"
    assert set(found["failure"]) == {"epoch", "step", "what"}
    assert found["failure"]["step"] >= 1
    assert re.search(r"of layer \d \(|(training|validation) loss", found["failure"]["what"])
    for name in ("metrics.csv", "steps.csv"):
        path = run.path / name
        assert not path.exists() or not re.search(r"nan|inf", path.read_text("utf-8")), name
    for path in run.path.rglob("*.npz"):
        with np.load(path) as arrays:
            for name in arrays.files:
                assert np.isfinite(arrays[name]).all(), f"{path.name}: {name}"
    for which in ("initial", "best", "final"):
        assert np.isfinite(run.network(which).theta).all()
    assert run.summary["best"]["epoch"] == 0 or run.summary["best"]["train_loss"] > 0
    strict(run.path / "summary.json")


def meanwhile(folder, epoch, action, **overrides):
    """Train, and do something when an epoch is done."""
    with begin(load_config(SMALL, list(overrides.items())), folder) as session:
        for record in session:
            if isinstance(record, Epoch) and record.epoch == epoch:
                action()


def the_run(folder):
    """The only run in this folder."""
    (path,) = folder.iterdir()
    return RunFolder.open(path)


def test_an_exception_of_the_caller(tmp_path):
    with pytest.raises(ZeroDivisionError):
        meanwhile(tmp_path, 2, lambda: 1 / 0)
    folder = the_run(tmp_path)
    found = strict(folder.path / "run.json")
    assert folder.status() == found["status"] == "failed"
    assert found["error"] == "ZeroDivisionError: division by zero"
    assert found["ended"] is not None


def test_nothing_is_written_before_the_data_is_there(tmp_path):
    (tmp_path / "runs").mkdir()
    mapping = changed(CSV, data={"path": str(tmp_path / "gone.csv")})
    with pytest.raises(DataError):
        trained(mapping, tmp_path / "runs")
    assert list((tmp_path / "runs").iterdir()) == []


def test_only_one_session_writes_into_a_folder(tmp_path):
    config = load_config(SMALL, [])
    with begin(config, tmp_path) as one, begin(config, tmp_path) as two:
        assert one.folder.path != two.folder.path
        assert one.folder.status() == "running"
        for _ in one:
            pass
    assert one.folder.status() == "completed"
    assert two.folder.status() == "interrupted"
    assert two.folder.has_checkpoint()


def test_a_loop_that_is_left_early_can_go_on(tmp_path):
    with begin(load_config(SMALL, []), tmp_path) as session:
        for record in session:
            if isinstance(record, Epoch) and record.epoch == 2:
                break
    assert session.folder.status() == "interrupted"
    assert session.folder.load_checkpoint().meta["epoch"] == 2
    assert session.folder.read_table("metrics.csv")["epoch"].tolist() == [0, 1, 2]


def test_data_that_has_changed_since(tmp_path, monkeypatch):
    write_rows(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = trained(CSV, tmp_path)
    old = strict(run.path / "run.json")["data"]["sha256"]
    path = tmp_path / "rows.csv"
    path.write_text(path.read_text("utf-8").replace("0.", "1.", 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        evaluate_part(Run(run.path))
    new = load_config(run.path / "resolved.yaml", check=False).config.data.source.load(0).sha256
    assert new != old
    assert str(caught.value) == (
        f"The data set {path} is not what it was when this run began: SHA-256 {new}, then {old}. "
        f"Put the old data back, or train again with `nnlab train {run.path / 'resolved.yaml'}`."
    )


# --- signals ----------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from nnlab.config.load import load_config
from nnlab.errors import Interrupted
from nnlab.experiment.session import begin

try:
    with begin(load_config("identity8", [("epochs", 10**6)]), Path(sys.argv[1])) as session:
        print(session.folder.path, flush=True)
        for record in session:
            if getattr(record, "epoch", 0) == 5:
                print("going", flush=True)
except Interrupted as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(
    ("number", "code", "name"), [(signal.SIGINT, 130, "SIGINT"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_saves_the_state(tmp_path, number, code, name):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        path = Path(child.stdout.readline().strip())
        assert child.stdout.readline() == "going\n"
        child.send_signal(number)
        out, err = child.communicate(timeout=PATIENCE)
    finally:
        child.kill()
    assert child.returncode == code
    assert err == ""
    folder = RunFolder.open(path)
    assert folder.status() == "interrupted"
    checkpoint = folder.load_checkpoint()
    step = checkpoint.meta["step"]
    told = out.splitlines()[-1]
    assert told == (
        f"{name}: stopped after {step:,} updates; the state is saved in {path}. "
        f"`nnlab resume {path}` continues it."
    )
    table = folder.read_table("metrics.csv")
    assert table["epoch"].tolist() == list(range(len(table["epoch"])))
    assert table["step"][-1] == step  # an epoch is one chunk here, so the last row is the state

    # The state is that of an undisturbed training after as many updates, to the last bit.
    saved, other = (rebuild(Run(folder.path)) for _ in range(2))
    state = start(saved.plan, saved.network)
    thaw(state, checkpoint.arrays, checkpoint.meta)
    undisturbed = start(other.plan, other.network)
    for record in run_training(other.plan, undisturbed):
        if record.step == step:
            break
    np.testing.assert_array_equal(saved.network.theta, undisturbed.network.theta)
    assert state.epoch == undisturbed.epoch
    assert [next(run_training(saved.plan, state)), state.step] == [
        next(run_training(other.plan, undisturbed)),
        undisturbed.step,
    ]


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_between_records(tmp_path):
    """In this process: the handler of before is back afterwards."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted) as caught:
        meanwhile(tmp_path, 3, interrupt, epochs=50)
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is before
    folder = the_run(tmp_path)
    assert folder.status() == "interrupted"
    assert folder.read_table("metrics.csv")["epoch"].tolist() == [0, 1, 2, 3]
    assert not folder.has("summary.json")


def test_a_second_signal_ends_at_once(tmp_path):
    def twice():
        noting = signal.getsignal(signal.SIGINT)
        interrupt()
        # Two signals that Python has not looked at yet count as one.
        wait_until(lambda: signal.getsignal(signal.SIGINT) is not noting)
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        meanwhile(tmp_path, 0, twice, epochs=50)
    assert the_run(tmp_path).status() == "interrupted"


# --- checkpoints ------------------------------------------------------------------------------


def test_checkpoints_as_often_as_asked_for(tmp_path, monkeypatch):
    saved = []
    original = RunFolder.save_checkpoint

    def noted(self, values, meta):
        saved.append(meta["epoch"])
        original(self, values, meta)

    monkeypatch.setattr(RunFolder, "save_checkpoint", noted)
    often = trained(changed(SMALL, training={"checkpoint_every": 2}), tmp_path)
    assert saved == [2, 4, 6]
    saved.clear()
    seldom = trained(SMALL, tmp_path)
    assert saved == [6]  # within ten seconds: only at the end
    np.testing.assert_array_equal(often.network().theta, seldom.network().theta)


def test_a_name_for_the_run(tmp_path):
    with begin(load_config(SMALL, []), tmp_path, name="other") as session:
        for _ in session:
            pass
    assert nnlab.load(session.folder.path).config.name == "other"
    assert "-other-" in session.folder.name


def test_rows_of_a_file_are_judged_without_the_training_data(tmp_path, monkeypatch):
    """Balanced class weights included: they are those of the training rows, from data.json."""
    write_rows(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = trained(CSV, tmp_path)
    saved = Run(run.path)
    own = evaluate_part(saved, part="train")
    built = rebuild(saved)
    rows = built.parts.train
    dataset = built.dataset
    part = replace(dataset, inputs=dataset.inputs[rows], targets=dataset.targets[rows])
    (tmp_path / "rows.csv").unlink()
    again = measure(sample_rows(Run(run.path), part))
    assert again == own
    content = saved.folder.read_json("data.json")
    saved.folder.write_json("data.json", content | {"class_weight": None})
    with pytest.raises(RunUnreadable, match=r"data\.json has no class weights"):
        measure(sample_rows(Run(run.path), part))


@pytest.mark.parametrize("name", ["-x", "a/b", "..", ""])
def test_a_name_that_no_config_may_have_is_refused(tmp_path, name):
    with (
        pytest.raises(UsageError, match=r"^The name "),
        begin(load_config(SMALL, []), tmp_path, name=name),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_in_the_resolved_config(tmp_path):
    with begin(load_config(SMALL, []), tmp_path, name="other") as session:
        for _ in session:
            pass
    assert load_config(session.folder.path / "resolved.yaml").config.name == "other"


def test_time_makes_checkpoints_due(tmp_path, monkeypatch):
    """Every CHECKPOINT_SECONDS, looked at after each record."""
    monkeypatch.setattr("nnlab.experiment.session.CHECKPOINT_SECONDS", 0.0)
    seen = []
    with begin(load_config(SMALL, [("training.epochs", 3)]), tmp_path) as session:
        monkeypatch.setattr(session, "checkpoint", lambda: seen.append(session.state.epoch))
        for _ in session:
            pass
    assert set(seen) == {0, 1, 2, 3}


def test_a_diverged_run_does_not_claim_the_best_weights(tmp_path):
    """Early stopping would restore the best; after a divergence the summary says so nowhere."""
    stopping = {"early_stopping": {"patience": 500}, "epochs": 900, "dtype": "float64"}
    mapping = changed(CURVE, optimizer={"name": "sgd", "lr": 5.0}, training=stopping)
    run = trained(mapping, tmp_path)
    assert run.status == "diverged"
    assert run.summary["final"]["epoch"] == run.metrics["epoch"][-1]
    assert run.summary["best"]["epoch"] < run.summary["final"]["epoch"]
