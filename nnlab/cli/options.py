"""Arguments and options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from nnlab.cli.terminal import LEVEL, QUIET, VERBOSE

if TYPE_CHECKING:
    from nnlab.run.folder import RunFolder
    from nnlab.run.sweeps import SweepFolder

F = TypeVar("F", bound=Callable[..., Any])

STDIO = "-"


class Named(click.Path):
    """A path that is no `-`: standard input and output are not read or written there."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does; usage error for `-`."""
        if value == STDIO:
            self.fail("'-' (standard input or output) does not work here; name a file.", param, ctx)
        return click.Path.convert(self, value, param, ctx)


FOLDER = Named(path_type=Path, file_okay=False)
FILE = Named(path_type=Path, dir_okay=False)
OUTPUT = click.Path(path_type=Path, dir_okay=False)  # `-` is stdout
WEIGHTS = ("final", "best", "initial")


def verbosity(function: F) -> F:
    """--quiet and --verbose, understood before and after the command's name."""

    def remember(ctx: click.Context, parameter: click.Parameter, given: bool) -> None:
        if given:
            ctx.meta[LEVEL] = QUIET if parameter.name == "quiet" else VERBOSE

    def flag(*names: str, text: str) -> Callable[[F], F]:
        return click.option(*names, is_flag=True, expose_value=False, callback=remember, help=text)

    noisy = flag("--verbose", "-v", text="Print more on stderr.")(function)
    return flag("--quiet", "-q", text="Print only errors on stderr.")(noisy)


def config_argument(function: F) -> F:
    """CONFIG and --set."""
    text = "Override a setting, for example lr=0.1 or network.0.units=5; may be repeated."
    argument = click.argument("config", metavar="CONFIG", shell_complete=complete_config)
    return argument(set_option(text)(function))


def race_argument(function: F) -> F:
    """CONFIG and --set of `nnlab descend`."""
    text = "Override a setting, for example steps=50 or runs.0.optimizer.lr=0.1; may be repeated."
    argument = click.argument("config", metavar="CONFIG", shell_complete=_complete_race)
    return argument(set_option(text)(function))


def set_option(text: str) -> Callable[[F], F]:
    """--set."""
    return click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help=text)


def plots_option(function: F) -> F:
    """--plots and --no-plots."""
    return click.option(
        "--plots/--no-plots", default=True, show_default=True, help="Draw the figures."
    )(function)


def threads_option(function: F) -> F:
    """--threads; the command calls `use_threads` before it imports NumPy."""
    return click.option(
        "--threads", type=click.IntRange(min=1), metavar="N", help="How many threads NumPy may use."
    )(function)


def use_threads(threads: int | None) -> None:
    """Tell the BLAS, which looks when NumPy is imported."""
    if threads is not None:
        from nnlab.run.threads import use

        use(threads)


def seed_option(function: F) -> F:
    """--seed, short for --set seed=N."""
    return click.option(
        "--seed", type=click.IntRange(min=0), metavar="N", help="Short for --set seed=N."
    )(function)


def runs_option(function: F) -> F:
    """--runs."""
    return click.option(
        "--runs",
        type=FOLDER,
        metavar="DIR",
        help="Folder of the runs; default $NNLAB_RUNS, else runs.",
    )(function)


def run_argument(function: F) -> F:
    """RUN and --runs."""
    argument = click.argument("run", metavar="RUN", shell_complete=complete_run)
    return argument(runs_option(function))


def weights_option(function: F) -> F:
    """--weights."""
    return click.option(
        "--weights",
        type=click.Choice(WEIGHTS),
        default="final",
        show_default=True,
        help="Which of the saved weights to use.",
    )(function)


def json_option(function: F) -> F:
    """--json."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON object, numbers not rounded."
    )(function)


def changes(overrides: tuple[str, ...], seed: int | None) -> list[str]:
    """All overrides; --seed is the last word on the seed."""
    return [*overrides, *([] if seed is None else [f"seed={seed}"])]


def find_run(run: str, runs: Path | None) -> "RunFolder":
    """The run folder that RUN and --runs mean. Raises RunUnreadable or UsageError."""
    from nnlab.errors import RunUnreadable, UsageError
    from nnlab.run.folder import RunFolder
    from nnlab.run.names import runs_folder

    try:
        return RunFolder.find(run, runs_folder(runs))
    except RunUnreadable:
        sweep = find_sweep(run, runs)
        if sweep is None:
            raise
        trial = next(iter(sweep.trials()), "TRIAL")
        raise UsageError(
            f"{sweep.path} is a sweep, and no run: name one of its trials, for example "
            f"{sweep.path / trial}. To continue the sweep, repeat its command."
        ) from None


def find_training(run: str, runs: Path | None) -> "RunFolder":
    """The same, of a run that trained a network; UsageError for a race of `nnlab descend`."""
    from nnlab.errors import UsageError
    from nnlab.race.folder import is_race

    folder = find_run(run, runs)
    if is_race(folder):
        raise UsageError(
            f"{folder.path} is a race of optimizers on a function, and holds no network. "
            f"`nnlab descend {folder.path / 'resolved.yaml'}` runs it again."
        )
    return folder


def find_sweep(run: str, runs: Path | None) -> "SweepFolder | None":
    """The sweep folder that RUN and --runs mean, if they mean one."""
    from nnlab.run.names import runs_folder
    from nnlab.run.sweeps import SweepFolder

    return SweepFolder.find(run, runs_folder(runs))


def complete_config(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Shipped configs of trainings that begin so; else files."""
    return _configs(begun, races=False)


def _complete_race(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Shipped configs of races that begin so; else files."""
    return _configs(begun, races=True)


def _configs(begun: str, races: bool) -> list[CompletionItem]:
    from nnlab.config.files import shipped
    from nnlab.config.load import describes_race

    begin = {name: path for name, path in shipped().items() if name.startswith(begun)}
    names = [CompletionItem(name) for name in begin if describes_race(begin[name]) == races]
    return names or [CompletionItem(begun, type="file")]


def complete_run(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Runs that begin so; else folders."""
    from nnlab.run.names import run_names, runs_folder

    known = ["latest", *run_names(runs_folder(context.params.get("runs")))]
    names = [CompletionItem(name) for name in known if name.startswith(begun)]
    return names or [CompletionItem(begun, type="dir")]
