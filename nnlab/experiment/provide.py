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


def compiling_message(dtype: str) -> str | None:
    """The message that kernels for a dtype must be compiled first; None where they are."""
    from nnlab.engine.compiled.objects import is_compiled
    from nnlab.engine.compiled.store import refusal

    if is_compiled(dtype):
        return None
    if reason := refusal():
        return f"Compiling the kernels for {dtype}: about 15 s. They cannot be saved: {reason}."
    return f"Compiling the kernels for {dtype}, once per installation: about 15 s."


def provide_kernels(configs: Iterable[Config], tell: Tell) -> None:
    """Compile the kernels that these configs need, where they are not compiled yet.

    Else each process of a sweep would compile the same kernels at once, without a message, and
    within the time and memory that a trial may take.
    """
    if find_spec("numba") is None:
        return
    by_dtype: dict[str, list[Config]] = {}
    for config in configs:
        if config.training.engine != "numpy":
            by_dtype.setdefault(config.training.dtype, []).append(config)
    for dtype, same in by_dtype.items():
        message = compiling_message(dtype)
        if message and any(map(_runs_compiled, same)):
            from nnlab.engine.compiled.objects import function

            tell(message)
            function(dtype)


def _runs_compiled(config: Config) -> bool:
    try:
        return predicted_engine(config, SHARED) == "compiled"
    except ConfigError:  # the trial itself will report it
        return False
