"""The family of layers. A new layer is one class in one file here, and one line in LAYERS."""

from nnlab.core.layers.activations import (
    Elu,
    Gelu,
    LeakyRelu,
    Linear,
    Relu,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Step,
    Tanh,
)
from nnlab.core.layers.base import Layer
from nnlab.core.layers.dense import Dense
from nnlab.core.layers.dropout import Dropout
from nnlab.core.layers.reshape import Flatten

LAYERS: dict[str, type[Layer]] = {
    "dense": Dense,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": Relu,
    "leaky_relu": LeakyRelu,
    "elu": Elu,
    "gelu": Gelu,
    "silu": Silu,
    "softplus": Softplus,
    "softmax": Softmax,
    "linear": Linear,
    "step": Step,
    "flatten": Flatten,
    "dropout": Dropout,
}

__all__ = ["LAYERS", "Layer"]
