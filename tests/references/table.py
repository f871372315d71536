"""Numbers to start from."""

import random

EXTREME = [[1e30, -1e30, 0.0], [-1e30, 1e30, 1e30], [1e4, -1e4, 5.0], [-40.0, 40.0, 0.0]]


def table(seed: int, rows: int, columns: int, scale: float = 1.0) -> list[list[float]]:
    """Random numbers with three decimals: short in the file, the same on every machine."""
    draw = random.Random(seed)
    return [[round(draw.gauss(0, scale), 3) for _ in range(columns)] for _ in range(rows)]
