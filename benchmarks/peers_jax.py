"""JAX on the workloads: a whole round of updates is one jitted `lax.scan`, gradients by `jax.grad`.

Without shuffling, a scan over the batches lies inside one over the epochs: on W1 that takes half
the time of looking rows up by number. Compiling is done in `prepare`; its seconds are in the
session's note, not in the times. Weights start as in the sketch.
"""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.workloads import Parameters, Problem, Session, Workload


def prepare(problem: Problem) -> Session:
    """Compile one round; `train` runs it and waits for its result."""
    jax.config.update("jax_enable_x64", True)  # without it float64 silently becomes float32
    inputs, targets = jnp.asarray(problem.inputs), jnp.asarray(problem.targets)
    weights = [tuple(jnp.asarray(a) for a in layer if a is not None) for layer in problem.start]
    state: Any = (weights, _slots(problem.workload, weights))

    def update(carry: Any, batch: Any) -> tuple[Any, None]:
        weights, slots = carry
        grads = jax.grad(_loss)(weights, *batch, problem.workload)
        return _step(problem.workload, weights, grads, slots), None

    def round_of(carry: Any) -> Any:
        if problem.workload.shuffle:
            picks = jnp.asarray(problem.order)
            return lax.scan(lambda c, p: update(c, (inputs[p], targets[p])), carry, picks)[0]
        batches = _in_batches(problem, inputs), _in_batches(problem, targets)
        epochs = len(problem.order) // len(batches[0])

        def one_epoch(carry: Any, _: None) -> tuple[Any, None]:
            return lax.scan(update, carry, batches)[0], None

        return lax.scan(one_epoch, carry, length=epochs)[0]

    began = time.perf_counter()
    compiled = jax.jit(round_of).lower(state).compile()
    seconds = time.perf_counter() - began

    def train() -> None:
        nonlocal state
        state = jax.block_until_ready(compiled(state))

    def parameters() -> Parameters:
        layers = [[np.asarray(a) for a in layer] for layer in state[0]]
        return [(layer[0], layer[1] if len(layer) == 2 else None) for layer in layers]

    return Session(train, parameters, note=f"compiling took {seconds:.1f} s")


def _in_batches(problem: Problem, rows: Any) -> Any:
    """The rows (N, n) as whole batches (k, B, n), without the rest."""
    batch = problem.workload.batch
    count = len(rows) // batch
    return rows[: count * batch].reshape(count, batch, -1)


def _loss(weights: Any, x: Any, t: Any, workload: Workload) -> Any:
    hidden = jax.nn.relu if workload.hidden == "relu" else jax.nn.sigmoid
    for index, (w, *bias) in enumerate(weights):
        z = x @ w + bias[0] if bias else x @ w
        x = hidden(z) if index < len(weights) - 1 else z
    if workload.loss == "cross_entropy":
        return -jnp.mean(jnp.sum(t * jax.nn.log_softmax(z), axis=1))
    if workload.loss == "bce":
        return jnp.sum(jnp.logaddexp(0.0, z) - z * t)
    y = jax.nn.sigmoid(z) if workload.output == "sigmoid" else z
    if workload.reduction == "mean":
        return jnp.mean((y - t) ** 2)
    return jnp.sum((y - t) ** 2) / (workload.batch if workload.reduction == "batch_mean" else 1)


def _slots(workload: Workload, weights: Any) -> Any:
    """The optimizer's state: nothing, a velocity, or two moments and the number of updates."""
    zeros = jax.tree.map(jnp.zeros_like, weights)
    if workload.optimizer == "adam":
        return zeros, zeros, jnp.zeros((), workload.dtype)
    return zeros if workload.optimizer == "momentum" else ()


def _step(workload: Workload, weights: Any, grads: Any, slots: Any) -> Any:
    """The weights and the slots after one update."""
    lr = workload.lr
    if workload.optimizer == "sgd":
        return jax.tree.map(lambda w, g: w - lr * g, weights, grads), slots
    if workload.optimizer == "momentum":
        slots = jax.tree.map(lambda v, g: workload.momentum * v + g, slots, grads)
        return jax.tree.map(lambda w, v: w - lr * v, weights, slots), slots
    b1, b2, eps = 0.9, 0.999, 1e-8
    m, v, t = slots
    t = t + 1
    m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, m, grads)
    v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, v, grads)
    c1, c2 = 1 - b1**t, 1 - b2**t
    weights = jax.tree.map(
        lambda w, m, v: w - lr * (m / c1) / (jnp.sqrt(v / c2) + eps), weights, m, v
    )
    return weights, (m, v, t)
