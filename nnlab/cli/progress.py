"""The progress of a training or a sweep: live on a terminal, else a line from time to time.

A record of a training costs one look at the clock and two comparisons, so that 100,000 records per
second of a tiny network are not slowed. Drawing the bar is limited to a share of the time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from nnlab.cli.terminal import (
    QUIET,
    VERBOSE,
    is_interactive,
    print_message,
    printable,
    verbosity_level,
)
from nnlab.core import columns
from nnlab.experiment.session import Session
from nnlab.run.sweeps import SweepFolder
from nnlab.show.words import cell_name, duration
from nnlab.study.trial import Begun, Outcome, Trial
from nnlab.training import Epoch, Record, Steps

if TYPE_CHECKING:
    from rich.table import Table

REFRESH_S = 0.1  # between two drawings of the bar, at least
DRAWING_SHARE = 200  # a drawing that takes t is followed by a pause of at least 200 t
LINES = 10  # plain lines per run
ALL_EPOCHS = 200  # --verbose prints each epoch up to here; later each that is 5 % after the last
PAUSE_S = 2.0  # between two plain lines, or two looks at a running trial
SHOWN_TRIALS = 12  # running trials that the live table names


def watch_training(session: Session) -> AbstractContextManager[Callable[[Record], None]]:
    """Gives the function to call with every record inside the `with`."""
    if is_interactive():
        return _bar(session)
    if verbosity_level() == QUIET:
        return nullcontext(lambda record: None)
    return epoch_lines(session, verbose=verbosity_level() == VERBOSE)


def epoch_numbers(record: Epoch) -> str:
    """Loss and metrics of the validation part if there is one, else of the training part."""
    numbers = record.train
    if record.validation is not None:
        numbers = columns.named(columns.VAL, record.validation)
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def time_left(done: float, total: int, seconds: float) -> str:
    """The time for the remaining epochs; '' before a hundredth is done.

    The first epochs say little: caches are cold, and kernels may have been compiled.
    """
    if not total <= 100 * done < 100 * total:
        return ""
    return f"{duration(seconds / done * (total - done))} left"


@contextmanager
def epoch_lines(session: Session, verbose: bool = False) -> Iterator[Callable[[Record], None]]:
    """Print the first epoch, the last, and about ten between; many with `verbose`."""
    total = session.built.plan.epochs
    every = 1 if verbose else max(1, total // LINES)
    next_epoch, due = min(1, total), 0.0
    last: Epoch | None = None
    printed: Epoch | None = None

    def show(record: Epoch) -> None:
        nonlocal next_epoch, due, printed
        rest = time_left(record.epoch, total, session.seconds)
        head = f"epoch {record.epoch}/{total}"
        print_message("  ".join(filter(None, [head, epoch_numbers(record), rest])))
        next_epoch = (record.epoch // every + 1) * every
        if verbose and total > ALL_EPOCHS:
            next_epoch = max(next_epoch, int(1.05 * record.epoch))
        due, printed = perf_counter() + (0.0 if verbose else PAUSE_S), record

    def see(record: Record) -> None:
        nonlocal last
        if isinstance(record, Epoch):
            last = record
            if record.epoch >= next_epoch and perf_counter() >= due:
                show(record)

    yield see
    if last is not None and last is not printed:
        show(last)


@contextmanager
def _bar(session: Session) -> Iterator[Callable[[Record], None]]:
    """A bar with the epoch, its numbers and the time left, gone when training ends."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    total = session.built.plan.epochs
    bar = Progress(
        TextColumn("epoch {task.fields[epoch]}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("{task.fields[numbers]}"),
        TextColumn("{task.fields[left]}", style="progress.remaining"),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )
    task = bar.add_task("", total=total, epoch=0, numbers="", left="")
    due, last = 0.0, Epoch(0, 0, 0.0, {}, None, False)

    def see(record: Record) -> None:
        nonlocal due, last
        if isinstance(record, Epoch):
            last = record
        before = perf_counter()
        if before < due:
            return
        epoch, done, numbers = bar_position(record, last)
        left = time_left(done, total, session.seconds)
        bar.update(task, completed=done, epoch=epoch, numbers=numbers, left=left, refresh=True)
        after = perf_counter()
        due = after + max(REFRESH_S, DRAWING_SHARE * (after - before))

    with bar:
        yield see


def bar_position(record: Record, last: Epoch) -> tuple[int, float, str]:
    """The running epoch, how many are done as a fraction, and the numbers to show.

    Inside an epoch these are the loss of the last updates and the metrics of the last epoch.
    """
    if not isinstance(record, Steps):
        return last.epoch, float(last.epoch), epoch_numbers(last)
    metrics = epoch_numbers(last).partition("  ")[2] if last.epoch else ""
    text = f"loss {record.losses.mean():.4g}  {metrics}".rstrip()
    return record.epoch, record.epoch - 1 + record.batch / record.batches, text


@dataclass
class Board:
    """The state of the trials of a sweep while they run."""

    trials: dict[str, Trial]
    folder: SweepFolder
    running: dict[str, float] = field(default_factory=dict)  # name -> when it began
    epochs: dict[str, tuple[float, str]] = field(default_factory=dict)  # name -> when seen, text
    done: int = 0
    failed: int = 0
    began: float = field(default_factory=perf_counter)

    def see(self, event: Begun | Outcome) -> None:
        if isinstance(event, Begun):
            self.running[event.name] = perf_counter()
            return
        self.running.pop(event.name, None)
        self.done += event.done
        self.failed += not event.done

    def trial_name(self, name: str) -> str:
        """A trial by its cell and seed."""
        trial = self.trials[name]
        return f"{cell_name(trial.cell)}, seed {trial.seed}"

    def outcome(self, event: Outcome) -> str:
        """A line about a trial that has ended."""
        how = f" in {duration(event.seconds)}" if event.done else f": {event.reason}"
        return f"{self.trial_name(event.name)}: {event.status}{how}"

    def counts(self) -> str:
        """12 of 30 done, 1 failed, 4.20 s left."""
        ended, total = self.done + self.failed, len(self.trials)
        parts = [f"{self.done:,} of {total:,} done"]
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        if 0 < ended < total:
            per_trial = (perf_counter() - self.began) / ended
            parts.append(f"{duration(per_trial * (total - ended))} left")
        return ", ".join(parts)

    def epoch(self, name: str) -> str:
        """The epoch of a running trial, by the last row of its metrics.csv."""
        now = perf_counter()
        seen, text = self.epochs.get(name, (self.running.get(name, now), ""))
        if now - seen >= PAUSE_S:
            epoch = self.folder.trial(name).last_metrics().get("epoch")
            text = f"epoch {epoch}" if epoch else ""
            self.epochs[name] = now, text
        return text

    def table(self) -> "Table":
        """The counts, and a row for each running trial."""
        from rich.table import Table
        from rich.text import Text

        table = Table(
            box=None, pad_edge=False, title=self.counts(), title_justify="left",
            title_style="bold", show_header=False
        )  # fmt: skip
        running = list(self.running.items())
        for name, began in running[:SHOWN_TRIALS]:
            cells = (self.trial_name(name), self.epoch(name), duration(perf_counter() - began))
            table.add_row(*(Text(printable(cell)) for cell in cells))
        if len(running) > SHOWN_TRIALS:
            table.add_row(f"and {len(running) - SHOWN_TRIALS} more")
        return table


def watch_trials(
    trials: Sequence[Trial], folder: SweepFolder
) -> AbstractContextManager[Callable[[Begun | Outcome], None]]:
    """Gives the function to call with every event inside the `with`."""
    board = Board({trial.name: trial for trial in trials}, folder)
    return _live_table(board) if is_interactive() else _trial_lines(board)


@contextmanager
def _trial_lines(board: Board) -> Iterator[Callable[[Begun | Outcome], None]]:
    """Print a line per failure, and counts at times; with --verbose a line per trial."""
    due = perf_counter() + PAUSE_S

    def see(event: Begun | Outcome) -> None:
        nonlocal due
        board.see(event)
        if isinstance(event, Begun):
            return
        if not event.done or verbosity_level() == VERBOSE:
            print_message(board.outcome(event))
        if perf_counter() >= due:
            print_message(board.counts())
            due = perf_counter() + PAUSE_S

    yield see


@contextmanager
def _live_table(board: Board) -> Iterator[Callable[[Begun | Outcome], None]]:
    """A table of the running trials, gone at the end; failures stay above it."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)

    def see(event: Begun | Outcome) -> None:
        board.see(event)
        if isinstance(event, Outcome) and not event.done:
            console.print(printable(board.outcome(event)), markup=False, highlight=False)

    live = Live(console=console, get_renderable=board.table, refresh_per_second=4, transient=True)
    with live:
        yield see
