"""The compiled code as a file: made by numba once, loaded without it ever after.

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

NAME = "nnlab_run"
ROUNDS = 4  # of removing dead code: numba 0.68 on AVX-512 needs two
ADDRESSES, NUMBERS = 31, 4  # arguments of `epochs.run`
MATHEMATICS = ("erfc", "exp", "log", "log1p", "pow", "rint", "sqrt")
FROM_C = (*MATHEMATICS, *(f"{name}f" for name in MATHEMATICS), "memcpy", "memmove", "memset")
KIND = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * ADDRESSES, *[ctypes.c_int64] * NUMBERS)


@cache
def function(dtype: str) -> Callable[..., int]:
    """`epochs.run` for "float32" or "float64", compiled now if that was never done here."""
    target = _machine()
    code = store.read(_kept(dtype))
    if code is None:
        code = _compile(dtype, target)
        store.write(_kept(dtype), code)
    _link_c()
    linker = binding.create_mcjit_compiler(binding.parse_assembly(""), target)
    linker.add_object_file(binding.ObjectFileRef.from_data(code))
    linker.finalize_object()
    found: Any = KIND(linker.get_function_address(NAME))
    found.linker = linker  # which owns the memory of the code
    return found


def is_compiled(dtype: str) -> bool:
    """Whether `function` finds its code here."""
    return store.read(_kept(dtype)) is not None


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
def _kept(dtype: str) -> str:
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
    """Leave `run` and what it calls, so that nothing of numba is needed to link it.

    What numba adds for exceptions is dead code, once it is known that nothing else calls in: the
    kernels raise none. RuntimeError if one does.
    """
    for one in (*module.functions, *module.global_variables):
        if not one.is_declaration and one.name != NAME:
            one.linkage = "internal"
    passes = binding.create_new_module_pass_manager()
    for _ in range(ROUNDS):
        passes.add_ipsccp_pass()
        passes.add_simplify_cfg_pass()
        passes.add_global_dead_code_eliminate_pass()
    passes.run(
        module, binding.create_pass_builder(target, binding.create_pipeline_tuning_options())
    )
    called = {one.name for one in module.functions if one.is_declaration}
    strange = {name for name in called if not name.startswith("llvm.")} - {*FROM_C}
    if strange:
        raise RuntimeError(f"The kernels call what C does not have: {', '.join(sorted(strange))}.")


def _link_c() -> None:
    """Tell the linker where the C library's functions are."""
    library = ctypes.CDLL(None if os.name == "posix" else "ucrtbase")
    for name in FROM_C:
        place = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        binding.add_symbol(name, place)
