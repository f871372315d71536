"""One battery over every source of the catalogue, and the facts each of them promises."""

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nnlab.config.annotations import MisfitError, convert, hints
from nnlab.data.dataset import Dataset, DataSource
from nnlab.data.memory import Memory
from nnlab.data.sources import (
    ALIASES,
    FUNCTIONS,
    SOURCES,
    Digits,
    Function,
    FunctionCurve,
    HalfSquare,
    Identity,
    Random,
    Spirals,
    Xor,
)
from nnlab.errors import DataError
from tests.process import printed_by

# Settings of each source with which the battery runs; a new source fails until it has a line.
EXAMPLES: dict[str, list[dict[str, object]]] = {
    "identity": [{}, {"size": 2}],
    "xor": [{}, {"variant": "line"}],
    "linear": [{}, {"samples": 7}],
    "random": [{}, {"samples": 1, "inputs": 1, "outputs": 1}, {"distribution": "uniform"}],
    "curve": [{"function": name, "noise": 0.1} for name in FUNCTIONS],
    "moons": [{}, {"samples": 7, "noise": 0.0}],
    "circles": [{}, {"samples": 7, "factor": 0.2}],
    "blobs": [{}, {"centers": 5, "features": 3, "std": 2.0}],
    "spirals": [{}, {"classes": 3, "samples": 10, "turns": 0.5}],
    "digits": [{}, {"binary": 5}],
    "digit_properties": [{}],
    "mnist": [{}],
    "fashion_mnist": [{}],
    "kmnist": [{}],
    "csv": [{"path": "t.csv", "target": "y"}, {"path": "t.csv", "target": ("y", "x1")}],
    "npz": [{"path": "t.npz"}, {"path": "t.npz", "inputs": "images", "targets": "z"}],
    "images": [{"path": "photos"}, {"path": "photos", "width": 3, "colours": True}],
    "openml": [{"id": 61}, {"id": 561, "ignore": ("vendor",)}],
    "memory": [{}, {"target": "y", "missing": "mean"}],
}
FIXED = {
    "identity",
    "xor",
    "digits",
    "digit_properties",
    "mnist",
    "fashion_mnist",
    "kmnist",
    "csv",
    "npz",
    "images",
    "openml",
    "memory",
}
CASES = [
    pytest.param(
        name,
        settings,
        id=f"{name}-{i}",
        marks=[pytest.mark.data] if "mnist" in name else [],
    )
    for name in SOURCES
    for i, settings in enumerate(EXAMPLES.get(name, [{}]))
]


@pytest.fixture
def source(
    name: str, settings: dict[str, object], tmp_path: Path, request: pytest.FixtureRequest
) -> DataSource:
    if "mnist" in name:
        folder = request.getfixturevalue("data_folder")
        if SOURCES[name].files.find(SOURCES[name].files.files[0]) is None:
            pytest.skip(f"no {name} in {folder}")
    settings = dict(settings)
    if name == "csv":
        (tmp_path / "t.csv").write_text("x1,x2,y\n1,2,3.5\n4,5,6\n")
    if name == "npz":
        images = np.ones((3, 4, 5), np.uint8)
        np.savez(tmp_path / "t.npz", x=np.eye(3), y=[0, 1, 1], z=np.ones((3, 2)), images=images)
    if name == "images":
        for label in ("cats", "dogs"):
            (tmp_path / "photos" / label).mkdir(parents=True)
            Image.new("RGB", (9, 7), "red").save(tmp_path / "photos" / label / "1.png")
    if name == "openml":
        request.getfixturevalue("openml")
    if "path" in settings:
        settings["path"] = str(tmp_path / str(settings["path"]))
    made = SOURCES[name](**settings)
    if not isinstance(made, Memory):
        return made
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": ["a", "b", "a"]})
    return made.reading(frame if made.target else (np.eye(3), [0, 1, 1]))


def same(a: Dataset, b: Dataset) -> bool:
    return a.inputs.tobytes() == b.inputs.tobytes() and a.targets.tobytes() == b.targets.tobytes()


def test_every_source_has_an_example() -> None:
    assert list(EXAMPLES) == list(SOURCES)
    assert set(ALIASES.values()) <= set(SOURCES)


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_battery(name: str, source: DataSource) -> None:
    data = source.load(3)
    x, y = data.inputs, data.targets
    assert data.signature == source.signature(3)
    assert x.shape == (data.rows, *data.signature.inputs)
    assert x.dtype == (np.uint8 if data.input_range else np.float64)
    assert len(y) == data.rows > 0
    assert x.flags.c_contiguous
    assert y.flags.c_contiguous
    assert not x.flags.writeable
    assert not y.flags.writeable
    assert np.isfinite(y).all()
    assert data.rows > 10_000 or np.isfinite(x).all()  # large sets are bytes
    if data.task == "classes":
        assert y.dtype == np.int64
        assert y.ndim == 1
        assert 0 <= y.min() <= y.max() < data.outputs == len(data.class_names)
    else:
        assert y.dtype == np.float64
        assert y.shape == (data.rows, data.outputs)
    assert len(data.feature_names) in (0, x.shape[1])
    assert len(data.target_names) in (0, data.outputs, 1)
    assert data.image_shape is None or int(np.prod(data.image_shape)) == x.shape[1]
    assert len(bytes.fromhex(data.sha256)) == 32


@pytest.mark.parametrize(("name", "settings"), CASES)
def test_the_seed_decides(name: str, source: DataSource) -> None:
    first, again, other = source.load(3), source.load(3), source.load(4)
    assert same(first, again)
    assert first.sha256 == again.sha256
    assert same(first, other) == (name in FIXED)
    assert (first.sha256 == other.sha256) == (name in FIXED)


def built(name: str, settings: dict[str, object]) -> DataSource:
    """The data set from settings as a config has them."""
    known = hints(SOURCES[name])
    return SOURCES[name](**{key: convert(known[key], value) for key, value in settings.items()})


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_is_its_own_schema(name: str) -> None:
    """Its annotations take what an example has, lists for tuples."""
    settings = {k: list(v) if isinstance(v, tuple) else v for k, v in EXAMPLES[name][-1].items()}
    assert built(name, settings) == SOURCES[name](**EXAMPLES[name][-1])


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("identity", {"size": 1}),
        ("identity", {"size": 10**9}),
        ("xor", {"variant": "circle"}),
        ("linear", {"samples": 0}),
        ("random", {"samples": 10**6, "inputs": 10**5}),
        ("curve", {"function": "__import__('os')"}),
        ("curve", {"low": 1.0, "high": 1.0}),
        ("curve", {"low": -1e308, "high": 1e308}),
        ("curve", {"noise": -1.0}),
        ("circles", {"factor": 1.0}),
        ("digits", {"binary": 10}),
        ("csv", {"path": "a", "target": []}),
        ("csv", {"path": "a", "target": "y", "delimiter": ";;"}),
        ("csv", {"path": "a", "target": "y", "delimiter": '"'}),
        ("csv", {"path": "a", "target": ["y", "z"], "task": "classes"}),
    ],
)
def test_settings_out_of_range(name: str, settings: dict[str, object]) -> None:
    with pytest.raises((MisfitError, ValueError)):
        built(name, settings)


def test_identity() -> None:
    data = Identity().load(0)
    assert data.inputs.tolist() == np.eye(8).tolist()
    assert data.targets.tolist() == np.eye(8).tolist()


def test_xor_square() -> None:
    data = Xor().load(0)
    assert data.inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data.targets.tolist() == [0, 1, 1, 0]


def test_xor_line() -> None:
    data = Xor("line").load(0)
    rows = [(*x, y) for x, y in zip(data.inputs.tolist(), data.targets.tolist(), strict=True)]
    assert len(rows) == len(set(rows)) == 21
    assert rows[:4] == [(0.0, 0.0, 0), (0.0, 1.0, 1), (0.1, 0.1, 0), (0.1, 0.9, 1)]
    assert rows[10:12] == [(0.5, 0.5, 0), (0.6, 0.6, 0)]
    assert sum(label for *_, label in rows) == 10


def test_linear_labels_by_x_above_y() -> None:
    data = HalfSquare(50).load(1)
    assert data.targets.tolist() == [int(x > y) for x, y in data.inputs.tolist()]
    assert 0 <= data.inputs.min() < 0.2 < 0.8 < data.inputs.max() < 1


@pytest.mark.parametrize(
    ("distribution", "mean", "std"), [("normal", 0, 1), ("uniform", 0.5, 12**-0.5)]
)
def test_random_moments(
    distribution: Literal["normal", "uniform"], mean: float, std: float
) -> None:
    data = Random(samples=20_000, distribution=distribution).load(0)
    for values in (data.inputs, data.targets):
        assert values.mean() == pytest.approx(mean, abs=0.01)  # 100,000 numbers: error 0.003
        assert values.std() == pytest.approx(std, abs=0.01)
    assert Random(10).load(0).inputs.min() < 0


@pytest.mark.parametrize(
    ("function", "expected"),  # at -2, -1, 0, 1, 2
    [
        ("sine", [-0.9092974268, -0.8414709848, 0, 0.8414709848, 0.9092974268]),
        ("cosine", [-0.4161468365, 0.5403023059, 1, 0.5403023059, -0.4161468365]),
        ("square", [4, 1, 0, 1, 4]),
        ("cubic", [-8, -1, 0, 1, 8]),
        ("absolute", [2, 1, 0, 1, 2]),
        ("sinc", [0.4546487134, 0.8414709848, 1, 0.8414709848, 0.4546487134]),
        ("gaussian", [0.1353352832, 0.6065306597, 1, 0.6065306597, 0.1353352832]),
        ("runge", [1 / 101, 1 / 26, 1, 1 / 26, 1 / 101]),
        ("step", [0, 0, 1, 1, 1]),
        ("box", [0, 1, 1, 0, 0]),
    ],
)
def test_curve(function: Function, expected: list[float]) -> None:
    data = FunctionCurve(function, low=-2, high=2, samples=5).load(0)
    assert data.inputs[:, 0].tolist() == [-2, -1, 0, 1, 2]
    assert data.targets[:, 0] == pytest.approx(expected, abs=1e-9)


def test_curve_names_are_the_functions() -> None:
    assert get_args(Function) == tuple(FUNCTIONS)


def test_curve_that_overflows_is_a_sentence() -> None:
    with pytest.raises(DataError) as caught:
        FunctionCurve("cubic", low=0, high=1e200, samples=3).load(0)
    assert str(caught.value) == (
        "curve: the targets hold inf at row 1, column 0 (counted from 0); "
        "only finite numbers are allowed."
    )


def test_spirals_wind_out_of_the_origin() -> None:
    data = Spirals(samples=300, classes=3, turns=1.0, noise=0.0).load(0)
    radius = np.hypot(*data.inputs.T)
    angle = np.arctan2(data.inputs[:, 1], data.inputs[:, 0])
    turns = (angle / (2 * np.pi) - radius - data.targets / 3) % 1
    assert np.minimum(turns, 1 - turns).max() < 1e-9
    assert np.bincount(data.targets).tolist() == [100, 100, 100]


@pytest.mark.parametrize("name", ["moons", "circles", "blobs"])
def test_seeds_may_be_larger_than_what_scikit_learn_takes(name: str) -> None:
    assert not same(SOURCES[name]().load(2**40), SOURCES[name]().load(0))


def test_digits_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from the package's file, or by its own loader where the file is not there."""
    from sklearn.datasets import load_digits

    pixels, digits = load_digits(return_X_y=True)
    data = Digits().load(0)
    np.testing.assert_array_equal(data.inputs, pixels)
    np.testing.assert_array_equal(data.targets, digits)
    monkeypatch.setattr("nnlab.data.digits.find_spec", lambda name: None)
    assert Digits().load(0).sha256 == data.sha256


def test_digits() -> None:
    data = Digits().load(0)
    assert data.inputs.shape == (1797, 64)
    assert data.inputs.max() == 16
    assert data.targets[:10].tolist() == list(range(10))
    below = Digits(binary=5).load(0)
    assert below.targets.tolist() == (data.targets < 5).tolist()
    assert below.class_names == ("5 or more", "below 5")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "first", "mean"),
    # Labels of the first rows and mean pixel / 255 of the training part, as published.
    [("mnist", [5, 0, 4, 1, 9], 0.1307), ("fashion_mnist", [9, 0, 0, 3, 0], 0.2860)],
)
def test_images(name: str, first: list[int], mean: float, data_folder: Path) -> None:
    data = SOURCES[name]().load(0)
    assert data.targets[:5].tolist() == first
    assert data.inputs[:60_000].mean() / 255 == pytest.approx(mean, abs=5e-5)
    assert np.bincount(data.targets[60_000:]).sum() == data.test_rows == 10_000
    assert data.image_shape == (28, 28)


def test_importing_the_catalogue_is_light() -> None:
    code = "import sys, nnlab.data; print(*sys.modules)"
    heavy = {"sklearn", "platformdirs", "urllib.request", "filelock", "matplotlib", "scipy"}
    assert not heavy & set(printed_by("-c", code).split())
