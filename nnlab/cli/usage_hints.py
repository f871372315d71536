"""What to write instead of a wrong option or argument, added to click's message."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from nnlab.suggest import lookup, similar

SETTING = "--set"
KEY_OPTIONS = (SETTING, "--where")  # options that take the key of a setting and a value


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
                hint = _move_after_command(group, name, value, args)
            else:
                hint = _option_hint(error.ctx, name, value) or _owner_hint(group, error.ctx, name)
        elif type(error) is click.UsageError and _has(error.ctx.command, SETTING):
            hint = _loose_setting(args)
            message = f"{message.rstrip('.')}." if hint else message
        raise click.UsageError(f"{message}{hint}", error.ctx) from None


def _option_hint(context: click.Context, name: str, value: str) -> str:
    """The setting, argument or synonym of this command that an unknown option means."""
    command = context.command
    for option in KEY_OPTIONS:
        if _has(command, option) and (key := setting_key(name, context.info_name)):
            return f" Write {option} {key}={value}."
    if name[2:] in (param.name for param in command.params if isinstance(param, click.Argument)):
        return f" Leave the option's name out: {value}"
    options = _long_options(command)
    row = lookup(name.lstrip("-"), options, "option")
    if row is None:
        return ""
    near = options.get(row.name.lstrip("."))
    return f" Did you mean '{near}'?" if near else f" {row.advice}" if not row.name else ""


def _owner_hint(group: click.Group, context: click.Context, name: str) -> str:
    """The other commands that have the option, else the nearest option of this command."""
    if owners := _owners(group, name):
        shown = [*owners[:4], *(["others"] if len(owners) > 4 else [])]
        listed = " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))
        return f" It is an option of {listed}."
    options = _long_options(context.command)
    near = similar(name.lstrip("-"), options)
    return f" Did you mean '{options[near[0]]}'?" if near else ""


def _move_after_command(group: click.Group, name: str, value: str, args: Sequence[str]) -> str:
    """The whole command line if it names a command, else an example of one."""
    owners = _owners(group, name)
    names = group.list_commands(click.Context(group))
    at = next((index for index, arg in enumerate(args) if arg in names), None)
    if at is not None and args[at] in owners:
        return f" It belongs after the command: nnlab {shlex.join([*args[at:], *args[:at]])}"
    if at is not None and _has(_command(group, args[at]), SETTING) and (key := setting_key(name)):
        return f" Write nnlab {shlex.join([*args[at:], SETTING, f'{key}={value}'])}"
    if not owners:
        return ""
    example = " ".join([owners[0], "...", *(arg for arg in args if arg != "...")])
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
    row = lookup(key, grammar.names, "setting")
    path = homes(grammar.schema).get(key, "") if row is None else row.name
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
    """`lr=0.1` without --set, or --set with blanks around the equals sign."""
    for index, arg in enumerate(args):
        key, equals, _ = arg.partition("=")
        if index and args[index - 1] == SETTING:
            if not equals:
                rest = [part for part in args[index + 1 : index + 3] if part != "="]
                return f" Write {SETTING} {arg}={rest[0].lstrip('=')}." if rest else ""
        elif equals and not arg.startswith("-") and setting_key(key.partition(".")[0]):
            return f" Write {SETTING} {arg}."
    return ""


def _command(group: click.Group, name: str) -> click.Command:
    command = group.get_command(click.Context(group), name)
    if command is None:
        raise KeyError(name)
    return command


def _owners(group: click.Group, option: str) -> list[str]:
    """The commands that have an option."""
    names = group.list_commands(click.Context(group))
    return [name for name in names if _has(_command(group, name), option)]


def _all_options(command: click.Command) -> list[str]:
    return [name for param in command.params for name in (*param.opts, *param.secondary_opts)]


def _long_options(command: click.Command) -> dict[str, str]:
    """`--name` by `name`."""
    return {name[2:]: name for name in _all_options(command) if name.startswith("--")}


def _has(command: click.Command, option: str) -> bool:
    return option in _all_options(command)


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).replace("e-", "", 1).isdigit()
