"""`--to safetensors`: the weights by name, in the format of the safetensors package."""

from pathlib import Path

from nnlab import __version__
from nnlab.config.dump import dump
from nnlab.exports.trained import Exported
from nnlab.run.folder import Weights
from nnlab.run.run import Run


def export_safetensors(run: Run, path: Path, weights: Weights) -> Exported:
    """The arrays of a run as its weights files name them, with the config as metadata."""
    from safetensors.numpy import save

    arrays = {name: array.copy() for name, array in run.network(weights).arrays.items()}
    about = {"format": "np", "nnlab": __version__, "config": dump(run.config), "run": run.name}
    return Exported(save(arrays, about))
