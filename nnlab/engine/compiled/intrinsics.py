"""The instructions that `primitives` become; `tiles` has those of a block of a product."""

from collections.abc import Callable
from inspect import signature
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils, config
from numba.extending import lower_builtin, type_callable

from nnlab.engine.compiled import primitives

BIT, BYTE, INT32 = ir.IntType(1), ir.IntType(8), ir.IntType(32)
WHOLE, FLAG = types.intp, types.boolean


def vector_bytes() -> int:
    """The width of the processor's vectors."""
    features = config.CPU_FEATURES or binding.get_host_cpu_features().flatten()
    return 64 if "+avx512f" in features else 32 if "+avx," in features else 16


def emitted(stub: Callable[..., Any], typing: Callable[..., Any]) -> Callable[..., Any]:
    """Make `stub` a function of compiled code.

    `typing` takes the numba types of the arguments and gives the signature; the decorated function
    takes the builder, the LLVM type of the result and the LLVM values of the arguments.
    """

    def define(emit: Callable[..., Any]) -> Callable[..., Any]:
        def typer(*arguments: Any) -> Any:
            return typing(*arguments)

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            result = emit(builder, context.get_value_type(signature.return_type), *arguments)
            return context.get_dummy_value() if result is None else result

        parameters = signature(stub)
        typer.__signature__ = parameters  # type: ignore[attr-defined]
        type_callable(stub)(lambda context: typer)
        lower_builtin(stub, *[types.Any] * len(parameters.parameters))(code)
        return emit

    return define


def bits(number: Any) -> int:
    """The size of a floating-point type."""
    return 32 if isinstance(number, ir.FloatType) else 64


@emitted(primitives.moved, lambda a, count: a(a, types.intp))
def _moved(builder: Any, kind: Any, a: Any, count: Any) -> Any:
    """An address further on."""
    return builder.gep(a, [count])


@emitted(primitives.record_at, lambda a, index: a.dtype(a, types.intp))
def _record(builder: Any, kind: Any, a: Any, index: Any) -> Any:
    """numba holds a record by its address."""
    return builder.gep(a, [index])


@emitted(
    primitives.pointer,
    lambda address, like: (
        like if isinstance(like, types.CPointer) else types.CPointer(like.dtype)
    )(types.intp, like),
)
def _pointer(builder: Any, kind: Any, address: Any, like: Any) -> Any:
    """A whole number as an address."""
    return builder.inttoptr(address, kind)


def _real(like: Any) -> Any:
    return like.dtype if isinstance(like, types.CPointer) else like


@emitted(primitives.real, lambda like, value: _real(like)(like, _real(like)))
def _number(builder: Any, kind: Any, like: Any, value: Any) -> Any:
    """Numba converts the argument to the type of the signature."""
    return value


@emitted(
    primitives.same_bits,
    lambda number: (types.float32 if number == types.int32 else types.float64)(number),
)
def _same_bits(builder: Any, kind: Any, number: Any) -> Any:
    """No instruction at all."""
    return builder.bitcast(number, kind)


@emitted(primitives.lanes, lambda a: types.intp(a))
def _lanes(builder: Any, kind: Any, a: Any) -> Any:
    """A constant."""
    return kind(primitives.LAYOUT_BYTES * 8 // bits(a.type.pointee))


@emitted(primitives.vector_width, lambda c: types.intp(c))
def _vector_width(builder: Any, kind: Any, c: Any) -> Any:
    """A constant."""
    return kind(vector_bytes() * 8 // bits(c.type.pointee))


@emitted(primitives.read_now, lambda a: a.dtype(a))
def _read_now(builder: Any, kind: Any, a: Any) -> Any:
    """What another thread wrote before is seen as well."""
    return builder.load_atomic(a, "acquire", align=8)


@emitted(primitives.add_at_once, lambda a, summand: a.dtype(a, a.dtype))
def _add_at_once(builder: Any, kind: Any, a: Any, summand: Any) -> Any:
    """All threads see these in the same order."""
    return builder.atomic_rmw("add", a, summand, "seq_cst")


def _from_pthreads(name: str) -> Callable[..., None]:
    """Emits a call of a function of POSIX threads; all arguments are addresses."""

    def emit(builder: Any, kind: Any, *addresses: Any) -> None:
        function_type = ir.FunctionType(INT32, [cgutils.voidptr_t] * len(addresses))
        function = cgutils.get_or_insert_function(builder.module, function_type, name)
        builder.call(function, [builder.bitcast(one, cgutils.voidptr_t) for one in addresses])

    return emit


for stub, name in (
    *((primitives.lock, "mutex_lock"), (primitives.unlock, "mutex_unlock")),
    *((primitives.sleep, "cond_wait"), (primitives.wake_all, "cond_broadcast")),
):
    emitted(stub, lambda *addresses: types.void(*addresses))(_from_pthreads(f"pthread_{name}"))


@emitted(
    primitives.call_blas,
    lambda gemm, turn_a, turn_b, rows, columns, inner, a, a_width, b, b_width, c, c_width, add: (
        types.void(*(gemm, FLAG, FLAG, WHOLE, WHOLE, WHOLE), *(a, WHOLE, b, WHOLE, c, WHOLE, FLAG))
    ),
)
def _call_blas(
    builder: Any, kind: Any, gemm: Any, turn_a: Any, turn_b: Any, rows: Any, columns: Any,
    inner: Any, a: Any, a_width: Any, b: Any, b_width: Any, c: Any, c_width: Any, add: Any,
) -> None:  # fmt: skip
    """SciPy's gemm takes the address of every argument, and whole numbers of 32 bits."""

    def at(value: Any) -> Any:
        return builder.bitcast(cgutils.alloca_once_value(builder, value), cgutils.voidptr_t)

    def letter(turned: Any) -> Any:
        return at(builder.select(builder.trunc(turned, BIT), BYTE(ord("T")), BYTE(ord("N"))))

    number = [ir.Constant(c.type.pointee, value) for value in (0.0, 1.0)]
    one, keep = at(number[1]), at(builder.select(builder.trunc(add, BIT), number[1], number[0]))
    sizes = [at(builder.trunc(size, INT32)) for size in (rows, columns, inner)]
    widths = [at(builder.trunc(width, INT32)) for width in (a_width, b_width, c_width)]
    matrices = [builder.bitcast(matrix, cgutils.voidptr_t) for matrix in (a, b, c)]
    pairs = list(zip(matrices, widths, strict=True))
    arguments = [letter(turn_a), letter(turn_b), *sizes, one, *pairs[0], *pairs[1], keep, *pairs[2]]
    function = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t] * len(arguments))
    builder.call(builder.bitcast(gemm, function.as_pointer()), arguments)
