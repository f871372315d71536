"""`nnlab.Network`: what it shows, how it is judged, saved and loaded."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from sklearn.metrics import accuracy_score, log_loss

import nnlab
from nnlab.errors import ConfigError, NnlabError, RunUnreadable, UsageError

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 3))
LABELS = RNG.integers(0, 4, 40)


def network(seed: int = 0, units: int = 5) -> nnlab.Network:
    names = nnlab.LAYERS
    layers = [names["dense"](units), names["batch_norm"](), names["tanh"](), names["dense"](4)]
    return nnlab.Network([*layers, names["softmax"]()], 3, seed=seed)


def test_it_shows_its_layers() -> None:
    assert repr(network()) == (
        "Network(3 -> dense 5 -> batch_norm 5 -> tanh -> dense 4 -> softmax; "
        "54 parameters, float64)"
    )


def test_the_summary_is_a_table() -> None:
    summary = network().summary()
    assert str(summary) == "\n".join(
        [
            "layer         output  parameters",
            "0.dense       5               20",
            "1.batch_norm  5               10",
            "2.tanh        5                0",
            "3.dense       4               24",
            "4.softmax     4                0",
            "                              54",
        ]
    )
    assert summary.table["parameters"].tolist() == [20, 10, 0, 24, 0]
    assert summary.to_pandas()["layer"].iloc[0] == "0.dense"
    conv = nnlab.Network([nnlab.LAYERS["conv2d"](2, 3), nnlab.LAYERS["flatten"]()], (8, 8, 1))
    assert "6 x 6 x 2" in str(conv.summary())


def test_it_is_judged_as_scikit_learn_judges() -> None:
    net = network()
    numbers = net.evaluate(X, LABELS)
    outputs = net.predict(X)
    assert numbers["loss"] == pytest.approx(log_loss(LABELS, outputs, labels=range(4)), rel=1e-12)
    assert numbers["accuracy"] == accuracy_score(LABELS, outputs.argmax(1))
    line = nnlab.Network([nnlab.LAYERS["dense"](1)], 3)
    error = line.predict(X)[:, 0] - X[:, 0]
    assert line.evaluate(X, X[:, 0])["loss"] == pytest.approx((error**2).mean(), rel=1e-12)
    assert line.evaluate(X, X[:, 0], "mae")["mae"] == pytest.approx(abs(error).mean(), rel=1e-12)
    with pytest.raises(ValueError, match="40 rows of inputs, but 3 of targets"):
        line.evaluate(X, X[:3, 0])


@pytest.mark.parametrize("name", ["w.safetensors", "folder/w.npz"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saved_weights_come_back(name: str, dtype: str, tmp_path: Path) -> None:
    net = nnlab.Network(network().layers, 3, seed=1, dtype=dtype)
    nnlab.fit(net, X, LABELS, "cross_entropy", epochs=1)  # batch_norm has seen rows
    path = net.save(tmp_path / name)
    other = nnlab.Network(net.layers, 3, seed=2, dtype=dtype)
    assert other.load(path) is other
    assert other.values.tobytes() == net.values.tobytes()


def test_the_safetensors_package_reads_and_writes_such_files(tmp_path: Path) -> None:
    net = network()
    read = load_file(net.save(tmp_path / "w.safetensors"))
    assert {name: a.tobytes() for name, a in read.items()} == {
        name: a.tobytes() for name, a in net.arrays.items()
    }
    doubled = {name: 2 * array for name, array in net.arrays.items()}
    save_file(doubled, tmp_path / "doubled.safetensors", {"from": "elsewhere"})
    assert network().load(tmp_path / "doubled.safetensors").values.tolist() == (
        (2 * net.values).tolist()
    )


def test_a_run_gives_its_network_and_takes_no_harm(tmp_path: Path) -> None:
    run = nnlab.train("xor", epochs=1, runs=tmp_path)
    net = run.network()
    assert isinstance(net, nnlab.Network)
    again = type(net)(net.layers, net.inputs, dtype=net.dtype)
    assert again.load(run.path / "weights" / "final.npz").values.tobytes() == net.values.tobytes()
    file = nnlab.export(run, "safetensors", tmp_path / "run.safetensors")
    assert again.load(file).values.tobytes() == net.values.tobytes()


def test_weights_of_another_network_change_nothing(tmp_path: Path) -> None:
    net, path = network(), network(units=6).save(tmp_path / "w.safetensors")
    before = net.values.copy()
    with pytest.raises(ConfigError, match=r"\(3, 6\)"):
        net.load(path)
    assert net.values.tobytes() == before.tobytes()
    with pytest.raises(UsageError, match=r"ends in \.safetensors or \.npz\.$"):
        net.save(tmp_path / "w.pt")
    with pytest.raises(NnlabError):
        net.load(tmp_path / "nowhere.safetensors")


HEADER = b'{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}'
BROKEN = {
    "empty": b"",
    "a length beyond the end": (2**60).to_bytes(8, "little") + HEADER,
    "no JSON": (4).to_bytes(8, "little") + b"abcd" + bytes(8),
    "a list": (2).to_bytes(8, "little") + b"[]" + bytes(8),
    "data missing": len(HEADER).to_bytes(8, "little") + HEADER + bytes(7),
    "another type": len(HEADER).to_bytes(8, "little") + HEADER.replace(b"F64", b"I64") + bytes(8),
    "another shape": len(HEADER).to_bytes(8, "little") + HEADER.replace(b"[1]", b"[2]") + bytes(8),
    "deep": (20_000).to_bytes(8, "little") + b"[" * 20_000,
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_one_sentence(case: str, tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(BROKEN[case])
    with pytest.raises(RunUnreadable, match=r"it is no intact \.safetensors file") as error:
        network().load(tmp_path / "w.safetensors")
    assert "\n" not in str(error.value)


def test_layers_without_settings_by_name():
    layers = [nnlab.LAYERS["dense"](3), "tanh", nnlab.LAYERS["dense"](1)]
    network = nnlab.Network(layers, np.int64(2), init="he_normal")
    assert repr(network) == "Network(2 -> dense 3 -> tanh -> dense 1; 13 parameters, float64)"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda d: nnlab.Network(d(3), 2), TypeError, "layers must be a list of layers; it is D"),
        (lambda d: nnlab.Network(["dense"], 2), ValueError, "layer: dense needs units: make a"),
        (lambda d: nnlab.Network([d], 2), TypeError, "layer must be a name, or made by a cata"),
        (lambda d: nnlab.Network(["tahn"], 2), ValueError, "there is no layer 'tahn'; there are"),
        (lambda d: nnlab.Network([d(1)], 0), ValueError, "a width of inputs must be a whole numb"),
        (lambda d: nnlab.Network([d(1)], "3"), ValueError, "a width of inputs must be a whole nu"),
        (lambda d: nnlab.Network([d(1)], 3, init="he"), ValueError, "there is no init 'he'; there"),
        (lambda d: nnlab.Network([d(1)], 3, dtype="float16"), ValueError, "dtype must be float32 "),
    ],
)
def test_what_is_no_network(call, error, words):
    with pytest.raises(error, match=f"^{words}"):
        call(nnlab.LAYERS["dense"])


def test_an_estimator_has_such_a_network():
    fitted = nnlab.Regressor(hidden=3, epochs=1).fit(np.eye(4), np.arange(4.0))
    assert type(fitted.network_) is nnlab.Network
    assert fitted.network_.summary().table["parameters"].sum() == 4 * 3 + 3 + 3 + 1
