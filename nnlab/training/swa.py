"""Stochastic weight averaging: the equal mean of the weights after each epoch."""

from dataclasses import replace

import numpy as np

from nnlab.core.layers import Layer
from nnlab.core.layers.activations import Linear
from nnlab.core.layers.norm import BatchNorm
from nnlab.core.memory import Binding
from nnlab.core.network import Network, trained_depth
from nnlab.core.types import Array, cached_property
from nnlab.data.batches import Batches
from nnlab.engine.network import turn_of
from nnlab.training.drivers import row_order
from nnlab.training.plan import Plan, State


class WeightAverage:
    """Moves the average (V,) at the end of each epoch (Izmailov et al., 2018).

    After epoch e = swa, swa + 1, ...: average <- average + (values - average) / (e - swa + 1).
    Before them it is a copy of the values. The running statistics of batch_norm belong to other
    weights, so they are measured anew: the mean, over the batches of the epoch, of each batch's
    mean and variance with the averaged weights, as PyTorch's `update_bn` does; nothing is dropped.
    """

    def __init__(self, plan: Plan, state: State, first: int) -> None:
        """`first`: the first epoch that counts."""
        self.plan, self.state, self.first = plan, state, first

    def follow(self, values: Array) -> Array:
        """The averages (K, V) after each of the next K epochs, which ended with `values` (K, V)."""
        average = np.empty_like(values)
        for k, own in enumerate(values):
            average[k] = self._moved(own, self.state.epoch + k + 1)
        return average

    def _moved(self, values: Array, epoch: int) -> Array:
        average = self.state.weights
        if epoch <= self.first:
            average[...] = values
        else:
            average += (values - average) / (epoch - self.first + 1)
        if epoch >= self.first and self.state.network.moving:
            self._measure(average, epoch)
        return average

    def _measure(self, average: Array, epoch: int) -> None:
        """Put the statistics of an epoch's batches into the average."""
        plan, network = self.plan, self.state.network
        batches, (own, bound) = self._batches, self._bound
        sums = np.zeros(len(own))
        own[...] = average
        order = row_order(plan, batches.count, epoch - 1)
        with turn_of(network), np.errstate(all="ignore"):
            for chunk in batches.epoch(order, 0, epoch - 1):
                for x in chunk.xs:
                    bound[chunk.batch].forward(x)
                    sums += own
        for place in network.moving:
            place.of(average)[...] = place.of(sums) / batches.count

    @cached_property
    def _batches(self) -> Batches:
        plan = self.plan
        return Batches(plan.train, plan.batch_size, plan.drop_last, plan.chunk)

    @cached_property
    def _bound(self) -> tuple[Array, dict[int, Binding]]:
        """Values (V,), and by batch size a network with them that keeps a batch's statistics."""
        network, loss = self.state.network, self.plan.loss
        layers = [_of_a_batch(layer) for layer in network.layers]
        twin = Network(layers, network.inputs, dtype=network.dtype)
        depth, gradient = trained_depth(layers, loss), np.zeros_like(network.theta)
        sizes = {self._batches.batch, self._batches.rest} - {0}
        return twin.values, {n: twin.bind(n, depth=depth, gradient=gradient) for n in sizes}


def _of_a_batch(layer: Layer) -> Layer:
    """The layer with the statistics of the last batch alone, and without noise."""
    if isinstance(layer, BatchNorm):
        return replace(layer, momentum=1.0)
    return Linear() if layer.random else layer
