"""Convolution and pooling in compiled code: windows over images (h, w, c), as core.layers.images.

A convolution copies no windows: the product reads each where it lies. A row of a window, kw c
numbers, lies together. The other factor is copied in panels, columns that are multiplied together:
where it lies, its rows are a power of two apart and share a few lines of the cache.
"""

from math import prod
from typing import Any

from nnlab.core.layers.images import Conv2d
from nnlab.core.types import Shape
from nnlab.engine.compiled.layer import CompiledLayer
from nnlab.engine.compiled.primitives import Pointer, moved, pointer, real, vector_width
from nnlab.engine.compiled.products import add_scaled, multiply, multiply_windows, transpose

SIZES = ("h", "w", "c", "kh", "kw", "sh", "sw", "top", "left", "high", "wide", "ph", "pw", "f")


def window_sizes(layer: Any, shape: Shape) -> dict[str, float]:
    """Image, kernel, stride, margin, image with margin, places, and channels that come out."""
    windows, (h, w, c) = layer.windows(shape), shape
    (top, left), (bottom, right) = windows.before, windows.after
    sizes = (*shape, *windows.kernel, *windows.stride, top, left, top + h + bottom)
    filters = getattr(layer, "filters", c)
    return dict(zip(SIZES, (*sizes, left + w + right, *windows.places, filters), strict=True))


def convolution_scratch(layer: Conv2d, shape: Shape, rows: int) -> int:
    """An image with its margin, and the weights in panels: as they are, and turned."""
    return _with_margin(layer, shape) + 2 * layer.windows(shape).area * shape[2] * layer.filters


def convolution_room(layer: Conv2d, shape: Shape, rows: int) -> int:
    """Slopes of the image with their margin, those that come in as panels, or a line of biases."""
    return max(_with_margin(layer, shape), prod(layer.windows(shape).places) * layer.filters)


def _with_margin(layer: Conv2d, shape: Shape) -> int:
    sizes = window_sizes(layer, shape)
    return int(sizes["high"] * sizes["wide"] * sizes["c"])


def framed(layer: Any, image: Pointer, scratch: Pointer) -> Pointer:
    """The image within its margin of zeros, in `scratch`; itself where there is none."""
    if layer.high == layer.h and layer.wide == layer.w:
        return image
    width, wide = layer.w * layer.c, layer.wide * layer.c
    start = layer.top * wide + layer.left * layer.c
    for i in range(layer.h):
        copy(moved(image, i * width), moved(scratch, start + i * wide), width)
    return scratch


def copy(a: Pointer, c: Pointer, count: int) -> None:
    """C = a."""
    for j in range(count):
        c[j] = a[j]


def clear(c: Pointer, count: int) -> None:
    """C = 0."""
    zero = real(c, 0)
    for j in range(count):
        c[j] = zero


def in_panels(b: Pointer, rows: int, columns: int, room: Pointer) -> Pointer:
    """(rows, columns) as (columns / two vectors, rows, two vectors), in `room`.

    The last panel has fewer columns. A single panel is b itself.
    """
    some = 2 * vector_width(b)
    if columns <= some:
        return b
    for j in range(0, columns, some):
        few = some if some < columns - j else columns - j
        for k in range(rows):
            copy(moved(b, k * columns + j), moved(room, j * rows + k * few), few)
    return room


def convolve(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """A line of places at a time; a panel of W stays in the cache for all lines."""
    a, scratch = pointer(memory.a, theta), moved(pointer(memory.scratch, theta), layer.scratch)
    f, pw, c, start = layer.f, layer.pw, layer.c, pointer(memory.room, theta)
    line, wide, some, biased = layer.kw * c, layer.wide * c, 2 * vector_width(a), layer.bias >= 0
    area, beside = layer.kh * line, moved(scratch, layer.high * wide)
    panels = in_panels(moved(theta, layer.weight), area, f, beside)
    if biased:
        for q in range(pw):
            copy(moved(theta, layer.bias), moved(start, q * f), f)
    for r in range(rows):
        image = framed(layer, moved(a, layer.x + r * layer.n), scratch)
        y = moved(a, layer.y + r * layer.m)
        for i in range(layer.ph if biased else 0):
            copy(start, moved(y, i * pw * f), pw * f)
        for j in range(0, f, some):
            columns = some if some < f - j else f - j
            for i in range(layer.ph):
                multiply_windows(
                    *(moved(image, i * layer.sh * wide), layer.sw * c, wide, 1),
                    *(moved(panels, j * area), line * columns, columns),
                    *(moved(y, i * pw * f + j), f),
                    *(pw, layer.kh, line, columns),
                    biased,
                )


def convolve_back(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool) -> None:
    """dW and db are sums over all places."""
    a, d, g = pointer(memory.a, theta), pointer(memory.d, theta), pointer(memory.g, theta)
    scratch, one = moved(pointer(memory.scratch, theta), layer.scratch), pointer(memory.one, theta)
    f, places, line, wide = layer.f, layer.ph * layer.pw, layer.kw * layer.c, layer.wide * layer.c
    dw, db = moved(g, layer.weight), moved(g, layer.bias)
    some, turned = 2 * vector_width(a), moved(scratch, layer.high * wide + layer.kh * line * f)
    room = pointer(memory.room, theta)
    if not add:
        clear(dw, layer.kh * line * f)
        if layer.bias >= 0:
            clear(db, f)
        for i in range(layer.kh):  # a row of the kernel (kw c, f) becomes panels of (f, kw c)
            for j in range(0, line, some):
                at, few = (i * line + j) * f, some if some < line - j else line - j
                transpose(moved(theta, layer.weight + at), f, moved(turned, at), few, few, f)
    for r in range(rows):
        slopes = moved(d, layer.y + r * layer.m)
        image = framed(layer, moved(a, layer.x + r * layer.n), scratch)
        add_windows_times(layer, image, in_panels(slopes, places, f, room), dw)
        if layer.bias >= 0:
            multiply(one, 0, 0, slopes, f, db, f, 1, places, f, True)
        if layer.pass_on:
            convolve_slopes(layer, slopes, turned, moved(d, layer.x + r * layer.n), room)


def add_windows_times(layer: Any, image: Pointer, panels: Pointer, dw: Pointer) -> None:
    """DW += windows^T dy, for an image and its slopes in panels."""
    f, line, wide, some = layer.f, layer.kw * layer.c, layer.wide * layer.c, 2 * vector_width(dw)
    for j in range(0, f, some):
        few = some if some < f - j else f - j
        for i in range(layer.kh):
            multiply_windows(
                *(moved(image, i * wide), 1, layer.sh * wide, layer.sw * layer.c),
                *(moved(panels, j * layer.ph * layer.pw), layer.pw * few, few),
                *(moved(dw, i * line * f + j), f, line, layer.ph, layer.pw, few),
                True,
            )


def convolve_slopes(layer: Any, dy: Pointer, turned: Pointer, dx: Pointer, room: Pointer) -> None:
    """dx of an image: each place adds dy W^T to the pixels of its window.

    The places of a column are done together, a panel of a row of their windows at a time: no two
    meet. From the last panel to the first, a pixel gets its sums from left to right.
    """
    f, pw, line, wide = layer.f, layer.pw, layer.kw * layer.c, layer.wide * layer.c
    some = 2 * vector_width(dy)
    framed_too = layer.high != layer.h or layer.wide != layer.w
    around = room if framed_too else dx
    clear(around, layer.high * wide)
    for i in range(layer.kh):
        for j in range((line - 1) // some * some, -1, -some):
            few = some if some < line - j else line - j
            for q in range(pw):
                multiply_windows(
                    *(moved(dy, q * f), pw * f, 0, 1, moved(turned, (i * line + j) * f), 0, few),
                    *(moved(around, i * wide + q * layer.sw * layer.c + j), layer.sh * wide),
                    *(layer.ph, 1, f, few),
                    True,
                )
    if framed_too:
        width, start = layer.w * layer.c, layer.top * wide + layer.left * layer.c
        for i in range(layer.h):
            copy(moved(room, start + i * wide), moved(dx, i * width), width)


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
    """Y = the larger one of x and y, nan if one is."""
    for j in range(count):
        seen, best = x[j], y[j]
        y[j] = best if best >= seen or best != best else seen


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
    """Dx gets what is left of dy where x is the largest; then nothing is left."""
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
CONVOLUTION = CompiledLayer(
    convolve,
    convolve_back,
    fields=WINDOW_FIELDS,
    describe=window_sizes,
    arrays=("weight", "bias"),
    scratch=convolution_scratch,
    room=convolution_room,
)
MAX_POOL = CompiledLayer(
    take_largest,
    give_to_largest,
    fields=WINDOW_FIELDS,
    describe=window_sizes,
    room=lambda layer, shape, rows: shape[2],
)
AVG_POOL = CompiledLayer(take_mean, give_to_all, fields=WINDOW_FIELDS, describe=window_sizes)
GLOBAL_AVG_POOL = AVG_POOL._replace(describe=whole_image)
