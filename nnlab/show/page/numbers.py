"""Numbers and sizes as a reader wants them."""

import json
import math
from typing import Any

NOTHING = "\N{EN DASH}"
SMALL, LARGE = 1e-4, 1e7  # outside, a number is written with a power of ten
_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def text(value: Any, digits: int = 4) -> str:
    """`value` for a table: whole numbers with commas, others with `digits` significant digits.

    None and what is not finite are a dash: a table shows no number that is none.
    """
    if value is None or isinstance(value, bool | str):
        return NOTHING if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    number = float(value)
    if not math.isfinite(number):
        return NOTHING
    if number == 0 or SMALL <= abs(number) < LARGE:
        return _fixed(number, digits)
    mantissa, _, exponent = f"{number:.{digits - 1}e}".partition("e")
    return f"{minus(mantissa)} × {power(int(exponent))}"


def power(exponent: int) -> str:
    """10⁻⁶."""
    return f"10{str(exponent).translate(_RAISED)}"


def minus(number: str) -> str:
    """A number with the sign that is as wide as a plus."""
    return number.replace("-", "\N{MINUS SIGN}")


def tick(value: float, step: float) -> str:
    """The label of a tick on an axis whose ticks are `step` apart."""
    if value and not SMALL <= abs(value) < LARGE:
        return minus(f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-"))
    decimals = next((n for n in range(12) if abs(round(step, n) - step) < step * 1e-6), 12)
    return minus(f"{value + 0.0:,.{decimals}f}")


def duration(seconds: Any) -> str:
    """45 ms, 1.3 s, 2 min 5 s, 1 h 2 min."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds) or seconds < 0:
        return NOTHING
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def as_yaml(value: Any) -> str:
    """A setting as YAML would say it in one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def shorter(text: str, most: int = 80) -> str:
    """A text of at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}\N{HORIZONTAL ELLIPSIS}"


def _fixed(number: float, digits: int) -> str:
    places = digits - 1 - (math.floor(math.log10(abs(number))) if number else 0)
    return minus(f"{number:,.{max(places, 0)}f}")
