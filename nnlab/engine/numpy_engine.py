"""The NumPy engine, the reference: one update after the other, every kernel in the open.

An update is: forward, the loss's gradient, backward, a check that all numbers are finite, the
optimizer. The outputs of every batch are stored for the caller, which computes losses and metrics
of many batches at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np

from nnlab.core.losses import Loss
from nnlab.core.memory import Binding, Generators
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.optimizers import SETTLE_EVERY, Optimizer, bind
from nnlab.core.types import Array, Views

# With a rate up to this, finite products in the guard bound every update far below the overflow.
WILD_RATE = 1e3
ALIGNED = 16  # numbers of the longest vector of a processor


@dataclass(frozen=True)
class NonFinite:
    """The array with the first non-finite number of an update, and its layer."""

    layer: int
    name: str
    tensor: str

    def __str__(self) -> str:
        return f"{self.tensor} of layer {self.layer} ({self.name})"


class BatchBuffers(NamedTuple):
    """Everything bound for one batch size B."""

    binding: Binding
    memory: Views  # the loss's
    dz: Array  # (B, m)
    z: Array  # (batches, B, m): the outputs of the batches, before their updates
    z_by_batch: list[Array]  # views (B, m) of z


class NumpyEngine:
    """Updates the trained parameters (T,) and the optimizer's slots, both in place."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        slots: Mapping[str, Array],
        average: Array | None,
        decay: float,
        generators: Generators,
        batches_per_run: Mapping[int, int],
    ) -> None:
        """`batches_per_run`: the most batches of a run by batch size. `average` (V,) is the EMA."""
        self.loss, self.optimizer, self.decay = loss, optimizer, decay
        self.values, self.buffers, self.average = network.values, network.buffers, average
        self.evaluated = network.values if average is None else average
        self.buffers_before = self.buffers.copy()
        self.difference = np.empty_like(self.values if average is not None else self.buffers)
        depth = trained_depth(network.layers, loss)
        (outputs,) = network.shapes[depth]
        # The gradient and behind it the outputs of a batch: one product shows if all is finite.
        start = -(-network.theta.size // ALIGNED) * ALIGNED
        self.guarded = np.zeros(start + max(batches_per_run) * outputs, network.dtype)
        g = self.guarded[: network.theta.size]
        trained = network.trained
        self.o = bind(optimizer, trained, network.layout.weights, slots, g[: trained.size])
        self.layout = network.layout
        self.gradients = network.layout.views(g)
        self.layers = network.layers[:depth]
        self.by_size: dict[int, BatchBuffers] = {}
        for batch, batches in batches_per_run.items():
            last = self.guarded[start : start + batch * outputs].reshape(batch, outputs)
            binding = network.bind(
                batch, depth=depth, gradient=g, generators=generators, output=last
            )
            if binding.dz is None:
                raise RuntimeError("a binding for training has no room for dz")
            z = np.zeros((batches, batch, outputs), network.dtype)
            memory = loss.bind(batch, outputs, network.dtype)
            self.by_size[batch] = BatchBuffers(binding, memory, binding.dz, z, list(z))
        self.failure: NonFinite | None = None

    def run(
        self,
        batch: int,
        xs: Sequence[Array],
        ts: Sequence[Array],
        rates: Sequence[float],
        step: int,
        weights: Array | None = None,
        row_weights: Sequence[Array] = (),
    ) -> int:
        """Do one update per batch, after `step` earlier ones; returns how many were done.

        It stops before an update that would use a non-finite number, and names it in `failure`.
        `weights` (K, V) gets the weights to evaluate after each of K equal parts of the batches.
        `row_weights` (B, 1) of each batch multiply its rows' losses; () for none.
        The caller silences NumPy's warnings.
        """
        binding, memory, dz, _, z_by_batch = self.by_size[batch]
        forward, backward, loss_gradient = binding.forward, binding.backward, self.loss.gradient
        shape_gradient, update, o = self.optimizer.shape_gradient, self.optimizer.update, self.o
        shapes, buffered = self.optimizer.shapes_gradient, self.buffers.size > 0
        part = len(xs) // len(weights) if weights is not None else 0
        done = 0
        for x, t, z_copy, rate in zip(xs, ts, z_by_batch, rates, strict=False):
            if buffered:  # forward moves the running statistics
                self.buffers_before[...] = self.buffers
            z = forward(x)  # (B, m)
            if row_weights:
                self.loss.weigh(memory, row_weights[done])
            loss_gradient(z, t, dz, memory)  # (B, m)
            backward(x)  # g (P,)
            is_safe = self._is_safe(rate, batch, x, t)
            z_copy[...] = z
            if is_safe:
                if shapes:
                    shape_gradient(o)
                update(o, rate, step + done + 1)
            elif not self._update_carefully(binding, t, rate, step + done + 1):
                self.buffers[...] = self.buffers_before
                break
            done += 1
            self._after_update(step + done)
            if weights is not None and done % part == 0:
                weights[done // part - 1] = self.evaluated
        return done

    def outputs(self, batch: int, batches: int) -> Array:
        """z (batches * batch, m) of the last run."""
        z = self.by_size[batch].z[:batches]
        return z.reshape(-1, z.shape[-1])

    def _evaluate(self, batch: int, x: Array, t: Array) -> None:
        """Set o.loss for an optimizer that searches; keep theta in `average` if it is the best.

        Where a number is not finite, the batch is computed again at a point nearer to a good one.
        """
        binding, memory, dz, *_ = self.by_size[batch]
        while not isfinite(self.guarded.dot(self.guarded)) and self.optimizer.retreat(self.o):
            self.loss.gradient(binding.forward(x), t, dz, memory)
            binding.backward(x)
        self.o.loss = self.loss.value(binding.z, t, memory)
        if self.average is not None and self.optimizer.is_lowest(self.o):
            self.average[...] = self.values

    def _is_safe(self, rate: float, batch: int, x: Array, t: Array) -> bool:
        """Whether the update will be finite. Any inf or nan shows in the product."""
        if self.optimizer.searches:
            self._evaluate(batch, x, t)
        safe = isfinite(self.guarded.dot(self.guarded)) and rate <= WILD_RATE
        return safe and (not self.buffers.size or isfinite(self.buffers.dot(self.buffers)))

    def _after_update(self, t: int) -> None:
        """Make tiny numbers in the slots 0, now and then; move the average.

        average <- d average + (1 - d) values, with d = min(decay, (1 + t) / (10 + t)).
        """
        if t % SETTLE_EVERY == 0:
            self.optimizer.settle(self.o)
        if self.average is not None and not self.optimizer.searches:
            np.subtract(self.values, self.average, self.difference)
            decay = min(self.decay, (1 + t) / (10 + t))
            np.multiply(self.difference, 1 - decay, self.difference)
            np.add(self.average, self.difference, self.average)

    def _update_carefully(self, binding: Binding, t: Array, rate: float, step: int) -> bool:
        """An update that may not be finite; if so it is taken back, `failure` set, and False."""
        self.failure = next(self._non_finite(binding, t), None)
        if self.failure is not None:
            return False
        if self.optimizer.shapes_gradient:
            self.optimizer.shape_gradient(self.o)
        before = self.o.theta.copy()
        self.optimizer.update(self.o, rate, step)
        for name in ("theta", *self.optimizer.slots):
            finite = np.isfinite(getattr(self.o, name))
            if not finite.all():
                first = int(finite.argmin())
                at = first % self.o.theta.size
                place = next(place for place in self.layout.places if at < place.stop)
                array = place.declared.name + ("" if name == "theta" else f" {name}")
                self.failure = self._in_layer(place.layer, array)
                self.o.theta[...] = before
                return False
        return True

    def _non_finite(self, binding: Binding, t: Array) -> Iterator[NonFinite]:
        """The arrays with a non-finite number, in the order of computing."""
        for index, bound in enumerate(binding.bound):
            if not np.isfinite(bound.y).all():
                yield self._in_layer(index, "output")
        for place in self.layout.buffers:
            if not np.isfinite(place.of(self.values)).all():
                yield self._in_layer(place.layer, place.declared.name)
        if not np.isfinite(self.loss.terms(binding.z, t).sum(dtype=np.float64)):
            yield self._in_layer(len(self.layers) - 1, "loss on the output")
        for index in reversed(range(len(self.layers))):
            for name, array in vars(self.gradients[index]).items():
                if not np.isfinite(array).all():
                    yield self._in_layer(index, f"{name} gradient")

    def _in_layer(self, index: int, tensor: str) -> NonFinite:
        return NonFinite(index, layer_kind(self.layers[index]), tensor)
