"""The convolution of images."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt

from nnlab.core.initializers import Initializer
from nnlab.core.layers.base import Layer
from nnlab.core.memory import Parameter
from nnlab.core.types import Array, Shape, Views
from nnlab.core.windows import Extent, Padding, Windows, slide


@dataclass(frozen=True)
class Conv2d(Layer):
    """Every output pixel is an affine map of the window of pixels around it.

    y[o, q, f] = sum_ijc x[o s + i - margin, q s + j - margin, c] W[i, j, c, f] + b[f]

    x (B, h, w, c), y (B, h', w', f), W (kh, kw, c, f), b (f,). As everywhere in the field, this is
    a cross-correlation: W is not turned round.

    filters: how many maps f come out.
    kernel: the window's height and width; one number for both.
    stride: how far the window moves.
    padding: zeros around the image: a number; valid has none; same keeps h' = h / stride.
    """

    filters: Annotated[int, Gt(0)]
    kernel: Extent = 3
    stride: Extent = 1
    padding: Padding = "valid"
    bias: bool = True
    init: Initializer | None = None

    def windows(self, shape: Shape) -> Windows:
        """The places of the kernel on images of `shape`."""
        return slide(shape, self.kernel, self.stride, self.padding)

    def output_shape(self, shape: Shape) -> Shape:
        return (*self.windows(shape).places, self.filters)

    def parameters(self, shape: Shape) -> tuple[Parameter, ...]:
        windows, f = self.windows(shape), self.filters
        fans = (windows.area * shape[2], windows.area * f)
        weight = Parameter("weight", (*windows.kernel, shape[2], f), True, fans, self.init)
        return (weight, Parameter("bias", (f,))) if self.bias else (weight,)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """Each pixel of the window adds its part to all places at once."""
        windows = self.windows(x.shape[1:])
        image = padded(x, windows)
        weight = p.weight.reshape(-1, *p.weight.shape[2:])  # (kh kw, c, f)
        np.copyto(y, p.bias if self.bias else 0)
        for pixel, (rows, columns) in enumerate(windows.pixels()):
            y += image[:, rows, columns] @ weight[pixel]  # (B, h', w', c) (c, f)

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """dW[i, j] = sum x dy over rows and places, db = sum dy; dx goes back the way x came."""
        windows = self.windows(x.shape[1:])
        image = padded(x, windows)
        slopes = np.zeros_like(image)  # (B, h + margins, w + margins, c)
        weight = p.weight.reshape(-1, *p.weight.shape[2:])  # (kh kw, c, f)
        dweight = g.weight.reshape(weight.shape)  # a view
        for pixel, (rows, columns) in enumerate(windows.pixels()):
            seen = image[:, rows, columns]  # (B, h', w', c)
            dweight[pixel] = np.tensordot(seen, dy, axes=((0, 1, 2), (0, 1, 2)))  # (c, f)
            if dx is not None:
                slopes[:, rows, columns] += dy @ weight[pixel].T  # (B, h', w', f) (f, c)
        if self.bias:
            np.sum(dy, axis=(0, 1, 2), out=g.bias)
        if dx is not None:
            (top, left), (_, h, w, _) = windows.before, x.shape
            np.copyto(dx, slopes[:, top : top + h, left : left + w])


def padded(x: Array, windows: Windows) -> Array:
    """Images with their margin of zeros, (B, h + margins, w + margins, c)."""
    (top, left), (bottom, right) = windows.before, windows.after
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
