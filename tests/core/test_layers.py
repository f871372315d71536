"""One battery for every layer of the catalogue."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnlab.core.layers import LAYERS, Layer
from nnlab.core.network import Network
from nnlab.core.types import Array, Shape
from tests.core.bound import BATCH, Bound

DTYPES = [np.float32, np.float64]


def example(name: str, shape: Shape, output: Shape, /, **settings: Any) -> Any:
    """One case of the battery: a layer, the shape of an input row, the shape of an output row."""
    label = f"{name}-{'x'.join(map(str, shape))}-{settings}" if settings else name
    return pytest.param(LAYERS[name](**settings), shape, output, id=label)


EXAMPLES = {
    "dense": [
        example("dense", (4,), (3,), units=3),
        example("dense", (4,), (3,), units=3, bias=False),
        example("dense", (1,), (1,), units=1, bias=(0.5,), weight=((2.0,),)),
    ],
    "sigmoid": [example("sigmoid", (4,), (4,))],
    "tanh": [example("tanh", (4,), (4,))],
    "relu": [example("relu", (4,), (4,)), example("relu", (3, 2, 2), (3, 2, 2))],
    "leaky_relu": [
        example("leaky_relu", (4,), (4,)),
        example("leaky_relu", (4,), (4,), slope=0.3),
    ],
    "elu": [example("elu", (4,), (4,)), example("elu", (4,), (4,), alpha=0.3)],
    "gelu": [example("gelu", (4,), (4,)), example("gelu", (2, 3), (2, 3))],
    "silu": [example("silu", (4,), (4,))],
    "rescale": [
        example("rescale", (3,), (3,), mean=(1.0, -2.0, 0.5), spread=(2.0, 0.5, 10.0)),
        example("rescale", (3,), (3,)),
    ],
    "exp": [example("exp", (4,), (4,))],
    "softplus": [example("softplus", (4,), (4,))],
    "square": [example("square", (4,), (4,))],
    "softmax": [example("softmax", (4,), (4,)), example("softmax", (1,), (1,))],
    "linear": [example("linear", (4,), (4,))],
    "step": [example("step", (4,), (4,))],
    "flatten": [
        example("flatten", (2, 3, 2), (12,)),
        example("flatten", (4,), (4,)),
    ],
    "dropout": [
        example("dropout", (4,), (4,)),
        example("dropout", (3, 2), (3, 2), rate=0.25),
        example("dropout", (4,), (4,), rate=0.0),
        example("dropout", (3, 3, 2), (3, 3, 2)),
    ],
    "reshape": [
        example("reshape", (12,), (2, 3, 2), shape=(2, 3, 2)),
        example("reshape", (2, 3, 2), (4, 3), shape=(4, 3)),
    ],
    "conv2d": [
        example("conv2d", (4, 4, 1), (2, 2, 3), filters=3),
        example("conv2d", (4, 3, 2), (4, 3, 3), filters=3, padding="same"),
        example("conv2d", (4, 4, 1), (4, 4, 2), filters=2, kernel=2, padding="same"),
        example("conv2d", (5, 6, 2), (3, 3, 2), filters=2, stride=2, padding="same"),
        example("conv2d", (6, 5, 2), (2, 2, 3), filters=3, kernel=(3, 2), stride=(2, 3), padding=0),
        example("conv2d", (3, 4, 1), (5, 6, 1), filters=1, padding=2, bias=False),
        example("conv2d", (4, 4, 3), (2, 2, 2), filters=2, kernel=1, stride=3),
        example("conv2d", (3, 3, 2), (1, 1, 2), filters=2, kernel=3),
    ],
    "max_pool": [
        example("max_pool", (4, 4, 2), (2, 2, 2)),
        example("max_pool", (5, 7, 1), (2, 3, 1)),
        example("max_pool", (5, 5, 2), (2, 2, 2), size=3, stride=2),
        example("max_pool", (4, 5, 2), (2, 2, 2), size=(1, 2), stride=(2, 3)),
        example("max_pool", (4, 4, 3), (3, 4, 3), size=(2, 1), stride=1),
    ],
    "avg_pool": [
        example("avg_pool", (4, 4, 2), (2, 2, 2)),
        example("avg_pool", (5, 5, 1), (2, 2, 1), size=3, stride=2),
        example("avg_pool", (5, 4, 2), (2, 1, 2), size=(2, 3)),
    ],
    "global_avg_pool": [example("global_avg_pool", (3, 4, 2), (2,))],
    "batch_norm": [
        example("batch_norm", (4,), (4,)),
        example("batch_norm", (3, 2, 2), (3, 2, 2), momentum=0.3),
        example("batch_norm", (3, 2, 2), (3, 2, 2), freeze=True),
    ],
    "layer_norm": [
        example("layer_norm", (4,), (4,)),
        example("layer_norm", (2, 3), (2, 3), eps=0.1),
        example("layer_norm", (2, 2, 3), (2, 2, 3)),
    ],
}
CASES = [case for cases in EXAMPLES.values() for case in cases]
LEARNING = [case for case in CASES if case.values[0].differentiable]
each_layer = pytest.mark.parametrize(("layer", "shape", "output"), CASES)
each_learning_layer = pytest.mark.parametrize(("layer", "shape", "output"), LEARNING)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def test_every_layer_has_an_example():
    assert set(EXAMPLES) == set(LAYERS)
    for name, cases in EXAMPLES.items():
        assert cases, name


@each_layer
@each_dtype
@pytest.mark.parametrize("train", [True, False])
def test_forward_overwrites_all_of_its_output(layer, shape, output, dtype, train):
    bound = Bound(layer, shape, dtype)
    y = bound.forward(train)
    assert y.shape == (BATCH, *output) == (BATCH, *layer.output_shape(shape))
    assert y.dtype == dtype
    assert np.isfinite(y).all()


@each_learning_layer
@each_dtype
def test_backward_overwrites_all_gradients(layer, shape, output, dtype):
    for name, gradient in Bound(layer, shape, dtype).gradients().items():
        assert np.isfinite(gradient).all(), name


@each_learning_layer
def test_a_second_pass_leaves_nothing_of_the_first(layer, shape, output):
    bound = Bound(layer, shape, np.float64)
    first = {name: array.copy() for name, array in bound.gradients().items()}
    for name, gradient in bound.gradients().items():
        np.testing.assert_array_equal(gradient, first[name], err_msg=name)


@each_layer
def test_evaluation_is_repeatable_and_draws_nothing(layer, shape, output):
    bound = Bound(layer, shape, np.float64)
    first = bound.forward(train=False).copy()
    bound.y.fill(np.nan)
    np.testing.assert_array_equal(bound.forward(train=False), first)


@each_layer
def test_float32_agrees_with_float64(layer, shape, output):
    # The float32 layer has inputs and parameters rounded by 6e-8; every layer here is a short sum.
    results = [Bound(layer, shape, dtype).forward(train=True) for dtype in DTYPES]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)


@each_layer
def test_a_nan_is_never_hidden(layer, shape, output):
    bound = Bound(layer, shape, np.float64)
    x = bound.x.copy()
    x[2] = np.nan
    bound.x = x
    with np.errstate(invalid="ignore"):  # np.logaddexp warns of a nan
        y = bound.forward(train=False)
    assert np.isnan(y[2]).all()
    assert np.isfinite(y[[0, 1, 3, 4]]).all()


@each_layer
@each_dtype
def test_an_empty_batch_gives_no_warning(layer, shape, output, dtype):
    bound = Bound(layer, shape, dtype, batch=0)
    for train in (False, True):
        assert bound.forward(train).shape == (0, *output)
    if layer.differentiable:
        bound.backward(bound.dx)
        for name, gradient in vars(bound.g).items():
            assert not gradient.any(), name  # a sum over no rows


@each_learning_layer
@pytest.mark.parametrize("direction", range(3))
def test_gradient_against_central_differences(layer, shape, output, direction):
    bound = Bound(layer, shape, np.float64)
    gradients = bound.gradients()
    rng = np.random.default_rng([7, direction])
    for name, gradient in gradients.items():
        d = rng.normal(size=gradient.shape)
        slope = central_difference(bound, name, d)
        # Relative to the lengths, because a direction may be nearly orthogonal to the gradient.
        scale = np.linalg.norm(gradient) * np.linalg.norm(d)
        assert abs((gradient * d).sum() - slope) <= 1e-7 * max(abs(slope), 1e-2 * scale), name


def central_difference(bound: Bound, name: str, d: Array, h: float = 1e-5) -> float:
    """Slope of sum(y * dy) when the input, or the parameter called `name`, moves along d."""
    start = bound.x if name == "x" else getattr(bound.p, name)
    values = []
    for sign in (1, -1):
        if name == "x":
            bound.x = start + sign * h * d
        else:
            setattr(bound.p, name, start + sign * h * d)
        values.append(float((bound.forward(train=True) * bound.dy).sum()))
    if name == "x":
        bound.x = start
    else:
        setattr(bound.p, name, start)
    return (values[0] - values[1]) / (2 * h)


@pytest.mark.parametrize(("layer", "shape", "output"), EXAMPLES["dense"])
def test_the_first_layer_skips_dx(layer, shape, output):
    first, inner = Bound(layer, shape, np.float64), Bound(layer, shape, np.float64)
    wanted = inner.gradients()
    first.forward(train=True)
    first.backward(None)
    assert np.isnan(first.dx).all()
    for name, gradient in vars(first.g).items():
        np.testing.assert_array_equal(gradient, wanted[name])


# --- dropout ----------------------------------------------------------------------------------


@each_dtype
def test_dropout_keeps_the_share_it_should(dtype):
    rows, rate = 40_000, 0.3
    bound = Bound(LAYERS["dropout"](rate=rate), (2,), dtype, batch=rows)
    bound.x = np.ones((rows, 2), dtype)
    y = bound.forward(train=True)
    kept = y != 0
    # Five standard deviations of the mean of 80,000 draws.
    assert abs(kept.mean() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / kept.size)
    np.testing.assert_array_equal(np.unique(y), np.array([0, 1 / (1 - rate)], dtype))


def test_dropout_drops_the_same_inputs_in_both_precisions():
    zeros = [Bound(LAYERS["dropout"](), (50,), dtype).forward(train=True) == 0 for dtype in DTYPES]
    np.testing.assert_array_equal(*zeros)
    assert 0 < zeros[0].sum() < zeros[0].size


def test_dropout_draws_anew_each_time():
    network = Network([LAYERS["dropout"]()], 50)
    binding = network.bind(2, gradient=np.zeros(0), generators=network.generators(3))
    first, second = (binding.forward(np.ones((2, 50))).copy() for _ in range(2))
    assert (first != second).any()


# --- what a layer cannot take -----------------------------------------------------------------

REFUSED: list[tuple[Callable[[], Layer], Shape, str]] = [
    (
        lambda: LAYERS["dense"](units=3),
        (2, 2),
        "dense takes flat rows (B, n), not rows of shape (2, 2); put a flatten before it",
    ),
    (
        lambda: LAYERS["dense"](units=2, weight=((1.0, 2.0),)),
        (2,),
        "weight must be a list of 2 rows with 2 numbers each (in, out)",
    ),
    (
        lambda: LAYERS["dense"](units=2, weight=((1.0, 2.0), (1.0,))),
        (2,),
        "weight must be a list of 2 rows with 2 numbers each (in, out)",
    ),
    (
        lambda: LAYERS["dense"](units=2, bias=(1.0,)),
        (2,),
        "bias has 1 numbers for 2 units",
    ),
]


@pytest.mark.parametrize(("make", "shape", "message"), REFUSED)
def test_shapes_that_do_not_fit_are_refused(make, shape, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        make().output_shape(shape)
    assert str(caught.value) == message


def test_defaults():
    found = {name: vars(LAYERS[name]()) for name in ("leaky_relu", "elu", "dropout")}
    assert found == {"leaky_relu": {"slope": 0.01}, "elu": {"alpha": 1.0}, "dropout": {"rate": 0.5}}
