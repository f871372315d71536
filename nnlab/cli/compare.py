"""`nnlab compare`."""

from pathlib import Path

import click

from nnlab.api.compare import compare
from nnlab.cli.completion import complete_run
from nnlab.cli.options import json_option, runs_option
from nnlab.cli.terminal import print_messages, print_outcome


@click.command
@click.argument("names", metavar="RUN RUN...", nargs=-1, shell_complete=complete_run)
@runs_option
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    show_default="loss and metrics of the test part, else validation, else train",
    help="Compare this metric over seeds, as final.val_loss; may be repeated.",
)
@json_option
def command(
    names: tuple[str, ...], runs: Path | None, metrics: tuple[str, ...], as_json: bool
) -> None:
    """Show how runs differ.

    Shows the settings that differ, the final, best and test metrics side by side, the first epoch
    at which the curves differ in a bit, and the differences of the machines. A folder with runs,
    such as a sweep's, means all runs in it.

    Runs whose configs differ in nothing but the seed form a group. Each group is compared with the
    first: the mean of the differences seed by seed, its 95 % interval, and whether it is more than
    the noise of the seed. An exact test decides: for two equal groups it finds a difference in at
    most 5 % of cases, whatever the distribution of the values (it exchanges the signs of the
    differences; without shared seeds, the runs). All values that are compared at once count
    (Holm's correction). At least six shared seeds are needed for one value, seven for two or three;
    without shared seeds four runs in each group, five for two to six values.

    \b
    nnlab compare latest 20261121-101500-xor
    nnlab compare runs/*-xor-*
    """
    comparison = compare(*names, metrics=metrics, folder=runs)
    print_messages(comparison.notes)
    print_outcome(comparison, as_json)
