"""Kernels that are compiled before trials need them, with a line that says so."""

from importlib.util import find_spec

from nnlab.build import SHARED, build
from nnlab.cli.results import compiling
from nnlab.cli.terminal import say
from nnlab.config.schema import Config


def provide_kernels(config: Config) -> None:
    """Compile what trials of this config load, where that was never done on this machine.

    Else each process of a sweep would compile the same at once, in silence, and within the time
    and memory that a trial may take.
    """
    if find_spec("numba") is None or config.training.engine == "numpy":
        return
    from nnlab.engine.compiled.objects import function, is_compiled

    if is_compiled(config.training.dtype):
        return
    built = build(config, SHARED)
    if wait := compiling(built):
        say(wait)
        function(config.training.dtype)
