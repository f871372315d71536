"""Compiles the kernels with numba, in a process of its own; see `objects`.

`python -m nnlab.engine.compiled.entry DTYPE` writes the object file to standard output, for the
processor that NUMBA_CPU_NAME and NUMBA_CPU_FEATURES name. The kernels are plain functions: here
each of them, and each formula of the catalogues, is made known to numba.
"""

import sys
from collections.abc import Callable, Sequence
from inspect import isfunction
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba import cfunc, njit, types
from numba.core import config
from numba.extending import overload, register_jitable

from nnlab.engine.compiled import (
    activations,
    epochs,
    functions,
    intrinsics,  # noqa: F401  # defines the primitives
    losses,
    metrics,
    optimizers,
    passes,
    products,
)
from nnlab.engine.compiled.objects import FROM_C, NAME, machine
from nnlab.engine.compiled.program import pointers

# No flag that lets the compiler assume finite numbers, nor reorder sums: only a b + c in one step.
COMMON = {"error_model": "numpy", "fastmath": {"contract"}}
INNER = COMMON | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
REORDERED = INNER | {"fastmath": {"contract", "reassoc"}}  # sums over vectors
MODULES = (activations, epochs, functions, losses, metrics, optimizers, passes, products)
MAX_STRIP_ROUNDS = 8  # 1 or 2 are needed, depending on what LLVM inlines for the processor


def switches() -> dict[Callable[..., Any], list[Callable[..., Any]]]:
    """The functions that choose an entry of a catalogue by its number, and their choices."""
    chosen = activations.COMPILED_ACTIVATIONS.values()
    return {
        activations.activate: [entry.forward for entry in chosen],
        activations.derive: [entry.backward for entry in chosen],
        losses.loss_and_slopes: [entry.slopes for entry in losses.COMPILED_LOSSES.values()],
        metrics.add_metrics: [entry.add for entry in metrics.COMPILED_METRICS.values()],
        optimizers.update_parameters: [
            entry.update for entry in optimizers.COMPILED_OPTIMIZERS.values()
        ],
    }


def switch(choices: Sequence[Callable[..., Any]]) -> Any:
    """A function of (number, *arguments) that calls the choice of that number.

    A choice with formulas is a loop around them, and may add their results in any order.
    """
    lines = ["def choose(number, *arguments):"]
    scope: dict[str, Any] = {}
    for number, choice in enumerate(choices):
        formulas = [cell.cell_contents for cell in choice.__closure__ or ()]
        for formula in formulas:
            register_jitable(**INNER)(formula)
        scope[f"choice{number}"] = njit(**(REORDERED if formulas else INNER))(choice)
        condition = f"if number == {number}: " if number + 1 < len(choices) else ""
        lines.append(f"    {condition}return choice{number}(*arguments)")
    exec(
        "\n".join(lines), scope
    )  # which compiles in half the time of functions that call each other
    return njit(**INNER)(scope["choose"])


def register_kernels() -> None:
    """Make all kernels known to numba."""
    chosen = switches()
    for stub, choices in chosen.items():
        overload(stub, strict=False, jit_options=INNER)(_calling(switch(choices)))
    for module in MODULES:
        for function in vars(module).values():
            own = isfunction(function) and function.__module__ == module.__name__
            if own and function not in (*chosen, functions.exp_parts, products.dot):
                register_jitable(**INNER)(function)
    register_jitable(**REORDERED)(products.dot)

    @overload(functions.exp_parts, jit_options=INNER)
    def parts(x: Any) -> Any:
        return functions.exp_parts32 if x == types.float32 else functions.exp_parts64


def _calling(function: Any) -> Callable[..., Any]:
    """What `overload` takes: for any types of arguments, a function that calls `function`."""
    return lambda *types: lambda *arguments: function(*arguments)


def object_code(dtype: str, cpu: str, features: str) -> bytes:
    """The object file of `run_updates` for "float32" or "float64" and a processor."""
    register_kernels()
    kinds = [
        types.CPointer(numba.from_dtype(np.dtype(kind or dtype))) for kind in pointers().values()
    ]
    compiled: Any = cfunc(types.int64(*kinds), **COMMON)(epochs.run_updates)
    module = binding.parse_assembly(compiled.inspect_llvm())
    module.get_function(compiled.native_name).name = NAME
    target = machine(cpu, features)
    strip(module, target)
    code: bytes = target.emit_object(module)
    return code


def strip(module: Any, target: Any) -> None:
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


if __name__ == "__main__":
    sys.stdout.buffer.write(object_code(sys.argv[1], config.CPU_NAME, config.CPU_FEATURES))
