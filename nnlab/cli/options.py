"""Arguments and options that several commands share."""

import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from nnlab.cli.completion import complete_config, complete_run, complete_setting
from nnlab.cli.terminal import LEVEL, QUIET, STDIO, VERBOSE, print_message, stdin_copies

F = TypeVar("F", bound=Callable[..., Any])
SEED, STDIN = "nnlab.seed", "nnlab.stdin"  # keys in click's context


class NamedPath(click.Path):
    """A path that is not `-`: standard input and output are not used there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path. Raises a usage error for `-`."""
        if value == STDIO:
            self.fail("'-' (standard input or output) does not work here; name a file.", param, ctx)
        return click.Path.convert(self, value, param, ctx)


class NumberRange(click.FloatRange):
    """A number within limits; nan, which no comparison refuses, is none."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number. Raises a usage error for another text."""
        number = click.FloatRange.convert(self, value, param, ctx)
        if math.isnan(number):
            self.fail(f"'{value}' is not a valid number.", param, ctx)
        return number


def read_stdin(context: click.Context, most: int = -1) -> bytes:
    """Standard input, or its first bytes. Raises a usage error for a second `-`."""
    if context.meta.get(STDIN):
        raise click.BadParameter("standard input is read once: only one argument can be '-'.")
    context.meta[STDIN] = True
    if sys.stdin is not None and sys.stdin.isatty():
        print_message("Reading standard input; Ctrl+D ends it.")
    return b"" if sys.stdin is None else sys.stdin.buffer.read(most)


class ConfigWord(click.types.StringParamType):
    """A config: a file, the name of a shipped one, or `-` for standard input."""

    name = "config"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word, with what standard input holds."""
        from nnlab.config.files import MAX_BYTES, StandardInput

        if value != STDIO or ctx is None or ctx.resilient_parsing:
            return value
        return StandardInput(read_stdin(ctx, MAX_BYTES + 1))


class InputPath(NamedPath):
    """A file to read; `-` is standard input, kept in a temporary file until the command ends."""

    def __init__(self, suffix: str, **options: Any) -> None:
        given: dict[str, Any] = {"path_type": Path, **options}
        click.Path.__init__(self, **given)
        self.suffix = suffix

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path; standard input is an NPZ file where it begins like a zip."""
        if value != STDIO or ctx is None or ctx.resilient_parsing:
            return NamedPath.convert(self, value, param, ctx)
        from tempfile import TemporaryDirectory

        from nnlab.run import durable

        content = read_stdin(ctx)
        folder = ctx.with_resource(TemporaryDirectory(prefix="nnlab-"))
        path = Path(folder, "stdin" + (".npz" if content.startswith(b"PK") else self.suffix))
        durable.write_file(path, content)
        stdin_copies.append(str(path))
        return click.Path.convert(self, str(path), param, ctx)


FOLDER = NamedPath(path_type=Path, file_okay=False)
CONFIG = ConfigWord()
ROWS = InputPath(".csv")  # a file, or a folder of images
POSITIVE = NumberRange(min=0, min_open=True)
UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}  # of bytes
OUTPUT = click.Path(path_type=Path, dir_okay=False)  # `-` is stdout, also for OUTPUT_FOLDER
OUTPUT_FOLDER = click.Path(path_type=Path, file_okay=False)
PARTS = ("train", "validation", "test")


def set_option(text: str, has_seed: bool = True) -> Callable[[F], F]:
    """--set with the help text of the command, and --seed, which ends in the same overrides."""

    def both(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> Any:
        return *value, *context.meta.get(SEED, ())

    settings = click.option(
        "--set", "overrides", metavar="KEY=VALUE", multiple=True, callback=both,
        shell_complete=complete_setting, help=text
    )  # fmt: skip
    return (lambda function: settings(seed_option(function))) if has_seed else settings


def config_argument(
    function: F, example: str = "lr=0.1 or network.0.units=5", has_seed: bool = True
) -> F:
    """CONFIG, --set and --seed."""
    argument = click.argument(
        "config", metavar="CONFIG", type=CONFIG, shell_complete=complete_config
    )
    text = f"Override a setting, as {example}; may be repeated."
    return argument(set_option(text, has_seed)(function))


class OutputOption(click.Option):
    """-o and --output; `--out`, the older spelling, works and is not in the help."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The two names of today, and the help."""
        names, self.opts = self.opts, ["-o", "--output"]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = names


def output_option(text: str, default: str, kind: click.Path = OUTPUT) -> Callable[[F], F]:
    """-o, where the command writes, and its default in words; not both `-` and --json."""

    def alone(context: click.Context, parameter: click.Parameter, value: Path | None) -> Any:
        if str(value) == STDIO and context.params.get("as_json"):
            raise click.UsageError("-o - and --json exclude each other.")
        return value

    names = ("-o", "--output", "--out", "output")
    metavar = "FILE" if kind.file_okay else "DIR"
    return click.option(
        *names, cls=OutputOption, type=kind, metavar=metavar, callback=alone,
        show_default=default, help=f"{text}; - is stdout."
    )  # fmt: skip


runs_option = click.option(
    "--runs",
    type=FOLDER,
    metavar="DIR",
    show_default="$NNLAB_RUNS, else runs",
    help="The folder of the runs.",
)
name_option = click.option(
    "--name", metavar="NAME", show_default="made of the config", help="The name of the folder."
)
part_option = click.option(
    "--part",
    type=click.Choice(PARTS),
    metavar="NAME",
    show_default="test, else validation, else train",
    help="The part of the run's own data: train, validation or test.",
)
plots_option = click.option(
    "--plots/--no-plots", default=True, show_default=True, help="Draw the figures."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Check everything, show what would run, and stop."
)


def number_option(*names: str, text: str, least: int = 1, **more: Any) -> Callable[[F], F]:
    """An option with a whole number N."""
    settings = {"type": click.IntRange(min=least), "metavar": "N", "show_default": True, **more}
    return click.option(*names, help=text, **settings)


def parse_size(context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """The bytes in 500M, 2G, 1.5GB."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)b?", value.strip().lower())
    if match is None or not (size := int(float(match[1]) * UNITS[match[2]])):
        raise click.BadParameter(f"'{value}' is not a size; write 500M or 2G.")
    return size


def limit_options(
    what: str, than: str, timeout: float | None = None, memory: str | bool = False
) -> Callable[[F], F]:
    """--timeout and --memory of each training, with their defaults; `than` ends the help."""
    seconds = number_option(
        "--timeout", text=f"End a {what} that takes longer.", type=POSITIVE, metavar="SECONDS",
        default=timeout
    )  # fmt: skip
    size = click.option(
        "--memory", callback=parse_size, metavar="SIZE", show_default=memory,
        help=f"End a {what} that uses more memory {than}."
    )  # fmt: skip
    return lambda function: seconds(size(function))


# The group sets it, before the command and NumPy are imported.
threads_option = number_option(
    "--threads", text="The number of threads that NumPy may use.", expose_value=False
)


def _remember_seed(context: click.Context, parameter: click.Parameter, value: int | None) -> None:
    if value is not None:
        context.meta[SEED] = (f"seed={value}",)


seed_option = number_option(  # read before --set, which adds it to its overrides
    "--seed",
    text="Short for --set seed=N.",
    least=0,
    is_eager=True,
    expose_value=False,
    callback=_remember_seed,
)
weights_option = click.option(
    "--weights",
    type=click.Choice(("final", "best", "initial", "checkpoint")),
    default="final",
    metavar="NAME",
    show_default=True,
    help="The saved weights to use: final, best, initial or checkpoint.",
)
json_option = click.option(  # read before --csv
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,
    help="Print one JSON object, numbers not rounded.",
)


def table_options(function: F) -> F:
    """--csv and --json, of which a command has at most one."""

    def alone(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
        if value and context.params.get("as_json"):
            raise click.UsageError("--csv and --json exclude each other.")
        return value

    as_csv = click.option(
        "--csv",
        "as_csv",
        is_flag=True,
        callback=alone,
        help="Print the table as CSV, numbers not rounded.",
    )
    return as_csv(json_option(function))


def comma_list(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str]:
    """The words of NAME,NAME."""
    return [word.strip() for word in (value or "").split(",") if word.strip()]


def run_argument(function: F) -> F:
    """RUN and --runs."""
    argument = click.argument("run", metavar="RUN", shell_complete=complete_run)
    return argument(runs_option(function))


def _remember_level(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value:
        context.meta[LEVEL] = QUIET if parameter.name == "quiet" else VERBOSE


VERBOSITY = [  # of every command, and accepted before its name too
    click.Option(names, is_flag=True, expose_value=False, callback=_remember_level, help=text)
    for names, text in (
        (("--quiet", "-q"), "Print only errors on stderr."),
        (("--verbose", "-v"), "Print more on stderr."),
    )
]


def prefer(new: str, old: str) -> None:
    """Print that an older spelling works, and what is written today."""
    print_message(f"Write {new} instead of {old}, which still works.")


def names_run(what: str, overrides: tuple[str, ...]) -> bool:
    """Whether an argument RUN|CONFIG is a run: no file of a config, no shipped one, no --set."""
    from nnlab.config.files import is_config_name

    return not overrides and not is_config_name(what)
