"""A block of a matrix product, which stays in registers as vectors of the processor's width.

It is the one kernel that LLVM does not vectorize well by itself. Vectors are masked where the
columns end.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils

from nnlab.engine.compiled import primitives
from nnlab.engine.compiled.intrinsics import BIT, FLAG, INT32, WHOLE, bits, emitted, vector_bytes


@emitted(
    primitives.product_block,
    lambda a, ar, ak, b, bk, c, cr, rows, inner, columns, add: WHOLE(
        *(a, WHOLE, WHOLE, b, WHOLE, c, WHOLE, WHOLE, WHOLE, WHOLE, FLAG)
    ),
)
def _product_block(
    builder: Any, kind: Any, a: Any, ar: Any, ak: Any, b: Any, bk: Any, c: Any, cr: Any,
    rows: Any, inner: Any, columns: Any, add: Any,
) -> Any:  # fmt: skip
    """A sum of a single level."""
    return _block(
        builder, 5, 5, (a, ar, (ak,)), (b, (bk,)), (c, cr), (rows, (inner,), columns), add
    )


@emitted(
    primitives.window_block,
    lambda a, ar, ao, ak, b, bo, bk, c, cr, rows, outer, inner, columns, add: WHOLE(
        *(a, WHOLE, WHOLE, WHOLE, b, WHOLE, WHOLE, c, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, FLAG)
    ),
)
def _window_block(
    builder: Any, kind: Any, a: Any, ar: Any, ao: Any, ak: Any, b: Any, bo: Any, bk: Any, c: Any,
    cr: Any, rows: Any, outer: Any, inner: Any, columns: Any, add: Any,
) -> Any:  # fmt: skip
    """A sum of two levels."""
    left, right, sizes = (a, ar, (ao, ak)), (b, (bo, bk)), (rows, (outer, inner), columns)
    tall = 7 if vector_bytes() == 64 else 5  # processors with shorter vectors have 16 of them
    return _block(builder, tall, 4, left, right, (c, cr), sizes, add)


def _block(
    builder: Any, tall: int, short: int, left: Any, right: Any, result: Any, sizes: Any, add: Any
) -> Any:
    """Choose the form of the block, which has `tall` or `short` rows where it has two vectors."""
    (c, _), (rows, _, columns), kind = result, sizes, ir.IntType(64)
    width = vector_bytes() * 8 // bits(c.type.pointee)
    done = cgutils.alloca_once(builder, kind)

    def tile(height: int, vectors: int) -> None:
        def form(masked: bool) -> None:
            _tile(builder, height, vectors, width, masked, left, right, result, sizes, add)

        whole = builder.icmp_signed(">=", columns, kind(vectors * width))
        _branch(builder, whole, partial(form, False), partial(form, True))
        builder.store(kind(height), done)

    def tiles(tall: int, short: int, vectors: int) -> None:
        few = builder.icmp_signed("<=", rows, kind(short))
        two = builder.and_(  # tiles of few rows, rather than one of many and a rest
            builder.icmp_signed(">", rows, kind(tall)),
            builder.icmp_signed("<=", rows, kind(2 * short)),
        )
        many = builder.not_(builder.or_(few, two))
        _branch(builder, many, partial(tile, tall, vectors), partial(tile, short, vectors))

    wide = partial(tile, tall, 2) if tall == short else partial(tiles, tall, short, 2)
    two_vectors = builder.icmp_signed(">", columns, kind(width))
    _branch(builder, two_vectors, wide, partial(tiles, 8, 4, 1))
    return builder.load(done)


def _branch(
    builder: Any, condition: Any, one: Callable[[], None], other: Callable[[], None]
) -> None:
    """Emit one or the other."""
    with builder.if_else(condition) as (true, false):
        with true:
            one()
        with false:
            other()


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

    def masks(self, count: Any, vectors: int) -> list[Any]:
        """Which numbers of several vectors in a row are among the first `count`."""
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
        """total += a b, rounded once where the processor can."""
        value = self.builder.load(total)
        self.builder.store(self.call("llvm.fmuladd.{}", self.kind, a, b, value), total)


def _tile(
    builder: Any, height: int, vectors: int, width: int, masked: bool, left: Any, right: Any,
    result: Any, sizes: Any, add: Any,
) -> None:  # fmt: skip
    """`height` rows by `vectors` vectors of a product; of fewer rows the last is done again."""
    (a, ar, left_steps), (b, right_steps), (c, cr) = left, right, result
    rows, counts, columns = sizes
    emit, zero = _Vectors(builder, c.type.pointee, width), rows.type(0)
    masks = emit.masks(columns, vectors) if masked else [None] * vectors
    adding = builder.trunc(add, BIT)
    lines, tile = _places(emit, height, a, ar, c, cr, rows, masks)
    with builder.if_then(adding):
        for place, total, mask in chain(*tile):
            builder.store(emit.load(place, mask), total)
    with ExitStack() as loops:
        at_left = at_right = zero
        for count, left_step, right_step in zip(counts, left_steps, right_steps, strict=True):
            loop = loops.enter_context(cgutils.for_range(builder, count))
            at_left = builder.add(at_left, builder.mul(loop.index, left_step))
            at_right = builder.add(at_right, builder.mul(loop.index, right_step))
        pairs = zip(emit.places(b, zero.type(1), at_right, vectors), masks, strict=True)
        right_values = [emit.load(*pair) for pair in pairs]
        for line, row_vectors in zip(lines, tile, strict=True):
            factor = emit.filled(builder.load(builder.gep(line, [at_left])))
            for values, (_, total, _) in zip(right_values, row_vectors, strict=True):
                emit.multiply_add(factor, values, total)
    for place, total, mask in chain(*tile):
        emit.store(builder.load(total), place, mask)


def _places(
    emit: _Vectors, height: int, a: Any, ar: Any, c: Any, cr: Any, rows: Any, masks: list[Any]
) -> Any:
    """Where the rows of a begin; and of each row of c the address, sum and mask of its vectors."""
    builder, index = emit.builder, rows.type
    last = builder.sub(rows, index(1))
    lines, tile = [], []
    for i in range(height):
        row = builder.select(builder.icmp_signed("<", index(i), last), index(i), last)
        lines.append(builder.gep(a, [builder.mul(row, ar)]))
        vectors = zip(emit.places(c, row, cr, len(masks)), masks, strict=True)
        total = partial(cgutils.alloca_once_value, builder, emit.zeros)
        tile.append([(place, total(), mask) for place, mask in vectors])
    return lines, tile
