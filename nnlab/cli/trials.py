"""What is seen of a sweep: a live table of its trials on a terminal, plain lines elsewhere."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nnlab.cli.table import duration
from nnlab.cli.terminal import NORMAL, QUIET, VERBOSE, level, printable, say
from nnlab.run.sweeps import SweepFolder
from nnlab.show.words import cell_name
from nnlab.study.trial import Begun, Outcome, Trial

if TYPE_CHECKING:
    from rich.table import Table

See = Callable[[Begun | Outcome], None]

APART = 2.0  # seconds between two plain lines, or two looks at how far a trial is
SHOWN = 12  # running trials that the live table names


@dataclass
class Board:
    """What is known while trials run."""

    trials: dict[str, Trial]
    folder: SweepFolder
    running: dict[str, float] = field(default_factory=dict)  # name -> when it began
    epochs: dict[str, tuple[float, str]] = field(default_factory=dict)  # name -> when seen, text
    done: int = 0
    lost: int = 0
    began: float = field(default_factory=perf_counter)

    def see(self, event: Begun | Outcome) -> None:
        """Something began or ended."""
        if isinstance(event, Begun):
            self.running[event.name] = perf_counter()
            return
        self.running.pop(event.name, None)
        if event.done:
            self.done += 1
        else:
            self.lost += 1

    def words(self, name: str) -> str:
        """A trial by its cell and seed."""
        trial = self.trials[name]
        return f"{cell_name(trial.cell)}, seed {trial.seed}"

    def counts(self) -> str:
        """12 of 30 done, 1 failed, 4.20 s left."""
        ended, total = self.done + self.lost, len(self.trials)
        parts = [f"{self.done:,} of {total:,} done"]
        if self.lost:
            parts.append(f"{self.lost:,} failed")
        if 0 < ended < total:
            each = (perf_counter() - self.began) / ended
            parts.append(f"{duration(each * (total - ended))} left")
        return ", ".join(parts)

    def epoch(self, name: str) -> str:
        """How far a running trial is, by the last row of its metrics.csv."""
        now = perf_counter()
        if now - self.running.get(name, now) < APART:
            return ""
        seen, text = self.epochs.get(name, (0.0, ""))
        if now - seen >= APART:
            epoch = self.folder.trial(name).last_metrics().get("epoch")
            text = f"epoch {epoch}" if epoch else ""
            self.epochs[name] = now, text
        return text


def watch(trials: Sequence[Trial], folder: SweepFolder) -> AbstractContextManager[See]:
    """What to call with every event inside the `with`."""
    board = Board({trial.name: trial for trial in trials}, folder)
    if level() == NORMAL and sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return live(board)
    return lines(board)


@contextmanager
def lines(board: Board) -> Iterator[See]:
    """A line for each failure, and now and then one that counts; each trial with --verbose."""
    due = perf_counter() + APART

    def see(event: Begun | Outcome) -> None:
        nonlocal due
        board.see(event)
        if isinstance(event, Begun):
            return
        if not event.done:
            say(f"{board.words(event.name)}: {event.status}: {event.reason}")
        elif level() == VERBOSE:
            say(f"{board.words(event.name)}: {event.status} in {duration(event.seconds)}")
        if perf_counter() >= due and level() != QUIET:
            say(board.counts())
            due = perf_counter() + APART

    yield see


@contextmanager
def live(board: Board) -> Iterator[See]:
    """A table of the running trials under the counts, gone at the end; failures stay above it."""
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True)

    def see(event: Begun | Outcome) -> None:
        board.see(event)
        if isinstance(event, Outcome) and not event.done:
            text = f"{board.words(event.name)}: {event.status}: {event.reason}"
            console.print(printable(text), markup=False, highlight=False)

    shown = Live(
        console=console,
        get_renderable=lambda: picture(board),
        refresh_per_second=4,
        transient=True,
    )
    with shown:
        yield see


def picture(board: Board) -> "Table":
    """The counts, and a row for each running trial."""
    from rich.table import Table
    from rich.text import Text

    found = Table(box=None, pad_edge=False, title=board.counts(), title_justify="left",
                  title_style="bold", show_header=False)  # fmt: skip
    running: list[Any] = list(board.running.items())
    for name, began in running[:SHOWN]:
        cells = (board.words(name), board.epoch(name), duration(perf_counter() - began))
        found.add_row(*(Text(printable(cell)) for cell in cells))
    if len(running) > SHOWN:
        found.add_row(f"and {len(running) - SHOWN} more")
    return found
