"""The tuned convolution: matrix products over patches, the windows of a few images at a time."""

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike

from nnlab.core.layers.images import Conv2d, Windows
from nnlab.core.types import Array, Shape, Views
from nnlab.engine.images.portions import NARROW, images_per_portion, portions, stacked


class TunedConv2d(Conv2d):
    """The windows of a few images are copied side by side into a matrix that stays in the cache.

    Matrix products do the rest. A last column of ones is for the bias.
    """

    def scratch(self, shape: Shape, batch: int, dtype: DTypeLike) -> Views:
        """Patches and margins of a few images, and weights as matrices."""
        windows, f = self.windows(shape), self.filters
        (h, w, c), (kh, kw) = shape, windows.kernel
        inputs = windows.area * c + self.bias
        places = windows.places[0] * windows.places[1]
        n = images_per_portion(batch, places * (inputs + f))
        stack = n if places * inputs * f <= NARROW else 1
        patches = (inputs, n, *windows.places) if c == 1 else (n, *windows.places, inputs)
        (top, left), (bottom, right) = windows.before, windows.after
        margins = (n, top + h + bottom, left + w + right, c)
        back = images_per_portion(batch, h * w * (windows.area * f + c))
        shapes: dict[str, Shape] = {
            "padded": margins if _has_margin(windows) else (),
            "matrix": (inputs, f),
            "products": (stack, inputs, f),
            "total": (inputs, f),
            "sum": (inputs, f),
            "spread": (back, h + kh - 1, w + kw - 1, f),
            "around": (back, h, w, kh, kw, f),
            "turned": (kh, kw, f, c),
        }
        arrays = {name: np.zeros(shape, dtype) for name, shape in shapes.items()}
        return Views(patches=np.ones(patches, dtype), **arrays)

    def forward(self, p: Views, x: Array, y: Array, s: Views, train: bool) -> None:
        """y = patches [W; b], some images at a time."""
        matrix = p.weight.reshape(-1, self.filters)  # (kh kw c, f)
        if self.bias:
            s.matrix[:-1], s.matrix[-1] = matrix, p.bias
            matrix = s.matrix  # (kh kw c + 1, f)
        patches = _Patches(self.windows(x.shape[1:]), x, s)
        for rows in portions(len(x), patches.most):
            stack = stacked(patches.gather(rows), rows, matrix.size)  # (S, N / S, kh kw c + 1)
            np.matmul(stack, matrix, out=y[rows].reshape(*stack.shape[:2], -1))

    def backward(
        self, p: Views, g: Views, x: Array, y: Array, dy: Array, dx: Array | None, s: Views
    ) -> None:
        """[dW; db] = patches^T dy. Gathering the patches again takes less than keeping them."""
        windows = self.windows(x.shape[1:])
        patches = _Patches(windows, x, s)
        s.total.fill(0)
        for rows in portions(len(x), patches.most):
            stack = stacked(patches.gather(rows), rows, s.total.size)
            products = s.products[: len(stack)]  # (S, kh kw c + 1, f)
            slopes = dy[rows].reshape(*stack.shape[:2], -1)  # (S, N / S, f)
            np.matmul(stack.transpose(0, 2, 1), slopes, out=products)
            np.add.reduce(products, axis=0, out=s.sum)
            np.add(s.total, s.sum, s.total)
        np.copyto(g.weight, s.total[: windows.area * x.shape[3]].reshape(g.weight.shape))
        if self.bias:
            np.copyto(g.bias, s.total[-1])
        if dx is not None:
            self.pass_back(windows, p.weight, dy, dx, s)

    def pass_back(self, windows: Windows, weight: Array, dy: Array, dx: Array, s: Views) -> None:
        """dx, gathered as well: a convolution of dy with the weights turned round.

        dy is spread out by the stride, with zeros between and around, so that the windows that
        hold an input pixel lie around it.
        """
        (kh, kw), c = windows.kernel, dx.shape[3]
        np.copyto(s.turned, weight[::-1, ::-1].transpose(0, 1, 3, 2))
        turned = s.turned.reshape(-1, c)  # (kh kw f, c)
        at = [
            windows.along(axis, windows.kernel[axis] - 1 - windows.before[axis]) for axis in (0, 1)
        ]
        seen = window_view(s.spread, Windows((kh, kw), (1, 1), (0, 0), (0, 0), dx.shape[1:3]))
        for rows in portions(len(dx), len(s.spread)):
            count = rows.stop - rows.start
            np.copyto(s.spread[:count, at[0], at[1]], dy[rows])
            np.copyto(s.around[:count], seen[:count])  # (n, h, w, kh, kw, f)
            around = s.around[:count].reshape(-1, len(turned))  # (n h w, kh kw f)
            stack = stacked(around, rows, turned.size)
            np.matmul(stack, turned, out=dx[rows].reshape(*stack.shape[:2], c))


class _Patches:
    """The windows of images as the rows of a matrix (images h' w', kh kw c and a one).

    With one channel the matrix is filled column by column: a pixel of the window, in all places,
    is an image with long rows, while a window has short ones.
    """

    def __init__(self, windows: Windows, x: Array, s: Views) -> None:
        self.windows, self.x, self.padded, self.matrix = windows, x, s.padded, s.patches
        self.has_margin = _has_margin(windows)
        self.columns = x.shape[3] == 1
        size = windows.area * x.shape[3]
        if self.columns:  # patches (kh kw + 1, n, h', w')
            self.most = s.patches.shape[1]
            pixels = s.patches[:size].reshape(*windows.kernel, 1, *s.patches.shape[1:])
            self.target = pixels.transpose(3, 4, 5, 0, 1, 2)
        else:  # patches (n, h', w', kh kw c + 1)
            self.most = len(s.patches)
            pixels = s.patches[..., :size]
            self.target = pixels.reshape(*s.patches.shape[:3], *windows.kernel, x.shape[3])
        self.seen = window_view(s.padded if self.has_margin else x, windows)

    def gather(self, rows: slice) -> Array:
        """The matrix of these images."""
        count = rows.stop - rows.start
        if self.has_margin:
            (top, left), (_, h, w, _) = self.windows.before, self.x.shape
            np.copyto(self.padded[:count, top : top + h, left : left + w], self.x[rows])
            rows = slice(0, count)
        np.copyto(self.target[:count], self.seen[rows])  # (n, h', w', kh, kw, c)
        if self.columns:
            return self.matrix[:, :count].reshape(len(self.matrix), -1).T
        return self.matrix[:count].reshape(-1, self.matrix.shape[-1])


def _has_margin(windows: Windows) -> bool:
    return any(windows.before + windows.after)


def window_view(x: Array, windows: Windows) -> Array:
    """A read-only view (B, h', w', kh, kw, c) of images x (B, h, w, c), margins included."""
    b, row, column, c = x.strides
    shape = (len(x), *windows.places, *windows.kernel, x.shape[3])
    steps = (b, row * windows.stride[0], column * windows.stride[1], row, column, c)
    return as_strided(x, shape, steps, writeable=False)
