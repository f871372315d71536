"""`nnlab schema`."""

import click

from nnlab.cli.terminal import print_data
from nnlab.config.json_schema import schema_text
from nnlab.config.schema import Config
from nnlab.race.config import Race


@click.command
@click.option("--race", is_flag=True, help="The schema of a race for `nnlab descend`.")
def command(race: bool) -> None:
    """Print the JSON schema of a config.

    Editors with a YAML language server complete and check a config, if its first line is
    # yaml-language-server: $schema=FILE. `nnlab init` writes this line, and FILE beside the config.

    \b
    nnlab schema > nnlab.schema.json
    nnlab schema --race > nnlab-race.schema.json
    """
    print_data(schema_text(Race if race else Config))
