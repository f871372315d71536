"""What a wrong option or argument must have meant, added to click's message."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import click

from nnlab.suggest import lookup, similar

SETTING = "--set"
WAYS = (SETTING, "--where")  # options that take the key of a setting and a value


@contextmanager
def explained(group: click.Group, args: Sequence[str]) -> Iterator[None]:
    """Usage errors raised inside say what to write, as far as `args` tell it."""
    try:
        yield
    except click.UsageError as error:
        if error.ctx is None:
            raise
        message, hint = error.format_message(), ""
        if isinstance(error, click.NoSuchOption):
            message = f"There is no option '{error.option_name}'."
            hint = _option(error, group, args)
        elif type(error) is click.UsageError and _has(error.ctx.command, SETTING):
            hint = _loose_setting(args)
            message = f"{message.rstrip('.')}." if hint else message
        raise click.UsageError(f"{message}{hint}", error.ctx) from None


def _option(error: click.NoSuchOption, group: click.Group, args: Sequence[str]) -> str:
    """What to write for an option that the command does not have."""
    assert error.ctx is not None
    name, value = _given(error.option_name, args)
    owners = [one for one in group.list_commands(error.ctx) if _has(_command(group, one), name)]
    command = error.ctx.command
    if command is group:
        return _after_the_command(group, name, value, owners, args)
    for way in WAYS:
        if _has(command, way) and (key := setting(name, error.ctx.info_name)):
            return f" Write {way} {key}={value}."
    for one in command.params:
        if isinstance(one, click.Argument) and name == f"--{one.name}":
            return f" Leave the option's name out: {value}"
    options = {one.lstrip("-"): one for one in _options(command)}
    row = lookup(name.lstrip("-"), options, "option")
    if row is not None and row.name.lstrip(".") in options:
        return f" Did you mean '{options[row.name.lstrip('.')]}'?"
    if row is not None and not row.name:
        return f" {row.advice}"
    if owners:
        return f" It is an option of {_listed(owners)}."
    near = similar(name.lstrip("-"), options)
    return f" Did you mean '{options[near[0]]}'?" if near else ""


def _after_the_command(
    group: click.Group, name: str, value: str, owners: Sequence[str], args: Sequence[str]
) -> str:
    """The whole command line where the command was given, else an example of one."""
    known = group.list_commands(click.Context(group))
    at = next((index for index, arg in enumerate(args) if arg in known), None)
    if at is not None and args[at] in owners:
        return f" It belongs after the command: nnlab {_joined([*args[at:], *args[:at]])}"
    if at is not None and _has(_command(group, args[at]), SETTING) and (key := setting(name)):
        return f" Write nnlab {_joined([*args[at:], SETTING, f'{key}={value}'])}"
    if not owners:
        return ""
    first = [owners[0], "...", *(arg for arg in args if arg != "...")]
    return f" It stands after the command: nnlab {' '.join(first)}"


def setting(option: str, command: str | None = None) -> str:
    """The key for --set that an option is called like: --learning-rate is lr; or ''."""
    from nnlab.config.overrides import TRAINING
    from nnlab.race.config import GRAMMAR

    grammar = GRAMMAR if command == "descend" else TRAINING
    key = option.lstrip("-").replace("-", "_")
    if key in grammar.names:
        return key
    row = lookup(key, grammar.names, "setting")
    path = grammar.homes.get(key, "") if row is None else row.name
    leaf = path.rpartition(".")[2]
    near = similar(key, [*grammar.aliases, *grammar.reshapers], likeness=0.8) if not path else []
    return near[0] if near else leaf if leaf in grammar.names else path


def _given(option: str, args: Sequence[str]) -> tuple[str, str]:
    """The option as it was written, and its value; VALUE where none follows."""
    for index, arg in enumerate(args):
        name, equals, value = arg.partition("=")
        short = not option.startswith("--") and name.startswith(option)  # -lr is read as -l
        if name == option or short:
            follows = args[index + 1] if index + 1 < len(args) else "-"
            if not equals:
                value = "VALUE" if follows.startswith("-") and not _number(follows) else follows
            return name, value
    return option, "VALUE"


def _loose_setting(args: Sequence[str]) -> str:
    """`lr=0.1` without --set, or --set with blanks around the equals sign."""
    for index, arg in enumerate(args):
        before = args[index - 1] if index else ""
        if before == SETTING and "=" not in arg:
            rest = [part for part in args[index + 1 : index + 3] if part != "="]
            return f" Write {SETTING} {arg}={rest[0].lstrip('=')}." if rest else ""
        key, equals, _ = arg.partition("=")
        loose = before != SETTING and equals and not arg.startswith("-")
        if loose and setting(key.partition(".")[0]):
            return f" Write {SETTING} {arg}."
    return ""


def _command(group: click.Group, name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None  # it is in the group's list
    return found


def _options(command: click.Command) -> list[str]:
    own = [name for one in command.params for name in (*one.opts, *one.secondary_opts)]
    return [name for name in own if name.startswith("--")]


def _has(command: click.Command, option: str) -> bool:
    return any(option in (*one.opts, *one.secondary_opts) for one in command.params)


def _number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).replace("e-", "", 1).isdigit()


def _listed(names: Sequence[str], most: int = 4) -> str:
    shown = [*names[:most], *(["others"] if len(names) > most else [])]
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _joined(args: Iterable[str]) -> str:
    import shlex

    return shlex.join(args)
