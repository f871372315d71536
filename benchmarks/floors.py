"""What an update cannot fall below, of the workloads whose targets are missed: the row `floor`.

W1 is a loop written for its network alone: numba knows all sizes and unrolls it, and it knows no
loss, accuracy, guard or record. W5 is its eleven matrix products by the BLAS, which train nothing.
"""

from math import exp

import numpy as np

from benchmarks.sketches import Block, buffers
from benchmarks.workloads import Problem, Session
from nnlab.core.types import Array

INPUTS, HIDDEN, OUTPUTS = 8, 3, 8  # of W1


def identity(problem: Problem) -> Session:
    """W1, compiled for 8-3-8 with sigmoids."""
    from numba import njit

    block, order = Block(problem.start), problem.order[:, 0].copy()
    weights = [array for layer in block.params for array in layer]
    updates = njit(error_model="numpy", fastmath={"contract"})(identity_updates)

    def train() -> None:
        updates(problem.inputs, problem.targets, order, *weights, problem.workload.lr)

    return Session(train, block.parameters, "compiled for these sizes")


def identity_updates(
    inputs: Array, targets: Array, order: Array, w1: Array, b1: Array, w2: Array, b2: Array,
    lr: float,
) -> None:  # fmt: skip
    """Gradient descent, row by row, on the squared error summed over the outputs."""
    h, dy = np.empty(HIDDEN), np.empty(OUTPUTS)
    for row in order:
        for j in range(HIDDEN):
            z = b1[j]
            for i in range(INPUTS):
                z += inputs[row, i] * w1[i, j]
            h[j] = 1 / (1 + exp(-z))
        for k in range(OUTPUTS):
            z = b2[k]
            for j in range(HIDDEN):
                z += h[j] * w2[j, k]
            y = 1 / (1 + exp(-z))
            dy[k] = 2 * (y - targets[row, k]) * y * (1 - y)
        for j in range(HIDDEN):
            dh = 0.0
            for k in range(OUTPUTS):
                dh += dy[k] * w2[j, k]
                w2[j, k] -= lr * h[j] * dy[k]
            dh *= h[j] * (1 - h[j])
            for i in range(INPUTS):
                w1[i, j] -= lr * inputs[row, i] * dh
            b1[j] -= lr * dh
        for k in range(OUTPUTS):
            b2[k] -= lr * dy[k]


def products(problem: Problem) -> Session:
    """W5: forward x W, and x^T dy and dy W^T of each layer."""
    block = Block(problem.start)
    ys = buffers(problem)
    xs = [problem.inputs[: problem.workload.batch], *ys[:-1]]
    for array in ys:
        array.fill(0.5)

    def train() -> None:
        for _ in problem.order:
            for i, (w, _b) in enumerate(block.params):
                np.matmul(xs[i], w, out=ys[i])
            for i in range(len(ys) - 1, -1, -1):
                np.matmul(xs[i].T, ys[i], out=block.grads[i][0])
                if i:
                    np.matmul(ys[i], block.params[i][0].T, out=ys[i - 1])

    return Session(train, block.parameters, "trains nothing", comparable=False)


FLOORS = {"W1": identity, "W5": products}
