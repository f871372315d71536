"""Data sets and compiled kernels: downloaded and compiled before they are needed."""

from collections.abc import Callable, Iterable
from importlib.util import find_spec

from nnlab.build import SHARED, predicted_engine
from nnlab.config.schema import Config
from nnlab.data.download import fetch_files, file_states
from nnlab.errors import ConfigError

Tell = Callable[[str], None]  # takes a sentence for the user


def provide_data(config: Config, tell: Tell) -> None:
    """Download the files that the config's data set lacks."""
    files = config.data.source.files
    if files is not None and any(file.state == "missing" for file in file_states(files)):
        fetch_files(files, report=tell)


def compile_kernels(kernels: str, tell: Tell) -> None:
    """Compile kernels by their name, after a message; nothing where that was done here."""
    from nnlab.engine.compiled.layers import DENSE_ONLY
    from nnlab.engine.compiled.objects import function, is_compiled
    from nnlab.engine.compiled.store import refusal

    if is_compiled(kernels):
        return
    dtype = kernels.removesuffix(DENSE_ONLY)
    kind, seconds = ("all", 15) if kernels == dtype else ("dense", 10)
    text = f"Compiling the kernels of {kind} layers in {dtype}"
    if reason := refusal():
        tell(f"{text}: about {seconds} s. They cannot be saved: {reason}.")
    else:
        tell(f"{text}, once per installation: about {seconds} s.")
    function(kernels)


def provide_kernels(configs: Iterable[Config], tell: Tell) -> None:
    """Compile the kernels that these configs need, where they are not compiled yet.

    Else each process of a sweep would compile the same kernels at once, without a message, and
    within the time and memory that a trial may take.
    """
    if find_spec("numba") is None:
        return
    from nnlab.engine.compiled.layers import kernels_of

    by_kernels: dict[str, list[Config]] = {}
    for config in configs:
        if config.training.engine != "numpy":
            kernels = kernels_of(config.network, config.training.dtype)
            by_kernels.setdefault(kernels, []).append(config)
    for kernels, same in by_kernels.items():
        if any(map(_runs_compiled, same)):
            compile_kernels(kernels, tell)


def _runs_compiled(config: Config) -> bool:
    try:
        return predicted_engine(config, SHARED) == "compiled"
    except ConfigError:  # the trial itself will report it
        return False
