"""`nnlab compare`."""

from pathlib import Path

import click

from nnlab.cli.options import complete_run, json_option, runs_option, verbosity
from nnlab.cli.terminal import say, tell, tell_json


@click.command
@click.argument("names", metavar="RUN RUN...", nargs=-1, shell_complete=complete_run)
@runs_option
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    help="Judge this one over seeds, for example final.val_loss; may be repeated. "
    "Default: the loss and metrics of the test part, else of the validation, else of the training "
    "part.",
)
@json_option
@verbosity
def command(
    names: tuple[str, ...], runs: Path | None, metrics: tuple[str, ...], as_json: bool
) -> None:
    """Show how runs differ.

    Shows the settings that differ, the final, best and test metrics side by side, the first epoch
    at which the curves differ in a bit, and the differences of the machines. A folder with runs,
    such as a sweep's, means all runs in it.

    Runs whose configs differ in nothing but the seed form a group. Each group is compared with the
    first: the mean of the differences seed by seed, its 95 % interval, and whether it is more than
    the noise of the seed. An exact test says so: two equal groups differ in at most 5 % of cases,
    however their figures are distributed (signs of the differences exchanged; without shared seeds
    the runs). All figures that are judged at once count (Holm's correction). At least six shared
    seeds are needed for one figure, seven for two or three; without shared seeds four runs in each
    group, five for two to six figures.

    \b
    nnlab compare latest 20261121-101500-xor
    nnlab compare runs/*-xor-*
    """
    from nnlab.cli import comparison
    from nnlab.run.names import runs_folder
    from nnlab.study.compare import find_runs, read_facts
    from nnlab.study.groups import compare_groups, group_runs

    facts = [read_facts(run) for run in find_runs(names, runs_folder(runs))]
    groups = group_runs(facts)
    comparison.refuse_unknown(metrics, facts)
    judged = compare_groups(groups, metrics) if len(groups) < len(facts) else []
    for note in comparison.notes(facts):
        say(note)
    if as_json:
        tell_json(comparison.as_mapping(facts, groups, judged))
    else:
        tell("\n\n".join(comparison.sections(facts, groups, judged)))
