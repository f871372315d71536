"""Makes the JSON files beside this script: the answers that PyTorch gives, in float64.

Run it where PyTorch is installed (the tests themselves never import it):

    python -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    /tmp/torch/bin/python tests/references/make.py

Settings carry PyTorch's names; the tests say which of ours they mean. Python writes floats so that
reading them gives the same bits. Running the script again must leave the files unchanged.
"""

import json
from pathlib import Path

import torch
from activations import activations
from descents import descents
from images import images
from losses import losses
from networks import networks
from optimizers import optimizers
from passages import passages
from schedules import schedules
from searches import searches
from transfers import transfers

HERE = Path(__file__).parent
FILES = {
    "optimizers": optimizers,
    "schedules": schedules,
    "losses": losses,
    "activations": activations,
    "networks": networks,
    "images": images,
    "descents": descents,
    "passages": passages,
    "searches": searches,
    "transfers": transfers,
}


def main() -> None:
    """Write the files."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    for name, make in FILES.items():
        text = json.dumps(make(), allow_nan=False)
        (HERE / f"{name}.json").write_text(text.replace('{"name"', '\n{"name"') + "\n")


if __name__ == "__main__":
    main()
