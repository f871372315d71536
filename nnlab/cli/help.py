"""`nnlab help`."""

import click

from nnlab.cli.terminal import print_result


@click.command
@click.argument("words", metavar="[COMMAND]", nargs=-1)
@click.pass_context
def command(context: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of COMMAND, or all commands.

    The same text as that of COMMAND --help.

    \b
    nnlab help
    nnlab help train
    nnlab help data fetch
    """
    place = context.find_root()
    for word in words:
        if not isinstance(place.command, click.Group):
            raise click.UsageError(f"{place.command_path} has no commands of its own.", place)
        name, child, _ = place.command.resolve_command(place, [word])
        if child is None:  # never: an unknown name is an error above
            break
        place = click.Context(child, info_name=name, parent=place, **child.context_settings)
    print_result(place.command.get_help(place))
