"""Small pictures with a palette, as data that a page can hold."""

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from nnlab.show.figures.palette import channels

Pixels = NDArray[np.uint8]
MIDDLE = 127  # of the diverging palette: fully transparent, so that the page shows through
STRONGEST = 150  # opacity of 255: marks on top must still be seen
STEPS = 32  # shades of a class in `classes`


def data_url(data: bytes) -> str:
    """A PNG file as the address of an image."""
    return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"


def encode(pixels: Pixels, palette: Pixels) -> bytes:
    """A PNG file of pixels (h, w), numbers of the palette (k, 4) of red, green, blue, opacity."""
    height, width = pixels.shape
    lines = np.hstack([np.zeros((height, 1), np.uint8), pixels])  # 0: no filter
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", palette[:, :3].tobytes()),
        (b"tRNS", palette[:, 3].tobytes()),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def diverging(negative: str, positive: str, strongest: int = STRONGEST) -> Pixels:
    """255 entries from one colour over nothing at MIDDLE to the other."""
    strength = np.abs(np.arange(2 * MIDDLE + 1) - MIDDLE) / MIDDLE
    found = np.zeros((2 * MIDDLE + 1, 4), np.uint8)
    found[:MIDDLE, :3], found[MIDDLE:, :3] = channels(negative), channels(positive)
    found[:, 3] = np.round(strongest * strength**0.8)
    return found


def signed(values: NDArray[np.floating]) -> Pixels:
    """Values in -1..1 as numbers of the diverging palette."""
    return np.round(MIDDLE + MIDDLE * np.clip(values, -1, 1)).astype(np.uint8)


def classes(colours: list[str]) -> Pixels:
    """STEPS entries a colour, from nothing to strong; at most 8 colours."""
    strength = np.linspace(0, STRONGEST, STEPS)
    found = np.zeros((len(colours) * STEPS, 4), np.uint8)
    for number, colour in enumerate(colours):
        part = found[number * STEPS : (number + 1) * STEPS]
        part[:, :3], part[:, 3] = channels(colour), np.round(strength)
    return found


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
