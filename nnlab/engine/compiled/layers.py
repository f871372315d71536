"""The catalogue of compiled layers: an entry per layer, by its name in core.layers.

A layer without an entry is the NumPy engine's alone. `NOTHING_TO_DO` names the layers that leave
all numbers as they are and where they are.
"""

from collections.abc import Iterable, Mapping

from nnlab.core.layers import Layer
from nnlab.core.network import layer_kind
from nnlab.engine.compiled.activations import COMPILED_ACTIVATIONS
from nnlab.engine.compiled.convolution import CONVOLUTION
from nnlab.engine.compiled.images import AVG_POOL, GLOBAL_AVG_POOL, MAX_POOL
from nnlab.engine.compiled.layer import CompiledLayer
from nnlab.engine.compiled.normalisation import BATCH_NORM, DROPOUT, LAYER_NORM
from nnlab.engine.compiled.passes import dense, dense_back

LANES = 16  # at least the numbers in 64 bytes
DENSE_ONLY = "-dense"  # at the end of the name of kernels
NOTHING_TO_DO = ("linear", "flatten", "reshape")

DENSE = CompiledLayer(
    dense,
    dense_back,
    arrays=("weight", "bias"),
    room=lambda layer, shape, rows: (rows + LANES) * (shape[0] + layer.units) + LANES,
    any_layout=True,
)
COMPILED_LAYERS: dict[str, CompiledLayer] = {
    "dense": DENSE,
    **COMPILED_ACTIVATIONS,
    "conv2d": CONVOLUTION,
    "max_pool": MAX_POOL,
    "avg_pool": AVG_POOL,
    "global_avg_pool": GLOBAL_AVG_POOL,
    "batch_norm": BATCH_NORM,
    "layer_norm": LAYER_NORM,
    "dropout": DROPOUT,
}


def kernels_of(layers: Iterable[Layer], dtype: str) -> str:
    """The name of the kernels that a network needs: its dtype, with `DENSE_ONLY` where these do.

    They are compiled in two thirds of the time.
    """
    names = {layer_kind(layer) for layer in layers} - {*NOTHING_TO_DO}
    return dtype + DENSE_ONLY if names <= chosen_layers(DENSE_ONLY).keys() else dtype


def chosen_layers(kernels: str) -> Mapping[str, CompiledLayer]:
    """The entries that these kernels know."""
    dense = kernels.endswith(DENSE_ONLY)
    return {name: entry for name, entry in COMPILED_LAYERS.items() if entry.any_layout or not dense}
