"""The group of all commands: it imports a command when it runs; errors become exit codes."""

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import click
from click.shell_completion import CompletionItem

from nnlab.cli.terminal import close_stream, print_error, repair_streams
from nnlab.cli.usage_hints import with_hints
from nnlab.errors import NnlabError
from nnlab.experiment.signals import Terminated, ending
from nnlab.run.threads import use
from nnlab.suggest import did_you_mean

ARGUMENTS = "nnlab.arguments"  # the key in click's context
REPORT = "This is a bug in nnlab. Please report it, with the lines above and `nnlab --version`."
BUG, STORAGE, INTERRUPTED, TERMINATED = 1, 7, 130, 143


class Subcommands(click.Group):
    """A group whose unknown commands are answered with the nearest name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names. Raises UsageError with the nearest name."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            hint = _config_hint(args[0]) or did_you_mean(args[0], names, "command")
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return click.Group.resolve_command(self, ctx, args)


class Commands(Subcommands):
    """Finds the command `x` as `nnlab.cli.x.command`."""

    def __init__(
        self, *args: Any, summaries: Mapping[str, str] = MappingProxyType({}), **options: Any
    ) -> None:
        click.Group.__init__(self, *args, **options)
        self.summaries = summaries  # command -> the first line of its help

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for an unknown name."""
        if cmd_name not in self.summaries:
            return None
        command: click.Command = importlib.import_module(f"nnlab.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; the BLAS reads its number of threads when the command imports NumPy."""
        threads = _threads_option(args)
        if threads:
            use(threads)
        return Subcommands.resolve_command(self, ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of `nnlab --help` without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, without importing them, and the options of the group."""
        begin = [name for name in self.summaries if name.startswith(incomplete)]
        items = [CompletionItem(name, help=self.summaries[name]) for name in begin]
        return [*items, *click.Command.shell_complete(self, ctx, incomplete)]

    def main(self, *args: Any, **options: Any) -> Any:
        """Run, and leave the process with an exit code of nnlab."""
        options["standalone_mode"] = False
        raise SystemExit(exit_code(lambda: click.Group.main(self, *args, **options)))

    def make_context(
        self, info_name: str | None, args: list[str], *more: Any, **options: Any
    ) -> click.Context:
        """The context of the command line; here click prints `--help`."""
        given = tuple(args)  # click empties the list
        with _ended_reader(), with_hints(self, given):
            context = click.Group.make_context(self, info_name, args, *more, **options)
        context.meta[ARGUMENTS] = given
        return context

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _ended_reader(), with_hints(self, ctx.meta[ARGUMENTS]):
            return click.Group.invoke(self, ctx)


def _threads_option(args: Sequence[str]) -> int:
    """The threads that --threads asks for, else 0; trials of a sweep have one."""
    if args[:1] == ["sweep"]:
        return 1
    for arg, following in pairwise([*args, ""]):
        name, equals, value = arg.partition("=")
        text = value if equals else following
        if name == "--threads" and text.isdecimal():
            return int(text)
    return 0


def _config_hint(word: str) -> str:
    """What to write where the name of a config stands in place of a command."""
    from nnlab.config.locate import shipped

    is_config = word in shipped() or word.endswith((".yaml", ".yml"))
    return f" `nnlab train {word}` trains a config." if is_config else ""


@contextmanager
def _ended_reader() -> Iterator[None]:
    """The reader of stdout may close it early: that is no error."""
    try:
        yield
    except BrokenPipeError:
        close_stream(sys.stdout)
        raise click.exceptions.Exit(0) from None


def exit_code(action: Callable[[], object]) -> int:
    """Run `action`, show the message of an error, and give the exit code."""
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
    """The message that click prints: the usage of the command, where help is, what is wrong."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is None or message == context.get_help():  # a group without a command
        return message
    hint = f"Try '{context.command_path} --help' for help."
    return f"{context.get_usage()}\n{hint}\n\nError: {message}"
