"""The compiled code as a file: numba makes it once, later runs load it without numba.

Importing numba and letting it load what it compiled takes 0.7 s; llvmlite, which numba stands on,
links an object file into this process in a tenth of that.
"""

import ctypes
import os
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from llvmlite import binding

from nnlab.engine.compiled import store
from nnlab.engine.compiled.program import ARGUMENTS, WHOLE_NUMBERS

NAME = "nnlab_run"
MAX_STRIP_ROUNDS = 8  # 1 or 2 are needed, depending on what LLVM inlines for the processor
MATHEMATICS = ("erfc", "exp", "log", "log1p", "pow", "rint", "sqrt")
FROM_C = (*MATHEMATICS, *(f"{name}f" for name in MATHEMATICS), "memcpy", "memmove", "memset")
KIND = ctypes.CFUNCTYPE(
    ctypes.c_int64, *[ctypes.c_void_p] * len(ARGUMENTS), *[ctypes.c_int64] * WHOLE_NUMBERS
)


@cache
def function(dtype: str) -> Callable[..., int]:
    """`epochs.run_updates` for "float32" or "float64", compiled now if that was never done here."""
    target = _machine()
    code = store.read_code(_file_name(dtype))
    if code is None:
        code = _compile(dtype, target)
        store.write_code(_file_name(dtype), code)
    _link_c()
    linker = binding.create_mcjit_compiler(binding.parse_assembly(""), target)
    linker.add_object_file(binding.ObjectFileRef.from_data(code))
    linker.finalize_object()
    run_updates: Any = KIND(linker.get_function_address(NAME))
    run_updates.linker = linker  # which owns the memory of the code
    return run_updates


def is_compiled(dtype: str) -> bool:
    """Whether `function` finds its code here."""
    return store.read_code(_file_name(dtype)) is not None


@cache
def gemm(dtype: str) -> int:
    """The address of the BLAS's matrix product, which SciPy offers to compiled code."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__["dgemm" if dtype == "float64" else "sgemm"]
    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, name(capsule)))


def _processor() -> dict[str, str]:
    """What code made for this processor may use."""
    features = binding.get_host_cpu_features().flatten()
    return {"cpu": binding.get_host_cpu_name(), "features": features}


def _machine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    triple = binding.Target.from_default_triple()
    return triple.create_target_machine(**_processor(), opt=3, jit=True)


@cache
def _file_name(dtype: str) -> str:
    """The name of a file that suits this processor and these compilers alone."""
    made_by = [version("numba"), version("llvmlite"), *_processor().values()]
    return f"{dtype}-{sha256(' '.join(made_by).encode()).hexdigest()[:16]}.o"


def _compile(dtype: str, target: Any) -> bytes:
    from nnlab.engine.compiled.entry import assembly

    text, name = assembly(dtype)
    module = binding.parse_assembly(text)
    module.get_function(name).name = NAME
    _strip(module, target)
    code: bytes = target.emit_object(module)
    return code


def _strip(module: Any, target: Any) -> None:
    """Remove all but `run_updates` and what it calls, so that it links without numba.

    The code that numba adds for exceptions is dead once nothing else calls in: the kernels raise
    none. RuntimeError if one does.
    """
    for symbol in (*module.functions, *module.global_variables):
        if not symbol.is_declaration and symbol.name != NAME:
            symbol.linkage = "internal"
    # One round folds the statuses of callees that are known by then; a caller may need the next.
    for _ in range(MAX_STRIP_ROUNDS):
        passes = binding.create_new_module_pass_manager()
        passes.add_ipsccp_pass()
        passes.add_simplify_cfg_pass()
        passes.add_global_dead_code_eliminate_pass()
        passes.run(
            module, binding.create_pass_builder(target, binding.create_pipeline_tuning_options())
        )
        called = {function.name for function in module.functions if function.is_declaration}
        strange = {name for name in called if not name.startswith("llvm.")} - {*FROM_C}
        if not strange:
            return
    raise RuntimeError(f"The kernels call what C does not have: {', '.join(sorted(strange))}.")


def _link_c() -> None:
    """Tell the linker where the C library's functions are."""
    library = ctypes.CDLL(None if os.name == "posix" else "ucrtbase")
    for name in FROM_C:
        place = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        binding.add_symbol(name, place)
