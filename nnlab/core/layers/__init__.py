"""The family of layers: an activation is an entry in ACTIVATIONS, another layer one in LAYERS."""

from nnlab.core.layers.activations import ACTIVATIONS
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
    **ACTIVATIONS,
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
