"""Functions of a vector, each within 4 units in the last place; of nan they are nan.

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


def exp_parts(x: Any) -> Any:
    """s and p with exp(x) = s + s p and exp(x) - 1 = (s - 1) + s p; x is clipped to the range."""
    raise NotImplementedError


def _series(kind: Any, terms: int) -> tuple[Any, ...]:
    """1 / n! for n = 1 to `terms`."""
    return tuple(kind(1 / factorial(n)) for n in range(1, terms + 1))


LOG2E = 1.4426950408889634
LOW32, HIGH32, SCALE32 = np.float32(-87), np.float32(88), np.float32(LOG2E)
FIRST32, SECOND32 = np.float32(-0.693359375), np.float32(2.12194440e-4)
LOW64, HIGH64, SCALE64 = np.float64(-708), np.float64(709), np.float64(LOG2E)
FIRST64, SECOND64 = np.float64(-6.93147180369123816490e-01), np.float64(-1.90821492927058770002e-10)
C, D = _series(np.float32, 7), _series(np.float64, 13)


def _parts32(x: Any) -> Any:
    x = where_less(x, splat(LOW32), splat(LOW32), x)
    x = where_less(splat(HIGH32), x, splat(HIGH32), x)
    k = nearest(x * splat(SCALE32))
    r = multiply_add(k, splat(SECOND32), multiply_add(k, splat(FIRST32), x))
    q = r * r
    # In pairs and pairs of pairs (Estrin): half the waiting of one term after the other.
    a = multiply_add(splat(C[3]), r, splat(C[2]))
    a = multiply_add(a, q, multiply_add(splat(C[1]), r, splat(C[0])))
    b = multiply_add(splat(C[6]), q, multiply_add(splat(C[5]), r, splat(C[4])))
    return two_to(k), multiply_add(b, q * q, a) * r


def _parts64(x: Any) -> Any:
    x = where_less(x, splat(LOW64), splat(LOW64), x)
    x = where_less(splat(HIGH64), x, splat(HIGH64), x)
    k = nearest(x * splat(SCALE64))
    r = multiply_add(k, splat(SECOND64), multiply_add(k, splat(FIRST64), x))
    q = r * r
    u = q * q
    a = multiply_add(splat(D[3]), r, splat(D[2]))
    a = multiply_add(a, q, multiply_add(splat(D[1]), r, splat(D[0])))
    b = multiply_add(splat(D[7]), r, splat(D[6]))
    b = multiply_add(b, q, multiply_add(splat(D[5]), r, splat(D[4])))
    c = multiply_add(splat(D[11]), r, splat(D[10]))
    c = multiply_add(c, q, multiply_add(splat(D[9]), r, splat(D[8])))
    c = multiply_add(splat(D[12]), u, c)
    return two_to(k), multiply_add(c, u * u, multiply_add(b, u, a)) * r


_PARTS = {"float32": _parts32, "float64": _parts64}


@overload(exp_parts, jit_options={"error_model": "numpy"})
def _parts(x: Any) -> Any:
    return _PARTS[str(x.element)]


@njit(**PLAIN)
def exponential(x: Any) -> Any:
    """exp(x)."""
    s, p = exp_parts(x)
    return multiply_add(s, p, s)


@njit(**PLAIN)
def sigmoid(x: Any, one: Any) -> Any:
    """1 / (1 + exp(-x)); `one` is splat(1)."""
    s, p = exp_parts((one - one) - x)
    return one / (one + multiply_add(s, p, s))


@njit(**PLAIN)
def minus_one(x: Any, one: Any) -> Any:
    """exp(x) - 1, exact also for small x."""
    s, p = exp_parts(x)
    return multiply_add(s, p, s - one)


@njit(**PLAIN)
def tanh(x: Any, one: Any, limit: Any) -> Any:
    """e / (e + 2) with e = exp(2 x) - 1; beyond `limit` it is 1 to the last digit."""
    two = one + one
    x = where_less(limit, x, limit, x)
    e = minus_one(two * x, one)
    return e / (e + two)
