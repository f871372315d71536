"""`nnlab export`."""

from pathlib import Path
from typing import Any

import click

from nnlab.api.find import find_trained
from nnlab.cli import options
from nnlab.cli.terminal import output_place, print_files, print_messages
from nnlab.exports.targets import TARGETS, default_path, export_run


@click.command
@options.run_argument
@click.option(
    "--to",
    type=click.Choice(tuple(TARGETS)),
    metavar="TARGET",
    required=True,
    help="What to write, one of the above.",
)
@options.output_option("Where to write", "in the folder exports of the run")
@options.weights_option
@options.threads_option
@options.json_option
def command(
    run: str, runs: Path | None, to: str, output: Path | None, weights: Any, as_json: bool
) -> None:  # fmt: skip
    """Write a run for another tool.

    The script begins with the initial weights and compares its losses with those of the run; it is
    run once before it is handed over. It is for dense networks, as is C. The networks of torch,
    onnx and c take rows in the units of the data. Prints the path of the file.

    \b
    script       a NumPy script that trains the network again
    notebook     the same in cells, with its curve
    torch        a PyTorch module with the weights
    onnx         a graph for ONNX runtimes
    safetensors  the weights by name
    tensorboard  metrics, weights and settings as events
    c            a function in C99

    \b
    nnlab export latest --to script
    nnlab export latest --to onnx -o network.onnx
    """
    trained = find_trained(run, runs)
    usual = default_path(trained, to)
    with output_place(output, usual.name) as place:
        notes = export_run(trained, to, place or usual, weights)
        print_files([place or usual], output, as_json)
    print_messages(notes)
