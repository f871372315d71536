"""The family of layers: an activation is an entry in ACTIVATIONS, another layer one in LAYERS."""

import numpy as np

from nnlab.core.layers.activations import ACTIVATIONS
from nnlab.core.layers.base import Layer
from nnlab.core.layers.dense import Dense, Dropout, Flatten, Rescale, Reshape
from nnlab.core.layers.images import AvgPool, Conv2d, GlobalAvgPool, MaxPool
from nnlab.core.layers.norm import BatchNorm, LayerNorm
from nnlab.core.types import Array, Views

LAYERS: dict[str, type[Layer]] = {
    "dense": Dense,
    **ACTIVATIONS,
    "flatten": Flatten,
    "reshape": Reshape,
    "rescale": Rescale,
    "dropout": Dropout,
    "conv2d": Conv2d,
    "max_pool": MaxPool,
    "avg_pool": AvgPool,
    "global_avg_pool": GlobalAvgPool,
    "batch_norm": BatchNorm,
    "layer_norm": LayerNorm,
}


def activated(layer: Layer, z: Array) -> Array:
    """The outputs (N, m) of a last layer without parameters, after its input z."""
    outputs = np.empty_like(z)
    layer.forward(Views(), z, outputs, layer.scratch(z.shape[1:], len(z), z.dtype), False)
    return outputs


__all__ = ["LAYERS", "Layer", "activated"]
