"""`nnlab check`."""

from typing import TYPE_CHECKING, Any

import click

from nnlab.cli.options import config_argument, json_option, verbosity
from nnlab.cli.terminal import say, tell, tell_json

if TYPE_CHECKING:
    from nnlab.core.network import Network


@click.command
@config_argument
@json_option
@verbosity
def command(config: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check CONFIG and show what it means.

    Prints the config with all defaults, and the network as a table. Reports all mistakes at once,
    with exit code 2. Does not download data.

    \b
    nnlab check xor
    nnlab check my.yaml --set network.0.units=64
    """
    from nnlab.build import foreseen, outline
    from nnlab.cli.table import table
    from nnlab.config.dump import dump, mapping
    from nnlab.config.load import load

    loaded = load(config, overrides)
    foreseen(loaded.config)  # refuses an engine that cannot run this
    network, _ = outline(loaded.config)
    rows = layers(network)
    parameters, flops = sum(row["parameters"] for row in rows), sum(row["flops"] for row in rows)
    if as_json:
        notes = list(loaded.notes)
        found = {"config": mapping(loaded.config), "network": rows, "notes": notes}
        tell_json({**found, "parameters": parameters, "flops": flops})
        return
    for note in loaded.notes:
        say(note)
    lines = [[row["layer"], shape(row["output"]), row["parameters"], row["flops"]] for row in rows]
    tell(dump(loaded.config))
    tell(table(["layer", "output", "parameters", "FLOPs"], [*lines, ["", "", parameters, flops]]))


def layers(network: "Network") -> list[dict[str, Any]]:
    """Each layer's name, output shape, parameters, and operations of a forward pass for a row."""
    from nnlab.core.network import count, flops, name_of

    return [
        {
            "layer": f"{index} {name_of(layer)}",
            "output": list(network.shapes[index + 1]),
            "parameters": count(network, index),
            "flops": operations,
        }
        for index, (layer, operations) in enumerate(
            zip(network.layers, flops(network), strict=True)
        )
    ]


def shape(sizes: list[int]) -> str:
    """28 x 28 as the table shows it."""
    return " x ".join(map(str, sizes))
