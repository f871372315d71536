"""Vectors of 64 bytes (16 float32 or 8 float64 numbers) that compiled code computes with.

Loops over small layers are too short for a compiler to vectorize well: three hidden units are one
vector here, and a block of a matrix product stays in registers. On a processor with narrower
vectors the compiler splits them.

Memory is reached by the address of an array's first number: an array itself is seven words, which
cost more to pass from function to function than a small layer takes.
"""

import inspect
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

BYTES = 64
BIT, BYTE, INT32 = ir.IntType(1), ir.IntType(8), ir.IntType(32)


class Vector(types.Type):
    """The numba type of a vector of `element`."""

    def __init__(self, element: Any) -> None:
        self.element = element
        self.lanes = BYTES * 8 // element.bitwidth
        super().__init__(name=f"Vector({element})")


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """It lives in a register."""

    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        element = dmm.lookup(fe_type.element).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(element, fe_type.lanes))


def emitted(typing: Callable[..., Any]) -> Callable[[Callable[..., Any]], Any]:
    """Make a function of compiled code from one that emits its instructions.

    `typing` takes the numba types of the arguments and gives the signature; the decorated function
    takes the builder, the LLVM type of the result and the LLVM values of the arguments.
    """

    def make(emit: Callable[..., Any]) -> Any:
        def define(typingctx: Any, *kinds: Any) -> Any:
            def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
                result = emit(builder, context.get_value_type(signature.return_type), *args)
                return context.get_dummy_value() if result is None else result

            return typing(*kinds), code

        context = inspect.Parameter("typingctx", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        parameters = [context, *inspect.signature(typing).parameters.values()]
        define.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        define.__name__ = emit.__name__
        return intrinsic(define)

    return make


def _bits(number: Any) -> int:
    return 32 if isinstance(number, ir.FloatType) else 64


def _vector_at(builder: Any, address: Any, index: Any) -> Any:
    """Where a vector begins, and how its numbers are aligned."""
    number = address.type.pointee
    vector = ir.VectorType(number, BYTES * 8 // _bits(number))
    return builder.bitcast(builder.gep(address, [index]), vector.as_pointer()), _bits(number) // 8


def _filled(builder: Any, vector: Any, value: Any) -> Any:
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, INT32(0))
    zeros = ir.Constant(ir.VectorType(INT32, vector.count), None)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), zeros)


def _mask(builder: Any, lanes: int, count: Any) -> Any:
    vector = ir.VectorType(count.type, lanes)
    numbers = ir.Constant(vector, list(range(lanes)))
    return builder.icmp_signed("<", numbers, _filled(builder, vector, count))


def _call(builder: Any, name: str, vector: Any, result: Any, arguments: list[Any]) -> Any:
    """Call LLVM's function `name` for a type of vector."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    full = name.format(f"v{vector.count}f{_bits(vector.element)}")
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, full), arguments)


@emitted(lambda address, count: address(address, types.intp))
def moved(builder: Any, kind: Any, address: Any, count: Any) -> Any:
    """The address `count` numbers further."""
    return builder.gep(address, [count])


@emitted(lambda address, value: address.dtype(address, address.dtype))
def constant(builder: Any, kind: Any, address: Any, value: Any) -> Any:
    """A number in the type of what lies at an address: a plain 0.5 would be float64."""
    return value


@emitted(lambda address: types.intp(address))
def lanes(builder: Any, kind: Any, address: Any) -> Any:
    """How many numbers a vector has."""
    return kind(BYTES * 8 // _bits(address.type.pointee))


@emitted(lambda address, index: address.dtype(address, types.intp))
def get(builder: Any, kind: Any, address: Any, index: Any) -> Any:
    """The number at an address, `index` numbers further."""
    return builder.load(builder.gep(address, [index]))


@emitted(lambda address, index, value: types.void(address, types.intp, address.dtype))
def put(builder: Any, kind: Any, address: Any, index: Any, value: Any) -> None:
    """Write a number there."""
    builder.store(value, builder.gep(address, [index]))


@emitted(lambda address, index: Vector(address.dtype)(address, types.intp))
def load_vector(builder: Any, kind: Any, address: Any, index: Any) -> Any:
    """The vector that begins there."""
    place, align = _vector_at(builder, address, index)
    return builder.load(place, align=align)


@emitted(lambda address, index, value: types.void(address, types.intp, value))
def store_vector(builder: Any, kind: Any, address: Any, index: Any, value: Any) -> None:
    """Write a vector there."""
    place, align = _vector_at(builder, address, index)
    builder.store(value, place, align=align)


@emitted(lambda address, index, count: Vector(address.dtype)(address, types.intp, types.intp))
def load_some(builder: Any, kind: Any, address: Any, index: Any, count: Any) -> Any:
    """A vector of which `count` numbers are read; the rest are 0."""
    place, align = _vector_at(builder, address, index)
    mask = _mask(builder, kind.count, count)
    arguments = [place, INT32(align), mask, ir.Constant(kind, None)]
    return _call(builder, "llvm.masked.load.{}.p0", kind, kind, arguments)


@emitted(lambda address, index, value, count: types.void(address, types.intp, value, types.intp))
def store_some(
    builder: Any, kind: Any, address: Any, index: Any, value: Any, count: Any
) -> None:  # fmt: skip
    """Write the first `count` numbers of a vector."""
    place, align = _vector_at(builder, address, index)
    mask = _mask(builder, value.type.count, count)
    arguments = [value, place, INT32(align), mask]
    _call(builder, "llvm.masked.store.{}.p0", value.type, ir.VoidType(), arguments)


@emitted(lambda value: Vector(value)(value))
def splat(builder: Any, kind: Any, value: Any) -> Any:
    """A vector of equal numbers."""
    return _filled(builder, kind, value)


@emitted(lambda vector: vector.element(vector))
def total(builder: Any, kind: Any, vector: Any) -> Any:
    """The sum of a vector's numbers."""
    arguments = [ir.Constant(kind, 0.0), vector]
    call = _call(builder, "llvm.vector.reduce.fadd.{}", vector.type, kind, arguments)
    call.fastmath.add("reassoc")
    return call


@emitted(lambda a, b, c: a(a, a, a))
def multiply_add(builder: Any, kind: Any, a: Any, b: Any, c: Any) -> Any:
    """A b + c, rounded once where the processor can."""
    return _call(builder, "llvm.fmuladd.{}", kind, kind, [a, b, c])


@emitted(lambda a: a(a))
def nearest(builder: Any, kind: Any, a: Any) -> Any:
    """The nearest whole numbers."""
    return _call(builder, "llvm.rint.{}", kind, kind, [a])


@emitted(lambda a, b, yes, no: a(a, a, a, a))
def where_less(builder: Any, kind: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """`yes` where a < b, else `no`; `no` also where a or b is nan."""
    return builder.select(builder.fcmp_ordered("<", a, b), yes, no)


@emitted(lambda a: a(a))
def two_to(builder: Any, kind: Any, a: Any) -> Any:
    """2 to the power of whole numbers within the exponent's range, by setting its bits."""
    bits = _bits(kind.element)
    bias, shift = (127, 23) if bits == 32 else (1023, 52)
    wide = ir.VectorType(ir.IntType(bits), kind.count)
    whole = builder.fptosi(a, ir.VectorType(INT32, kind.count))
    if bits == 64:
        whole = builder.sext(whole, wide)
    biased = builder.add(whole, ir.Constant(wide, [bias] * kind.count))
    return builder.bitcast(builder.shl(biased, ir.Constant(wide, [shift] * kind.count)), kind)


@emitted(
    lambda gemm, turn_a, turn_b, rows, columns, inner, a, a_width, b, b_width, c, c_width: (
        types.void(
            *(gemm, types.boolean, types.boolean, types.intp, types.intp, types.intp),
            *(a, types.intp, b, types.intp, c, types.intp),
        )
    )
)
def call_blas(
    builder: Any, kind: Any, gemm: Any, turn_a: Any, turn_b: Any, rows: Any, columns: Any,
    inner: Any, a: Any, a_width: Any, b: Any, b_width: Any, c: Any, c_width: Any,
) -> None:  # fmt: skip
    """c (rows, columns) = a b by BLAS's gemm; `turn_` says which are transposed first.

    gemm takes the address of every argument, and whole numbers of 32 bits (SciPy's does).
    """

    def at(value: Any) -> Any:
        return builder.bitcast(cgutils.alloca_once_value(builder, value), cgutils.voidptr_t)

    def letter(turned: Any) -> Any:
        return at(builder.select(builder.trunc(turned, BIT), BYTE(ord("T")), BYTE(ord("N"))))

    def whole(number: Any) -> Any:
        return at(builder.trunc(number, INT32))

    def pointer(address: Any) -> Any:
        return builder.bitcast(address, cgutils.voidptr_t)

    one, zero = (at(ir.Constant(c.type.pointee, value)) for value in (1.0, 0.0))
    arguments = [
        *(letter(turn_a), letter(turn_b), whole(rows), whole(columns), whole(inner), one),
        *(pointer(a), whole(a_width), pointer(b), whole(b_width), zero),
        *(pointer(c), whole(c_width)),
    ]
    function = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t] * len(arguments))
    builder.call(builder.bitcast(gemm, function.as_pointer()), arguments)


def _arithmetic(symbol: Callable[..., Any], instruction: str) -> None:
    """Let `symbol` mean `instruction` between two vectors."""

    @emitted(lambda a, b: a(a, b))
    def apply(builder: Any, kind: Any, a: Any, b: Any) -> Any:
        return getattr(builder, instruction)(a, b)

    def both(a: Any, b: Any) -> Any:
        return apply(a, b)

    @overload(symbol)
    def choose(a: Any, b: Any) -> Any:
        return both if isinstance(a, Vector) and isinstance(b, Vector) else None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")
