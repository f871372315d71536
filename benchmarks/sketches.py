"""Claim: this is what NumPy costs. Each workload as the in-place loop one would write by hand.

Buffers are made once, parameters and gradients each lie in one block, and that is all: no loss,
no accuracy, no guard against divergence, no choice of layers, no micro-tuning of single calls.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.workloads import Parameters, Problem, Session
from nnlab.core.types import Array

Layers = list[tuple[Any, Any]]
"""(weight, bias) of each layer; Any, because the sketch knows which layers have a bias."""


class Block:
    """All parameters in one vector `theta`, all gradients in `grad`, with views for each layer."""

    def __init__(self, start: Parameters) -> None:
        arrays = [a for layer in start for a in layer if a is not None]
        self.theta = np.concatenate([a.ravel() for a in arrays])
        self.grad = np.empty_like(self.theta)
        self.params = _views(self.theta, start)
        self.grads = _views(self.grad, start)

    def parameters(self) -> Parameters:
        """A copy, layer by layer."""
        return [(w.copy(), None if b is None else b.copy()) for w, b in self.params]


def _views(block: Array, like: Parameters) -> Layers:
    """`block` cut into arrays of the shapes of `like`."""
    offset = 0

    def take(array: Array) -> Array:
        nonlocal offset
        view = block[offset : offset + array.size].reshape(array.shape)
        offset += array.size
        return view

    return [(take(w), None if b is None else take(b)) for w, b in like]


def _batches(problem: Problem) -> Iterator[tuple[Array, Array]]:
    """The batches of one round: views of consecutive rows, or gathered into one buffer."""
    batch = problem.workload.batch
    if not problem.workload.shuffle:
        for first in problem.order[:, 0].tolist():
            yield problem.inputs[first : first + batch], problem.targets[first : first + batch]
        return
    x = np.empty((batch, problem.inputs.shape[1]), problem.inputs.dtype)
    t = np.empty((batch, problem.targets.shape[1]), problem.targets.dtype)
    for numbers in problem.order:
        np.take(problem.inputs, numbers, axis=0, out=x, mode="clip")
        np.take(problem.targets, numbers, axis=0, out=t, mode="clip")
        yield x, t


def buffers(problem: Problem) -> list[Array]:
    """One (batch, width) array for each dense layer."""
    workload = problem.workload
    return [np.empty((workload.batch, m), workload.dtype) for m in workload.widths[1:]]


def _sigmoid(z: Array) -> None:
    np.multiply(z, 0.5, out=z)
    np.tanh(z, out=z)
    np.multiply(z, 0.5, out=z)
    np.add(z, 0.5, out=z)


def _sigmoid_gradient(dy: Array, y: Array, scratch: Array) -> None:
    """Multiply dy by y (1 - y)."""
    np.subtract(1.0, y, out=scratch)
    np.multiply(scratch, y, out=scratch)
    np.multiply(dy, scratch, out=dy)


def _softmax(z: Array, by_class: Array) -> None:
    """Rows of z (B, C) become probabilities; by_class (C, B) keeps the sums over C contiguous."""
    by_class[...] = z.T
    by_class -= by_class.max(axis=0)
    np.exp(by_class, out=by_class)
    by_class /= by_class.sum(axis=0)
    z[...] = by_class.T


def _sgd(block: Block, lr: float) -> None:
    np.multiply(block.grad, lr, out=block.grad)
    np.subtract(block.theta, block.grad, out=block.theta)


def identity(problem: Problem) -> Session:
    """W1: two sigmoid layers, squared error summed over the outputs, one row at a time."""
    block = Block(problem.start)
    (w1, b1), (w2, b2) = block.params
    (g1, c1), (g2, c2) = block.grads
    h, y = buffers(problem)
    dh, dy = buffers(problem)
    sh, sy = buffers(problem)
    lr = problem.workload.lr

    def train() -> None:
        for x, t in _batches(problem):
            np.dot(x, w1, out=h)
            np.add(h, b1, out=h)
            _sigmoid(h)
            np.dot(h, w2, out=y)
            np.add(y, b2, out=y)
            _sigmoid(y)
            np.subtract(y, t, out=dy)
            np.multiply(dy, 2.0, out=dy)
            _sigmoid_gradient(dy, y, sy)
            np.dot(h.T, dy, out=g2)
            c2[...] = dy[0]
            np.dot(dy, w2.T, out=dh)
            _sigmoid_gradient(dh, h, sh)
            np.dot(x.T, dh, out=g1)
            c1[...] = dh[0]
            _sgd(block, lr)

    return Session(train, block.parameters)


def xor(problem: Problem) -> Session:
    """W2: three sigmoid layers without biases, squared error summed over all points."""
    block = Block(problem.start)
    (w1, _), (w2, _), (w3, _) = block.params
    (g1, _), (g2, _), (g3, _) = block.grads
    h1, h2, y = buffers(problem)
    d1, d2, dy = buffers(problem)
    s1, s2, sy = buffers(problem)
    lr = problem.workload.lr

    def train() -> None:
        for x, t in _batches(problem):
            np.dot(x, w1, out=h1)
            _sigmoid(h1)
            np.dot(h1, w2, out=h2)
            _sigmoid(h2)
            np.dot(h2, w3, out=y)
            _sigmoid(y)
            np.subtract(y, t, out=dy)
            np.multiply(dy, 2.0, out=dy)
            _sigmoid_gradient(dy, y, sy)
            np.dot(h2.T, dy, out=g3)
            np.dot(dy, w3.T, out=d2)
            _sigmoid_gradient(d2, h2, s2)
            np.dot(h1.T, d2, out=g2)
            np.dot(d2, w2.T, out=d1)
            _sigmoid_gradient(d1, h1, s1)
            np.dot(x.T, d1, out=g1)
            _sgd(block, lr)

    return Session(train, block.parameters)


def digits(problem: Problem) -> Session:
    """W3: relu, then a sigmoid under binary cross-entropy, whose gradient is y - t."""
    block = Block(problem.start)
    (w1, b1), (w2, b2) = block.params
    (g1, c1), (g2, c2) = block.grads
    h, y = buffers(problem)
    dh, dy = buffers(problem)
    positive = np.empty(h.shape, bool)
    ones = np.ones(len(h), h.dtype)
    lr = problem.workload.lr

    def train() -> None:
        for x, t in _batches(problem):
            np.dot(x, w1, out=h)
            np.add(h, b1, out=h)
            np.maximum(h, 0.0, out=h)
            np.dot(h, w2, out=y)
            np.add(y, b2, out=y)
            _sigmoid(y)
            np.subtract(y, t, out=dy)
            np.dot(h.T, dy, out=g2)
            np.dot(ones, dy, out=c2)
            np.dot(dy, w2.T, out=dh)
            np.greater(h, 0.0, out=positive)
            np.multiply(dh, positive, out=dh)
            np.dot(x.T, dh, out=g1)
            np.dot(ones, dh, out=c1)
            _sgd(block, lr)

    return Session(train, block.parameters)


def mnist(problem: Problem) -> Session:
    """W4: two sigmoid layers, softmax under cross-entropy (gradient y - t), one row at a time."""
    block = Block(problem.start)
    (w1, b1), (w2, b2), (w3, b3) = block.params
    (g1, c1), (g2, c2), (g3, c3) = block.grads
    h1, h2, y = buffers(problem)
    d1, d2, dy = buffers(problem)
    s1, s2, _ = buffers(problem)
    by_class = np.empty(y.shape[::-1], y.dtype)
    lr = problem.workload.lr

    def train() -> None:
        for x, t in _batches(problem):
            np.dot(x, w1, out=h1)
            np.add(h1, b1, out=h1)
            _sigmoid(h1)
            np.dot(h1, w2, out=h2)
            np.add(h2, b2, out=h2)
            _sigmoid(h2)
            np.dot(h2, w3, out=y)
            np.add(y, b3, out=y)
            _softmax(y, by_class)
            np.subtract(y, t, out=dy)
            np.dot(h2.T, dy, out=g3)
            c3[...] = dy[0]
            np.dot(dy, w3.T, out=d2)
            _sigmoid_gradient(d2, h2, s2)
            np.dot(h1.T, d2, out=g2)
            c2[...] = d2[0]
            np.dot(d2, w2.T, out=d1)
            _sigmoid_gradient(d1, h1, s1)
            np.dot(x.T, d1, out=g1)
            c1[...] = d1[0]
            _sgd(block, lr)

    return Session(train, block.parameters)


def fashion(problem: Problem) -> Session:
    """W5: three relu layers, softmax under mean cross-entropy, Adam; a loop costs nothing here."""
    block = Block(problem.start)
    ys, dys = buffers(problem), buffers(problem)
    positive = [np.empty(y.shape, bool) for y in ys]
    by_class = np.empty(ys[-1].shape[::-1], ys[-1].dtype)
    ones = np.ones(problem.workload.batch, problem.workload.dtype)
    adam = _adam(block, problem.workload.lr)
    last = len(ys) - 1

    def train() -> None:
        for x, t in _batches(problem):
            xs = [x, *ys[:-1]]
            for i, (w, b) in enumerate(block.params):
                np.matmul(xs[i], w, out=ys[i])
                np.add(ys[i], b, out=ys[i])
                if i < last:
                    np.maximum(ys[i], 0.0, out=ys[i])
            _softmax(ys[last], by_class)
            np.subtract(ys[last], t, out=dys[last])
            np.multiply(dys[last], 1.0 / len(x), out=dys[last])
            for i in range(last, -1, -1):
                if i < last:
                    np.matmul(dys[i + 1], block.params[i + 1][0].T, out=dys[i])
                    np.greater(ys[i], 0.0, out=positive[i])
                    np.multiply(dys[i], positive[i], out=dys[i])
                gw, gb = block.grads[i]
                np.matmul(xs[i].T, dys[i], out=gw)
                np.matmul(ones, dys[i], out=gb)
            adam()

    return Session(train, block.parameters)


def _adam(block: Block, lr: float) -> Callable[[], None]:
    """Adam's update, with both moments unscaled and their constants folded into step and eps."""
    b1, b2, eps = 0.9, 0.999, 1e-8
    m, v, s = (np.zeros_like(block.theta) for _ in range(3))
    t = 0

    def update() -> None:
        nonlocal t
        t += 1
        scale = float(np.sqrt((1 - b2**t) / (1 - b2)))
        g = block.grad
        np.multiply(m, b1, out=m)
        np.add(m, g, out=m)
        np.multiply(v, b2, out=v)
        np.multiply(g, g, out=s)
        np.add(v, s, out=v)
        np.sqrt(v, out=s)
        np.add(s, eps * scale, out=s)
        np.divide(m, s, out=s)
        np.multiply(s, lr * scale * (1 - b1) / (1 - b1**t), out=s)
        np.subtract(block.theta, s, out=block.theta)

    return update


def textbook(problem: Problem) -> Session:
    """W6: two relu layers, a linear output, squared error as the mean over elements, momentum."""
    block = Block(problem.start)
    (w1, b1), (w2, b2), (w3, b3) = block.params
    (g1, c1), (g2, c2), (g3, c3) = block.grads
    h1, h2, y = buffers(problem)
    d1, d2, dy = buffers(problem)
    positive = np.empty(h1.shape, bool)
    ones = np.ones(len(y), y.dtype)
    velocity = np.zeros_like(block.theta)
    step = np.empty_like(block.theta)
    lr, momentum = problem.workload.lr, problem.workload.momentum

    def train() -> None:
        for x, t in _batches(problem):
            np.dot(x, w1, out=h1)
            np.add(h1, b1, out=h1)
            np.maximum(h1, 0.0, out=h1)
            np.dot(h1, w2, out=h2)
            np.add(h2, b2, out=h2)
            np.maximum(h2, 0.0, out=h2)
            np.dot(h2, w3, out=y)
            np.add(y, b3, out=y)
            np.subtract(y, t, out=dy)
            np.multiply(dy, 2.0 / dy.size, out=dy)
            np.dot(h2.T, dy, out=g3)
            np.dot(ones, dy, out=c3)
            np.dot(dy, w3.T, out=d2)
            np.greater(h2, 0.0, out=positive)
            np.multiply(d2, positive, out=d2)
            np.dot(h1.T, d2, out=g2)
            np.dot(ones, d2, out=c2)
            np.dot(d2, w2.T, out=d1)
            np.greater(h1, 0.0, out=positive)
            np.multiply(d1, positive, out=d1)
            np.dot(x.T, d1, out=g1)
            np.dot(ones, d1, out=c1)
            np.multiply(velocity, momentum, out=velocity)
            np.add(velocity, block.grad, out=velocity)
            np.multiply(velocity, lr, out=step)
            np.subtract(block.theta, step, out=block.theta)

    return Session(train, block.parameters)


SKETCHES = {"W1": identity, "W2": xor, "W3": digits, "W4": mnist, "W5": fashion, "W6": textbook}


def prepare(problem: Problem) -> Session:
    """The sketch of this workload."""
    return SKETCHES[problem.workload.name](problem)
