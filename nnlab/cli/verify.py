"""`nnlab verify`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nnlab.cli import options
from nnlab.cli.terminal import VERBOSE, print_json, print_message, print_messages, print_result
from nnlab.errors import CheckFailed
from nnlab.experiment.verify import Finding, Verifier
from nnlab.race.folder import is_race, read_paths
from nnlab.race.run import differences
from nnlab.show.words import count

MOST_PROBLEMS = 10  # that are listed


@click.command
@options.run_argument
@click.option(
    "--replay",
    type=click.Choice(("start", "checkpoint", "none")),
    default="start",
    show_default=True,
    help="Train again from the initial weights, from the older checkpoint, or not at all.",
)
@click.option(
    "--epochs", type=click.IntRange(min=0), metavar="N", help="Train at most N epochs again."
)
@options.threads_option
@options.json_option
@options.verbosity
def command(run: str, runs: Path | None, replay: str, epochs: int | None, as_json: bool) -> None:
    """Train a run again and compare the bits.

    Reads every file and compares them with each other; then trains again and compares every
    epoch's row, and the SHA-256 of the weights, bit for bit. Writes nothing. Exit code 6 when a
    file cannot be read, 9 when something differs. Another machine or another NumPy rounds
    differently: such differences are printed first. A race of `nnlab descend` is run again in
    full.

    \b
    nnlab verify latest
    nnlab verify latest --replay none
    nnlab verify latest --epochs 5
    """
    folder = options.find_run(run, runs)
    report: dict[str, Any]
    if is_race(folder):
        problems = differences(folder)
        report = {"findings": problems}
        repeated = f"{count(len(read_paths(folder)['run']), 'row')} of paths.csv"
    else:
        verifier = Verifier(folder)
        verifier.refuse_running()
        findings = list(_findings(verifier, replay, epochs))
        problems = [f"{row.what}: {row.problem}" for row in findings if row.problem is not None]
        rows = sum(row.what.startswith("epoch ") for row in findings)
        report = {"epochs_replayed": rows, "findings": [asdict(row) for row in findings]}
        repeated = f"{count(rows, 'row')} of metrics.csv" if replay != "none" else ""
    if as_json:
        print_json({"folder": str(folder.path), "good": not problems, **report})
    elif not problems:
        equal = f"; {repeated} came out the same" if repeated else ""
        print_result(f"{folder.path} is whole{equal}.")
    if problems:
        more = len(problems) - MOST_PROBLEMS
        lines = [*(f"{problem}." for problem in problems[:MOST_PROBLEMS])]
        lines += [f"and {more} more."] if more > 0 else []
        raise CheckFailed("\n".join([f"{folder.path} is not what was recorded.", *lines]))


def _findings(verifier: Verifier, replay: str, epochs: int | None) -> Iterator[Finding]:
    """Every check of the files and of the training, printed with --verbose."""
    for finding in verifier.files():
        print_message(f"{finding.what}: {finding.problem or 'good'}", VERBOSE)
        yield finding
    if replay != "none":
        print_messages(verifier.notes())
        for finding in verifier.replay(replay, epochs):  # type: ignore[arg-type]  # click checked
            print_message(f"{finding.what}: {finding.problem or 'the same'}", VERBOSE)
            yield finding
