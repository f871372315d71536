"""What is seen of a training: a bar on a terminal, elsewhere a plain line now and then.

Looking at a record costs a look at the clock and two comparisons, so that the 100,000 records a
second of a tiny network are not slowed; drawing the bar is rationed by what it costs.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter

from nnlab.cli.table import duration
from nnlab.cli.terminal import NORMAL, QUIET, VERBOSE, level, say
from nnlab.core import columns
from nnlab.experiment.session import Session
from nnlab.training import Epoch, Record, Steps

REFRESH = 0.1  # seconds between two looks of the bar, at least
RATION = 200  # and this many times what drawing it takes: 0.5 % of the time
LINES = 10  # plain lines per run
ALL = 200  # epochs of which --verbose shows each; of more it shows each one 5 % after the last
APART = 2.0  # seconds between two of them, at least

See = Callable[[Record], None]


def watch(session: Session) -> AbstractContextManager[See]:
    """What to call with every record inside the `with`."""
    if level() == NORMAL and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return bar(session)
    return lines(session)


def numbers(record: Epoch) -> str:
    """Loss and metrics of the validation part if there is one, else of the training part."""
    shown = record.train if record.validation is None else record.validation
    if record.validation is not None:
        shown = columns.named(columns.VAL, shown)
    return "  ".join(f"{name} {value:.4g}" for name, value in shown.items())


def left(done: float, total: int, seconds: float) -> str:
    """How long the rest will take when it goes on like this; nothing before a hundredth is done.

    The first epochs say little: caches are cold, and kernels may have been compiled.
    """
    if not total <= 100 * done < 100 * total:
        return ""
    return f"{duration(seconds / done * (total - done))} left"


@contextmanager
def lines(session: Session) -> Iterator[See]:
    """Plain lines: the first epoch, the last, and about ten between; many with --verbose."""
    seen = Lines(session, verbose=level() == VERBOSE)
    yield (lambda record: None) if level() == QUIET else seen.see
    seen.finish()


class Lines:
    """Prints a line when enough epochs and enough time have passed."""

    def __init__(self, session: Session, verbose: bool = False) -> None:
        self.session = session
        self.total = session.built.plan.epochs
        self.verbose = verbose
        self.apart = 0.0 if verbose else APART
        self.every = 1 if verbose else max(1, self.total // LINES)
        self.next = min(1, self.total)
        self.due = 0.0
        self.last: Epoch | None = None
        self.printed: Epoch | None = None

    def see(self, record: Record) -> None:
        """Perhaps print."""
        if isinstance(record, Epoch):
            self.last = record
            if record.epoch >= self.next and perf_counter() >= self.due:
                self.show(record)

    def show(self, record: Epoch) -> None:
        """Print, and decide which epoch is next."""
        rest = left(record.epoch, self.total, self.session.seconds)
        head = f"epoch {record.epoch}/{self.total}"
        say("  ".join(filter(None, [head, numbers(record), rest])))
        self.printed = record
        self.next = (record.epoch // self.every + 1) * self.every
        if self.verbose and self.total > ALL:
            self.next = max(self.next, int(1.05 * record.epoch))
        self.due = perf_counter() + self.apart

    def finish(self) -> None:
        """The last epoch, if it was not printed."""
        if self.last is not None and self.last is not self.printed:
            self.show(self.last)


@contextmanager
def bar(session: Session) -> Iterator[See]:
    """A bar with the epoch, its numbers and the time left, gone when training ends."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    total = session.built.plan.epochs
    shown = Progress(
        TextColumn("epoch {task.fields[epoch]}/{task.total:.0f}"),
        BarColumn(),
        TextColumn("{task.fields[numbers]}"),
        TextColumn("{task.fields[left]}", style="progress.remaining"),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )
    task = shown.add_task("", total=total, epoch=0, numbers="", left="")
    due, last = 0.0, Epoch(0, 0, 0.0, {}, None, False)

    def see(record: Record) -> None:
        nonlocal due, last
        if isinstance(record, Epoch):
            last = record
        moment = perf_counter()
        if moment < due:
            return
        epoch, done, text = place(record, last)
        rest = left(done, total, session.seconds)
        shown.update(task, completed=done, epoch=epoch, numbers=text, left=rest, refresh=True)
        after = perf_counter()
        due = after + max(REFRESH, RATION * (after - moment))

    with shown:
        yield see


def place(record: Record, last: Epoch) -> tuple[int, float, str]:
    """The running epoch, how many are done as a fraction, and the numbers to show.

    Inside an epoch these are the loss of the last updates and the metrics of the last epoch.
    """
    if not isinstance(record, Steps):
        return last.epoch, float(last.epoch), numbers(last)
    metrics = numbers(last).partition("  ")[2] if last.epoch else ""
    text = f"loss {record.losses.mean():.4g}  {metrics}".rstrip()
    return record.epoch, record.epoch - 1 + record.batch / record.batches, text
