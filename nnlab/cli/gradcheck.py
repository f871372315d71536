"""`nnlab gradcheck`."""

import click

from nnlab.cli.options import changes, config_argument, json_option, seed_option, verbosity
from nnlab.cli.terminal import say, tell, tell_json


@click.command
@config_argument
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=16,
    show_default=True,
    metavar="N",
    help="How many training rows to use.",
)
@seed_option
@json_option
@verbosity
def command(
    config: str, overrides: tuple[str, ...], rows: int, seed: int | None, as_json: bool
) -> None:
    """Check all gradients numerically.

    Compares each gradient with central differences, in float64, on the first training rows and
    with the weights before training: by each parameter array, and by the input (a little beside
    the rows, where nothing is equal or zero). Exit code 9 if the worst relative error is above
    1e-7.

    \b
    nnlab gradcheck digits_binary
    nnlab gradcheck my.yaml --rows 64 --seed 3
    """
    from nnlab.cli.downloads import provide
    from nnlab.cli.table import table
    from nnlab.config.load import load_config
    from nnlab.core.gradcheck import TOLERANCE
    from nnlab.errors import CheckFailed
    from nnlab.experiment.gradients import check

    given = [*changes(overrides, seed), "training.dtype=float64"]
    loaded = load_config(config, given)
    for note in loaded.notes:
        say(note)
    provide(loaded.config)
    found = check(loaded.config, rows)
    worst = max((one.error for one in found), default=0.0)
    if as_json:
        parameters = [vars(one) for one in found]
        tell_json({"parameters": parameters, "worst": worst, "tolerance": TOLERANCE})
    elif not found:
        tell("The network has no parameters, so there is no gradient to check.")
    else:
        header = ["gradient by", "size", "directions", "worst relative error"]
        cells = [(one.name, one.size, one.directions, f"{one.error:.1e}") for one in found]
        tell(table(header, cells))
    wrong = [one.name for one in found if not one.error <= TOLERANCE]
    if wrong:
        raise CheckFailed(
            f"The gradient of {', '.join(wrong)} is wrong: its relative error is above "
            f"{TOLERANCE:g}."
        )
