"""Networks: one block of memory, and bindings of any batch size over it."""

import pickle
from copy import copy, deepcopy
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from nnlab.core.initializers import INITIALIZERS
from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES, Loss
from nnlab.core.memory import Binding
from nnlab.core.network import Network, flops, parameter_count, trained_depth
from nnlab.core.types import Array
from nnlab.engine.network import EngineNetwork


def layers(*names: str | int) -> list[Any]:
    """`layers(3, "relu")` is a dense layer of 3 units and a relu."""
    return [LAYERS["dense"](units=n) if isinstance(n, int) else LAYERS[n]() for n in names]


def gradient_of(binding: Binding, loss: Loss, x: Array, t: Array) -> float:
    """One forward and one backward pass; the reported loss."""
    z = binding.forward(x)
    loss.gradient(z, t, binding.dz, loss.bind(*z.shape, z.dtype))
    binding.backward(x)
    return float(loss.per_sample(z, t).mean())


# --- the block --------------------------------------------------------------------------------


def test_weights_come_first_in_theta():
    network = Network(layers(4, "relu", 2), 3, init=INITIALIZERS["constant"](value=7.0))
    assert network.theta.shape == (3 * 4 + 4 * 2 + 4 + 2,)
    assert network.layout.weights == 20
    np.testing.assert_array_equal(network.theta[:20], 7)
    np.testing.assert_array_equal(network.theta[20:], 0)
    assert [place.key for place in network.layout.places] == [
        "0.dense.weight",
        "2.dense.weight",
        "0.dense.bias",
        "2.dense.bias",
    ]


def test_places_fill_theta_without_a_gap():
    network = Network(layers(4, "relu", 2, "softmax"), 3)
    edges = [(place.start, place.stop) for place in network.layout.places]
    assert edges[0][0] == 0
    assert edges[-1][1] == network.layout.size == len(network.theta)
    assert all(a[1] == b[0] for a, b in pairwise(edges))


def test_parameters_are_views_of_theta():
    network = Network(layers(4, "relu", 2), 3)
    assert {key: array.shape for key, array in network.parameters.items()} == {
        "0.dense.weight": (3, 4),
        "0.dense.bias": (4,),
        "2.dense.weight": (4, 2),
        "2.dense.bias": (2,),
    }
    for array in network.parameters.values():
        assert np.shares_memory(array, network.theta)
    network.parameters["0.dense.weight"][1, 2] = 99.0
    assert network.theta[1 * 4 + 2] == 99.0
    binding = network.bind(1)
    assert binding.bound[0].p.weight[1, 2] == 99.0
    network.theta[...] = 0.0
    assert not binding.forward(np.ones((1, 3))).any()


def test_gradients_are_views_of_the_vector_given():
    network = Network(layers(2, "sigmoid", 1), 3)
    g = np.full_like(network.theta, np.nan)
    gradient_of(network.bind(4, gradient=g), LOSSES["mse"](), np.ones((4, 3)), np.ones((4, 1)))
    assert np.isfinite(g).all()
    assert np.isnan(network.layout.named(np.full_like(g, np.nan))["0.dense.weight"]).all()


def test_another_theta_can_stand_in():
    network = Network(layers(2, "sigmoid", 1), 3, seed=1)
    other = Network(layers(2, "sigmoid", 1), 3, seed=2)
    x = np.random.default_rng(0).normal(size=(5, 3))
    found = network.bind(5, values=other.values).forward(x)
    np.testing.assert_array_equal(found, other.predict(x))
    assert (found != network.predict(x)).any()


# --- first values -----------------------------------------------------------------------------


def test_a_seed_gives_the_same_weights_and_another_seed_others():
    a, b, c = (Network(layers(4, "relu", 2), 3, seed=seed).theta for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a[:20] != c[:20]).all()


def test_a_layer_further_on_does_not_shift_the_draws():
    short, long = Network(layers(4, "relu", 2), 3), Network(layers(4, "relu", 2, "dropout", 5), 3)
    for key, array in short.parameters.items():
        np.testing.assert_array_equal(array, long.parameters[key])


def test_two_layers_draw_different_weights():
    found = Network(layers(3, 3), 3).parameters
    assert (found["0.dense.weight"] != found["1.dense.weight"]).all()


def test_float32_starts_from_the_same_numbers():
    single, double = (Network(layers(4), 3, dtype=dtype) for dtype in (np.float32, np.float64))
    assert single.theta.dtype == single.predict(np.ones((1, 3))).dtype == np.float32
    np.testing.assert_array_equal(single.theta, double.theta.astype(np.float32))


def test_a_literal_start():
    dense = LAYERS["dense"](units=2, weight=((1.0, 2.0), (3.0, 4.0)), bias=(5.0, 6.0))
    np.testing.assert_array_equal(Network([dense], 2).predict([[1.0, 10.0]]), [[36.0, 48.0]])


def test_a_layers_own_initializer_wins():
    own = LAYERS["dense"](units=2, init=INITIALIZERS["constant"](value=3.0))
    network = Network([own, *layers(2)], 2, init=INITIALIZERS["zeros"]())
    np.testing.assert_array_equal(network.parameters["0.dense.weight"], 3)
    np.testing.assert_array_equal(network.parameters["1.dense.weight"], 0)


def test_without_init_weights_are_xavier_uniform():
    weight = Network(layers(200), 100).parameters["0.dense.weight"]
    bound = 0.1414213562373095  # sqrt(6 / 300); no draw of 20,000 within 0.1 %: 2e-9
    assert 0.999 * bound < np.abs(weight).max() <= bound


# --- bindings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_shorter_last_batch(dtype):
    """The binding for 3 rows gives what a network that never saw 4 rows gives."""
    x = np.random.default_rng(0).normal(size=(7, 3)).astype(dtype)
    t, loss = np.ones((7, 2), dtype), LOSSES["mse"]()
    network = Network(layers(4, "relu", 2, "sigmoid"), 3, dtype=dtype)
    g, alone = np.zeros_like(network.theta), np.zeros_like(network.theta)
    full, last = network.bind(4, gradient=g), network.bind(3, gradient=g)
    gradient_of(full, loss, x[:4], t[:4])
    first = g.copy()
    gradient_of(last, loss, x[4:], t[4:])
    gradient_of(network.bind(3, gradient=alone), loss, x[4:], t[4:])
    np.testing.assert_array_equal(g, alone)
    gradient_of(full, loss, x[:4], t[:4])
    np.testing.assert_array_equal(g, first)


def test_a_batch_is_the_sum_of_its_rows():
    x, t = np.random.default_rng(0).normal(size=(4, 3)), np.eye(4)[:, :2]
    network, loss = Network(layers(5, "tanh", 2), 3), LOSSES["mse"](reduction="sum")
    g = np.zeros_like(network.theta)
    gradient_of(network.bind(4, gradient=g), loss, x, t)
    whole, single, rows = g.copy(), network.bind(1, gradient=g), np.zeros_like(g)
    for row in range(4):
        gradient_of(single, loss, x[row : row + 1], t[row : row + 1])
        rows += g
    np.testing.assert_allclose(whole, rows, rtol=1e-12, atol=1e-14)


def test_an_evaluation_binding_has_no_gradients():
    binding = Network(layers(4, "relu", 2), 3).bind(5)
    assert binding.dz is None
    for bound in binding.bound:
        assert bound.dy is None
        assert bound.dx is None


def test_layers_before_the_first_parameter_have_no_backward_pass():
    network = Network([LAYERS["flatten"](), LAYERS["tanh"](), *layers(2, "tanh", 1)], (2, 2))
    g = np.full_like(network.theta, np.nan)
    binding = network.bind(3, gradient=g)
    gradient_of(binding, LOSSES["mse"](), np.ones((3, 2, 2)), np.ones((3, 1)))
    assert np.isfinite(g).all()
    assert [bound.dx is None for bound in binding.bound] == [True, True, True, False, False]


def test_batches_may_be_read_only_and_are_never_changed():
    x = np.random.default_rng(0).normal(size=(10, 3))[::2]  # nor contiguous
    before = x.copy()
    x.setflags(write=False)
    network = Network(layers(4, "relu", 2), 3)
    g = np.zeros_like(network.theta)
    gradient_of(network.bind(5, gradient=g), LOSSES["mse"](), x, np.ones((5, 2)))
    wanted = g.copy()
    gradient_of(network.bind(5, gradient=g), LOSSES["mse"](), before, np.ones((5, 2)))
    np.testing.assert_allclose(g, wanted, rtol=1e-14)
    np.testing.assert_array_equal(x, before)


def test_an_empty_batch():
    network = Network(layers(4, "relu", 2, "softmax"), 3)
    assert network.predict(np.empty((0, 3))).shape == (0, 2)
    g = np.full_like(network.theta, np.nan)
    binding = network.bind(0, gradient=g)
    binding.forward(np.empty((0, 3)))
    binding.backward(np.empty((0, 3)))
    np.testing.assert_array_equal(g, 0)


@pytest.mark.parametrize("batch", [1, 3, 10, 11, 1024])
def test_predict_in_pieces(batch):
    x = np.random.default_rng(0).normal(size=(10, 3))
    network = Network(layers(4, "relu", 2, "softmax"), 3)
    whole = network.predict(x)
    np.testing.assert_allclose(network.predict(x, batch), whole, rtol=1e-14)
    np.testing.assert_allclose(whole.sum(axis=1), 1, rtol=1e-14)


def test_predict_on_rows_of_another_width():
    with pytest.raises(ValueError, match=r"^rows of shape \(3,\) expected, not \(4,\)$"):
        Network(layers(2), 3).predict(np.ones((5, 4)))


# --- randomness -------------------------------------------------------------------------------


def dropout_network() -> Network:
    return Network(layers("dropout", "linear", "dropout"), 400)


def test_dropout_layers_draw_from_streams_of_their_own():
    network = dropout_network()
    generators = network.generators(5)
    assert set(generators) == {0, 2}
    g = np.zeros_like(network.theta)
    binding = network.bind(1, gradient=g, generators=generators)
    binding.forward(np.ones((1, 400)))
    masks = [binding.bound[index].s.mask for index in (0, 2)]
    assert 0 < (masks[0] != masks[1]).sum() < 400


def test_bindings_go_on_with_the_same_generators():
    network = dropout_network()
    g, x = np.zeros_like(network.theta), np.ones((2, 400))
    generators = network.generators(5)
    full = network.bind(2, gradient=g, generators=generators)
    last = network.bind(1, gradient=g, generators=generators)
    once = np.concatenate([full.forward(x), last.forward(x[:1])])
    again = network.bind(3, gradient=g, generators=network.generators(5))
    np.testing.assert_array_equal(again.forward(np.ones((3, 400))), once)


def test_evaluation_draws_nothing():
    network = dropout_network()
    generators = network.generators(5)
    before = {index: rng.bit_generator.state for index, rng in generators.items()}
    x = np.ones((2, 400))
    np.testing.assert_array_equal(network.bind(2, generators=generators).forward(x), x)
    assert {index: rng.bit_generator.state for index, rng in generators.items()} == before


# --- what does not fit ------------------------------------------------------------------------


def test_a_layer_that_cannot_take_its_input_is_named():
    message = (
        "layer 1 (dense): dense takes flat rows (B, n), not rows of shape (2, 2); "
        "put a flatten before it"
    )
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        Network([LAYERS["relu"](), *layers(3)], (2, 2))
    assert str(caught.value) == message


@pytest.mark.parametrize(("name", "needed"), [("cross_entropy", "softmax"), ("bce", "sigmoid")])
def test_a_fused_loss_wants_its_activation(name, needed):
    loss = LOSSES[name]()
    assert trained_depth(layers(2, needed), loss) == 1
    for stack in (layers(2, "tanh"), layers(needed, 2), []):
        with pytest.raises(ValueError, match=rf"^the loss needs {needed} as the last layer$"):
            trained_depth(stack, loss)


@pytest.mark.parametrize("name", sorted(n for n, loss in LOSSES.items() if loss.fuses is None))
def test_other_losses_see_the_whole_network(name):
    assert trained_depth(layers(2, "softmax"), LOSSES[name]()) == 2


def test_parameters_and_operations_are_counted():
    network = Network(layers(256, "relu", 10, "softmax"), 784)
    assert [parameter_count(network, index) for index in range(4)] == [200_960, 0, 2_570, 0]
    assert flops(network)[0] == 2 * 784 * 256
    assert flops(network)[2] == 2 * 256 * 10


@pytest.mark.parametrize("rows", [3, 5])
def test_a_binding_takes_as_many_rows_as_it_was_made_for(rows):
    binding = Network(layers(2), 3).bind(4)
    with pytest.raises(ValueError, match=rf"^bound for 4 rows, not for {rows}$"):
        binding.forward(np.ones((rows, 3)))


@pytest.mark.parametrize("count", [0, -1])
def test_a_batch_has_a_row(count):
    network = EngineNetwork(layers(2), 3)
    with pytest.raises(ValueError, match=rf"^a batch has at least one row, not {count}$"):
        network.predict(np.ones((2, 3)), batch=count)


# --- copies -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Network, EngineNetwork])
def test_a_copy_has_a_block_of_its_own(kind: type[Network]) -> None:
    """Pickled arrays would no longer be views of the block, and an update would miss them."""
    network = kind(layers(4, "batch_norm", "relu", 2), 3, seed=5, dtype=np.float32)
    x = np.random.default_rng(0).normal(size=(6, 3))
    outputs = network.predict(x)
    for other in (pickle.loads(pickle.dumps(network)), copy(network), deepcopy(network)):
        assert type(other) is kind
        np.testing.assert_array_equal(other.predict(x), outputs)
        other.values[...] = 0.5
        assert all((array == 0.5).all() for array in other.arrays.values())
        assert not np.array_equal(other.predict(x), outputs)
    np.testing.assert_array_equal(network.predict(x), outputs)
