"""The group of all commands: it imports a command's module when that command is asked for."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from nnlab.cli.failures import exit_code
from nnlab.cli.misplaced import explained
from nnlab.cli.terminal import close
from nnlab.suggest import did_you_mean

ARGUMENTS = "nnlab.arguments"  # the key in click's context


class Commands(click.Group):
    """Finds the command `x` as `nnlab.cli.x.command`, and turns errors into exit codes."""

    def __init__(self, *args: Any, names: Sequence[str] = (), **options: Any) -> None:
        click.Group.__init__(self, *args, **options)
        self.names = tuple(names)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the list, which is that of a first day with nnlab."""
        return list(self.names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for an unknown name."""
        if cmd_name not in self.names:
            return None
        found: click.Command = importlib.import_module(f"nnlab.cli.{cmd_name}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; UsageError with the nearest one."""
        require_command(ctx, args, self.names)
        return click.Group.resolve_command(self, ctx, args)

    def main(self, *args: Any, **options: Any) -> Any:
        """Run, and leave the process with the exit code of DESIGN section 5."""
        options["standalone_mode"] = False
        raise SystemExit(exit_code(lambda: click.Group.main(self, *args, **options)))

    def make_context(
        self, info_name: str | None, args: list[str], *more: Any, **options: Any
    ) -> click.Context:
        """As click does, which prints `--help` in here."""
        given = tuple(args)  # click empties the list
        with unread_output(), explained(self, given):
            context = click.Group.make_context(self, info_name, args, *more, **options)
        context.meta[ARGUMENTS] = given
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, which runs the command in here."""
        with unread_output(), explained(self, ctx.meta[ARGUMENTS]):
            return click.Group.invoke(self, ctx)


class Parts(click.Group):
    """A command that consists of others, such as `data`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names; UsageError with the nearest one."""
        require_command(ctx, args, tuple(self.commands))
        return click.Group.resolve_command(self, ctx, args)


def require_command(ctx: click.Context, args: Sequence[str], names: Sequence[str]) -> None:
    """Raise UsageError with the nearest command where the first word is none."""
    if args and args[0] not in names and not args[0].startswith("-"):
        hint = _trained(args[0]) or did_you_mean(args[0], names, "command")
        raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)


def _trained(word: str) -> str:
    """What to say where the name of a config stands in place of a command."""
    from nnlab.config.files import shipped

    known = word in shipped() or word.endswith((".yaml", ".yml"))
    return f" `nnlab train {word}` trains a config." if known else ""


@contextmanager
def unread_output() -> Iterator[None]:
    """A reader of stdout who has seen enough is no error."""
    try:
        yield
    except BrokenPipeError:
        close(sys.stdout)
        raise click.exceptions.Exit(0) from None
