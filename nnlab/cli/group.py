"""The group of all commands: it imports a command's module when that command is asked for."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from nnlab.cli.failures import exit_code
from nnlab.cli.terminal import close
from nnlab.suggest import did_you_mean


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
        if args and args[0] not in self.names and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self.names)
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return click.Group.resolve_command(self, ctx, args)

    def main(self, *args: Any, **options: Any) -> Any:
        """Run, and leave the process with the exit code of DESIGN section 5."""
        options["standalone_mode"] = False
        raise SystemExit(exit_code(lambda: click.Group.main(self, *args, **options)))

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """As click does, which prints `--help` in here."""
        with unread_output():
            return click.Group.make_context(self, *args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, which runs the command in here."""
        with unread_output():
            return click.Group.invoke(self, ctx)


@contextmanager
def unread_output() -> Iterator[None]:
    """A reader of stdout who has seen enough is no error."""
    try:
        yield
    except BrokenPipeError:
        close(sys.stdout)
        raise click.exceptions.Exit(0) from None
