"""Layers for images against PyTorch's values, and what their declarations promise."""

import json
import re
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.core.layers import LAYERS
from nnlab.core.layers.images import patched
from nnlab.core.network import Network, flops, parameter_count
from nnlab.core.types import Array, Views
from tests.core.bound import Bound

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "references" / "images.json").read_text("utf-8")
)
conv, max_pool, avg_pool = LAYERS["conv2d"], LAYERS["max_pool"], LAYERS["avg_pool"]
CASES: dict[str, dict[str, Any]] = {
    "conv2d": {
        "valid": conv(filters=2),
        "same": conv(filters=2, padding="same"),
        "same_even": conv(filters=3, kernel=(2, 4), padding="same"),
        "stride": conv(filters=2, kernel=(3, 2), stride=(2, 3)),
        "stride_padding": conv(filters=2, kernel=5, stride=2, padding=2),
    },
    "max_pool": {
        "plain": max_pool(),
        "overlapping": max_pool(size=3, stride=2),
        "oblong": max_pool(size=(2, 3), stride=(1, 2)),
    },
    "avg_pool": {"plain": avg_pool(), "overlapping": avg_pool(size=3, stride=2)},
    "global_avg_pool": {"plain": LAYERS["global_avg_pool"]()},
    "layer_norm": {
        "flat": LAYERS["layer_norm"](),
        "images": LAYERS["layer_norm"](eps=1e-3),
    },
}
STATISTICS = {
    "flat": LAYERS["batch_norm"](),
    "images": LAYERS["batch_norm"](momentum=0.3, eps=1e-3),
}
# Both sides add the same numbers in another order.
TOLERANCE = {"rtol": 1e-12, "atol": 1e-13}


def bound(layer: Any, x: Array, dy: Array, **parameters: Array) -> Bound:
    found = Bound(layer, x.shape[1:], np.float64, batch=len(x))
    found.x, found.dy, found.p = x, dy, Views(**vars(found.p) | parameters)
    return found


def test_every_reference_is_used():
    used = {name: set(cases) for name, cases in {**CASES, "batch_norm": STATISTICS}.items()}
    assert used == {name: set(cases) for name, cases in REFERENCE.items()}


@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for name, cases in CASES.items() for case in cases]
)
def test_layer_equals_pytorch(name, case):
    expected = {key: np.array(value) for key, value in REFERENCE[name][case].items()}
    parameters = {k: expected[k] for k in ("weight", "bias", "gamma", "beta") if k in expected}
    one = bound(CASES[name][case], expected["x"], expected["dy"], **parameters)
    one.forward(train=True)
    np.testing.assert_allclose(one.y, expected["y"], **TOLERANCE)
    for key, gradient in one.gradients().items():
        np.testing.assert_allclose(gradient, expected[f"d{key}"], err_msg=key, **TOLERANCE)
    one.y.fill(np.nan)
    np.testing.assert_allclose(one.forward(train=False), expected["y"], **TOLERANCE)


@pytest.mark.parametrize("case", STATISTICS)
def test_batch_norm_equals_pytorch_over_several_batches(case):
    expected = REFERENCE["batch_norm"][case]
    steps = [{k: np.array(v) for k, v in step.items()} for step in expected["steps"]]
    start = {key: np.array(value) for key, value in expected["start"].items()}
    one = bound(STATISTICS[case], steps[0]["x"], steps[0]["dy"], **start)
    for number, step in enumerate(steps):
        one.x, one.dy = step["x"], step["dy"]
        train = number < 4
        np.testing.assert_allclose(one.forward(train), step["y"], **TOLERANCE)
        for key in ("running_mean", "running_var"):
            np.testing.assert_allclose(getattr(one.p, key), step[key], **TOLERANCE)
        if train:
            one.backward(one.dx)
            for key, gradient in {"x": one.dx, **vars(one.g)}.items():
                np.testing.assert_allclose(gradient, step[f"d{key}"], err_msg=key, **TOLERANCE)


def test_batch_norm_keeps_the_variance_of_large_numbers():
    """A sum of squares would lose it: 1e4 squared is 1e8, of which float32 keeps 8 units."""
    one = Bound(LAYERS["batch_norm"](), (40, 40, 2), np.float32, batch=20)
    one.p.gamma, one.p.beta = np.ones(2, np.float32), np.zeros(2, np.float32)
    one.x = (1e4 + np.random.default_rng(0).normal(size=one.x.shape)).astype(np.float32)
    y = one.forward(train=True)
    assert abs(float(y.mean())) < 1e-2  # the mean itself is known to 1e-3, in float32
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1.0, rtol=1e-3)


def test_windows_are_copied_a_few_images_at_a_time():
    """However large the batch: 1 MiB in float32, or what one image takes."""
    for shape, kernel in (((28, 28, 1), 3), ((14, 14, 32), 3), ((224, 224, 3), 5)):
        image = np.broadcast_to(np.float32(0), (5000, *shape))
        rows, patches = next(patched(image, (kernel, kernel), (1, 1)))
        places = (shape[0] - kernel + 1) * (shape[1] - kernel + 1)
        assert patches.shape == ((rows.stop - rows.start) * places, kernel**2 * shape[2])
        assert patches.size <= 2**18 or rows == slice(0, 1)


def test_a_batch_of_several_portions_is_as_many_small_batches():
    """128 images go through conv2d and the pools a few at a time."""
    layers = [conv(filters=3, padding="same"), max_pool(), conv(filters=4), avg_pool(size=2)]
    network = Network(layers, (16, 16, 2), seed=1)
    x = np.random.default_rng(0).normal(size=(128, 16, 16, 2))
    whole = network.bind(128, gradient=np.zeros_like(network.theta))
    z = whole.forward(x).copy()
    whole.dz[...] = 1.0
    whole.backward(x)
    total = np.zeros_like(network.theta)
    for row in range(128):
        g = np.zeros_like(network.theta)
        one = network.bind(1, gradient=g)
        np.testing.assert_allclose(one.forward(x[row : row + 1])[0], z[row], rtol=1e-12, atol=1e-14)
        one.dz[...] = 1.0
        one.backward(x[row : row + 1])
        total += g
    found = whole.bound[0].g.weight
    np.testing.assert_allclose(found, network.layout.views(total)[0].weight, rtol=1e-9)


def test_parameters_and_operations_of_a_convolution():
    layers = [conv(filters=8, kernel=5), max_pool(), conv(filters=16, padding="same", bias=False)]
    network = Network(layers, (28, 28, 1))
    assert network.shapes == [(28, 28, 1), (24, 24, 8), (12, 12, 8), (12, 12, 16)]
    assert [parameter_count(network, i) for i in range(3)] == [5 * 5 * 8 + 8, 0, 9 * 8 * 16]
    assert flops(network) == [2 * 25 * 8 * 576, 4 * 144 * 8, 2 * 72 * 16 * 144]
    assert network.parameters["0.conv2d.weight"].shape == (5, 5, 1, 8)


def test_first_weights_know_the_area_of_the_kernel():
    layer = conv(filters=64, kernel=5)
    (weight, bias) = layer.parameters((10, 10, 16))
    assert weight.fans == (400, 1600)
    assert (weight.decays, bias.decays) == (True, False)


REFUSED = [
    ("conv2d", {"filters": 1}, (784,), "it takes images (height, width, channels); "
     "put `reshape: [28, 28, 1]` before it"),
    ("conv2d", {"filters": 1}, (8, 9), "it takes images (height, width, channels); "
     "put `reshape: [8, 9, 1]` before it"),
    ("max_pool", {}, (10,), "it takes images (height, width, channels); "
     "put `reshape: [height, width, channels]` before it"),
    ("global_avg_pool", {}, (16,), "it takes images (height, width, channels); "
     "put `reshape: [4, 4, 1]` before it"),
    ("conv2d", {"filters": 1, "kernel": 5}, (4, 6, 1),
     "a window of 5 x 5 is larger than the image of 4 x 6"),
    ("conv2d", {"filters": 1, "kernel": 9, "padding": 2}, (4, 6, 1),
     "a window of 9 x 9 is larger than the image of 4 x 6 with a margin of 2"),
    ("conv2d", {"filters": 1, "padding": 3}, (8, 8, 1),
     "a padding of 3 is not smaller than the kernel, 3"),
    ("avg_pool", {"size": 2, "stride": 8}, (8, 8, 1),
     "a stride of 8 leaves nothing of the image of 8 x 8 but its first corner"),
    ("max_pool", {"size": 17}, (32, 32, 1),
     "a window of 289 pixels is too large; at most 256"),
    ("reshape", {"shape": (7, 7)}, (48,), "7 x 7 makes 49 numbers, and a row has 48"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "settings", "shape", "message"), REFUSED)
def test_what_does_not_fit_is_refused(name, settings, shape, message):
    with pytest.raises(ValueError, match=r"^layer 0 \(") as error:
        Network([LAYERS[name](**settings)], shape)
    assert str(error.value) == f"layer 0 ({name}): {message}"


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("conv2d", {"kernel": 0}, "a kernel, a size or a stride is 1 or more, not 0"),
        ("conv2d", {"stride": (2, 0)}, "a kernel, a size or a stride is 1 or more, not 0"),
        ("conv2d", {"kernel": (3, 3, 3)}, "height and width are two numbers, not 3"),
        ("conv2d", {"padding": -1}, "padding is valid, same, or a number >= 0, not -1"),
        ("conv2d", {"padding": "full"}, "padding is valid, same, or a number >= 0, not 'full'"),
        ("max_pool", {"stride": 0}, "a kernel, a size or a stride is 1 or more, not 0"),
        ("avg_pool", {"stride": 0}, "a kernel, a size or a stride is 1 or more, not 0"),
    ],
)
def test_windows_made_in_python_are_checked_too(name, settings, message):
    filters = {"filters": 2} if name == "conv2d" else {}
    with pytest.raises(ValueError, match="^" + re.escape(f"layer 0 ({name}): {message}") + "$"):
        Network([LAYERS[name](**filters, **settings)], (6, 6, 1))


@pytest.mark.parametrize(("shape", "least"), [((4,), 2), ((1, 1, 3), 2), ((1, 2, 3), 1)])
def test_batch_norm_needs_two_numbers_for_a_variance(shape, least):
    network = Network([LAYERS["batch_norm"]()], shape)
    g = np.zeros_like(network.theta)
    network.bind(2, gradient=g)
    network.bind(1)  # evaluation takes any
    if least == 1:
        network.bind(1, gradient=g)
        return
    with pytest.raises(ValueError, match=r"^layer 0 \(batch_norm\) trains on batches of 2 rows"):
        network.bind(1, gradient=g)


def test_evaluation_leaves_running_statistics_alone():
    network = Network([LAYERS["batch_norm"]()], 3, seed=1)
    before = network.buffers.copy()
    network.bind(5).forward(np.random.default_rng(0).normal(size=(5, 3)))
    np.testing.assert_array_equal(network.buffers, before)
    network.bind(5, gradient=np.zeros_like(network.theta)).forward(
        np.random.default_rng(0).normal(size=(5, 3))
    )
    assert (network.buffers != before).all()


def test_values_are_parameters_and_buffers():
    network = Network([LAYERS["dense"](units=2), LAYERS["batch_norm"]()], 3)
    assert list(network.arrays) == [
        "0.dense.weight",
        "0.dense.bias",
        "1.batch_norm.gamma",
        "1.batch_norm.beta",
        "1.batch_norm.running_mean",
        "1.batch_norm.running_var",
    ]
    assert network.arrays["1.batch_norm.running_var"].tolist() == [1.0, 1.0]
    assert network.arrays["1.batch_norm.gamma"].tolist() == [1.0, 1.0]
    network.values[...] = 7.0
    assert (network.theta == 7.0).all()
    assert (network.buffers == 7.0).all()


def test_the_largest_of_infinite_numbers():
    one = Bound(max_pool(), (2, 2, 1), np.float64, batch=1)
    one.x = np.array([[[[-inf], [-inf]], [[-inf], [-inf]]]])
    assert one.forward(train=True).tolist() == [[[[-inf]]]]
    one.dy = np.ones((1, 1, 1, 1))
    one.backward(one.dx)
    assert one.dx[0, :, :, 0].tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_only_weights_decay():
    layers = [conv(filters=2), LAYERS["batch_norm"](), LAYERS["layer_norm"](), LAYERS["flatten"]()]
    layout = Network([*layers, LAYERS["dense"](units=2)], (4, 4, 1)).layout
    decaying = [place.key for place in layout.places if place.declared.decays]
    assert decaying == ["0.conv2d.weight", "4.dense.weight"]
    assert layout.weights == 9 * 2 + 8 * 2
