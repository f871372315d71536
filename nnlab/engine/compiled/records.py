"""What the kernels read: records with fields that they know by name.

A record per layer, one for the training, one for the optimizer, and one for each thread with the
addresses of its arrays.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nnlab.engine.compiled.layers import COMPILED_LAYERS
from nnlab.engine.compiled.optimizers import COMPILED_OPTIMIZERS

# What the record of every layer has; an entry of the catalogue adds what its kernels read.
LAYER_FIELDS: dict[str, type] = {
    **dict.fromkeys(("kind", "place"), int),  # in the catalogue, and among the layers
    **dict.fromkeys(("x", "y"), int),  # of the values: where the inputs and the outputs begin
    **dict.fromkeys(("n", "m"), int),  # numbers of a row, before and after
    "learns": bool,  # it or something before it has parameters
    "pass_on": bool,  # something before it has
    "by_blas": bool,  # its products are so large
    "batch": int,  # rows of all threads
    **dict.fromkeys(("scratch", "shared", "noise"), int),  # where its own begin
}


class Task(NamedTuple):
    """The numbers that stay the same for a training."""

    batch: int
    full: int  # batches of `batch` rows in an epoch
    rest: int  # rows of the last, shorter batch, or 0
    inputs: int  # n
    outputs: int  # m
    layers: int
    rows: int  # N, of the training part
    parameters: int  # T, those that are trained
    values: int  # V, all parameters and buffers
    weights: int  # numbers of theta that decay; they come first
    sums: int  # S, numbers that an epoch is judged by
    portion: int  # rows that go through the layers together
    portioned: bool  # a thread may have more
    by_units: bool  # values lie unit by unit
    shuffled: bool
    raw: bool  # inputs are uint8
    changed: bool  # x has the rows of a call, in their order, as augmentation changed them
    online: bool  # one row and plain gradient descent: the gradient is never written down
    bounded: bool  # the guard is a bound, see `passes.backward`
    loss: int
    loss_setting: float
    mean_outputs: bool  # the loss of a row is the mean over the outputs
    fused: int  # the activation that the loss fuses
    metric: int
    scale: float  # of the gradient, for full batches
    rest_scale: float
    threads: int  # of the team
    shared: int  # numbers that each of them shows to the others
    ema: float  # below 0: no average
    tiny: float  # numbers next to the smallest are shifted by it and back


# The addresses of all arrays but theta, and what a call is to do: a record per thread.
MEMORY_FIELDS: dict[str, type] = {
    **dict.fromkeys(("class_weights", "x", "raw", "numbers", "shift", "factor", "t"), int),
    **dict.fromkeys(("slot0", "slot1", "slot2", "average", "g", "a", "d", "room", "one"), int),
    **dict.fromkeys(("picked", "inputs", "counts", "gemm", "order", "rates", "sums"), int),
    **dict.fromkeys(("place", "summands", "shared", "own_shared"), int),  # of the team
    **dict.fromkeys(("scratch", "noise", "position"), int),
    "outputs": int,  # of all portions
    "noise_rows": int,  # of all updates of a call
    "thread": int,  # whose memory this is
    "losses": int,  # per row, of each update
    "ended_sums": int,  # of each epoch that ends
    "ended_weights": int,  # the weights to evaluate after each, where `keep`
    "keep": bool,
    "updates": int,  # to do
    "step": int,  # updates before
    "batch": int,  # of the epoch, to start from
}


def record_type(fields: Mapping[str, type]) -> np.dtype[Any]:
    """A record as it lies in memory, for C and for the kernels."""
    kinds = {int: np.int64, bool: np.bool_, float: np.float64}
    return np.dtype([(name, kinds[kind]) for name, kind in fields.items()], align=True)


TASK = record_type(Task.__annotations__)
MEMORY = record_type(MEMORY_FIELDS)
# What the kernels know of every optimizer, as numbers; see `rule_of`.
SHARED_SETTINGS = ("shapes_gradient", "l1", "clip_norm", "clip_value", "weight_decay", "decoupled")


def pointers() -> dict[str, Any]:
    """The arguments of `epochs.run_updates`, and what they point to."""
    kinds = {"tasks": TASK, "rules": rule_type(), "memories": MEMORY, "layers": layer_type()}
    return {**kinds, "theta": None}  # None: the numbers of the network


def layer_type() -> np.dtype[Any]:
    """The record of a layer, with all that the kernels of any layer read."""
    fields = dict(LAYER_FIELDS)
    for entry in COMPILED_LAYERS.values():
        fields |= {**entry.fields, **dict.fromkeys(entry.arrays, int)}
    return record_type(fields)


def rule_type() -> np.dtype[Any]:
    """An optimizer's entry, which of its slots exist, bit by bit, and the settings of all."""
    own = [name for entry in COMPILED_OPTIMIZERS.values() for name in entry.settings]
    whole = dict.fromkeys(("kind", "slots"), int)
    return record_type(whole | dict.fromkeys((*SHARED_SETTINGS, *own), float))
