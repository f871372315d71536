"""The progress of a training or a sweep: live on a terminal, else a line from time to time.

As cheap per record as the bars of `nnlab.api.progress`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import perf_counter

from nnlab.api.progress import (
    PAUSE_S,
    Board,
    epoch_numbers,
    live_table,
    terminal_bar,
    time_left,
    training_bar,
)
from nnlab.cli.terminal import QUIET, VERBOSE, is_interactive, print_message, verbosity_level
from nnlab.run.sweeps import SweepFolder
from nnlab.study.trial import Begun, Outcome, Trial
from nnlab.training import Epoch, Record

LINES = 10  # plain lines per run
ALL_EPOCHS = 200  # --verbose prints each epoch up to here; later each that is 5 % after the last


def watch_training(
    epochs: int, seconds: float = 0.0
) -> AbstractContextManager[Callable[[Record], None]]:
    """Gives the function to call with every record inside the `with`.

    seconds: that the training has taken before.
    """
    if is_interactive():
        return training_bar(epochs, seconds, terminal_bar)
    if verbosity_level() == QUIET:
        return nullcontext(lambda record: None)
    return epoch_lines(epochs, seconds, verbose=verbosity_level() == VERBOSE)


@contextmanager
def epoch_lines(
    total: int, seconds: float, verbose: bool = False
) -> Iterator[Callable[[Record], None]]:
    """Print the first epoch, the last, and about ten between; many with `verbose`."""
    began = perf_counter() - seconds
    every = 1 if verbose else max(1, total // LINES)
    next_epoch, due = min(1, total), 0.0
    last: Epoch | None = None
    printed: Epoch | None = None

    def show(record: Epoch) -> None:
        nonlocal next_epoch, due, printed
        rest = time_left(record.epoch, total, perf_counter() - began)
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


def watch_trials(
    trials: Sequence[Trial], folder: SweepFolder
) -> AbstractContextManager[Callable[[Begun | Outcome], None]]:
    """Gives the function to call with every event inside the `with`."""
    board = Board({trial.name: trial for trial in trials}, folder)
    return live_table(board) if is_interactive() else _trial_lines(board)


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
