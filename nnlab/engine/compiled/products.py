"""Matrix products: every matrix is a pointer and its strides.

`multiply` keeps a block of the result in registers. BLAS does the same from about 100 columns and
rows on; below, calling it costs more than the product.
"""

from typing import Any

from nnlab.engine.compiled.primitives import (
    Pointer,
    moved,
    product_block,
    real,
    vector_width,
    window_block,
)


def multiply(
    a: Pointer, ar: int, ak: int, b: Pointer, bk: int, c: Pointer, cr: int,
    rows: int, inner: int, columns: int, add: bool,
) -> None:  # fmt: skip
    """c (rows, columns) = a (rows, inner) b (inner, columns), or c += a b.

    a[r, k] is at r ar + k ak, b[k, j] at k bk + j, c[r, j] at r cr + j.
    """
    for j in range(0, columns, 2 * vector_width(c)):
        r = 0
        while r < rows:
            r += product_block(
                *(moved(a, r * ar), ar, ak, moved(b, j), bk, moved(c, r * cr + j), cr),
                *(rows - r, inner, columns - j, add),
            )


def multiply_windows(
    a: Pointer, ar: int, ao: int, ak: int, b: Pointer, bo: int, bk: int, c: Pointer, cr: int,
    rows: int, outer: int, inner: int, columns: int, add: bool,
) -> None:  # fmt: skip
    """`multiply` with a sum over o and k: a[r, o, k] is at r ar + o ao + k ak, b likewise.

    So a window of an image is a row of a without being copied.
    """
    for j in range(0, columns, 2 * vector_width(c)):
        r = 0
        while r < rows:
            r += window_block(
                *(moved(a, r * ar), ar, ao, ak, moved(b, j), bo, bk, moved(c, r * cr + j), cr),
                *(rows - r, outer, inner, columns - j, add),
            )


def dot(a: Pointer, b: Pointer, count: int) -> Any:
    """The sum of a[i] b[i]."""
    summed = real(a, 0)
    for i in range(count):
        summed += a[i] * b[i]
    return summed


def summed(a: Pointer, count: int) -> Any:
    """The sum of a[i]."""
    total = real(a, 0)
    for i in range(count):
        total += a[i]
    return total


def transpose(a: Pointer, ar: int, c: Pointer, cr: int, rows: int, columns: int) -> None:
    """c[j, r] = a[r, j]."""
    for r in range(rows):
        for j in range(columns):
            c[j * cr + r] = a[r * ar + j]


def row_times(
    x: Pointer, which: Pointer, count: int, w: Pointer, columns: int, y: Pointer
) -> None:  # fmt: skip
    """One row y += x W, by the `count` inputs that `which` lists, four at a time."""
    k = 0
    while k + 4 <= count:
        i0, i1, i2, i3 = which[k], which[k + 1], which[k + 2], which[k + 3]
        x0, x1, x2, x3 = x[i0], x[i1], x[i2], x[i3]
        w0, w1, w2, w3 = i0 * columns, i1 * columns, i2 * columns, i3 * columns
        for j in range(columns):
            y[j] = y[j] + x0 * w[w0 + j] + x1 * w[w1 + j] + x2 * w[w2 + j] + x3 * w[w3 + j]
        k += 4
    while k < count:
        i = which[k]
        add_scaled(moved(w, i * columns), x[i], y, columns)
        k += 1


def add_outer(
    x: Pointer, which: Pointer, count: int, dy: Pointer, columns: int, w: Pointer, factor: Any
) -> None:  # fmt: skip
    """W[i] += factor x[i] dy for the rows i that `which` lists."""
    for k in range(count):
        i = which[k]
        add_scaled(dy, factor * x[i], moved(w, i * columns), columns)


def add_scaled(a: Pointer, factor: Any, c: Pointer, count: int) -> None:
    """c += factor a."""
    for j in range(count):
        c[j] += factor * a[j]
