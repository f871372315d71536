"""The colours of figures and of the report's page, and which text can be read on them."""

from dataclasses import dataclass
from typing import Literal

Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Look:
    """What differs between light and dark, and what the user asked for."""

    paper: str
    ink: str
    soft: str  # text of less weight
    faint: str  # frames, and lines that are not read
    grid: str
    blue: str
    orange: str
    sky: str
    red: str
    pink: str
    green: str
    dark: bool = False
    scale: Scale | None = None  # of the values of curves; None: what shows most
    smooth: float | None = None  # the decay of the average of curves; None: only noisy ones
    heading: bool = True  # False on a page that already says which run it is

    @property
    def lines(self) -> tuple[str, ...]:
        """Colours of lines in the order of use: neighbours also differ as greys."""
        return (self.blue, self.orange, self.ink, self.sky, self.red, self.pink, self.green)

    @property
    def classes(self) -> tuple[str, ...]:
        """Colours of classes in their order: each can also shade an area."""
        return (self.blue, self.orange, self.green, self.pink, self.sky, self.red, self.faint)

    @property
    def positive(self) -> str:
        """The colour of numbers above zero."""
        return self.blue

    @property
    def negative(self) -> str:
        """The colour of numbers below zero."""
        return self.orange

    def deep(self, colour: str) -> str:
        """A colour nearer to ink, for the far end of a scale: text on it is easy to read."""
        return mixed(colour, self.ink, 0.4)


# From Okabe and Ito's colour-blind-safe set; on dark paper the dark ones are lightened.
LIGHT = Look(
    paper="#ffffff",
    ink="#222222",
    soft="#5b5b58",
    faint="#8a8a8a",
    grid="#e4e4e4",
    blue="#0072b2",
    orange="#e69f00",
    sky="#56b4e9",
    red="#b03a00",
    pink="#cc79a7",
    green="#009e73",
)
DARK = Look(
    paper="#15181c",
    ink="#e6e6e6",
    soft="#a9a9a4",
    faint="#8c9299",
    grid="#2c3138",
    blue="#4aa3df",
    orange="#f0b429",
    sky="#7fbfe8",
    red="#e0562f",
    pink="#e7a9cc",
    green="#2fc796",
    dark=True,
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X")  # classes also differ without colour
DASHES = ("-", "--", "-.", ":")
BLACK, WHITE = "#000000", "#ffffff"


def channels(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of #rrggbb, each from 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mixed(under: str, over: str, share: float) -> str:
    """`over` with an opacity of `share` on `under`."""
    pairs = zip(channels(under), channels(over), strict=True)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2, from 0 for black to 1 for white."""
    parts = [value / 255 for value in channels(colour)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    """The contrast ratio of WCAG 2, from 1 to 21; text needs 4.5."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def text_on(fill: str) -> str:
    """Black or white: one of them has a contrast of at least 4.5 on every colour."""
    return max(BLACK, WHITE, key=lambda colour: contrast(colour, fill))
