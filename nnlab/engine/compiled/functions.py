"""Functions of a number that LLVM turns into loops over vectors; of nan they are nan.

Each is within 4 units in the last place. exp(x) = 2^k exp(r) with the whole number k nearest to
x / log 2, so that |r| <= log(2) / 2, where a short series is enough. ln 2 is cut in two parts of
which k times the first is exact.
"""

from math import factorial
from typing import Any

import numpy as np

from nnlab.engine.compiled.primitives import real, same_bits

LOG2E = 1.4426950408889634
LOW32, HIGH32, SCALE32 = np.float32(-87), np.float32(88), np.float32(LOG2E)
FIRST32, SECOND32 = np.float32(-0.693359375), np.float32(2.12194440e-4)
LOW64, HIGH64, SCALE64 = np.float64(-708), np.float64(709), np.float64(LOG2E)
FIRST64, SECOND64 = np.float64(-6.93147180369123816490e-01), np.float64(-1.90821492927058770002e-10)
# 1 / n!
C1, C2, C3, C4, C5, C6, C7 = (np.float32(1 / factorial(n)) for n in range(1, 8))
D1, D2, D3, D4, D5, D6, D7, D8, D9, D10, D11, D12, D13 = (1 / factorial(n) for n in range(1, 14))


def smaller_of(i: int, j: int) -> int:
    """The smaller whole number; numba's `min` would be compiled in its own way."""
    return i if i < j else j


def exp_parts(x: Any) -> Any:
    """s and p with exp(x) = s + s p and exp(x) - 1 = (s - 1) + s p; x is clipped to the range."""
    raise NotImplementedError


def exp_parts32(x: Any) -> Any:
    """`exp_parts` of a float32."""
    x = LOW32 if x < LOW32 else x
    x = HIGH32 if x > HIGH32 else x
    k = np.rint(x * SCALE32)
    r = k * SECOND32 + (k * FIRST32 + x)
    q = r * r
    # In pairs and pairs of pairs (Estrin): half the waiting of one term after the other.
    a = (C4 * r + C3) * q + (C2 * r + C1)
    b = C7 * q + (C6 * r + C5)
    s = same_bits(np.int32((np.int32(k) + np.int32(127)) << np.int32(23)))  # 2^k
    return s, (b * (q * q) + a) * r


def exp_parts64(x: Any) -> Any:
    """`exp_parts` of a float64."""
    x = LOW64 if x < LOW64 else x
    x = HIGH64 if x > HIGH64 else x
    k = np.rint(x * SCALE64)
    r = k * SECOND64 + (k * FIRST64 + x)
    q = r * r
    u = q * q
    a = (D4 * r + D3) * q + (D2 * r + D1)
    b = (D8 * r + D7) * q + (D6 * r + D5)
    c = (D12 * r + D11) * q + (D10 * r + D9)
    c = D13 * u + c
    s = same_bits(np.int64((np.int64(np.int32(k)) + 1023) << 52))  # 2^k
    return s, (c * (u * u) + (b * u + a)) * r


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x))."""
    one = real(x, 1)
    s, p = exp_parts(-x)
    return one / (one + (s * p + s))


def exp_minus_one(x: Any) -> Any:
    """exp(x) - 1, exact also for small x."""
    s, p = exp_parts(x)
    return s * p + (s - real(x, 1))


def tanh(x: Any) -> Any:
    """e / (e + 2) with e = exp(2 x) - 1; beyond 22 it is 1 to the last digit."""
    two, limit = real(x, 2), real(x, 22)
    e = exp_minus_one(two * (limit if limit < x else x))
    return e / (e + two)
