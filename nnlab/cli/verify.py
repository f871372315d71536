"""`nnlab verify`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from nnlab.api.find import find_run
from nnlab.cli import options
from nnlab.cli.terminal import VERBOSE, print_json, print_message, print_messages, print_result
from nnlab.errors import CheckFailed
from nnlab.experiment.verify import Finding, Verifier
from nnlab.race.folder import is_race, read_paths
from nnlab.race.run import race_differences
from nnlab.run.folder import RunFolder
from nnlab.show.words import count, first_few

MOST_PROBLEMS = 10  # that are listed
Verification = tuple[list[str], dict[str, Any], str]  # problems, report, what was repeated


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
    folder = find_run(run, runs)
    verify = _verify_race(folder) if is_race(folder) else _verify_training(folder, replay, epochs)
    problems, report, repeated = verify
    if as_json:
        print_json({"folder": str(folder.path), "good": not problems, **report})
    elif not problems:
        print_result(f"{folder.path} is whole{repeated}.")
    if problems:
        lines = first_few([f"{problem}." for problem in problems], MOST_PROBLEMS, "\n")
        raise CheckFailed(f"{folder.path} is not what was recorded.\n{lines}")


def _verify_race(folder: RunFolder) -> Verification:
    problems = race_differences(folder)
    rows = count(len(read_paths(folder)["run"]), "row")
    return problems, {"findings": problems}, f"; {rows} of paths.csv came out the same"


def _verify_training(folder: RunFolder, replay: str, epochs: int | None) -> Verification:
    verifier = Verifier(folder)
    verifier.refuse_running()
    findings = list(_findings(verifier, replay, epochs))
    problems = [f"{check.what}: {check.problem}" for check in findings if check.problem is not None]
    rows = sum(check.what.startswith("epoch ") for check in findings)
    report = {"epochs_replayed": rows, "findings": list(map(asdict, findings))}
    same = f"; {count(rows, 'row')} of metrics.csv came out the same"
    return problems, report, same if replay != "none" else ""


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
