"""Where trials run. An executor takes trials and tells how each begins and ends, in any order.

Whoever stops listening stops the trials: closing the generator ends what it started.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nnlab.run import environment
from nnlab.study.trial import Begun, Outcome, Trial, run_trial


@dataclass(frozen=True)
class Note:
    """A sentence for the user about where trials run."""

    text: str


Event = Begun | Outcome
Events = Generator[Event | Note, None, None]


class Executor(Protocol):
    """In this process, in others, or on other machines."""

    def warm(self) -> object:
        """Begin to start what has to be started; returns at once. `run` does it too."""

    def run(self, trials: Sequence[Trial], parent: Path) -> Events:
        """Run all trials; their run folders are in `parent` when their outcomes are told.

        A trial that fails costs that trial. KeyboardInterrupt, Terminated and Interrupted end
        all of them after their states were saved; no process is left behind in any case.
        """


@dataclass(frozen=True)
class InProcess:
    """One trial after the other, here: nothing has to be started, and nothing can be limited."""

    def warm(self) -> None:
        """Nothing has to be started."""

    def run(self, trials: Sequence[Trial], parent: Path) -> Events:
        """See Executor."""
        machine = environment.describe()
        for trial in trials:
            yield Begun(trial.name)
            yield run_trial(trial, parent, machine)
