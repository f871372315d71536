"""Convolution in compiled code, as core.layers.images: images (h, w, c), kernels (kh kw c, f).

The kw c numbers of a window's row are neighbours, and a product reads them where they lie: in the
image with its margin. Of images with many channels the rows of all windows are copied instead, all
equally far apart, so that one product takes all windows of an image and these share no cache line.
The other factor of a product is copied in panels, the columns that are multiplied together: in
theta, its rows are often a power of two apart, which the cache takes badly.
"""

from math import prod
from typing import Any

from nnlab.core.layers.images import Conv2d
from nnlab.core.types import Shape
from nnlab.engine.compiled.functions import smaller_of
from nnlab.engine.compiled.images import SIZES, clear, copy, window_sizes
from nnlab.engine.compiled.layer import CompiledLayer, scratch_of, values_and_slopes
from nnlab.engine.compiled.primitives import Pointer, moved, pointer, vector_width
from nnlab.engine.compiled.products import multiply, multiply_windows, transpose

FEW_CHANNELS = 16  # with fewer, copying rows costs more than it gains
CACHE_NUMBERS = 2**16  # of the rows that are copied at a time
FIELDS = {
    "copied": bool,  # the rows of windows
    "turned": bool,  # slopes of inputs are windows of slopes times the turned kernel
    "together": int,  # images that are multiplied together
    "blocks": int,  # of an image: places whose windows are equally far apart
    "block": int,  # places of a block
    "jump": int,  # from a block's windows to those of the next
    "apart": int,  # from a window to the next
    "down": int,  # from a row of a window to the next
    "frame": int,  # numbers of all windows, or of the image with its margin
    "slopes_apart": int,  # from a window of slopes to the next
    "slopes_jump": int,  # from those of an image to those of the next
}


def convolution_sizes(layer: Conv2d, shape: Shape) -> dict[str, float]:
    """The sizes, and where the windows are that are multiplied together."""
    windows, (h, w, c), f = layer.windows(shape), shape, layer.filters
    (kh, kw), (ph, pw), (sh, sw) = windows.kernel, windows.places, windows.stride
    sizes = window_sizes(layer, shape)
    if windows.stride != (1, 1) or c < FEW_CHANNELS:
        down = int(sizes["wide"]) * c
        where = {"blocks": ph, "block": pw, "jump": sh * down, "apart": sw * c, "down": down}
        return {**sizes, **where, "together": 1, "frame": int(sizes["high"]) * down}
    turned = 4 * h * w <= 5 * ph * pw  # else it would multiply many zeros
    apart, slopes_apart = odd_distance(kw * c), odd_distance(kw * f)
    jump = (ph + kh - 1) * pw * apart
    slopes_jump = (h + kh - 1) * w * slopes_apart if turned else 0
    together = max(1, CACHE_NUMBERS // max(jump, slopes_jump))
    where = {"blocks": 1, "block": ph * pw, "jump": jump, "apart": apart, "down": pw * apart}
    copied: dict[str, float] = {
        "copied": True,
        "together": together,
        "frame": together * jump,
        "turned": turned,
        "slopes_apart": slopes_apart,
        "slopes_jump": slopes_jump,
    }
    return {**sizes, **where, **copied}


def odd_distance(numbers: int) -> int:
    """Not less than `numbers`, and an odd multiple of 8."""
    return (-(-numbers // 8) | 1) * 8


def convolution_scratch(layer: Conv2d, shape: Shape, rows: int) -> int:
    """Windows, and those of slopes; the weights in panels: as they are, and turned."""
    sizes = convolution_sizes(layer, shape)
    weights = layer.windows(shape).area * shape[2] * layer.filters
    slopes = sizes["together"] * sizes.get("slopes_jump", 0)
    return int(sizes["frame"] + slopes + 2 * weights)


def convolution_room(layer: Conv2d, shape: Shape, rows: int) -> int:
    """A line of biases, slopes of outputs in panels, or those of an image with its margin."""
    sizes = convolution_sizes(layer, shape)
    outputs = sizes["together"] * prod(layer.windows(shape).places) * layer.filters
    return int(max(sizes["high"] * sizes["wide"] * shape[2], outputs))


def windows_of(layer: Any, images: Pointer, count: int, scratch: Pointer) -> Pointer:
    """Where the windows of images are, as `FIELDS` say; of one image without a margin, in it."""
    if not layer.copied:
        return framed(layer, images, scratch)
    for i in range(count):
        copy_rows(
            *(moved(images, i * layer.n), layer.h, layer.w, layer.c, layer.top, layer.left),
            *(layer.kw, layer.pw, layer.apart, moved(scratch, i * layer.jump)),
        )
    return scratch


def copy_rows(
    image: Pointer, h: int, w: int, c: int, top: int, left: int, kw: int, pw: int, apart: int,
    rows: Pointer,
) -> None:  # fmt: skip
    """The rows (kw c) of `pw` windows side by side for each line of an image, in `rows`.

    `top` lines above, and what is beside the image, are a margin and stay 0.
    """
    for y in range(h):
        for q in range(pw):
            first, end = (left - q if left > q else 0), smaller_of(w + left - q, kw)
            pixel, place = y * w + q - left + first, (top + y) * pw + q
            if end > first:
                to = moved(rows, place * apart + first * c)
                copy(moved(image, pixel * c), to, (end - first) * c)


def framed(layer: Any, image: Pointer, scratch: Pointer) -> Pointer:
    """The image within its margin of zeros, in `scratch`; itself where there is none."""
    if layer.high == layer.h and layer.wide == layer.w:
        return image
    width, wide = layer.w * layer.c, layer.wide * layer.c
    start = layer.top * wide + layer.left * layer.c
    for i in range(layer.h):
        copy(moved(image, i * width), moved(scratch, start + i * wide), width)
    return scratch


def in_panels(b: Pointer, rows: int, columns: int, room: Pointer) -> Pointer:
    """(rows, columns) as (columns / two vectors, rows, two vectors), in `room`.

    The last panel has fewer columns. A single panel is b itself.
    """
    some = 2 * vector_width(b)
    if columns <= some:
        return b
    for j in range(0, columns, some):
        few = smaller_of(some, columns - j)
        for k in range(rows):
            copy(moved(b, k * columns + j), moved(room, j * rows + k * few), few)
    return room


def convolve(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer) -> None:
    """Images in groups, whose windows are multiplied by the same panels of W."""
    x, y, _, _ = values_and_slopes(memory, layer, theta)
    scratch, start = scratch_of(memory, layer, theta), pointer(memory.room, theta)
    f, pw, biased = layer.f, layer.pw, layer.bias >= 0
    beside, line = moved(scratch, layer.frame), layer.kw * layer.c
    panels = in_panels(moved(theta, layer.weight), layer.kh * line, f, beside)
    if biased:
        for q in range(pw):
            copy(moved(theta, layer.bias), moved(start, q * f), f)
    for r in range(0, rows, layer.together):
        count, maps = smaller_of(layer.together, rows - r), moved(y, r * layer.m)
        for i in range(count * layer.ph if biased else 0):
            copy(start, moved(maps, i * pw * f), pw * f)
        times_panels(
            windows_of(layer, moved(x, r * layer.n), count, scratch),
            *(count * layer.blocks, layer.jump, layer.block, layer.apart, layer.down),
            *(panels, layer.kh, line, f, maps, biased),
        )


def times_panels(
    windows: Pointer, blocks: int, jump: int, block: int, apart: int, down: int,
    panels: Pointer, kh: int, line: int, columns: int, y: Pointer, add: bool,
) -> None:  # fmt: skip
    """y (places, columns) = windows (places, kh line) times a matrix in panels, or y += that.

    A panel stays in the cache for all windows.
    """
    some = 2 * vector_width(y)
    for j in range(0, columns, some):
        few = smaller_of(some, columns - j)
        for i in range(blocks):
            multiply_windows(
                *(moved(windows, i * jump), apart, down, 1),
                *(moved(panels, j * kh * line), line * few, few),
                *(moved(y, i * block * columns + j), columns),
                *(block, kh, line, few),
                add,
            )


def convolve_back(task: Any, memory: Any, layer: Any, rows: int, theta: Pointer, add: bool) -> None:
    """dW and db are sums over all places."""
    x, _, dx, dy = values_and_slopes(memory, layer, theta)
    g, scratch = pointer(memory.g, theta), scratch_of(memory, layer, theta)
    one, room = pointer(memory.one, theta), pointer(memory.room, theta)
    f, places, area = layer.f, layer.ph * layer.pw, layer.kh * layer.kw * layer.c
    dw, db = moved(g, layer.weight), moved(g, layer.bias)
    turned = moved(scratch, layer.frame + area * f)
    if not add:
        clear(dw, area * f)
        if layer.bias >= 0:
            clear(db, f)
        if layer.pass_on:
            turn_kernel(layer, moved(theta, layer.weight), turned)
    for r in range(0, rows, layer.together):
        count, slopes = smaller_of(layer.together, rows - r), moved(dy, r * layer.m)
        windows = windows_of(layer, moved(x, r * layer.n), count, scratch)
        panels = in_panels(slopes, count * places, f, room)
        add_windows_times(layer, windows, count * layer.blocks, panels, dw)
        if layer.bias >= 0:
            multiply(one, 0, 0, slopes, f, db, f, 1, count * places, f, True)
        if layer.pass_on:
            slopes_back(layer, slopes, count, turned, moved(dx, r * layer.n), room)


def add_windows_times(layer: Any, windows: Pointer, blocks: int, panels: Pointer, dw: Any) -> None:
    """dW += windows^T dy, for the slopes of images in panels."""
    f, line, some = layer.f, layer.kw * layer.c, 2 * vector_width(dw)
    for j in range(0, f, some):
        few = smaller_of(some, f - j)
        for i in range(layer.kh):
            multiply_windows(
                *(moved(windows, i * layer.down), 1, layer.jump, layer.apart),
                *(moved(panels, j * blocks * layer.block), layer.block * few, few),
                *(moved(dw, i * line * f + j), f, line, blocks, layer.block, few),
                True,
            )


def turn_kernel(layer: Any, weight: Pointer, turned: Pointer) -> None:
    """The weights as `slopes_back` needs them, in `turned`."""
    f, c, line, some = layer.f, layer.c, layer.kw * layer.c, 2 * vector_width(weight)
    pixels = layer.kh * layer.kw
    if not layer.turned:
        for i in range(layer.kh):  # a row of the kernel (kw c, f) becomes panels of (f, kw c)
            for j in range(0, line, some):
                at, few = (i * line + j) * f, smaller_of(some, line - j)
                transpose(moved(weight, at), f, moved(turned, at), few, few, f)
        return
    for p in range(pixels):  # the last pixel (c, f) of the kernel first, as panels of (f, c)
        for j in range(0, c, some):
            few = smaller_of(some, c - j)
            at, to = (p * c + j) * f, (j * pixels + (pixels - 1 - p) * few) * f
            transpose(moved(weight, at), f, moved(turned, to), few, few, f)


def slopes_back(
    layer: Any, dy: Pointer, count: int, turned: Pointer, dx: Pointer, room: Pointer
) -> None:
    """dx of some images: the windows of slopes, one for each pixel, times the turned kernel."""
    if layer.turned:
        line = layer.kw * layer.f
        windows = moved(turned, layer.kh * line * layer.c)
        for i in range(count):
            copy_rows(
                *(moved(dy, i * layer.m), layer.ph, layer.pw, layer.f),
                *(layer.kh - 1 - layer.top, layer.kw - 1 - layer.left, layer.kw, layer.w),
                *(layer.slopes_apart, moved(windows, i * layer.slopes_jump)),
            )
        times_panels(
            *(windows, count, layer.slopes_jump, layer.h * layer.w),
            *(layer.slopes_apart, layer.w * layer.slopes_apart),
            *(turned, layer.kh, line, layer.c, dx, False),
        )
        return
    for i in range(count):
        place_slopes(layer, moved(dy, i * layer.m), turned, moved(dx, i * layer.n), room)


def place_slopes(layer: Any, dy: Pointer, turned: Pointer, dx: Pointer, room: Pointer) -> None:
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
            few = smaller_of(some, line - j)
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


CONVOLUTION = CompiledLayer(
    convolve,
    convolve_back,
    fields={**dict.fromkeys(SIZES, int), **FIELDS},
    describe=convolution_sizes,
    arrays=("weight", "bias"),
    scratch=convolution_scratch,
    room=convolution_room,
)
