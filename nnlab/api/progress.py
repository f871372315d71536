"""A training or a sweep while it runs: a bar in a terminal or in a notebook.

A record of a training costs one look at the clock and two comparisons, so that 100,000 records per
second of a tiny network are not slowed. Drawing the bar is limited to a share of the time.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from html import escape
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nnlab.core import columns
from nnlab.run.sweeps import SweepFolder
from nnlab.run.text import printable
from nnlab.show.words import cell_name, duration
from nnlab.study.trial import Begun, Outcome, Trial
from nnlab.training import Epoch, Record, Steps

if TYPE_CHECKING:
    from rich.table import Table

REFRESH_S = 0.1  # between two drawings of the bar, at least
DRAWING_SHARE = 200  # a drawing that takes t is followed by a pause of at least 200 t
PAUSE_S = 2.0  # between two plain lines, or two looks at a running trial
SHOWN_TRIALS = 12  # running trials that the live table names
EMPTY = {"text/html": "", "text/plain": ""}  # in the output of a cell
Draw = Callable[[float, int, str, str], None]  # done, total, the text before and behind the bar
Drawer = Callable[[], AbstractContextManager[Draw]]


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


def bar_position(record: Record, last: Epoch) -> tuple[int, float, str]:
    """The running epoch, how many are done as a fraction, and the numbers to show.

    Inside an epoch these are the loss of the last updates and the metrics of the last epoch.
    """
    if not isinstance(record, Steps):
        return last.epoch, float(last.epoch), epoch_numbers(last)
    metrics = epoch_numbers(last).partition("  ")[2] if last.epoch else ""
    text = f"loss {record.losses.mean():.4g}  {metrics}".rstrip()
    return record.epoch, record.epoch - 1 + record.batch / record.batches, text


@contextmanager
def training_bar(total: int, seconds: float, drawer: Drawer) -> Iterator[Callable[[Record], None]]:
    """A bar with the epoch, its numbers and the time left; gives what sees each record.

    seconds: that the training has taken before.
    """
    began = perf_counter() - seconds
    due, last = 0.0, Epoch(0, 0, 0.0, {}, None, False)

    with drawer() as draw:

        def see(record: Record) -> None:
            nonlocal due, last
            if isinstance(record, Epoch):
                last = record
            before = perf_counter()
            if before < due:
                return
            epoch, done, numbers = bar_position(record, last)
            left = time_left(done, total, before - began)
            draw(done, total, f"epoch {epoch}/{total}", f"{numbers}  {left}".rstrip())
            after = perf_counter()
            due = after + max(REFRESH_S, DRAWING_SHARE * (after - before))

        yield see


@contextmanager
def terminal_bar() -> Iterator[Draw]:
    """A bar on stderr, gone at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    bar = Progress(
        TextColumn("{task.fields[head]}"),
        BarColumn(),
        TextColumn("{task.fields[tail]}"),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )
    task = bar.add_task("", total=None, head="", tail="")

    def draw(done: float, total: int, head: str, tail: str) -> None:
        bar.update(task, completed=done, total=total, head=head, tail=tail, refresh=True)

    with bar:
        yield draw


@contextmanager
def notebook_bar() -> Iterator[Draw]:
    """A bar in the output of a notebook's cell, gone at the end.

    By IPython's display alone: rich would need ipywidgets, which a notebook may lack.
    """
    from IPython.display import HTML, display

    html: Any = HTML
    show: Any = display

    shown = show(EMPTY, raw=True, display_id=True)

    def draw(done: float, total: int, head: str, tail: str) -> None:
        bar = f'<progress value="{done:g}" max="{total}"></progress>'
        shown.update(html(f"{escape(head)} {bar} {escape(tail)}"))

    yield draw
    shown.update(EMPTY, raw=True)


def no_bar(event: object) -> None:
    """Sees an event and shows nothing."""


@dataclass(frozen=True)
class Display:
    """How a function shows its progress: with a bar, or not at all."""

    drawer: Drawer | None

    def tell(self, text: str) -> None:
        """A sentence on stderr, where there is a bar."""
        if self.drawer is not None:
            self.warn(text)

    def warn(self, text: str) -> None:
        """A sentence on stderr."""
        print(printable(text), file=sys.stderr)

    def training(
        self, epochs: int, seconds: float = 0.0
    ) -> AbstractContextManager[Callable[[Record], None]]:
        """Gives what sees each record of a training of so many epochs."""
        if self.drawer is None:
            return nullcontext(no_bar)
        return training_bar(epochs, seconds, self.drawer)

    def trials(
        self, trials: Sequence[Trial], folder: SweepFolder
    ) -> AbstractContextManager[Callable[[Begun | Outcome], None]]:
        """Gives what sees how each trial begins and ends."""
        if self.drawer is None:
            return nullcontext(no_bar)
        return trials_bar(Board({trial.name: trial for trial in trials}, folder), self.drawer)


@contextmanager
def trials_bar(board: "Board", drawer: Drawer) -> Iterator[Callable[[Begun | Outcome], None]]:
    """A bar with how many trials of a sweep are done."""
    with drawer() as draw:

        def see(event: Begun | Outcome) -> None:
            board.see(event)
            draw(board.done + board.failed, len(board.trials), "trials", board.counts())

        yield see


def choose_display(progress: bool | None = None) -> Display:
    """A bar where `progress` is True; by default in a notebook and at a prompt, not in scripts."""
    in_notebook = is_notebook()
    at_prompt = hasattr(sys, "ps1") and sys.stderr is not None and sys.stderr.isatty()
    if not (in_notebook or at_prompt if progress is None else progress):
        return Display(None)
    return Display(notebook_bar if in_notebook else terminal_bar)


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    shell = sys.modules.get("IPython")
    running = None if shell is None else shell.get_ipython()
    return running is not None and hasattr(running, "kernel")


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


@contextmanager
def live_table(board: Board) -> Iterator[Callable[[Begun | Outcome], None]]:
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
