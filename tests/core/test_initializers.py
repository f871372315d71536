"""Every initializer against the variance that its paper publishes."""

from typing import Any

import numpy as np
import pytest

from nnlab.config.load import from_mapping
from nnlab.core.initializers import INITIALIZERS, LARGEST
from nnlab.core.layers import LAYERS
from nnlab.core.network import Network
from nnlab.core.random import Purpose, generator
from nnlab.errors import ConfigError

CASE = {"data": "xor", "network": [{"dense": 1}], "loss": "mse"}
N, M = 300, 100  # fan_in, fan_out: different, so that a mixed-up formula shows

# name -> settings, variance, bound of a uniform draw
PUBLISHED: dict[str, tuple[dict[str, Any], float, float | None]] = {
    "zeros": ({}, 0.0, 0.0),
    "constant": ({"value": 0.25}, 0.0, None),
    "normal": ({"std": 0.5}, 0.25, None),
    "uniform": ({"bound": 0.3}, 0.03, 0.3),
    "lecun_normal": ({}, 1 / 300, None),
    "lecun_uniform": ({}, 1 / 300, 0.1),  # sqrt(3 / 300)
    "xavier_normal": ({}, 1 / 200, None),  # 2 / (300 + 100)
    "xavier_uniform": ({}, 1 / 200, 0.12247448713915890),  # sqrt(6 / 400)
    "he_normal": ({}, 2 / 300, None),
    "he_uniform": ({}, 2 / 300, 0.14142135623730951),  # sqrt(6 / 300)
    "max_fan_normal": ({}, 1 / 300, None),
}


def draw(name: str, index: int = 0, seed: int = 42, fans: tuple[int, int] = (N, M)) -> Any:
    settings = PUBLISHED[name][0]
    rng = generator(seed, Purpose.INIT, index)
    return INITIALIZERS[name](**settings).draw(rng, (N, M), fans)


each_initializer = pytest.mark.parametrize("name", PUBLISHED)
each_random = pytest.mark.parametrize("name", sorted(set(PUBLISHED) - {"zeros", "constant"}))


def test_every_initializer_has_a_published_variance():
    assert set(PUBLISHED) == set(INITIALIZERS)


@each_initializer
def test_shape_and_precision(name):
    weight = draw(name)
    assert weight.shape == (N, M)
    assert weight.dtype == np.float64


@each_random
def test_mean_and_variance(name):
    weight = draw(name)
    variance, uniform = PUBLISHED[name][1], PUBLISHED[name][2] is not None
    # Five standard deviations: the mean of K draws has variance v / K; their variance has
    # (kurtosis - 1) v^2 / K, with kurtosis 9/5 for uniform and 3 for normal draws.
    size = weight.size
    assert abs(weight.mean()) < 5 * np.sqrt(variance / size)
    spread = (0.8 if uniform else 2.0) / size
    assert abs(weight.var() / variance - 1) < 5 * np.sqrt(spread)


@each_random
def test_tails(name):
    weight, (_, variance, bound) = draw(name), PUBLISHED[name]
    if bound is None:  # not truncated: of 30,000 draws, 81 are expected beyond 3 sigma
        beyond = (np.abs(weight) > 3 * np.sqrt(variance)).sum()
        assert 81 - 5 * 9 < beyond < 81 + 5 * 9
    else:  # none outside; P(no draw within 0.1 % of the edge) = 0.999^30000 = 1e-13
        assert 0.999 * bound < np.abs(weight).max() <= bound


def test_constants():
    np.testing.assert_array_equal(draw("zeros"), 0)
    np.testing.assert_array_equal(draw("constant"), 0.25)


@each_random
def test_the_same_stream_gives_the_same_weights(name):
    np.testing.assert_array_equal(draw(name), draw(name))
    assert (draw(name) != draw(name, index=1)).any()
    assert (draw(name) != draw(name, seed=43)).any()


@pytest.mark.parametrize(
    ("name", "fans", "variance"),
    [
        ("max_fan_normal", (100, 300), 1 / 300),
        ("xavier_normal", (100, 300), 1 / 200),
        ("lecun_normal", (100, 300), 1 / 100),
        ("he_normal", (100, 300), 1 / 50),
    ],
)
def test_fans_are_those_declared_and_not_read_from_the_shape(name, fans, variance):
    ratio = draw(name, fans=fans).var() / variance
    assert abs(ratio - 1) < 5 * np.sqrt(2 / (N * M))


@pytest.mark.parametrize(
    ("name", "setting"), [("constant", "value"), ("normal", "std"), ("uniform", "bound")]
)
def test_the_largest_setting_draws_numbers_in_float32_too(name: str, setting: str) -> None:
    for value in (LARGEST, -LARGEST) if name == "constant" else (LARGEST,):
        initializer = INITIALIZERS[name](**{setting: value})
        assert np.isfinite(
            Network([LAYERS["dense"](units=1000)], 1000, init=initializer, dtype="f4").values
        ).all()
        with pytest.raises(ConfigError, match=rf"init\.{setting} is .*1e\+31"):
            from_mapping({**CASE, "init": {name: {setting: 10 * value}}}, check=False)
