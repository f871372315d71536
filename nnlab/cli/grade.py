"""`nnlab grade`."""

from collections import Counter
from pathlib import Path

import click

from nnlab.api.grade import MEMORY, TIMEOUT_S, grade
from nnlab.cli import options
from nnlab.cli.completion import complete_config
from nnlab.cli.terminal import print_message, print_outcome
from nnlab.errors import CheckFailed
from nnlab.show.words import count
from nnlab.teaching.grade import Verdict


@click.command
@click.argument("folder", metavar="DIR", type=options.FOLDER)
@click.option(
    "--against",
    metavar="CONFIG",
    type=options.CONFIG,
    required=True,
    help="The task, a config with ??? where a hand-in may choose.",
    shell_complete=complete_config,
)
@options.number_option("--jobs", text="The number of processes.", show_default="one per core")
@options.limit_options("training", "than this", timeout=TIMEOUT_S, memory="2G on Linux")
@options.table_options
def command(
    folder: Path, against: str, jobs: int | None, timeout: float, memory: int | None, as_csv: bool,
    as_json: bool
) -> None:  # fmt: skip
    """Train the hand-ins of a class again, and compare.

    DIR has run folders and the zips of `nnlab handin`, at any depth. A row per hand-in: the
    verdict, and how many of the task's expectations the training here meets. Nothing of a hand-in
    is executed, and nothing is written into DIR.

    \b
    verified    trained again with the same results
    unclear     other results, perhaps by the machine
    failed      the training here reached no end
    shared      the times of another hand-in
    other task  other settings or data than the task's
    edited      files that do not fit its training
    refused     unreadable, or unsafe to read

    Exit code 9 if a hand-in is not verified.

    \b
    nnlab grade handins --against task.yaml
    nnlab grade handins --against task.yaml --csv
    """
    grading = grade(
        folder, against, jobs=jobs, timeout=timeout, memory=memory or MEMORY, see=print_message
    )
    print_outcome(grading, as_json, as_csv)
    verdicts = Counter(each.verdict for each in grading.handins)
    others = [kind for kind in Verdict if verdicts[kind] and kind is not Verdict.VERIFIED]
    if missed := [f"{verdicts[kind]} {kind}" for kind in others]:
        raise CheckFailed(f"{count(len(grading.handins), 'hand-in')}: {', '.join(missed)}.")
