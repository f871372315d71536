"""Matrix products over flat arrays: every matrix is an offset and its strides.

`multiply` keeps a block of the result, four rows by two vectors, in registers. BLAS does the same
from about 100 columns and rows on; below, calling it costs more than the product.
"""

from typing import Any

import numpy as np
from numba import njit

from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.vectors import (
    call_blas,
    constant,
    get,
    lanes,
    load_some,
    load_vector,
    multiply_add,
    put,
    splat,
    store_some,
    store_vector,
    total,
)

# What a product is added to: nothing, a number for each column, or one for each row. Not Python
# numbers, of which numba would compile every function once for each.
NOTHING, COLUMNS, ROWS = np.int64(0), np.int64(1), np.int64(2)
NO, ONE = np.int64(0), np.int64(1)


@njit(**PLAIN)
def multiply(
    a: Any, ao: int, ar: int, ak: int, b: Any, bo: int, bk: int, c: Any, co: int, cr: int,
    rows: int, inner: int, columns: int, start: int, s: Any, so: int,
) -> None:  # fmt: skip
    """c (rows, columns) = a (rows, inner) b (inner, columns) + what `start` says of s.

    a[r, k] is at ao + r ar + k ak, b[k, j] at bo + k bk + j, c[r, j] at co + r cr + j.
    """
    wide = lanes(c)
    for j in range(0, columns, 2 * wide):
        n1 = min(columns - j, wide)
        n2 = min(columns - j - wide, wide)
        tall = 4 if n2 > 0 or rows < 8 else 8
        r = 0
        while r < rows:
            if tall <= rows < r + tall:
                r = rows - tall  # the last block does some rows again
            a0, b0, c0 = ao + r * ar, bo + j, co + r * cr + j
            s0 = so + (r if start == ROWS else j)
            if rows < 4:
                _one_by_one(a, a0, ak, b, b0, bk, c, c0, inner, n1, start, s, s0)
                if n2 > 0:
                    s1 = s0 + (0 if start == ROWS else wide)
                    _one_by_one(
                        a, a0, ak, b, b0 + wide, bk, c, c0 + wide, inner, n2, start, s, s1
                    )  # fmt: skip
                r += 1
                continue
            if n2 > 0:
                _four_by_two(a, a0, ar, ak, b, b0, bk, c, c0, cr, inner, n1, n2, start, s, s0)
            elif tall == 8:
                _eight_by_one(a, a0, ar, ak, b, b0, bk, c, c0, cr, inner, n1, start, s, s0)
            else:
                _four_by_one(a, a0, ar, ak, b, b0, bk, c, c0, cr, inner, n1, start, s, s0)
            r += tall


@njit(**PLAIN)
def _begin(c: Any, start: int, s: Any, so: int, row: int, n: int) -> Any:
    """The vector that a row of the product is added to."""
    if start == COLUMNS:
        return load_some(s, so, n)
    if start == ROWS:
        return splat(get(s, so + row))
    return splat(constant(c, 0))


@njit(**PLAIN)
def _four_by_two(
    a: Any, ao: int, ar: int, ak: int, b: Any, bo: int, bk: int, c: Any, co: int, cr: int,
    inner: int, n1: int, n2: int, start: int, s: Any, so: int,
) -> None:  # fmt: skip
    wide = lanes(c)
    more = so + (0 if start == ROWS else wide)
    p0 = _begin(c, start, s, so, 0, n1)
    p1 = _begin(c, start, s, so, 1, n1)
    p2 = _begin(c, start, s, so, 2, n1)
    p3 = _begin(c, start, s, so, 3, n1)
    q0 = _begin(c, start, s, more, 0, n2)
    q1 = _begin(c, start, s, more, 1, n2)
    q2 = _begin(c, start, s, more, 2, n2)
    q3 = _begin(c, start, s, more, 3, n2)
    for k in range(inner):
        b1 = load_some(b, bo + k * bk, n1)
        b2 = load_some(b, bo + k * bk + wide, n2)
        at = ao + k * ak
        x0, x1 = splat(get(a, at)), splat(get(a, at + ar))
        x2, x3 = splat(get(a, at + 2 * ar)), splat(get(a, at + 3 * ar))
        p0, q0 = multiply_add(x0, b1, p0), multiply_add(x0, b2, q0)
        p1, q1 = multiply_add(x1, b1, p1), multiply_add(x1, b2, q1)
        p2, q2 = multiply_add(x2, b1, p2), multiply_add(x2, b2, q2)
        p3, q3 = multiply_add(x3, b1, p3), multiply_add(x3, b2, q3)
    store_some(c, co, p0, n1)
    store_some(c, co + wide, q0, n2)
    store_some(c, co + cr, p1, n1)
    store_some(c, co + cr + wide, q1, n2)
    store_some(c, co + 2 * cr, p2, n1)
    store_some(c, co + 2 * cr + wide, q2, n2)
    store_some(c, co + 3 * cr, p3, n1)
    store_some(c, co + 3 * cr + wide, q3, n2)


@njit(**PLAIN)
def _eight_by_one(
    a: Any, ao: int, ar: int, ak: int, b: Any, bo: int, bk: int, c: Any, co: int, cr: int,
    inner: int, n: int, start: int, s: Any, so: int,
) -> None:  # fmt: skip
    p0, p1 = _begin(c, start, s, so, 0, n), _begin(c, start, s, so, 1, n)
    p2, p3 = _begin(c, start, s, so, 2, n), _begin(c, start, s, so, 3, n)
    p4, p5 = _begin(c, start, s, so, 4, n), _begin(c, start, s, so, 5, n)
    p6, p7 = _begin(c, start, s, so, 6, n), _begin(c, start, s, so, 7, n)
    for k in range(inner):
        b1 = load_some(b, bo + k * bk, n)
        at = ao + k * ak
        p0 = multiply_add(splat(get(a, at)), b1, p0)
        p1 = multiply_add(splat(get(a, at + ar)), b1, p1)
        p2 = multiply_add(splat(get(a, at + 2 * ar)), b1, p2)
        p3 = multiply_add(splat(get(a, at + 3 * ar)), b1, p3)
        p4 = multiply_add(splat(get(a, at + 4 * ar)), b1, p4)
        p5 = multiply_add(splat(get(a, at + 5 * ar)), b1, p5)
        p6 = multiply_add(splat(get(a, at + 6 * ar)), b1, p6)
        p7 = multiply_add(splat(get(a, at + 7 * ar)), b1, p7)
    store_some(c, co, p0, n)
    store_some(c, co + cr, p1, n)
    store_some(c, co + 2 * cr, p2, n)
    store_some(c, co + 3 * cr, p3, n)
    store_some(c, co + 4 * cr, p4, n)
    store_some(c, co + 5 * cr, p5, n)
    store_some(c, co + 6 * cr, p6, n)
    store_some(c, co + 7 * cr, p7, n)


@njit(**PLAIN)
def _four_by_one(
    a: Any, ao: int, ar: int, ak: int, b: Any, bo: int, bk: int, c: Any, co: int, cr: int,
    inner: int, n: int, start: int, s: Any, so: int,
) -> None:  # fmt: skip
    p0 = _begin(c, start, s, so, 0, n)
    p1 = _begin(c, start, s, so, 1, n)
    p2 = _begin(c, start, s, so, 2, n)
    p3 = _begin(c, start, s, so, 3, n)
    for k in range(inner):
        b1 = load_some(b, bo + k * bk, n)
        at = ao + k * ak
        p0 = multiply_add(splat(get(a, at)), b1, p0)
        p1 = multiply_add(splat(get(a, at + ar)), b1, p1)
        p2 = multiply_add(splat(get(a, at + 2 * ar)), b1, p2)
        p3 = multiply_add(splat(get(a, at + 3 * ar)), b1, p3)
    store_some(c, co, p0, n)
    store_some(c, co + cr, p1, n)
    store_some(c, co + 2 * cr, p2, n)
    store_some(c, co + 3 * cr, p3, n)


@njit(**PLAIN)
def _one_by_one(
    a: Any, ao: int, ak: int, b: Any, bo: int, bk: int, c: Any, co: int,
    inner: int, n: int, start: int, s: Any, so: int,
) -> None:  # fmt: skip
    p = _begin(c, start, s, so, 0, n)
    for k in range(inner):
        p = multiply_add(splat(get(a, ao + k * ak)), load_some(b, bo + k * bk, n), p)
    store_some(c, co, p, n)


@njit(**PLAIN)
def dot(a: Any, ao: int, b: Any, bo: int, count: int) -> Any:
    """The sum of a[ao + i] b[bo + i]."""
    wide = lanes(a)
    p = q = u = v = splat(constant(a, 0))
    i = 0
    while i + 4 * wide <= count:
        p = multiply_add(load_vector(a, ao + i), load_vector(b, bo + i), p)
        q = multiply_add(load_vector(a, ao + i + wide), load_vector(b, bo + i + wide), q)
        u = multiply_add(load_vector(a, ao + i + 2 * wide), load_vector(b, bo + i + 2 * wide), u)
        v = multiply_add(load_vector(a, ao + i + 3 * wide), load_vector(b, bo + i + 3 * wide), v)
        i += 4 * wide
    while i < count:
        n = min(count - i, wide)
        p = multiply_add(load_some(a, ao + i, n), load_some(b, bo + i, n), p)
        i += wide
    return total((p + q) + (u + v))


@njit(**PLAIN)
def transpose(a: Any, ao: int, ar: int, c: Any, co: int, cr: int, rows: int, columns: int) -> None:
    """c[j, r] = a[r, j]."""
    for r in range(rows):
        for j in range(columns):
            put(c, co + j * cr + r, get(a, ao + r * ar + j))


@njit(**PLAIN)
def row_times(
    x: Any, xo: int, which: Any, at: int, count: int, w: Any, wo: int, columns: int, bo: int,
    y: Any, yo: int,
) -> None:  # fmt: skip
    """One row y = x W + b, by the `count` inputs that `which` lists; no bias where bo < 0.

    Whole vectors are written, into the padding too: one that is written in parts has to reach the
    cache before it can be read again.
    """
    wide = lanes(y)
    zero = splat(constant(y, 0))
    for j in range(0, columns, wide):
        n = min(columns - j, wide)
        p = load_some(w, bo + j, n) if bo >= 0 else zero
        q = zero
        k = 0
        while k + 2 <= count:
            i, h = get(which, at + k), get(which, at + k + 1)
            p = multiply_add(splat(get(x, xo + i)), load_some(w, wo + i * columns + j, n), p)
            q = multiply_add(splat(get(x, xo + h)), load_some(w, wo + h * columns + j, n), q)
            k += 2
        if k < count:
            i = get(which, at + k)
            p = multiply_add(splat(get(x, xo + i)), load_some(w, wo + i * columns + j, n), p)
        store_vector(y, yo + j, p + q)


@njit(**PLAIN)
def add_outer(
    x: Any, xo: int, which: Any, at: int, count: int, dy: Any, do: int, columns: int, w: Any,
    wo: int, factor: Any,
) -> None:  # fmt: skip
    """W[i] += factor x[i] dy for the rows i that `which` lists."""
    wide = lanes(w)
    for j in range(0, columns, wide):
        n = min(columns - j, wide)
        d = load_some(dy, do + j, n) * splat(factor)
        for k in range(count):
            i = get(which, at + k)
            to = wo + i * columns + j
            store_some(w, to, multiply_add(splat(get(x, xo + i)), d, load_some(w, to, n)), n)


@njit(**PLAIN)
def add_scaled(a: Any, ao: int, factor: Any, c: Any, co: int, count: int) -> None:
    """C += factor a."""
    for j in range(0, count, lanes(a)):
        n = min(count - j, lanes(a))
        sum_ = multiply_add(load_some(a, ao + j, n), splat(factor), load_some(c, co + j, n))
        store_some(c, co + j, sum_, n)


@njit(**PLAIN)
def add_bias(y: Any, yo: int, b: Any, bo: int, rows: int, columns: int) -> None:
    """Every row of y (rows, columns) += b."""
    wide = lanes(y)
    for r in range(rows):
        for j in range(0, columns, wide):
            n = min(columns - j, wide)
            at = yo + r * columns + j
            store_some(y, at, load_some(y, at, n) + load_some(b, bo + j, n), n)


# BLAS takes matrices column by column, and ours lie row by row: it sees each of them transposed. So
# y = x W is asked for as y^T = W^T x^T.


@njit(**PLAIN)
def blas_forward(gemm: Any, x: Any, w: Any, y: Any, rows: int, n: int, m: int) -> None:
    """y (rows, m) = x W."""
    call_blas(gemm, False, False, m, rows, n, w, m, x, n, y, m)


@njit(**PLAIN)
def blas_gradient(gemm: Any, x: Any, dy: Any, dw: Any, rows: int, n: int, m: int) -> None:
    """dW (n, m) = x^T dy."""
    call_blas(gemm, False, True, m, n, rows, dy, m, x, n, dw, m)


@njit(**PLAIN)
def blas_pass_on(gemm: Any, dy: Any, w: Any, dx: Any, rows: int, n: int, m: int) -> None:
    """dx (rows, n) = dy W^T."""
    call_blas(gemm, True, False, n, rows, m, w, m, dy, m, dx, n)
