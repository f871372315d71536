"""The catalogue of compiled layers: an entry per layer, by its name in core.layers.

A layer without an entry is the NumPy engine's alone. `NOTHING_TO_DO` names the layers that leave
all numbers as they are and where they are.
"""

from nnlab.engine.compiled.activations import COMPILED_ACTIVATIONS
from nnlab.engine.compiled.images import AVG_POOL, CONVOLUTION, GLOBAL_AVG_POOL, MAX_POOL
from nnlab.engine.compiled.layer import CompiledLayer
from nnlab.engine.compiled.normalisation import BATCH_NORM, DROPOUT, LAYER_NORM
from nnlab.engine.compiled.passes import dense, dense_back

LANES = 16  # at least the numbers in 64 bytes
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
