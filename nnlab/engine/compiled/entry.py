"""`epochs.run` as a function that C can call, for each dtype: what is compiled."""

from typing import Any

import numba
import numpy as np
from numba import cfunc, types

from nnlab.engine.compiled.epochs import run
from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.program import RULE, TASK


def assembly(dtype: str) -> tuple[str, str]:
    """The code of `run` for "float32" or "float64" in LLVM's language, and its name in there."""
    options = {name: value for name, value in PLAIN.items() if name != "nogil"}
    made: Any = cfunc(signature(dtype), **options)(run)
    return made.inspect_llvm(), made.native_name


def signature(dtype: str) -> Any:
    """The types of run's arguments, one group a line as there."""
    real = types.CPointer(numba.from_dtype(np.dtype(dtype)))
    task, rule = (types.CPointer(numba.from_dtype(kind)) for kind in (TASK, RULE))
    byte, whole, double = (
        types.CPointer(kind) for kind in (types.uint8, types.int64, types.float64)
    )
    return types.int64(
        *(task, rule, whole, double, real),
        *(real, byte, whole, real, real, real, types.voidptr),
        *(real, real, real, real, real),
        *(real, real, real, real, whole, whole, whole, real),
        *(whole, double, double, double, double, real),
        *(types.int64, types.int64, types.int64, types.int64),
    )
