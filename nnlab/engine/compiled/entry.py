"""Compiles the kernels with numba, in a process of its own; see `objects`.

`python -m nnlab.engine.compiled.entry KERNELS` writes the object file to standard output, for the
processor that NUMBA_CPU_NAME and NUMBA_CPU_FEATURES name; KERNELS is a name by `kernels_of`. The
kernels are plain functions: here each of them, and each formula of the catalogues, is made known to
numba.
"""

import sys
from collections.abc import Callable
from inspect import isfunction
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba import njit, types
from numba.core import config
from numba.extending import overload, register_jitable

from nnlab.engine.compiled import (
    activations,
    convolution,
    epochs,
    functions,
    images,
    intrinsics,  # noqa: F401  # defines the primitives
    layer,
    layers,
    losses,
    metrics,
    normalisation,
    optimizers,
    passes,
    products,
    team,
    tiles,  # noqa: F401  # defines the others
)
from nnlab.engine.compiled.frontend import FrontEnd
from nnlab.engine.compiled.objects import FROM_C, NAME, machine
from nnlab.engine.compiled.records import pointers

# No flag that lets the compiler assume finite numbers, nor reorder sums: only a b + c in one step.
INNER = {
    "error_model": "numpy",
    "fastmath": {"contract"},
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "pipeline_class": FrontEnd,
}
REORDERED = INNER | {"fastmath": {"contract", "reassoc"}}  # sums over vectors
MODULES = (
    *(
        activations,
        convolution,
        epochs,
        functions,
        images,
        layer,
        losses,
        metrics,
        normalisation,
        optimizers,
    ),
    *(passes, products, team),
)
SUMS = (products.dot, products.summed)
# numba's functions return a status, and take addresses for the result and an exception.
CALLED_FROM_C = """
declare i32 @"{function}"(ptr, ptr, {kinds})
define i64 @{name}({kinds}) {{
  %result = alloca i64
  %exception = alloca ptr
  %status = call i32 @"{function}"(ptr %result, ptr %exception, {arguments})
  %number = load i64, ptr %result
  ret i64 %number
}}
"""


Choices = dict[int, Callable[..., Any]]
"""What a function that chooses by a number may call."""


def switches(kernels: str) -> dict[Callable[..., Any], Choices]:
    """The functions that choose an entry of a catalogue by its number, and their choices."""
    known = layers.chosen_layers(kernels)
    chosen = {i: known[name] for i, name in enumerate(layers.COMPILED_LAYERS) if name in known}
    errors, sums = losses.COMPILED_LOSSES.values(), metrics.COMPILED_METRICS.values()
    rules = optimizers.COMPILED_OPTIMIZERS.values()
    return {
        layer.forward_layer: {i: entry.forward for i, entry in chosen.items()},
        layer.backward_layer: {i: entry.backward for i, entry in chosen.items()},
        layer.follow_layer: {i: entry.follow for i, entry in chosen.items()},
        losses.loss_and_slopes: {i: entry.slopes for i, entry in enumerate(errors)},
        metrics.add_metrics: {i: entry.add for i, entry in enumerate(sums)},
        optimizers.update_parameters: {i: entry.update for i, entry in enumerate(rules)},
    }


def switch(choices: Choices) -> Any:
    """A function of (number, *arguments) that calls the choice of that number.

    A choice with formulas is a loop around them, and may add their results in any order.
    """
    own = {choice: _dispatcher(choice) for choice in choices.values()}
    lines = ["def choose(number, *arguments):"]
    for number in choices:
        condition = f"if number == {number}: " if number != max(choices) else ""
        lines.append(f"    {condition}return choice{number}(*arguments)")
    scope = {f"choice{number}": own[choice] for number, choice in choices.items()}
    # A text compiles in half the time of functions that call each other.
    exec("\n".join(lines), scope)
    return njit(**INNER)(scope["choose"])


def _dispatcher(choice: Callable[..., Any]) -> Any:
    formulas = [cell.cell_contents for cell in choice.__closure__ or ()]
    for formula in formulas:
        register_jitable(**INNER)(formula)
    return njit(**(REORDERED if formulas else INNER))(choice)


def register_kernels(kernels: str) -> None:
    """Make the kernels known to numba."""
    chosen = switches(kernels)
    for stub, choices in chosen.items():
        overload(stub, strict=False, jit_options=INNER)(_calling(switch(choices)))
    for module in MODULES:
        for function in vars(module).values():
            own = isfunction(function) and function.__module__ == module.__name__
            if own and function not in (*chosen, functions.exp_parts, *SUMS):
                register_jitable(**INNER)(function)
    for function in SUMS:
        register_jitable(**REORDERED)(function)

    @overload(functions.exp_parts, jit_options=INNER)
    def parts(x: Any) -> Any:
        return functions.exp_parts32 if x == types.float32 else functions.exp_parts64


def _calling(function: Any) -> Callable[..., Any]:
    """What `overload` takes: for any types of arguments, a function that calls `function`."""
    return lambda *types: lambda *arguments: function(*arguments)


def object_code(kernels: str, cpu: str, features: str) -> bytes:
    """The object file of `run_updates` for some kernels and a processor."""
    register_kernels(kernels)
    dtype = kernels.removesuffix(layers.DENSE_ONLY)
    kinds = [
        types.CPointer(numba.from_dtype(np.dtype(kind or dtype))) for kind in pointers().values()
    ]
    dispatcher = njit(**INNER)(epochs.run_updates)
    dispatcher.compile(types.int64(*kinds))
    (compiled,) = dispatcher.overloads.values()
    module = compiled.library.whole()
    arguments = [f"ptr %{i}" for i in range(len(kinds))]
    texts = {"kinds": ", ".join(["ptr"] * len(kinds)), "arguments": ", ".join(arguments)}
    entry = CALLED_FROM_C.format(name=NAME, function=compiled.fndesc.llvm_func_name, **texts)
    module.link_in(binding.parse_assembly(entry))
    target = machine(cpu, features)
    optimize(module, target)
    code: bytes = target.emit_object(module)
    return code


def keep_apart(module: Any) -> None:
    """Let large kernels stay functions: inlined they would make the small ones slow."""
    large = [entry for entry in layers.COMPILED_LAYERS.values() if not entry.any_layout]
    names = {f"{len(k.__name__)}{k.__name__}" for one in large for k in (one.forward, one.backward)}
    for function in module.functions:
        if not function.is_declaration and any(name in function.name for name in names):
            function.add_function_attribute("noinline")


def optimize(module: Any, target: Any) -> None:
    """Make one program of `run_updates` and what it calls; all else goes.

    The code that numba adds for exceptions goes too, for the kernels raise none. RuntimeError if
    what is left would not link without numba.
    """
    keep_apart(module)
    for symbol in (*module.functions, *module.global_variables):
        if not symbol.is_declaration and symbol.name != NAME:
            symbol.linkage = "internal"
    module.triple, module.data_layout = target.triple, str(target.target_data)
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_unrolling = False  # slower for most networks, and a third more to compile
    builder = binding.create_pass_builder(target, tuning)
    builder.getModulePassManager().run(module, builder)
    called = {function.name for function in module.functions if function.is_declaration}
    strange = {name for name in called if not name.startswith("llvm.")} - {*FROM_C}
    if strange:
        raise RuntimeError(f"The kernels call what C does not have: {', '.join(sorted(strange))}.")


if __name__ == "__main__":
    sys.stdout.buffer.write(object_code(sys.argv[1], config.CPU_NAME, config.CPU_FEATURES))
