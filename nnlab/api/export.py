"""A run for other tools: `nnlab.export`."""

from os import PathLike
from pathlib import Path

from nnlab.api.arguments import checks_arguments
from nnlab.api.find import AnyRun, find_trained
from nnlab.exports.targets import default_path, export_run
from nnlab.run.folder import Weights


@checks_arguments
def export(
    run: AnyRun,
    to: str,
    path: str | PathLike[str] | None = None,
    weights: Weights = "final",
) -> Path:
    """Write a run for another tool; the path of what was written.

    `run` is a run or what `load` takes. to: "script", "notebook", "torch", "onnx", "safetensors",
    "tensorboard" or "c"; see `nnlab export --help`. path: by default in the folder of the run.
    Raises UsageError for a missing package and a network that has no form there, RunUnreadable,
    StorageError; for scripts DataError.
    """
    trained = find_trained(run)
    target = default_path(trained, to) if path is None else Path(path)
    export_run(trained, to, target, weights)
    return target
