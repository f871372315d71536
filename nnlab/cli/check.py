"""`nnlab check`."""

import sys
from typing import TYPE_CHECKING, Any, TextIO

import click

from nnlab.cli.options import config_argument, json_option, verbosity
from nnlab.cli.terminal import say, tell, tell_json, terminal_width

if TYPE_CHECKING:
    from nnlab.config.schema import Config
    from nnlab.core.network import Network

DEFAULTS = "# the config with all defaults filled in"
ITEM = 20  # columns of the longest setting but for texts
MOST_NAMES = 20  # of inputs or classes that are listed


@click.command
@config_argument
@json_option
@verbosity
def command(config: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Check CONFIG and show what it means.

    Prints OK, the rows, classes and columns of the data, the network as a table, and last the
    config with all defaults. Reports all mistakes at once, with exit code 2; suspicious data
    gives a warning. Does not download data.

    \b
    nnlab check xor
    nnlab check my.yaml --set network.0.units=64
    """
    from nnlab.build import foreseen, outline
    from nnlab.cli.follow import warn
    from nnlab.cli.table import table
    from nnlab.config.dump import dump, mapping
    from nnlab.config.load import load

    loaded = load(config, overrides)
    foreseen(loaded.config)  # refuses an engine that cannot run this
    network, *_ = outline(loaded.config)
    facts, warnings = data(loaded.config)
    rows = layers(network)
    parameters, flops = sum(row["parameters"] for row in rows), sum(row["flops"] for row in rows)
    if as_json:
        found = {"config": mapping(loaded.config), "data": facts, "network": rows}
        found |= {"notes": list(loaded.notes), "warnings": list(warnings)}
        tell_json({**found, "parameters": parameters, "flops": flops})
        return
    for note in loaded.notes:
        say(note)
    warn(warnings)
    lines = [[row["layer"], shape(row["output"]), row["parameters"], row["flops"]] for row in rows]
    tell(f"OK: {config}\n")
    tell("\n".join(f"{name:8} {text}" for name, text in facts.items()) + "\n")
    tell(table(["layer", "output", "parameters", "FLOPs"], [*lines, ["", "", parameters, flops]]))
    tell(f"\n{DEFAULTS}\n{dump(loaded.config, narrow(sys.stdout)).rstrip()}")


def narrow(stream: TextIO) -> int:
    """The width of YAML whose lines, with the item that ends them, fit the terminal."""
    from nnlab.config.dump import WIDTH

    width = terminal_width(stream)
    return min(WIDTH, max(width - ITEM, ITEM)) if width else WIDTH


def data(config: "Config") -> tuple[dict[str, str], tuple[str, ...]]:
    """Rows, classes and columns of the data in words, and what is suspicious in it.

    Raises ConfigError where balanced weights cannot be had.
    """
    from nnlab.build import prepared
    from nnlab.cli.results import sizes
    from nnlab.config.families import SOURCE
    from nnlab.data.csv_text import quoted_list
    from nnlab.data.images import COLLECTIONS
    from nnlab.data.split import split_rows
    from nnlab.data.warnings import data_warnings

    source, seed = config.data.source, config.data.seed
    signature = source.signature(seed)
    parts = split_rows(config.data.split, signature.rows, signature.test_rows, seed)
    facts = {"rows": f"{signature.rows:,}: {sizes(parts)}", "inputs": shape([*signature.inputs])}
    if signature.image is not None:
        facts["inputs"] += f" (pictures of {shape([*signature.image])})"
    if signature.task != "identity":
        plural = "classes" if signature.task == "classes" else "targets"
        facts[plural] = f"{signature.outputs}"
    if SOURCE.name_of(source) in COLLECTIONS:
        return facts, ()
    dataset = source.load(seed)
    prepared(config.loss, dataset, parts.train)
    names = {"inputs": dataset.feature_names, "targets": dataset.target_names}
    names["classes"] = dataset.class_names
    for key, called in names.items():
        if called and key in facts:
            facts[key] += f": {quoted_list(called, MOST_NAMES)}"
    return facts, data_warnings(dataset, parts, config.data.scale, config.data.split)


def layers(network: "Network") -> list[dict[str, Any]]:
    """Each layer's name, output shape, parameters, and operations of a forward pass for a row."""
    from nnlab.core.network import flops, layer_kind, parameter_count

    return [
        {
            "layer": f"{index} {layer_kind(layer)}",
            "output": list(network.shapes[index + 1]),
            "parameters": parameter_count(network, index),
            "flops": operations,
        }
        for index, (layer, operations) in enumerate(
            zip(network.layers, flops(network), strict=True)
        )
    ]


def shape(sizes: list[int]) -> str:
    """28 x 28 as the table shows it."""
    return " x ".join(map(str, sizes))
