"""What kernels need beside plain Python: pointers, typed numbers, blocks of a product, BLAS.

These functions have no body here: `intrinsics` says which instructions each becomes.

A pointer `a` is read and written as a[i]. An array would be seven words, which cost more to pass
from function to function than a small layer takes.
"""

from typing import Any

Pointer = Any
LAYOUT_BYTES = 64  # the layout pads values to multiples of these


def real(like: Any, value: float) -> Any:
    """`value` in the type of `like`, a number or a pointer: a plain 0.5 would be float64."""
    raise NotImplementedError


def same_bits(number: Any) -> Any:
    """A whole number as the floating-point number of the same bits."""
    raise NotImplementedError


def lanes(a: Pointer) -> int:
    """The numbers in `LAYOUT_BYTES`."""
    raise NotImplementedError


def moved(a: Pointer, count: int) -> Pointer:
    """The pointer `count` numbers further."""
    raise NotImplementedError


def pointer(address: int, like: Any) -> Pointer:
    """A pointer to an address: to numbers as `like`'s, or of the dtype `like`."""
    raise NotImplementedError


def record_at(a: Pointer, index: int) -> Any:
    """The record at an index, whose fields are read by name."""
    raise NotImplementedError


def vector_width(c: Pointer) -> int:
    """The numbers in a vector of the processor."""
    raise NotImplementedError


def product_block(
    a: Pointer, ar: int, ak: int, b: Pointer, bk: int, c: Pointer, cr: int,
    rows: int, inner: int, columns: int, add: bool,
) -> int:  # fmt: skip
    """The first rows by up to two vectors of `products.multiply`; how many rows."""
    raise NotImplementedError


def window_block(
    a: Pointer, ar: int, ao: int, ak: int, b: Pointer, bo: int, bk: int, c: Pointer, cr: int,
    rows: int, outer: int, inner: int, columns: int, add: bool,
) -> int:  # fmt: skip
    """The first rows by up to two vectors of `products.multiply_windows`; how many rows."""
    raise NotImplementedError


def read_now(a: Pointer) -> int:
    """a[0] as another thread may have written it by now."""
    raise NotImplementedError


def add_at_once(a: Pointer, summand: int) -> int:
    """a[0] += summand, whatever other threads do meanwhile; the number before."""
    raise NotImplementedError


def lock(mutex: Pointer) -> None:
    """Wait until no other thread has locked it."""
    raise NotImplementedError


def unlock(mutex: Pointer) -> None:
    """Let other threads lock it."""
    raise NotImplementedError


def sleep(condition: Pointer, mutex: Pointer) -> None:
    """Unlock, sleep until woken, and lock again; a thread may also wake without a reason."""
    raise NotImplementedError


def wake_all(condition: Pointer) -> None:
    """Wake all threads that sleep."""
    raise NotImplementedError


def call_blas(
    gemm: Pointer, turn_a: bool, turn_b: bool, rows: int, columns: int, inner: int,
    a: Pointer, a_width: int, b: Pointer, b_width: int, c: Pointer, c_width: int, add: bool,
) -> None:  # fmt: skip
    """c (rows, columns) = a b, or c += a b, by BLAS's gemm; `turn_` says which are transposed."""
    raise NotImplementedError
