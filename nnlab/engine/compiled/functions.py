"""Functions of a vector. Each is within 4 units in the last place, and hands a nan on.

exp(x) = 2^k exp(r) with the whole number k nearest to x / log 2, so that |r| <= log(2) / 2, where a
short series is enough. ln 2 is cut in two parts of which k times the first is exact.
"""

from math import factorial
from typing import Any

import numpy as np
from numba import njit
from numba.extending import overload

from nnlab.engine.compiled.vectors import multiply_add, nearest, splat, two_to, where_less

# No flag that lets the compiler assume finite numbers, nor reorder sums: only a b + c in one step.
PLAIN = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def parts(x: Any) -> Any:
    """s and p with exp(x) = s + s p and exp(x) - 1 = (s - 1) + s p; x is held to the range."""
    raise NotImplementedError


def _make(kind: Any, low: float, high: float, ln2: tuple[float, float], terms: int) -> Any:
    """`parts` for vectors of `kind` numbers: the series to x^terms / terms!."""
    lowest, highest = kind(low), kind(high)
    scale, first, second = kind(1.4426950408889634), kind(-ln2[0]), kind(-ln2[1])
    zero = kind(0)
    series = tuple(kind(1 / factorial(n)) for n in range(terms, 0, -1))

    def parts_of(x: Any) -> Any:
        x = where_less(x, splat(lowest), splat(lowest), x)
        x = where_less(splat(highest), x, splat(highest), x)
        k = nearest(x * splat(scale))
        r = multiply_add(k, splat(first), x)
        r = multiply_add(k, splat(second), r)
        p = splat(zero)
        for c in series:
            p = multiply_add(p, r, splat(c))
        return two_to(k), p * r

    return parts_of


_PARTS = {
    "float32": _make(np.float32, -87.0, 88.0, (0.693359375, -2.12194440e-4), 7),
    "float64": _make(
        np.float64, -708.0, 709.0, (6.93147180369123816490e-01, 1.90821492927058770002e-10), 13
    ),
}


@overload(parts, jit_options={"error_model": "numpy"})
def _parts(x: Any) -> Any:
    return _PARTS[str(x.element)]


@njit(**PLAIN)
def exponential(x: Any) -> Any:
    """exp(x)."""
    s, p = parts(x)
    return multiply_add(s, p, s)


@njit(**PLAIN)
def sigmoid(x: Any, one: Any) -> Any:
    """1 / (1 + exp(-x)); `one` is splat(1)."""
    s, p = parts((one - one) - x)
    return one / (one + multiply_add(s, p, s))


@njit(**PLAIN)
def minus_one(x: Any, one: Any) -> Any:
    """exp(x) - 1, exact also for small x."""
    s, p = parts(x)
    return multiply_add(s, p, s - one)


@njit(**PLAIN)
def tanh(x: Any, one: Any, limit: Any) -> Any:
    """e / (e + 2) with e = exp(2 x) - 1; beyond `limit` it is 1 to the last digit."""
    two = one + one
    x = where_less(limit, x, limit, x)
    e = minus_one(two * x, one)
    return e / (e + two)
