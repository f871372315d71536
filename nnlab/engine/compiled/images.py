"""Pooling in compiled code: windows over images (h, w, c), as core.layers.images."""

from typing import Any

from nnlab.core.types import Shape
from nnlab.engine.compiled.layer import CompiledLayer
from nnlab.engine.compiled.primitives import Pointer, moved, pointer, real
from nnlab.engine.compiled.products import add_scaled

SIZES = ("h", "w", "c", "kh", "kw", "sh", "sw", "top", "left", "high", "wide", "ph", "pw", "f")


def window_sizes(layer: Any, shape: Shape) -> dict[str, float]:
    """Image, kernel, stride, margin, image with margin, places, and channels that come out."""
    windows, (h, w, c) = layer.windows(shape), shape
    (top, left), (bottom, right) = windows.before, windows.after
    sizes = (*shape, *windows.kernel, *windows.stride, top, left, top + h + bottom)
    filters = getattr(layer, "filters", c)
    return dict(zip(SIZES, (*sizes, left + w + right, *windows.places, filters), strict=True))


def copy(a: Pointer, c: Pointer, count: int) -> None:
    """c = a."""
    for j in range(count):
        c[j] = a[j]


def clear(c: Pointer, count: int) -> None:
    """c = 0."""
    zero = real(c, 0)
    for j in range(count):
        c[j] = zero


def largest_of_four(layer: Any, x: Pointer, y: Pointer) -> None:
    """The largest number of each window of 2 x 2, nan if one is."""
    c, wide = layer.c, layer.w * layer.c
    for p in range(layer.ph * layer.pw):
        at = p // layer.pw * layer.sh * wide + p % layer.pw * layer.sw * c
        x0, x1 = moved(x, at), moved(x, at + wide)
        for j in range(c):
            up = larger_of(x0[j], x0[c + j])
            y[p * c + j] = larger_of(up, larger_of(x1[j], x1[c + j]))


def larger_of(v: Any, w: Any) -> Any:
    """The larger number, nan if one is."""
    return v if v >= w or v != v else w


def give_to_one_of_four(layer: Any, x: Pointer, y: Pointer, dy: Pointer, dx: Pointer) -> None:
    """dy goes to the first pixel of the window that is as large as the largest."""
    c, wide, zero = layer.c, layer.w * layer.c, real(x, 0)
    for p in range(layer.ph * layer.pw):
        at = p // layer.pw * 2 * wide + p % layer.pw * 2 * c
        x0, x1, dx0, dx1 = moved(x, at), moved(x, at + wide), moved(dx, at), moved(dx, at + wide)
        for j in range(c):
            top, rest = y[p * c + j], dy[p * c + j]
            # What is given is subtracted: with a second choice LLVM would jump, which costs twice.
            dx0[j] = rest if x0[j] == top else zero
            rest -= dx0[j]
            dx0[c + j] = rest if x0[c + j] == top else zero
            rest -= dx0[c + j]
            dx1[j] = rest if x1[j] == top else zero
            rest -= dx1[j]
            dx1[c + j] = rest if x1[c + j] == top else zero


def take_largest(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """The largest number of each window; nan if one is."""
    a, c = pointer(memory.a, theta), layer.c
    if layer.kh == 2 and layer.kw == 2:
        for r in range(rows):
            x, y = moved(a, layer.x + r * layer.n), moved(a, layer.y + r * layer.m)
            largest_of_four(layer, x, y)
        return
    for r in range(rows):
        for p in range(layer.ph * layer.pw):
            i, q = p // layer.pw * layer.sh, p % layer.pw * layer.sw
            x = moved(a, layer.x + r * layer.n + (i * layer.w + q) * c)
            y = moved(a, layer.y + r * layer.m + p * c)
            copy(x, y, c)
            for u in range(layer.kh):
                for v in range(layer.kw):
                    larger(moved(x, (u * layer.w + v) * c), y, c)


def larger(x: Pointer, y: Pointer, count: int) -> None:
    """y = the larger of x and y, nan if one is."""
    for j in range(count):
        y[j] = larger_of(y[j], x[j])


def give_to_largest(
    task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool
) -> None:
    """dy goes to the first pixel of the window that is as large as the largest."""
    a, d, rest = pointer(memory.a, theta), pointer(memory.d, theta), pointer(memory.room, theta)
    four = layer.kh == 2 and layer.kw == 2 and layer.sh == 2 and layer.sw == 2
    uncovered = not four or layer.h % 2 == 1 or layer.w % 2 == 1
    for r in range(rows):
        x, y = moved(a, layer.x + r * layer.n), moved(a, layer.y + r * layer.m)
        dx, dy = moved(d, layer.x + r * layer.n), moved(d, layer.y + r * layer.m)
        if uncovered:
            clear(dx, layer.n)
        if four:
            give_to_one_of_four(layer, x, y, dy, dx)
        else:
            give_to_one(layer, x, y, dy, dx, rest)


def give_to_one(
    layer: Any, x: Pointer, y: Pointer, dy: Pointer, dx: Pointer, rest: Pointer
) -> None:
    """The same for windows of any size, which may share pixels."""
    c = layer.c
    for p in range(layer.ph * layer.pw):
        i, q = p // layer.pw * layer.sh, p % layer.pw * layer.sw
        copy(moved(dy, p * c), rest, c)
        for u in range(layer.kh):
            for v in range(layer.kw):
                pixel = ((i + u) * layer.w + q + v) * c
                give_rest(moved(x, pixel), moved(y, p * c), rest, moved(dx, pixel), c)


def give_rest(x: Pointer, y: Pointer, rest: Pointer, dx: Pointer, count: int) -> None:
    """dx gets what is left of dy where x is the largest; then nothing is left."""
    zero = real(x, 0)
    for j in range(count):
        mine, left = x[j] == y[j], rest[j]
        dx[j] += left if mine else zero
        rest[j] = zero if mine else left


def take_mean(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """The mean of each window."""
    a, c, share = pointer(memory.a, theta), layer.c, real(theta, 1 / (layer.kh * layer.kw))
    for r in range(rows):
        for p in range(layer.ph * layer.pw):
            i, q = p // layer.pw * layer.sh, p % layer.pw * layer.sw
            y = moved(a, layer.y + r * layer.m + p * c)
            clear(y, c)
            for u in range(layer.kh):
                for v in range(layer.kw):
                    pixel = ((i + u) * layer.w + q + v) * c
                    add_scaled(moved(a, layer.x + r * layer.n + pixel), real(a, 1), y, c)
            for j in range(c):
                y[j] *= share


def give_to_all(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool) -> None:
    """Every pixel of a window gets its share of dy."""
    d, c, share = pointer(memory.d, theta), layer.c, real(theta, 1 / (layer.kh * layer.kw))
    for r in range(rows):
        dx = moved(d, layer.x + r * layer.n)
        clear(dx, layer.n)
        for p in range(layer.ph * layer.pw):
            i, q = p // layer.pw * layer.sh, p % layer.pw * layer.sw
            dy = moved(d, layer.y + r * layer.m + p * c)
            for u in range(layer.kh):
                for v in range(layer.kw):
                    add_scaled(dy, share, moved(dx, ((i + u) * layer.w + q + v) * c), c)


def whole_image(layer: Any, shape: Shape) -> dict[str, float]:
    """A single window."""
    h, w, c = shape
    return dict(zip(SIZES, (h, w, c, h, w, 1, 1, 0, 0, h, w, 1, 1, c), strict=True))


WINDOW_FIELDS = dict.fromkeys(SIZES, int)
MAX_POOL = CompiledLayer(
    take_largest,
    give_to_largest,
    fields=WINDOW_FIELDS,
    describe=window_sizes,
    room=lambda layer, shape, rows: shape[2],
)
AVG_POOL = CompiledLayer(take_mean, give_to_all, fields=WINDOW_FIELDS, describe=window_sizes)
GLOBAL_AVG_POOL = AVG_POOL._replace(describe=whole_image)
