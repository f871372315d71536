"""`nnlab check`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nnlab.api.find import find_sweep, find_training
from nnlab.build import outline, predicted_engine, prepare_loss
from nnlab.cli.options import config_argument, json_option, runs_option
from nnlab.cli.terminal import (
    print_json,
    print_messages,
    print_result,
    print_warnings,
    terminal_width,
)
from nnlab.cli.training_output import expected_table, part_sizes, raise_unmet
from nnlab.config.dump import WIDTH, dump, settings_of
from nnlab.config.files import locate
from nnlab.config.load import Loaded, load_config
from nnlab.config.problems import Problem
from nnlab.config.schema import Config
from nnlab.core.network import Network, flops, layer_kind, parameter_count
from nnlab.data.csv_text import quoted_list
from nnlab.data.split import split_dataset, split_rows
from nnlab.data.warnings import data_warnings
from nnlab.errors import ConfigError, RunUnreadable, UsageError
from nnlab.experiment.expected import ReachedValue, SeedCount, compare_run, compare_sweep
from nnlab.run.files import RunFiles
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder
from nnlab.show.text_tables import format_table
from nnlab.show.words import count, parameter_words, shape_text

ITEM = 20  # columns of the longest setting that is not a text: a line of YAML may end with one
MOST_NAMES = 20  # of inputs or classes that are listed


@click.command
@config_argument
@runs_option
@json_option
def command(config: str, overrides: tuple[str, ...], runs: Path | None, as_json: bool) -> None:
    """Check CONFIG and show what it means.

    Prints OK, the rows, classes and columns of the data, the network as a table, and last the
    config with all defaults. Reports all mistakes at once, with exit code 2; suspicious data
    gives a warning. Does not download data.

    A template for others has blanks, `lr: ???`: they are listed, and `nnlab train` refuses them.

    For a run or a sweep in place of CONFIG: compares its results with what its config expects
    (`expect: {val_accuracy: ">= 0.95", seeds: 4/5}`). Exit code 9 if something is not met.

    \b
    nnlab check xor
    nnlab check my.yaml --set network.0.units=64
    nnlab check latest
    """
    if (results := _results(config, runs)) is not None:
        if overrides:
            raise UsageError(f"--set changes a config, and {config} has been trained.")
        _check_results(results, as_json)
        return
    try:
        loaded = load_config(config, overrides)
    except ConfigError as error:
        _print_blanks(config, error, as_json)
        return
    _print_config(config, loaded, as_json)


def _print_config(config: str, loaded: Loaded, as_json: bool) -> None:
    predicted_engine(loaded.config)  # refuses an engine that cannot run this
    network, *_ = outline(loaded.config)
    facts, warnings = _data_facts(loaded.config)
    rows = _layer_rows(network)
    sums = {key: sum(row[key] for row in rows) for key in ("parameters", "flops")}
    trained = int(network.trained.size)
    if as_json:
        report = {"config": settings_of(loaded.config), "data": facts, "network": rows}
        more = {**sums, "trained": trained}
        report |= {"notes": list(loaded.notes), "warnings": list(warnings), **more}
        print_json(report)
        return
    print_messages(loaded.notes)
    print_warnings(warnings)
    lines = [[row["layer"], shape_text(row["output"]), *(row[key] for key in sums)] for row in rows]
    lines.append(["", "", *sums.values()])
    width = terminal_width(sys.stdout) or WIDTH + ITEM
    resolved = dump(loaded.config, min(WIDTH, max(width - ITEM, ITEM))).rstrip()
    print_result(f"OK: {config}\n")
    print_result("\n".join(f"{name:8} {text}" for name, text in facts.items()) + "\n")
    print_result(format_table(["layer", "output", "parameters", "FLOPs"], lines))
    if trained < sums["parameters"]:
        print_result(f"\n{parameter_words(sums['parameters'], trained)}")
    print_result(f"\n# the config with all defaults filled in\n{resolved}")


def _print_blanks(config: str, error: ConfigError, as_json: bool) -> None:
    """The blanks of a template. Raises the error where it has mistakes too."""
    problems = [problem for problem in error.problems if isinstance(problem, Problem)]
    if not problems or not all(problem.is_blank for problem in problems):
        raise error
    if as_json:
        blanks = [problem.sentence.partition(" ")[0] for problem in problems]
        print_json({"config": None, "blanks": blanks})
        return
    print_result(f"OK: {config}, a template with {count(len(problems), 'blank')}\n\n{error}")


def _results(word: str, runs: Path | None) -> RunFolder | SweepFolder | None:
    """The run or the sweep that a word names; None for a config, and for nothing that exists."""
    try:
        locate(word)
    except ConfigError:
        try:
            return find_sweep(word, runs) or find_training(word, runs)
        except RunUnreadable:
            if Path(word).is_dir() or word == "latest":
                raise
    return None


def _check_results(folder: RunFolder | SweepFolder, as_json: bool) -> None:
    """Print what was expected and reached. Raises CheckFailed where that is not met."""
    compared: Sequence[ReachedValue | SeedCount]
    if isinstance(folder, SweepFolder):
        compared = compare_sweep(folder)
    elif not (status := folder.status()).ended:
        raise RunUnreadable(f"{folder.path} is {status}: it has no results to compare yet.")
    else:
        compared = compare_run(RunFiles(folder.path))
    if not compared:
        example = 'expect: {val_loss: "<= 0.1"}'
        raise UsageError(f"The config of {folder.path} expects nothing. An example: {example}")
    if as_json:
        rows = [each.row for each in compared]
        print_json({"folder": str(folder.path), "expected": rows})
    else:
        print_result("\n".join(expected_table(compared)))
    raise_unmet(folder.path, compared)


def _data_facts(config: Config) -> tuple[dict[str, str], tuple[str, ...]]:
    """Rows, classes and columns of the data, and warnings about it.

    Raises ConfigError where the classes cannot have balanced weights.
    """
    data, seed = config.data, config.data.seed
    signature, split = data.signature(), data.split
    dataset = data.load() if data.source.files is None else None
    if dataset is None:
        parts = split_rows(split, signature.rows, signature.test_rows, seed)
    else:
        parts = split_dataset(split, dataset, seed)
    facts = {"rows": f"{signature.rows:,}: {part_sizes(parts)}"}
    facts["inputs"] = shape_text(signature.inputs)
    if signature.image is not None:
        facts["inputs"] += f" (images of {shape_text(signature.image)})"
    if signature.task != "identity":
        facts["classes" if signature.task == "classes" else "targets"] = f"{signature.outputs}"
    if dataset is None:
        return facts, ()
    prepare_loss(config.loss, dataset, parts.train)
    names = {"inputs": dataset.feature_names, "targets": dataset.target_names}
    names["classes"] = dataset.class_names
    for key in facts:
        if of_key := names.get(key):
            facts[key] += f": {quoted_list(of_key, MOST_NAMES)}"
    return facts, data_warnings(dataset, parts, data.scale, split, data.scale_target)


def _layer_rows(network: Network) -> list[dict[str, Any]]:
    """Each layer's name, output shape, parameters, and operations of a forward pass per row."""
    return [
        {
            "layer": f"{index} {layer_kind(layer)}" + " (frozen)" * layer.freeze,
            "output": list(network.shapes[index + 1]),
            "parameters": parameter_count(network, index),
            "flops": operations,
        }
        for index, (layer, operations) in enumerate(
            zip(network.layers, flops(network), strict=True)
        )
    ]
