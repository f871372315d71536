"""`nnlab verify`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nnlab.cli.options import (
    find_run,
    json_option,
    run_argument,
    threads_option,
    use_threads,
    verbosity,
)
from nnlab.cli.terminal import VERBOSE, say, tell, tell_json
from nnlab.errors import CheckFailed

if TYPE_CHECKING:
    from nnlab.experiment.verify import Finding
    from nnlab.run.folder import RunFolder


@click.command
@run_argument
@click.option(
    "--replay",
    type=click.Choice(("start", "checkpoint", "none")),
    default="start",
    show_default=True,
    help="From where to train again: the initial weights, the older of the two saves, or not.",
)
@click.option(
    "--epochs", type=click.IntRange(min=0), metavar="N", help="Train at most N epochs again."
)
@threads_option
@json_option
@verbosity
def command(
    run: str,
    runs: Path | None,
    replay: str,
    epochs: int | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Train a run again and compare the bits.

    Reads every file and compares them with each other; then trains again and compares every
    epoch's row, and the SHA-256 of the weights, bit for bit. Writes nothing. Exit code 6 when a
    file cannot be read, 9 when something differs. Another machine or another NumPy rounds
    differently: what differs there is said first. A race of `nnlab descend` is run again whole.

    \b
    nnlab verify latest
    nnlab verify latest --replay none
    nnlab verify latest --epochs 5
    """
    use_threads(threads)
    from nnlab.experiment.verify import Verifier
    from nnlab.race.folder import is_race

    folder = find_run(run, runs)
    if is_race(folder):
        verify_race(folder, as_json)
        return
    verifier = Verifier(folder)
    verifier.refuse_running()
    found: list[Finding] = []
    for one in verifier.files():
        found.append(one)
        say(f"{one.what}: {one.problem or 'good'}", VERBOSE)
    if replay != "none":
        for note in verifier.notes():
            say(note)
        for one in verifier.replay(replay, epochs):  # type: ignore[arg-type]  # click checked it
            found.append(one)
            say(f"{one.what}: {one.problem or 'the same'}", VERBOSE)
    wrong = [one for one in found if one.problem is not None]
    again = sum(one.what.startswith("epoch ") for one in found)
    if as_json:
        tell_json(
            {
                "folder": str(verifier.folder.path),
                "good": not wrong,
                "epochs_replayed": again,
                "findings": [asdict(one) for one in found],
            }
        )
    elif not wrong:
        rows = (
            ""
            if replay == "none"
            else f"; {again:,} row{'s' * (again != 1)} of metrics.csv came out the same"
        )
        tell(f"{verifier.folder.path} is whole{rows}.")
    if wrong:
        lines = [f"{one.what}: {one.problem}." for one in wrong[:MOST]]
        more = [f"and {len(wrong) - MOST} more."] if len(wrong) > MOST else []
        raise CheckFailed(
            "\n".join([f"{verifier.folder.path} is not what was recorded.", *lines, *more])
        )


def verify_race(folder: "RunFolder", as_json: bool) -> None:
    """Run a race of `nnlab descend` again, which takes no time; the options have no effect."""
    from nnlab.race.folder import read_paths
    from nnlab.race.run import differences

    problems = differences(folder)
    if as_json:
        tell_json({"folder": str(folder.path), "good": not problems, "findings": problems})
    elif not problems:
        count = len(read_paths(folder)["run"])
        tell(f"{folder.path} is whole; {count:,} rows of paths.csv came out the same.")
    if problems:
        lines = [f"{problem}." for problem in problems]
        raise CheckFailed("\n".join([f"{folder.path} is not what was recorded.", *lines]))


MOST = 10  # problems that are listed
