"""Optimizers: one pass over the block of parameters; they never see a layer.

`o`, made by `bind`, holds vectors of length P: `theta`, its gradient `g`, memory `tmp`, and the
optimizer's slots; `w`, `gw` and `tw` are theta, g and tmp of the weights alone, `loss` is that of
the batch where the optimizer `searches`.
`lr` is the learning rate and t = 1, 2, ... counts updates. Definitions equal PyTorch's, step for
step; the order in a step is l1, clipping, coupled weight decay, update.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan, sqrt
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from annotated_types import Ge, Gt

from nnlab.core.types import Array, Views

NotNegative = Annotated[float, Ge(0)]

SETTLE_EVERY = 64  # updates
TINY = 1e8  # times the smallest normal number of the dtype


class Assignment(NamedTuple):
    """A line of an optimizer's rule: `name` becomes `formula`, of the weights alone or of all.

    The formulas are in the language of explanation/formula.py; `nnlab explain` fills numbers in.
    """

    name: str
    formula: str
    weights: bool = False


@dataclass(frozen=True, kw_only=True)
class Optimizer(ABC):
    """The settings that all optimizers share: learning rate, decay, l1 and clipping.

    `weight_decay` adds weight_decay w to the gradient of the weights, `l1` adds l1 sign(w);
    biases are left alone. `clip_norm` shortens the gradient to that length if it is longer (all
    parameters together, with PyTorch's 1e-6 in the denominator); `clip_value` holds each entry to
    [-clip_value, clip_value].
    """

    lr: Annotated[float, Gt(0)] = 0.01
    weight_decay: NotNegative = 0.0
    l1: NotNegative = 0.0
    clip_norm: Annotated[float, Gt(0)] | None = None
    clip_value: Annotated[float, Gt(0)] | None = None

    decoupled: ClassVar[bool] = False  # True: weight_decay is part of the update, not of g
    searches: ClassVar[bool] = False  # True: losses of points are compared; theta is one to try

    @property
    def slots(self) -> tuple[str, ...]:
        """The vectors that live from update to update; all start at 0."""
        return ()

    def new_slots(self, theta: Array) -> dict[str, Array]:
        """The slots before the first update of theta (P,)."""
        return {name: np.zeros_like(theta) for name in self.slots}

    @property
    def rule(self) -> tuple[Assignment, ...]:
        """`update` in formulas of w, g, lr, t, the settings and `state`; empty: none to show."""
        return ()

    def state(self, slots: Mapping[str, Array]) -> Mapping[str, Array]:
        """The slots by their names in `rule`."""
        return slots

    @property
    def shaping(self) -> tuple[Assignment, ...]:
        """`shape_gradient` in formulas, as `rule`."""
        steps = {
            Assignment("g", "g + l1 * sign(w)", weights=True): self.l1 > 0,
            Assignment("g", "g * min(1, clip_norm / (norm(g) + 1e-6))"): self.clip_norm is not None,
            Assignment("g", "clip(g, -clip_value, clip_value)"): self.clip_value is not None,
            Assignment("g", "g + weight_decay * w", weights=True): (
                self.weight_decay > 0 and not self.decoupled
            ),
        }
        return tuple(step for step, wanted in steps.items() if wanted)

    @property
    def shapes_gradient(self) -> bool:
        """Whether anything happens to the gradient before the update."""
        clips = self.clip_norm is not None or self.clip_value is not None
        return clips or self.l1 > 0 or (self.weight_decay > 0 and not self.decoupled)

    def shape_gradient(self, o: Views) -> None:
        """l1, clipping, coupled weight decay: in place on g."""
        if self.l1 > 0:
            np.sign(o.w, o.tw)
            np.multiply(o.tw, self.l1, o.tw)
            np.add(o.gw, o.tw, o.gw)
        if self.clip_norm is not None:
            norm = length(o.g)
            if norm + 1e-6 > self.clip_norm:
                np.multiply(o.g, self.clip_norm / (norm + 1e-6), o.g)
        if self.clip_value is not None:
            np.clip(o.g, -self.clip_value, self.clip_value, out=o.g)
        if self.weight_decay > 0 and not self.decoupled:
            np.multiply(o.w, self.weight_decay, o.tw)
            np.add(o.gw, o.tw, o.gw)

    def settle(self, o: Views) -> None:
        """Make the smallest numbers of all slots 0, by adding and subtracting `tiny`.

        The slots of units that no longer learn decay into the subnormal numbers, which a processor
        handles up to 30 times more slowly: without this a network with dead relus trains at a
        third of its speed. No update could notice the loss.
        """
        for name in self.slots:
            slot = getattr(o, name)
            np.add(slot, o.tiny, slot)
            np.subtract(slot, o.tiny, slot)

    def is_lowest(self, o: Views) -> bool:
        """Whether theta, of which o.loss and o.g are, is the best point so far."""
        return False

    def retreat(self, o: Views) -> bool:
        """Move theta, where the loss is not finite, towards the last point; False if impossible."""
        return False

    @abstractmethod
    def update(self, o: Views, lr: float, t: int) -> None:
        """Change theta, and the slots, by the gradient g."""


def bind(
    optimizer: Optimizer, theta: Array, weights: int, slots: Mapping[str, Array], g: Array
) -> Views:
    """The `o` of an optimizer for theta (P,), of which the first `weights` numbers decay.

    g (P,) is where the gradient will be.
    """
    tmp = np.zeros_like(theta)
    tiny = np.array(TINY * np.finfo(theta.dtype).tiny, theta.dtype)
    views = {"w": theta[:weights], "gw": g[:weights], "tw": tmp[:weights], "tiny": tiny}
    own = {name: slots[name] for name in optimizer.slots}
    return Views(theta=theta, g=g, tmp=tmp, loss=nan, **views, **own)


def length(g: Array) -> float:
    """The Euclidean norm of g, also where the squares overflow."""
    square = float(g.dot(g))
    if square < np.inf:
        return sqrt(square)
    largest = float(np.abs(g).max())
    return largest * sqrt(float(np.square(g / largest, dtype=np.float64).sum()))
