"""The instructions of `primitives`.

A block of a matrix product stays in registers as vectors of the processor's width, masked where the
columns end: before AVX-512, masks cost as much as the product. It is the one kernel that LLVM does
not vectorize well by itself.
"""

from collections.abc import Callable
from inspect import signature
from itertools import chain
from typing import Any, NamedTuple

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils, config
from numba.extending import lower_builtin, type_callable

from nnlab.engine.compiled import primitives

LAYOUT_BYTES = 64
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
    return kind(LAYOUT_BYTES * 8 // bits(a.type.pointee))


@emitted(primitives.vector_width, lambda c: types.intp(c))
def _vector_width(builder: Any, kind: Any, c: Any) -> Any:
    """A constant."""
    return kind(vector_bytes() * 8 // bits(c.type.pointee))


@emitted(
    primitives.product_block,
    lambda a, ar, ak, b, bk, c, cr, rows, inner, columns, add: WHOLE(
        *(a, WHOLE, WHOLE, b, WHOLE, c, WHOLE, WHOLE, WHOLE, WHOLE, FLAG)
    ),
)
def _product_block(builder: Any, kind: Any, *arguments: Any) -> Any:
    """Choose the form of the block."""
    c, rows, columns = arguments[5], arguments[7], arguments[9]
    width = vector_bytes() * 8 // bits(c.type.pointee)
    done = cgutils.alloca_once(builder, kind)

    def tile(height: int, vectors: int) -> None:
        whole = builder.icmp_signed(">=", columns, kind(vectors * width))
        with builder.if_else(whole) as branches:
            for branch, masked in zip(branches, (False, True), strict=True):
                with branch:
                    _tile(builder, height, vectors, width, masked, *arguments)
        builder.store(kind(height), done)

    two_vectors = builder.icmp_signed(">", columns, kind(width))
    with builder.if_else(two_vectors) as (wide, narrow):
        with wide:
            tile(5, 2)
        with narrow, builder.if_else(builder.icmp_signed(">", rows, kind(4))) as (tall, short):
            with tall:
                tile(8, 1)
            with short:
                tile(4, 1)
    return builder.load(done)


class _Vectors(NamedTuple):
    """Emits what is done with vectors of `width` numbers of type `real`."""

    builder: Any
    real: Any
    width: int

    @property
    def kind(self) -> Any:
        """The LLVM type."""
        return ir.VectorType(self.real, self.width)

    def filled(self, value: Any) -> Any:
        """A vector of equal values."""
        undefined = ir.Constant(ir.VectorType(value.type, self.width), ir.Undefined)
        first = self.builder.insert_element(undefined, value, INT32(0))
        order = ir.Constant(ir.VectorType(INT32, self.width), None)
        return self.builder.shuffle_vector(first, undefined, order)

    def masks(self, count: Any, vectors: int, masked: bool) -> list[Any]:
        """Which numbers of several vectors in a row are among the first `count`, or None: all."""
        if not masked:
            return [None] * vectors
        if bits(self.real) == 32:  # masks are as wide as the numbers
            count = self.builder.trunc(count, INT32)
        numbers = ir.VectorType(count.type, self.width)
        starts = range(0, vectors * self.width, self.width)
        places = [ir.Constant(numbers, list(range(start, start + self.width))) for start in starts]
        limit = self.filled(count)
        return [self.builder.icmp_signed("<", place, limit) for place in places]

    def places(self, base: Any, row: Any, stride: Any, vectors: int) -> list[Any]:
        """The addresses of the vectors of a row."""
        builder, start = self.builder, self.builder.mul(row, stride)
        offsets = [builder.add(start, start.type(part * self.width)) for part in range(vectors)]
        return [
            builder.bitcast(builder.gep(base, [offset]), self.kind.as_pointer())
            for offset in offsets
        ]

    def call(self, name: str, result: Any, *arguments: Any) -> Any:
        """Call LLVM's function `name` for such vectors."""
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        full = name.format(f"v{self.width}f{bits(self.real)}")
        function = cgutils.get_or_insert_function(self.builder.module, kind, full)
        return self.builder.call(function, arguments)

    @property
    def zeros(self) -> Any:
        """A vector."""
        return ir.Constant(self.kind, None)

    def load(self, place: Any, mask: Any) -> Any:
        """The numbers of the mask, or all; the rest are 0, and not read."""
        align = bits(self.real) // 8
        if mask is None:
            return self.builder.load(place, align=align)
        arguments = place, INT32(align), mask, self.zeros
        return self.call("llvm.masked.load.{}.p0", self.kind, *arguments)

    def store(self, value: Any, place: Any, mask: Any) -> None:
        """Write the numbers of the mask, or all."""
        align = bits(self.real) // 8
        if mask is None:
            self.builder.store(value, place, align=align)
            return
        arguments = value, place, INT32(align), mask
        self.call("llvm.masked.store.{}.p0", ir.VoidType(), *arguments)

    def multiply_add(self, a: Any, b: Any, total: Any) -> None:
        """Total += a b, rounded once where the processor can."""
        value = self.builder.load(total)
        self.builder.store(self.call("llvm.fmuladd.{}", self.kind, a, b, value), total)


def _tile(
    builder: Any, height: int, vectors: int, width: int, masked: bool, a: Any, ar: Any, ak: Any,
    b: Any, bk: Any, c: Any, cr: Any, rows: Any, inner: Any, columns: Any, add: Any,
) -> None:  # fmt: skip
    """`height` rows by `vectors` vectors of a product; of fewer rows the last is done again."""
    emit, index = _Vectors(builder, c.type.pointee, width), inner.type
    masks = emit.masks(columns, vectors, masked)
    adding = builder.trunc(add, BIT)
    last = builder.sub(rows, index(1))
    lines, tile = [], []  # where the rows of a begin; address, sum and mask of each vector
    for i in range(height):
        row = builder.select(builder.icmp_signed("<", index(i), last), index(i), last)
        lines.append(builder.gep(a, [builder.mul(row, ar)]))
        row_vectors = []
        for place, mask in zip(emit.places(c, row, cr, vectors), masks, strict=True):
            total = cgutils.alloca_once_value(builder, emit.zeros)
            row_vectors.append((place, total, mask))
        tile.append(row_vectors)
    with builder.if_then(adding):
        for place, total, mask in chain(*tile):
            builder.store(emit.load(place, mask), total)
    with cgutils.for_range(builder, inner) as loop:
        pairs = zip(emit.places(b, loop.index, bk, vectors), masks, strict=True)
        right = [emit.load(*pair) for pair in pairs]
        step = builder.mul(loop.index, ak)
        for line, row_vectors in zip(lines, tile, strict=True):
            factor = emit.filled(builder.load(builder.gep(line, [step])))
            for values, (_, total, _) in zip(right, row_vectors, strict=True):
                emit.multiply_add(factor, values, total)
    for place, total, mask in chain(*tile):
        emit.store(builder.load(total), place, mask)


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


emitted(primitives.lock, lambda mutex: types.void(mutex))(_from_pthreads("pthread_mutex_lock"))
emitted(primitives.unlock, lambda mutex: types.void(mutex))(_from_pthreads("pthread_mutex_unlock"))
emitted(primitives.sleep, lambda condition, mutex: types.void(condition, mutex))(
    _from_pthreads("pthread_cond_wait")
)
emitted(primitives.wake_all, lambda condition: types.void(condition))(
    _from_pthreads("pthread_cond_broadcast")
)


@emitted(
    primitives.call_blas,
    lambda gemm, turn_a, turn_b, rows, columns, inner, a, a_width, b, b_width, c, c_width: (
        types.void(
            *(gemm, FLAG, FLAG, WHOLE, WHOLE, WHOLE),
            *(a, WHOLE, b, WHOLE, c, WHOLE),
        )
    ),
)
def _call_blas(
    builder: Any, kind: Any, gemm: Any, turn_a: Any, turn_b: Any, rows: Any, columns: Any,
    inner: Any, a: Any, a_width: Any, b: Any, b_width: Any, c: Any, c_width: Any,
) -> None:  # fmt: skip
    """SciPy's gemm takes the address of every argument, and whole numbers of 32 bits."""

    def at(value: Any) -> Any:
        return builder.bitcast(cgutils.alloca_once_value(builder, value), cgutils.voidptr_t)

    def letter(turned: Any) -> Any:
        return at(builder.select(builder.trunc(turned, BIT), BYTE(ord("T")), BYTE(ord("N"))))

    one, zero = (at(ir.Constant(c.type.pointee, value)) for value in (1.0, 0.0))
    sizes = [at(builder.trunc(size, INT32)) for size in (rows, columns, inner)]
    widths = [at(builder.trunc(width, INT32)) for width in (a_width, b_width, c_width)]
    matrices = [builder.bitcast(matrix, cgutils.voidptr_t) for matrix in (a, b, c)]
    pairs = list(zip(matrices, widths, strict=True))
    arguments = [letter(turn_a), letter(turn_b), *sizes, one, *pairs[0], *pairs[1], zero, *pairs[2]]
    function = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t] * len(arguments))
    builder.call(builder.bitcast(gemm, function.as_pointer()), arguments)
