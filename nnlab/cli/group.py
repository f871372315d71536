"""The group of all commands: imports a command when it runs, turns errors into exit codes."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import click
from click.shell_completion import CompletionItem

from nnlab.cli.options import VERBOSITY
from nnlab.cli.terminal import close_stream, flush_errors, print_error, repair_streams
from nnlab.cli.usage_hints import with_hints
from nnlab.errors import NnlabError
from nnlab.experiment.signals import Terminated, ending
from nnlab.run.threads import use
from nnlab.suggest import did_you_mean

REPORT = "This is a bug in nnlab. Please report it, with the lines above and `nnlab --version`."
BUG, STORAGE, INTERRUPTED, TERMINATED = 1, 7, 130, 143


class Subcommands(click.Group):
    """A group that proposes the nearest name for an unknown command.

    Each of its commands has --quiet and --verbose.
    """

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        cmd.params += VERBOSITY
        click.Group.add_command(self, cmd, name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names. Raises UsageError with the nearest name."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            from nnlab.config.files import is_config_name

            hint = did_you_mean(args[0], names, "command")
            if is_config_name(args[0]):
                hint = f" `nnlab train {args[0]}` trains a config."
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return click.Group.resolve_command(self, ctx, args)


class Commands(Subcommands):
    """Finds the command `x` as `nnlab.cli.x.command`."""

    def __init__(self, *args: Any, summaries: Mapping[str, str], **options: Any) -> None:
        click.Group.__init__(self, *args, **options)
        self.params += VERBOSITY
        self.summaries = summaries  # command -> the first line of its help

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for an unknown name."""
        if cmd_name in self.summaries and cmd_name not in self.commands:
            self.add_command(importlib.import_module(f"nnlab.cli.{cmd_name}").command, cmd_name)
        return self.commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; the BLAS reads its number of threads when the command imports NumPy."""
        if threads := _threads_option(args):
            use(threads)
        return Subcommands.resolve_command(self, ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of `nnlab --help` without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The matching commands, without importing them, and the options of the group."""
        begin = [name for name in self.summaries if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self.summaries[name]) for name in begin]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Run, and leave the process with an exit code of nnlab."""
        arguments = sys.argv[1:] if args is None else list(args)
        options["standalone_mode"] = False

        def run() -> Any:
            with with_hints(self, arguments):
                return click.Group.main(self, args, *more, **options)

        raise SystemExit(exit_code(run))

    def make_context(self, *args: Any, **options: Any) -> click.Context:  # `--help` prints here
        with _ended_reader():
            return click.Group.make_context(self, *args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        with _ended_reader():
            return click.Group.invoke(self, ctx)


def _threads_option(args: Sequence[str]) -> int:
    """The value of --threads, or 0 without it; 1 for a sweep, whose trials use one thread."""
    if args[:1] == ["sweep"]:
        return 1
    for arg, following in pairwise([*args, ""]):
        name, equals, value = arg.partition("=")
        text = value if equals else following
        if name == "--threads" and text.isdecimal():
            return int(text)
    return 0


@contextmanager
def _ended_reader() -> Iterator[None]:
    """Exit with code 0 where the reader of stdout has closed it."""
    try:
        yield
    except BrokenPipeError:
        close_stream(sys.stdout)
        raise click.exceptions.Exit(0) from None


def exit_code(action: Callable[[], object]) -> int:
    """Run `action`; print the message of an error; return the exit code."""
    repair_streams()
    try:
        with ending():
            result = action()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of stdout has closed it
        close_stream(sys.stdout)
        return 0
    except (Exception, KeyboardInterrupt, Terminated) as error:
        message, code = _failure(error)
        print_error(message)
        return code
    finally:
        flush_errors()
    return result if isinstance(result, int) else 0


def _failure(error: BaseException) -> tuple[str, int]:
    """The message and the exit code of an error."""
    match error:
        case Terminated():
            return "Terminated.", TERMINATED
        case click.Abort() | KeyboardInterrupt():
            return "Interrupted.", INTERRUPTED
        case click.ClickException():
            return _usage_message(error), error.exit_code
        case NnlabError():
            return str(error), error.exit_code
        case OSError():
            where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
            return f"{where}{error.strerror or error}.", STORAGE
        case MemoryError():
            return f"There is not enough memory. {error}".rstrip(), STORAGE
    return f"{''.join(traceback.format_exception(error))}{REPORT}", BUG


def _usage_message(error: click.ClickException) -> str:
    """The usage of the command, how to get help, and what is wrong, as click prints them."""
    message = error.format_message().replace("\n\t", " ")  # "Choose from:" and its choices
    context = getattr(error, "ctx", None)
    if context is None or message == context.get_help():  # a group without a command
        return message
    hint = f"Try '{context.command_path} --help' for help."
    return f"{context.get_usage()}\n{hint}\n\nError: {message}"
