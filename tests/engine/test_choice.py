"""Which engine runs a config, and where its compiled code is kept."""

import pytest

from nnlab import build as building
from nnlab.build import build, predicted_engine
from nnlab.config.load import from_mapping, load_config
from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network, layer_kind
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.engine.compiled.layers import (
    COMPILED_LAYERS,
    NOTHING_TO_DO,
    chosen_layers,
    kernels_of,
)
from nnlab.engine.compiled.program import why_not
from nnlab.errors import ConfigError

DENSE = [{"dense": 3}, "sigmoid", {"dense": 8}, "sigmoid"]
DROPPING = [{"dense": 3}, {"dropout": 0.5}, {"dense": 8}, "sigmoid"]


def chosen(engine: str, network: list[object] = DENSE, epochs: int = 100_000) -> str:
    training = {"engine": engine, "epochs": epochs, "batch_size": 1}
    given = {"data": "identity", "network": network, "loss": "mse", "training": training}
    config = from_mapping(given)
    built = build(config)
    assert built.plan.engine == built.config.training.engine == predicted_engine(config)
    return built.plan.engine


def test_auto_is_compiled_where_it_can_be():
    assert chosen("auto") == chosen("compiled") == "compiled"
    assert chosen("auto", DROPPING) == "compiled"
    assert chosen("numpy") == "numpy"


def test_auto_does_not_load_a_compiler_for_a_short_training():
    """8 updates an epoch at some 20 us: 0.4 s are 2,500 epochs, less what the rest takes."""
    assert chosen("auto", epochs=2_400) == "numpy"
    assert chosen("auto", epochs=2_500) == "compiled"
    assert chosen("auto", [{"dense": 600}, {"dense": 600}, {"dense": 8}]) == "compiled"
    assert chosen("auto", [{"dense": 2000}, {"dense": 2000}, {"dense": 8}]) == "compiled"
    assert chosen("compiled", epochs=1) == "compiled"


CONVOLVING = [
    {"reshape": [8, 8, 1]},
    {"conv2d": 2},
    "batch_norm",
    {"max_pool": 2},
    "flatten",
    {"dense": 10},
]


def test_images_are_compiled_changed_or_not():
    def choice(engine, network, **training):
        config = {"data": "digits", "network": network, "loss": "mse"}
        settings = {"engine": engine, "epochs": 1000, "batch_size": 8, **training}
        return build(from_mapping({**config, "training": settings})).plan.engine

    dense = [{"dense": 10}]
    assert choice("auto", CONVOLVING) == choice("auto", dense) == "compiled"
    assert choice("auto", CONVOLVING, augment=["flip"]) == "compiled"


@pytest.mark.parametrize("name", ["digits_conv", "lenet_mnist", "conv_fashion"])
def test_shipped_image_configs_are_compiled(name):
    """Also digits_conv: its products are small, but NumPy has 170,000 values per update."""
    assert predicted_engine(load_config(name).config) == "compiled"


def test_the_layer_without_a_compiled_form_is_named():
    """Every layer that can learn, or pass on what is learned, has one, but for `rescale`."""
    without = {name for name in LAYERS if name not in (*COMPILED_LAYERS, *NOTHING_TO_DO)}
    assert without == {name for name, kind in LAYERS.items() if not kind.differentiable} | {
        "rescale"
    }
    for name in without:
        network = Network([LAYERS[name](), LAYERS["dense"](units=1)], 4)
        found = why_not(network, LOSSES["mse"](), OPTIMIZERS["sgd"](), "regression")
        assert found == f"layer 0 ({name}) has no compiled form"


def test_without_numba(monkeypatch):
    monkeypatch.setattr(building, "find_spec", lambda name: None)
    assert chosen("auto") == "numpy"
    with pytest.raises(ConfigError, match="numba is not installed"):
        chosen("compiled")


def test_a_dense_network_waits_for_the_kernels_of_dense_layers_alone():
    """Any other layer takes the kernels of all."""
    for network, kernels in ((DENSE, "float64-dense"), (DROPPING, "float64")):
        config = from_mapping({"data": "identity", "network": network, "loss": "mse"})
        assert kernels_of(config.network, "float64") == kernels
        names = {layer_kind(layer) for layer in config.network}
        assert names <= chosen_layers(kernels).keys() <= COMPILED_LAYERS.keys()
    assert "dropout" not in chosen_layers("float64-dense")
    assert chosen_layers("float64") == COMPILED_LAYERS
