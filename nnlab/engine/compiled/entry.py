"""`epochs.run_updates` as a function that C can call, for each dtype: what is compiled."""

from typing import Any

import numba
import numpy as np
from numba import cfunc, types

from nnlab.engine.compiled.epochs import run_updates
from nnlab.engine.compiled.functions import PLAIN
from nnlab.engine.compiled.program import ARGUMENTS, RULE, TASK, WHOLE_NUMBERS


def assembly(dtype: str) -> tuple[str, str]:
    """The LLVM code of `run_updates` for "float32" or "float64", and its name in there."""
    options = {name: value for name, value in PLAIN.items() if name != "nogil"}
    compiled: Any = cfunc(signature(dtype), **options)(run_updates)
    return compiled.inspect_llvm(), compiled.native_name


def signature(dtype: str) -> Any:
    """The types of the arguments of `run_updates`."""
    kinds: dict[str, Any] = {"real": dtype, "task": TASK, "rule": RULE}
    pointers = [
        types.voidptr
        if kind == "function"
        else types.CPointer(numba.from_dtype(np.dtype(kinds.get(kind, kind))))
        for kind in ARGUMENTS.values()
    ]
    return types.int64(*pointers, *[types.int64] * WHOLE_NUMBERS)
