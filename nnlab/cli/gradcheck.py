"""`nnlab gradcheck`."""

import click

from nnlab.api.gradcheck import check_config_gradients
from nnlab.cli.options import config_argument, json_option, number_option
from nnlab.cli.terminal import print_message, print_messages, print_outcome
from nnlab.config.load import load_config
from nnlab.core.gradcheck import TOLERANCE
from nnlab.errors import CheckFailed
from nnlab.experiment.provide import provide_data


@click.command
@config_argument
@number_option("--rows", text="The number of training rows.", default=16)
@json_option
def command(config: str, overrides: tuple[str, ...], rows: int, as_json: bool) -> None:
    """Check all gradients numerically.

    Compares each gradient with central differences, in float64, on the first training rows and
    with the weights before training: the gradient with respect to each parameter array, and to the
    input (at points slightly off the rows, to avoid kinks). Exit code 9 if the worst relative error
    is above 1e-7.

    \b
    nnlab gradcheck digits_binary
    nnlab gradcheck my.yaml --rows 64 --seed 3
    """
    loaded = load_config(config, [*overrides, "training.dtype=float64"])
    print_messages(loaded.notes)
    provide_data(loaded.config, print_message)
    check = check_config_gradients(loaded.config, rows)
    print_outcome(check, as_json)
    if check.wrong:
        raise CheckFailed(
            f"The gradient of {', '.join(check.wrong)} is wrong: its relative error is above "
            f"{TOLERANCE:g}."
        )
