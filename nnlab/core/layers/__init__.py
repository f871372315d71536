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
    Square,
    Step,
    Tanh,
)
from nnlab.core.layers.base import Layer
from nnlab.core.layers.batch_norm import BatchNorm
from nnlab.core.layers.conv2d import Conv2d
from nnlab.core.layers.dense import Dense
from nnlab.core.layers.dropout import Dropout
from nnlab.core.layers.layer_norm import LayerNorm
from nnlab.core.layers.pooling import AvgPool, GlobalAvgPool, MaxPool
from nnlab.core.layers.reshape import Flatten, Reshape

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
    "square": Square,
    "softmax": Softmax,
    "linear": Linear,
    "step": Step,
    "flatten": Flatten,
    "reshape": Reshape,
    "dropout": Dropout,
    "conv2d": Conv2d,
    "max_pool": MaxPool,
    "avg_pool": AvgPool,
    "global_avg_pool": GlobalAvgPool,
    "batch_norm": BatchNorm,
    "layer_norm": LayerNorm,
}

__all__ = ["LAYERS", "Layer"]
