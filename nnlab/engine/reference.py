"""The NumPy engine: one update after the other, every kernel in the open.

An update is: forward, the loss's gradient, backward, a look whether all numbers are finite, the
optimizer. The outputs of every batch are kept for the caller, who computes losses and metrics of
many batches at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np

from nnlab.core.binding import Binding, Generators
from nnlab.core.losses import Loss
from nnlab.core.network import Network, layer_kind, trained_depth
from nnlab.core.optimizers import SETTLE_EVERY, Optimizer, bind
from nnlab.core.types import Array, Views

# With a rate up to this, finite products in the guard bound every update far below the overflow.
ALIGNED = 16  # numbers of the longest vector of a processor
WILD = 1e3


@dataclass(frozen=True)
class Broken:
    """The first non-finite number of an update: its array, and the layer it belongs to."""

    layer: int
    name: str
    tensor: str

    def __str__(self) -> str:
        return f"{self.tensor} of layer {self.layer} ({self.name})"


class Bench(NamedTuple):
    """Everything bound for one batch size."""

    binding: Binding
    memory: Views  # the loss's
    dz: Array
    z: Array  # (chunk rows, m): the outputs of the batches, before their updates
    rows: list[Array]


class Reference:
    """Runs updates on the parameters theta (P,) and the optimizer's slots, both in place."""

    def __init__(
        self,
        network: Network,
        loss: Loss,
        optimizer: Optimizer,
        slots: Mapping[str, Array],
        average: Array | None,
        decay: float,
        generators: Generators,
        room: Mapping[int, int],
    ) -> None:
        """`room`: for each batch size the batches of a chunk. `average` (V,) is the EMA."""
        self.loss, self.optimizer, self.decay = loss, optimizer, decay
        self.values, self.buffers = network.values, network.buffers
        self.before = self.buffers.copy()
        self.difference = np.empty_like(self.values if average is not None else self.before)
        depth = trained_depth(network.layers, loss)
        (outputs,) = network.shapes[depth]
        # The gradient and behind it the output of a batch: one product shows if all is finite.
        start = -(-network.theta.size // ALIGNED) * ALIGNED
        self.watched = np.zeros(start + max(room) * outputs, network.dtype)
        g = self.watched[: network.theta.size]
        self.o = bind(optimizer, network.theta, network.layout.weights, slots, g)
        self.average = average
        self.layout, self.kept = network.layout, network.buffer_layout
        self.gradients = network.layout.views(g)
        self.layers = network.layers[:depth]
        self.benches: dict[int, Bench] = {}
        for batch, batches in room.items():
            last = self.watched[start : start + batch * outputs].reshape(batch, outputs)
            binding = network.bind(
                batch, depth=depth, gradient=g, generators=generators, output=last
            )
            z = np.zeros((batch * batches, outputs), network.dtype)
            rows = [z[start : start + batch] for start in range(0, len(z), batch)]
            memory = loss.bind(batch, outputs, network.dtype)
            assert binding.dz is not None
            self.benches[batch] = Bench(binding, memory, binding.dz, z, rows)
        self.shaped = optimizer.shapes_gradient
        self.broken: Broken | None = None

    def run(
        self,
        batch: int,
        xs: Sequence[Array],
        ts: Sequence[Array],
        rates: Sequence[float],
        step: int,
        kept: Array | None = None,
    ) -> int:
        """Update once for each of the batches; `step` updates came before. How many were done.

        It stops before an update that would use a non-finite number, and says which in `broken`.
        `kept` (K, V) gets the weights to evaluate after each of K equal parts of the batches. The
        caller silences NumPy's warnings.
        """
        binding, memory, dz, _, rows = self.benches[batch]
        forward, backward = binding.forward, binding.backward
        gradient, update, o = self.loss.gradient, self.optimizer.update, self.o
        look, watched = self.watched.dot, self.watched
        weights = self.values if self.average is None else self.average
        buffers, before, buffered = self.buffers, self.before, self.buffers.size > 0
        part = len(xs) // len(kept) if kept is not None else 0
        done = 0
        for x, t, row, rate in zip(xs, ts, rows, rates, strict=False):
            if buffered:
                before[...] = buffers
            z = forward(x)
            gradient(z, t, dz, memory)
            backward(x)
            row[...] = z
            # Any inf or nan shows in this product; where it only overflows, look closer.
            odd = not isfinite(look(watched)) or rate > WILD
            if buffered:
                odd = odd or not isfinite(buffers.dot(buffers))
            if odd and self._search(binding, t):
                break
            if self.shaped:
                self.optimizer.shape_gradient(o)
            if not odd:
                update(o, rate, step + done + 1)
            elif not self._try(rate, step + done + 1):
                break
            done += 1
            if (step + done) % SETTLE_EVERY == 0:
                self.optimizer.settle(o)
            if self.average is not None:
                self._follow(self.average, step + done)
            if kept is not None and done % part == 0:
                kept[done // part - 1] = weights
        if self.broken is not None:
            buffers[...] = before  # forward had moved them already
        return done

    def outputs(self, batch: int, batches: int) -> Array:
        """z (batches * batch, m) as the last `run` saw it."""
        return self.benches[batch].z[: batches * batch]

    def _try(self, rate: float, t: int) -> bool:
        """An update that may overflow: taken back, and False, if a result is not finite."""
        theta = self.o.theta
        before = theta.copy()
        self.optimizer.update(self.o, rate, t)
        for name in ("theta", *self.optimizer.slots):
            finite = np.isfinite(getattr(self.o, name))
            if not finite.all():
                first = int(finite.argmin())
                place = next(one for one in self.layout.places if first < one.stop)
                what = place.declared.name + ("" if name == "theta" else f" {name}")
                self.broken = Broken(place.layer, layer_kind(self.layers[place.layer]), what)
                theta[...] = before
                return False
        return True

    def _follow(self, average: Array, t: int) -> None:
        """average <- d average + (1 - d) values, with d = min(decay, (1 + t) / (10 + t))."""
        decay = min(self.decay, (1 + t) / (10 + t))
        np.subtract(self.values, average, self.difference)
        np.multiply(self.difference, 1 - decay, self.difference)
        np.add(average, self.difference, average)

    def _search(self, binding: Binding, t: Array) -> bool:
        """Find the first non-finite number in the order of computing; False if there is none."""
        for index, one in enumerate(binding.bound):
            if not np.isfinite(one.y).all():
                self.broken = Broken(index, layer_kind(one.layer), "output")
                return True
        for place in self.kept.places:
            if not np.isfinite(self.buffers[place.start : place.stop]).all():
                name = layer_kind(self.layers[place.layer])
                self.broken = Broken(place.layer, name, place.declared.name)
                return True
        if not np.isfinite(self.loss.terms(binding.z, t).sum(dtype=np.float64)):
            self.broken = Broken(index, layer_kind(one.layer), "loss on the output")
            return True
        for index in reversed(range(len(self.layers))):
            for name, array in vars(self.gradients[index]).items():
                if not np.isfinite(array).all():
                    self.broken = Broken(index, layer_kind(self.layers[index]), f"{name} gradient")
                    return True
        return False
