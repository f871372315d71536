"""The family of layers: an activation is an entry in ACTIVATIONS, another layer one in LAYERS."""

from nnlab.core.layers.activations import ACTIVATIONS
from nnlab.core.layers.base import Layer
from nnlab.core.layers.dense import Dense, Dropout, Flatten, Reshape
from nnlab.core.layers.images import AvgPool, Conv2d, GlobalAvgPool, MaxPool
from nnlab.core.layers.norm import BatchNorm, LayerNorm

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
