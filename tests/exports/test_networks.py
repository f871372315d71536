"""Trained networks in other formats, each read by the tool that it is for."""

import csv
import hashlib
import io
import re
import shutil
import subprocess

import numpy as np
import pytest

import nnlab
from nnlab.core.layers import LAYERS
from nnlab.core.layers.activations import ACTIVATIONS
from nnlab.errors import RunUnreadable, UsageError
from nnlab.exports import onnx_graph, torch_source
from nnlab.exports.events import histogram_edges
from nnlab.run.run import Run

IMAGE, END = {"reshape": [8, 8, 1]}, [{"dense": 10}, "softmax"]
CONV = {"conv2d": {"filters": 5, "kernel": [2, 3], "stride": [1, 2], "padding": "same"}}
FLAT = [x for name in ACTIVATIONS if name not in ("step", "softmax") for x in ({"dense": 9}, name)]
NETWORKS = {
    "flat": [*FLAT, "layer_norm", "batch_norm", {"dropout": 0.3}, *END],
    "convolution": [
        *(IMAGE, {"conv2d": {"filters": 4, "padding": 1}}, "batch_norm", "relu", "max_pool"),
        *(CONV, "gelu", "flatten", *END),
    ],
    "pools": [
        *(IMAGE, {"conv2d": {"filters": 4, "kernel": 2, "stride": 3, "bias": False}}),
        *("layer_norm", "silu", {"avg_pool": {"size": 2, "stride": 1}}, "global_avg_pool", *END),
    ],
}
TABLE = "size,colour,price\n" + "1.5,red,3\n,blue,4\n2.5,red,5\n0.5,,7\n3.5,blue,8\n" * 4


@pytest.fixture(scope="module")
def run_of(train, tmp_path_factory):
    """A trained network by name; each is trained once."""
    runs = {}
    table = tmp_path_factory.mktemp("table") / "table.csv"
    table.write_text(TABLE)

    def find(name):
        if name not in runs and name == "table":
            data = {"name": "csv", "path": str(table), "target": "price", "task": "regression"}
            runs[name] = train(
                data={
                    **data,
                    "missing": "mean",
                    "categorical": ["colour"],
                    "scale": "standardize",
                    "scale_target": "standardize",
                },
                network=[{"dense": 4}, "tanh", {"dense": 1}],
                loss="mse",
            )
        elif name not in runs:
            data = {"data": {"name": "digits", "scale": "unit"}, "loss": "cross_entropy"}
            dtype = {"training": {"epochs": 1, "batch_size": 64, "dtype": "float32"}}
            optimizer = {"optimizer": {"adam": 0.01}}
            runs[name] = train(network=NETWORKS[name], **data, **optimizer, **dtype)
        return runs[name]

    return find


def rows_of(run):
    return next(iter(run.rows.values())).inputs[:300].astype(np.float64)


def assert_close(outputs, expected):
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("name", [*NETWORKS, "table"])
def test_onnxruntime_computes_the_same_outputs(name, run_of, tmp_path):
    import onnxruntime

    run = run_of(name)
    path = nnlab.export(run, "onnx", tmp_path / "n.onnx")
    session = onnxruntime.InferenceSession(str(path))
    (outputs,) = session.run(None, {"rows": rows_of(run)})
    assert_close(outputs, run.predict(rows_of(run)))


@pytest.mark.parametrize("name", [*NETWORKS, "table"])
def test_torch_computes_the_same_outputs(name, run_of, tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    run = run_of(name)
    path = nnlab.export(run, "torch", tmp_path / f"network_{name}.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    outputs = __import__(path.stem).load()(torch.tensor(rows_of(run))).detach().numpy()
    assert_close(outputs, run.predict(rows_of(run)))


@pytest.mark.parametrize("name", [*NETWORKS, "table"])
def test_a_torch_script_names_every_array_of_its_file(name, run_of, tmp_path):
    """Without PyTorch, which the tests do not install: text and file fit."""
    run = run_of(name)
    path = nnlab.export(run, "torch", tmp_path / "network.py")
    text = path.read_text()
    compile(text, str(path), "exec")
    with np.load(path.with_suffix(".npz")) as saved:
        arrays = {key: saved[key] for key in saved.files if key.startswith("layers.")}
    sizes = [tuple(map(int, pair)) for pair in re.findall(r"nn\.Linear\((\d+), (\d+)", text)]
    shapes = [array.shape for array in arrays.values() if array.ndim == 2]
    assert sorted(sizes) == sorted((n, m) for m, n in shapes)
    own = run.network("final")
    counters = sum(layer == "batch_norm" for layer in NETWORKS.get(name, ()))
    assert len(arrays) == len(own.arrays) + counters


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("name", ["flat", "table"])
def test_c_computes_the_same_outputs(name, run_of, tmp_path):
    run = run_of(name)
    path, program = nnlab.export(run, "c", tmp_path / "n.c"), tmp_path / "n.out"
    flags = "-std=c99 -pedantic -Wall -Wextra -Werror -O1 -DNNLAB_MAIN"
    command = ["cc", *flags.split(), str(path), "-o", str(program), "-lm"]
    subprocess.run(command, check=True, timeout=None)
    rows = io.StringIO()
    csv.writer(rows).writerows(rows_of(run).tolist())
    done = subprocess.run(
        [str(program)], input=rows.getvalue(), capture_output=True, text=True, check=True
    )
    outputs = np.loadtxt(io.StringIO(done.stdout), delimiter=",", ndmin=2)
    assert_close(outputs, run.predict(rows_of(run)))


def test_c_refuses_images(run_of, tmp_path):
    with pytest.raises(UsageError, match=r"Layer 1 \(conv2d\) has no form in C"):
        nnlab.export(run_of("convolution"), "c", tmp_path / "n.c")


@pytest.mark.parametrize("weights", ["initial", "final"])
def test_safetensors_holds_every_array_to_the_bit(run_of, tmp_path, weights):
    from safetensors import safe_open

    run = run_of("convolution")
    path = nnlab.export(run, "safetensors", tmp_path / "w.safetensors", weights)
    arrays = run.network(weights).arrays
    with safe_open(path, "np") as saved:
        assert set(saved.keys()) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(saved.get_tensor(name), array, strict=True)
        assert "network:" in saved.metadata()["config"]


def test_tensorboard_reads_metrics_weights_and_config(run_of, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = run_of("table")
    folder = nnlab.export(run, "tensorboard", tmp_path / "events")
    nnlab.export(run, "tensorboard", folder)  # in place of the first
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    scalars = events.Scalars("loss/train")
    assert [event.step for event in scalars] == run.metrics["epoch"].tolist()
    values = np.float32(run.metrics["train_loss"])
    np.testing.assert_array_equal([event.value for event in scalars], values)
    histogram = events.Histograms("0.dense.weight")[-1].histogram_value
    weights = run.network("final").arrays["0.dense.weight"]
    assert histogram.num == sum(histogram.bucket) == weights.size
    assert histogram.sum == pytest.approx(weights.sum())
    (text,) = events.Tensors("config")
    assert b"network:" in text.tensor_proto.string_val[0]


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 0.0), (1e28, 1e28), (1e28, 1.0000000000000002e28), (-1.7e308, 1.7e308)]
)
def test_histograms_of_huge_weights_have_edges(low, high):
    """Those of a training that diverged: so close that 30 bins have no place, or far apart."""
    edges = histogram_edges(low, high)
    assert np.isfinite(edges).all()
    assert (np.diff(edges) > 0).all()
    assert np.histogram([low, high], edges)[0].sum() == 2


def test_every_layer_has_a_form_where_all_are_promised():
    assert onnx_graph.WRITERS.keys() == LAYERS.keys() == torch_source.WRITERS.keys()


def test_an_export_without_its_package_says_how_to_get_it(run_of, tmp_path, monkeypatch):
    monkeypatch.setattr("nnlab.errors.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=re.escape("pip install 'nnlab[export]'")):
        nnlab.export(run_of("table"), "onnx", tmp_path / "n.onnx")
    with pytest.raises(UsageError, match="There is no export 'keras'; there are script, "):
        nnlab.export(run_of("table"), "keras")


def test_weights_that_are_not_finite_are_refused(run_of, tmp_path):
    run = run_of("table")
    folder = tmp_path / "run"
    shutil.copytree(run.path, folder)
    with np.load(folder / "weights" / "final.npz") as saved:
        arrays = {name: np.full_like(array, np.nan) for name, array in saved.items()}
    np.savez(folder / "weights" / "final.npz", **arrays)
    for to in ("onnx", "torch", "c"):
        with pytest.raises(RunUnreadable, match="not finite"):
            nnlab.export(Run.open(folder), to, tmp_path / "x")


@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_exported_weights_are_the_initial_weights_of_another_run(run_of, train, tmp_path, ending):
    run = run_of("convolution")
    path = run.path / "weights" / "final.npz"
    if ending == "safetensors":
        path = nnlab.export(run, ending, tmp_path / "w.safetensors")
    settings = {"data": {"name": "digits", "scale": "unit"}, "loss": "cross_entropy"}
    settings |= {"network": NETWORKS["convolution"], "init": {"file": str(path)}}
    again = train(**settings, training={"epochs": 1, "dtype": "float32"})
    expected = run.network("final").values
    np.testing.assert_array_equal(again.network("initial").values, expected, strict=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert again.about["init"] == {"name": path.name, "sha256": digest}
    path = tmp_path / "gone.safetensors"
    with pytest.raises(RunUnreadable, match="gone"):
        train(**settings | {"init": {"file": str(path)}})
    assert nnlab.verify(again).good  # its own folder has all that is needed
