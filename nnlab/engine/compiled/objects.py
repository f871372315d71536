"""The compiled code as a file: numba makes it once, later runs load it without numba.

Importing numba and letting it load what it compiled takes 0.7 s; llvmlite, which numba stands on,
links an object file into this process in a tenth of that.
"""

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
from llvmlite import binding
from numpy.typing import NDArray

from nnlab.engine import blas
from nnlab.engine.compiled import store, team
from nnlab.engine.compiled.records import pointers
from nnlab.errors import ConfigError

NAME = "nnlab_run"
MATHEMATICS = ("erfc", "exp", "log", "log1p", "pow", "rint", "sqrt")
POSIX = ("mutex_lock", "mutex_unlock", "cond_wait", "cond_broadcast")
THREADS = tuple(f"pthread_{name}" for name in POSIX)
FROM_C = (
    *MATHEMATICS,
    *(f"{name}f" for name in MATHEMATICS),
    "memcpy",
    "memmove",
    "memset",
    *THREADS,
)
KIND = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * len(pointers()))


@cache
def function(kernels: str) -> Callable[..., int]:
    """`epochs.run_updates` with these kernels, compiled now if that was never done here."""
    code = store.read_code(_file_name(kernels))
    if code is None:
        code = _compile(kernels)
        store.write_code(_file_name(kernels), code)
    return link(code)


def link(code: bytes) -> Callable[..., int]:
    """The function in an object file, linked into this process."""
    processor = _processor()
    target = machine(processor["name"], processor["features"])
    _link_c()
    linker = binding.create_mcjit_compiler(binding.parse_assembly(""), target)
    linker.add_object_file(binding.ObjectFileRef.from_data(code))
    linker.finalize_object()
    run_updates: Any = KIND(linker.get_function_address(NAME))
    run_updates.linker = linker  # which owns the memory of the code
    return run_updates


def is_compiled(kernels: str) -> bool:
    """Whether `function` finds its code here."""
    return store.read_code(_file_name(kernels)) is not None


@cache
def gemm(dtype: str) -> int:
    """The address of the BLAS's matrix product, which SciPy offers to compiled code."""
    from scipy.linalg import cython_blas

    blas.look_again()  # SciPy brings a BLAS of its own
    capsule = cython_blas.__pyx_capi__["dgemm" if dtype == "float64" else "sgemm"]
    name, pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, name(capsule)))


def _processor() -> dict[str, str]:
    """What code made for this processor may use; numba's settings may name another."""
    name, named = (os.environ.get(f"NUMBA_CPU_{part}") for part in ("NAME", "FEATURES"))
    if name and named:
        return {"name": name, "features": named}
    features = binding.get_host_cpu_features().flatten()
    # LLVM keeps to 32 bytes on Intel's processors, which costs small networks up to 15 %.
    wide = ",-prefer-256-bit" if "+avx512f" in features else ""
    return {"name": binding.get_host_cpu_name(), "features": features + wide}


def machine(cpu: str, features: str) -> Any:
    """LLVM's description of a processor."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    triple = binding.Target.from_default_triple()
    return triple.create_target_machine(cpu=cpu, features=features, opt=3, jit=True)


@cache
def _file_name(kernels: str) -> str:
    """The name of a file that suits this processor and these compilers alone."""
    made_by = [version("numba"), version("llvmlite"), *_processor().values()]
    return f"{kernels}-{sha256(' '.join(made_by).encode()).hexdigest()[:16]}.o"


def _compile(kernels: str) -> bytes:
    """Compile in a process of its own: numba's settings there do not depend on this process.

    Raises ConfigError where numba cannot, as where it does not suit this NumPy.
    """
    processor = {f"NUMBA_CPU_{name.upper()}": value for name, value in _processor().items()}
    own = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    own["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)
    command = [sys.executable, "-P", "-m", "nnlab.engine.compiled.entry", kernels]
    done = subprocess.run(command, env=own | processor, capture_output=True)
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ConfigError(
            f"training.engine: compiled is not possible: numba {version('numba')} could not "
            f"compile the kernels ({reason or done.returncode}). Use numpy."
        )
    return done.stdout


def _link_c() -> None:
    """Tell the linker where the C library's functions are."""
    library = ctypes.CDLL(None if os.name == "posix" else "ucrtbase")
    for name in FROM_C:
        # Without POSIX threads a team has one member, who never calls them.
        there = name if os.name == "posix" or name not in THREADS else "abort"
        place = ctypes.cast(getattr(library, there), ctypes.c_void_p).value
        binding.add_symbol(name, place)


def meeting_place() -> NDArray[np.int64]:
    """The memory in which the threads of a team meet; see `team`."""
    place = np.zeros(team.PLACE_SIZE, np.int64)
    library, start = ctypes.CDLL(None), place.ctypes.data
    library.pthread_mutex_init(ctypes.c_void_p(start + 8 * team.MUTEX), None)
    library.pthread_cond_init(ctypes.c_void_p(start + 8 * team.CONDITION), None)
    return place
