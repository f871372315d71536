"""`nnlab explain`."""

from pathlib import Path

import click

from nnlab.api.find import find_trained
from nnlab.cli import options
from nnlab.cli.terminal import print_json, print_message, print_messages, print_result, write_output
from nnlab.explanation.moments import explain_row
from nnlab.show.page.explanation import explanation_page


@click.command
@options.run_argument
@options.number_option(
    "--row",
    text="The row in the data, from 1, as `nnlab predict --targets` numbers it.",
    required=True,
)
@click.option(
    "--epoch",
    "epochs",
    metavar="N,...",
    show_default="the last",
    help="Show it after these numbers of epochs, as 0,10,100.",
)
@click.option(
    "--unit",
    "units",
    metavar="LAYER.N",
    multiple=True,
    help="Show only this unit, as 0.2 or 0.dense.2; may be repeated.",
)
@click.option(
    "--html",
    type=options.OUTPUT,
    metavar="FILE",
    help="Write a web page instead of printing text; - is stdout.",
)
@options.threads_option
@options.json_option
def command(
    run: str,
    runs: Path | None,
    row: int,
    epochs: str | None,
    units: tuple[str, ...],
    html: Path | None,
    as_json: bool,
) -> None:
    """Follow a row through the network and back.

    Shows the row's inputs, each layer's outputs, the loss, every derivative beside its central
    difference, and the next update that uses the row: the optimizer's formula with its numbers. All
    numbers are those just before that update, which may come later in the epoch that follows.
    The data of the run is loaded. For the optimizer's state, the training is repeated up to the
    epoch unless a checkpoint has it. A row that no update uses, as in the test part, is its own
    batch. Large networks are shortened; --unit shows the rest. docs/explain.md works an example out
    by hand and describes the object of --json.

    \b
    nnlab explain latest --row 3
    nnlab explain latest --row 3 --epoch 0,10,100
    nnlab explain latest --row 3 --unit 0.2 --html row3.html
    """
    if html is not None and as_json:
        raise click.UsageError("--html writes a page and --json prints an object: choose one.")
    trained = find_trained(run, runs)
    explained = explain_row(trained, row, _whole_numbers(epochs), units, print_message)
    if as_json:
        print_json({"explanations": [passage.to_dict() for passage in explained]})
        return
    if html is None:
        for number, passage in enumerate(explained):
            print_result(f"\n\n{passage}" if number else str(passage))
        return
    page = explanation_page(list(explained))
    print_messages(page.notices, "Note: ")
    write_output(html, page.html)


def _whole_numbers(text: str | None) -> list[int] | None:
    """The epochs in a text like 0,10,100."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise click.UsageError(f"--epoch takes whole numbers with commas, as 0,10,100, not {text}.")
    return [int(part) for part in parts]
