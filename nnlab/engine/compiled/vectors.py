"""Vectors of 64 bytes (16 float32 or 8 float64 numbers) that compiled code computes with.

Loops over small layers are too short for a compiler to vectorize well: three hidden units are one
vector here, and a block of a matrix product stays in registers. On a processor with narrower
vectors the compiler splits them.

Memory is reached by the address of an array's first number: an array itself is seven words, which
cost more to hand from function to function than a small layer takes.
"""

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

BYTES = 64


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


def _wide(context: Any, builder: Any, address: Any, index: Any, vector: Any) -> Any:
    place = builder.gep(address, [index])
    return builder.bitcast(place, context.get_value_type(vector).as_pointer())


def _splat(builder: Any, vector: Any, value: Any) -> Any:
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), None)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), lanes)


def _mask(builder: Any, lanes: int, count: Any) -> Any:
    wide = ir.VectorType(count.type, lanes)
    numbers = ir.Constant(wide, list(range(lanes)))
    return builder.icmp_signed("<", numbers, _splat(builder, wide, count))


def _function(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def _suffix(vector: Any) -> str:
    return f"v{vector.count}f{32 if isinstance(vector.element, ir.FloatType) else 64}"


@intrinsic
def moved(typingctx: Any, address: Any, count: Any) -> Any:
    """The address `count` numbers further."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return address(address, types.intp), code


@intrinsic
def number(typingctx: Any, address: Any, value: Any) -> Any:
    """A constant in the type of what lies at an address: a plain 0.5 would be float64."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return args[1]

    return address.dtype(address, address.dtype), code


@intrinsic
def lanes(typingctx: Any, address: Any) -> Any:
    """How many numbers a vector has."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.get_constant(types.intp, Vector(address.dtype).lanes)

    return types.intp(address), code


@intrinsic
def get(typingctx: Any, address: Any, index: Any) -> Any:
    """The number at an address, `index` numbers further."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(builder.gep(args[0], [args[1]]))

    return address.dtype(address, types.intp), code


@intrinsic
def put(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
    """Write a number there."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], builder.gep(args[0], [args[1]]))
        return context.get_dummy_value()

    return types.void(address, types.intp, address.dtype), code


@intrinsic
def load(typingctx: Any, address: Any, index: Any) -> Any:
    """The vector that begins there."""
    vector = Vector(address.dtype)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _wide(context, builder, args[0], args[1], vector)
        return builder.load(place, align=address.dtype.bitwidth // 8)

    return vector(address, types.intp), code


@intrinsic
def store(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
    """Write a vector there."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _wide(context, builder, args[0], args[1], value)
        builder.store(args[2], place, align=address.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(address, types.intp, value), code


@intrinsic
def load_some(typingctx: Any, address: Any, index: Any, count: Any) -> Any:
    """A vector of which `count` numbers are read; the others are 0."""
    vector = Vector(address.dtype)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(vector)
        place = _wide(context, builder, args[0], args[1], vector)
        align = ir.IntType(32)(address.dtype.bitwidth // 8)
        mask = _mask(builder, kind.count, args[2])
        name = f"llvm.masked.load.{_suffix(kind)}.p0"
        return _function(builder, name, kind, [place, align, mask, ir.Constant(kind, None)])

    return vector(address, types.intp, types.intp), code


@intrinsic
def store_some(typingctx: Any, address: Any, index: Any, value: Any, count: Any) -> Any:
    """Write the first `count` numbers of a vector."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(value)
        place = _wide(context, builder, args[0], args[1], value)
        align = ir.IntType(32)(address.dtype.bitwidth // 8)
        mask = _mask(builder, kind.count, args[3])
        name = f"llvm.masked.store.{_suffix(kind)}.p0"
        _function(builder, name, ir.VoidType(), [args[2], place, align, mask])
        return context.get_dummy_value()

    return types.void(address, types.intp, value, types.intp), code


@intrinsic
def splat(typingctx: Any, value: Any) -> Any:
    """A vector of equal numbers."""
    vector = Vector(value)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(builder, context.get_value_type(vector), args[0])

    return vector(value), code


@intrinsic
def total(typingctx: Any, vector: Any) -> Any:
    """The sum of a vector's numbers."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(vector)
        arguments = [ir.Constant(kind.element, 0.0), args[0]]
        name = f"llvm.vector.reduce.fadd.{_suffix(kind)}"
        called = _function(builder, name, kind.element, arguments)
        called.fastmath.add("reassoc")
        return called

    return vector.element(vector), code


@intrinsic
def multiply_add(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """A b + c, rounded once where the processor can."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(a)
        return _function(builder, f"llvm.fmuladd.{_suffix(kind)}", kind, list(args))

    return a(a, a, a), code


@intrinsic
def nearest(typingctx: Any, a: Any) -> Any:
    """The nearest whole numbers."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(a)
        return _function(builder, f"llvm.rint.{_suffix(kind)}", kind, list(args))

    return a(a), code


@intrinsic
def where_less(typingctx: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """`yes` where a < b, else `no`; so also where one of both is not a number."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])

    return a(a, a, a, a), code


@intrinsic
def two_to(typingctx: Any, a: Any) -> Any:
    """2 to the power of whole numbers within the exponent's range, by setting its bits."""
    bits, bias, shift = (32, 127, 23) if a.element.bitwidth == 32 else (64, 1023, 52)

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(a)
        wide = ir.VectorType(ir.IntType(bits), kind.count)
        whole = builder.fptosi(args[0], ir.VectorType(ir.IntType(32), kind.count))
        if bits == 64:
            whole = builder.sext(whole, wide)
        biased = builder.add(whole, ir.Constant(wide, [bias] * kind.count))
        return builder.bitcast(builder.shl(biased, ir.Constant(wide, [shift] * kind.count)), kind)

    return a(a), code


@intrinsic
def call_blas(
    typingctx: Any, gemm: Any, turn_a: Any, turn_b: Any, rows: Any, columns: Any, inner: Any,
    a: Any, a_wide: Any, b: Any, b_wide: Any, c: Any, c_wide: Any,
) -> Any:  # fmt: skip
    """c = a b, as BLAS's gemm at an address does it; `turn_` says which are transposed first.

    gemm takes the address of every argument, and whole numbers of 32 bits (SciPy's does).
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def at(value: Any) -> Any:
            return builder.bitcast(cgutils.alloca_once_value(builder, value), cgutils.voidptr_t)

        def letter(turned: Any) -> Any:
            both = [ir.IntType(8)(ord(one)) for one in "TN"]
            return at(builder.select(builder.trunc(turned, ir.IntType(1)), *both))

        def whole(number: Any) -> Any:
            return at(builder.trunc(number, ir.IntType(32)))

        real = context.get_value_type(c.dtype)
        m, n, k, lda, ldb, ldc = (whole(args[i]) for i in (3, 4, 5, 7, 9, 11))
        x, y, z = (builder.bitcast(args[i], cgutils.voidptr_t) for i in (6, 8, 10))
        one, zero = at(ir.Constant(real, 1.0)), at(ir.Constant(real, 0.0))
        given = [letter(args[1]), letter(args[2]), m, n, k, one, x, lda, y, ldb, zero, z, ldc]
        kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t] * len(given))
        builder.call(builder.bitcast(args[0], kind.as_pointer()), given)
        return context.get_dummy_value()

    whole, flag = types.intp, types.boolean
    return types.void(gemm, flag, flag, whole, whole, whole, a, whole, b, whole, c, whole), code


def _arithmetic(symbol: Callable[..., Any], instruction: str) -> None:
    """Let `symbol` mean `instruction` between two vectors."""

    @intrinsic
    def apply(typingctx: Any, a: Any, b: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return getattr(builder, instruction)(*args)

        return a(a, b), code

    def both(a: Any, b: Any) -> Any:
        return apply(a, b)

    @overload(symbol)
    def choose(a: Any, b: Any) -> Any:
        return both if isinstance(a, Vector) and isinstance(b, Vector) else None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
_arithmetic(operator.truediv, "fdiv")
