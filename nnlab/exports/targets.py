"""The table of exports: what each writes, and by which function."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nnlab import __version__
from nnlab.config.dump import dump
from nnlab.errors import UsageError, require_package
from nnlab.exports.c_source import export_c
from nnlab.exports.check import export_script
from nnlab.exports.events import FILE, export_tensorboard
from nnlab.exports.notebook import export_notebook
from nnlab.exports.onnx_graph import export_onnx
from nnlab.exports.torch_source import export_torch
from nnlab.exports.trained import Exported
from nnlab.run.folder import EXPORTS, Weights
from nnlab.run.run import Run

Exporter = Callable[[Run, Path, Weights], Exported]


@dataclass(frozen=True)
class Target:
    """file: its usual name. packages: what its export needs. inside: the file in a folder."""

    file: str
    export: Exporter
    packages: tuple[str, ...] = ()
    inside: str = ""


def export_run(run: Run, to: str, path: Path, weights: Weights = "final") -> tuple[str, ...]:
    """Writes a run for another tool; the notes to show.

    Raises UsageError for an unknown target, a missing package, and a network that has no form
    there; RunUnreadable, StorageError; for scripts DataError.
    """
    target = find_target(to)
    for package in target.packages:
        require_package(f"An export to {to}", package, "export")
    exported = target.export(run, path, weights)
    exported.write(path / target.inside)
    return exported.notes


def default_path(run: Run, to: str) -> Path:
    """Where an export goes without another path. Raises UsageError for an unknown target."""
    return run.path / EXPORTS / find_target(to).file


def find_target(to: str) -> Target:
    """The target of this name. Raises UsageError."""
    if to not in TARGETS:
        raise UsageError(f"There is no export '{to}'; there are {', '.join(TARGETS)}.")
    return TARGETS[to]


def export_safetensors(run: Run, path: Path, weights: Weights) -> Exported:
    """The arrays of a run as its weights files name them, with the config as metadata."""
    from safetensors.numpy import save

    arrays = {name: array.copy() for name, array in run.network(weights).arrays.items()}
    about = {"format": "np", "nnlab": __version__, "config": dump(run.config), "run": run.name}
    return Exported(save(arrays, about))


TARGETS: dict[str, Target] = {
    "script": Target("script.py", export_script),
    "notebook": Target("notebook.ipynb", export_notebook, ("nbformat",)),
    "torch": Target("torch_network.py", export_torch),
    "onnx": Target("network.onnx", export_onnx, ("onnx",)),
    "safetensors": Target("weights.safetensors", export_safetensors, ("safetensors",)),
    "tensorboard": Target("tensorboard", export_tensorboard, ("tensorboard",), FILE),
    "c": Target("network.c", export_c),
}
