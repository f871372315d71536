"""numba as a front end: it types functions and writes their LLVM code, and nothing more.

Left to itself it optimizes each function with all that it calls, and makes machine code of it, so
that the callers' work is done again and again. Here the code of all functions is put together
first and optimized once, which takes a third of the time.
"""

from typing import Any

from llvmlite import binding
from numba.core.codegen import CodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.typed_passes import (
    IRLegalization,
    NativeLowering,
    NoPythonBackend,
    NopythonTypeInference,
    PreLowerStripPhis,
)
from numba.core.untyped_passes import (
    FixupArgs,
    GenericRewrites,
    IRProcessing,
    ReconstructSSA,
    TranslateByteCode,
)


class Collected(CodeLibrary):  # type: ignore[misc, unused-ignore]
    """The LLVM code of a function, as text; `whole` puts all together."""

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.texts: list[str] = []
        self.calls: list[CodeLibrary] = []

    def add_ir_module(self, ir_module: Any) -> None:
        self.texts.append(str(ir_module))

    def add_linking_library(self, library: CodeLibrary) -> None:
        self.calls.append(library)

    def finalize(self) -> None:
        self._finalized = True

    def get_function(self, name: str) -> Any:
        raise NotImplementedError

    get_llvm_str = get_asm_str = get_function

    def whole(self) -> Any:
        """A module with this function and all that it calls."""
        module, waiting, linked = binding.parse_assembly(""), [self], set()
        while waiting:
            library = waiting.pop()
            if library in linked:
                continue
            linked.add(library)
            for text in library.texts:
                module.link_in(binding.parse_assembly(text))
            # What numba brings along is for exceptions, which the kernels do not raise.
            waiting += [called for called in library.calls if isinstance(called, Collected)]
        return module


@register_pass(mutates_CFG=True, analysis_only=False)
class Collecting(NativeLowering):  # type: ignore[misc, unused-ignore]
    """Lowering into a `Collected`."""

    _name = "nnlab_collecting"

    def run_pass(self, state: Any) -> bool:
        library = Collected(state.targetctx.codegen(), state.func_id.func_qualname)
        state.library = library
        state.flags = state.flags.copy()
        state.flags.no_compile = True
        super().run_pass(state)
        # Callers know a function by its entry point, which must be a builtin: one never called.
        entry: Any = [].append
        state["cr"] = state["cr"]._replace(cfunc=entry)
        state.targetctx.insert_user_function(entry, state["cr"].fndesc, [library])
        return True


class FrontEnd(CompilerBase):  # type: ignore[misc, unused-ignore]
    """numba's compiler without what plain loops do not need; for `pipeline_class`."""

    def define_pipelines(self) -> list[PassManager]:
        passes = PassManager("nnlab")
        for kind in (
            *(TranslateByteCode, FixupArgs, IRProcessing, GenericRewrites, ReconstructSSA),
            *(NopythonTypeInference, PreLowerStripPhis, IRLegalization),
            *(Collecting, NoPythonBackend),
        ):
            passes.add_pass(kind, kind.__name__)
        passes.finalize()
        return [passes]
