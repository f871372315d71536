"""Kernels that are compiled before they are needed, with a line that says so."""

from collections.abc import Iterable
from importlib.util import find_spec

from nnlab.build import SHARED, foreseen
from nnlab.cli.terminal import VERBOSE, say
from nnlab.config.schema import Config
from nnlab.errors import ConfigError


def compiling(dtype: str) -> str | None:
    """What to say where the kernels for a dtype must be compiled first; None where they are."""
    from nnlab.engine.compiled.objects import is_compiled
    from nnlab.engine.compiled.store import refusal

    if is_compiled(dtype):
        return None
    if reason := refusal():
        say(f"Compiled kernels cannot be kept: {reason}.", VERBOSE)
        return f"Compiling the kernels for {dtype}, which cannot be kept: about 20 s."
    return f"Compiling the kernels for {dtype}, once an installation: about 20 s."


def provide_kernels(configs: Iterable[Config]) -> None:
    """Compile the kernels of these configs, for every dtype, where that was never done here.

    Else each process of a sweep would compile the same at once, in silence, and within the time
    and memory that a trial may take.
    """
    if find_spec("numba") is None:
        return
    waits: dict[str, str | None] = {}
    for config in configs:
        dtype, engine = config.training.dtype, config.training.engine
        if engine == "numpy":
            continue
        if dtype not in waits:
            waits[dtype] = compiling(dtype)
        if (wait := waits[dtype]) and _loads(config):
            say(wait)
            _compile(dtype)
            waits[dtype] = None


def _loads(config: Config) -> bool:
    """Whether a trial runs compiled; a trial that cannot run at all fails with its own message."""
    try:
        return foreseen(config, SHARED) == "compiled"
    except ConfigError:
        return False


def _compile(dtype: str) -> None:
    from nnlab.engine.compiled.objects import function

    function(dtype)
