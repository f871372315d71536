"""What to write instead of a wrong option or argument, added to click's message."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import click

from nnlab.suggest import lookup, similar

SETTING = "--set"
KEY_OPTIONS = (SETTING, "--where")  # options that take the key of a setting and a value
MOST_OWNERS = 4  # commands that are listed as having an option


@contextmanager
def with_hints(group: click.Group, args: Sequence[str]) -> Iterator[None]:
    """Add a hint to usage errors raised inside, as far as `args` allow one."""
    try:
        yield
    except click.UsageError as error:
        if error.ctx is None:
            raise
        message, hint = error.format_message(), ""
        if isinstance(error, click.NoSuchOption):
            message = f"There is no option '{error.option_name}'."
            name, value = _written_option(error.option_name, args)
            if error.ctx.command is group:
                hint = _move_after_command(_options_by_command(group), name, value, args)
            else:
                hint = _option_hint(error.ctx, name, value) or _owner_hint(group, error.ctx, name)
        elif type(error) is click.UsageError and SETTING in _options(error.ctx.command):
            hint = _loose_setting(args)
            message = f"{message.rstrip('.')}." if hint else message
        raise click.UsageError(f"{message}{hint}", error.ctx) from None


def _option_hint(context: click.Context, name: str, value: str) -> str:
    """The setting, argument or synonym of this command that an unknown option means."""
    command, options = context.command, _options(context.command)
    for option in KEY_OPTIONS:
        if option in options and (key := setting_key(name, context.info_name)):
            return f" Write {option} {key}={value}."
    if name[2:] in (param.name for param in command.params if isinstance(param, click.Argument)):
        return f" Leave the option's name out: {value}"
    row = lookup(name.lstrip("-"), [option[2:] for option in options], "option")
    if row is None:
        return ""
    near = f"--{row.name.lstrip('.')}"
    if near in options:
        return f" Did you mean '{near}'?"
    return "" if row.name else f" {row.advice}"


def _owner_hint(group: click.Group, context: click.Context, name: str) -> str:
    """The other commands that have the option, else the nearest option of this command."""
    owners = [command for command, options in _options_by_command(group).items() if name in options]
    if owners:
        *first, last = [*owners[:MOST_OWNERS], *(["others"] if len(owners) > MOST_OWNERS else [])]
        return f" It is an option of {', '.join(first)}{' and ' if first else ''}{last}."
    long = [option[2:] for option in _options(context.command) if option.startswith("--")]
    near = similar(name.lstrip("-"), long)
    return f" Did you mean '--{near[0]}'?" if near else ""


def _move_after_command(
    commands: Mapping[str, list[str]], name: str, value: str, args: Sequence[str]
) -> str:
    """The whole command line if it names a command, else an example of one."""
    at = next((index for index, arg in enumerate(args) if arg in commands), None)
    if at is not None and name in commands[args[at]]:
        return f" It belongs after the command: nnlab {shlex.join([*args[at:], *args[:at]])}"
    if at is not None and SETTING in commands[args[at]] and (key := setting_key(name)):
        return f" Write nnlab {shlex.join([*args[at:], SETTING, f'{key}={value}'])}"
    owner = next((command for command, options in commands.items() if name in options), None)
    if owner is None:
        return ""
    example = " ".join([owner, "...", *(arg for arg in args if arg != "...")])
    return f" It belongs after the command: nnlab {example}"


def setting_key(option: str, command: str | None = None) -> str:
    """The key for --set that an option is named like: --learning-rate is lr; or ''."""
    from nnlab.config.families import homes
    from nnlab.config.overrides import TRAINING
    from nnlab.race.config import GRAMMAR

    grammar = GRAMMAR if command == "descend" else TRAINING
    key = option.lstrip("-").replace("-", "_")
    if key in grammar.names:
        return key
    path = homes(grammar.schema).get(key, "")
    if not path and (row := lookup(key, grammar.names, "setting")):
        path = row.name
    if not path:
        near = similar(key, [*grammar.aliases, *grammar.reshapers], likeness=0.8)
        return near[0] if near else ""
    leaf = path.rpartition(".")[2]
    return leaf if leaf in grammar.names else path


def _written_option(option: str, args: Sequence[str]) -> tuple[str, str]:
    """The option as it was written, and its value; VALUE where none follows."""
    for index, arg in enumerate(args):
        name, equals, value = arg.partition("=")
        short = not option.startswith("--") and name.startswith(option)  # -lr is read as -l
        if name == option or short:
            if not equals:
                follows = args[index + 1] if index + 1 < len(args) else "-"
                value = "VALUE" if follows.startswith("-") and not _is_number(follows) else follows
            return name, value
    return option, "VALUE"


def _loose_setting(args: Sequence[str]) -> str:
    """A hint for `lr=0.1` without --set, and for --set with blanks around the equals sign."""
    for index, arg in enumerate(args):
        key, equals, _ = arg.partition("=")
        if index and args[index - 1] == SETTING:
            if not equals:
                rest = [part for part in args[index + 1 : index + 3] if part != "="]
                return f" Write {SETTING} {arg}={rest[0].lstrip('=')}." if rest else ""
        elif equals and not arg.startswith("-") and setting_key(key.partition(".")[0]):
            return f" Write {SETTING} {arg}."
    return ""


def _options_by_command(group: click.Group) -> dict[str, list[str]]:
    context = click.Context(group)
    commands = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: _options(command) for name, command in commands.items() if command is not None}


def _options(command: click.Command) -> list[str]:
    return [name for param in command.params for name in (*param.opts, *param.secondary_opts)]


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).replace("e-", "", 1).isdigit()
