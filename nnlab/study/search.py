"""A search for good settings: Optuna proposes, nnlab trains and reports the results.

Optuna's journal lies in the folder of the sweep, so that the same command continues the search. The
sampler of each trial is seeded by the config's seed and the number of trials before it: its
proposals depend on their results alone, not on how often the program was started.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnlab.config.load import Base
from nnlab.core.metrics import better_when
from nnlab.core.random import WORD, entropy
from nnlab.errors import ConfigError, RunLocked, StorageError, UsageError
from nnlab.run import environment, names
from nnlab.run.run import Run
from nnlab.run.sweeps import SweepFolder
from nnlab.run.text import shown
from nnlab.status import Status
from nnlab.study.plan import shared_settings
from nnlab.study.space import Dimension, searched_config, space_settings
from nnlab.study.trial import Outcome, Pruning, Trial, is_stale, read_outcome, run_trial

if TYPE_CHECKING:
    import optuna

JOURNAL = "optuna.journal"
MISSING = "Tuning needs Optuna, which is not installed: pip install 'nnlab[tune]'."
RUNGS = 20  # epochs at which a trial is compared with those before it
FIRST = 5  # trials that are never stopped early, and rungs before any is
FEWEST = 10  # finished trials from which on an importance says something
PRUNED = "pruned"


@dataclass(frozen=True)
class Tuning:
    """What is to be tuned: a checked config and the settings that vary."""

    name: str
    config: str
    base: Base
    dimensions: tuple[Dimension, ...]
    overrides: tuple[str, ...] = ()
    prune: bool = True
    argv: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """What the config monitors; its best value counts."""
        return str(self.base.config.training.monitor)

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Which way the metric gets better, in Optuna's words."""
        return "maximize" if better_when(self.metric) == "max" else "minimize"

    @property
    def about(self) -> dict[str, Any]:
        """The content of sweep.yaml."""
        return {
            "format": 1,
            "name": self.base.config.name,
            "config": self.config,
            "axes": [{"key": dimension.key, "values": []} for dimension in self.dimensions],
            "search": space_settings(self.dimensions),
            "metric": self.metric,
            "code": {},
            "base": shared_settings(self.base.config),
        }

    def trial(self, cell: Mapping[str, Any]) -> Trial:
        """The trial with these settings. ConfigError where they do not go together."""
        config = searched_config(self.dimensions, self.base, cell)
        return Trial.of(config, dict(cell), self.argv)


@dataclass(frozen=True)
class TrialResult:
    """How a trial of a search ended.

    run: the folder's name, empty for settings that do not go together.
    ended: completed, early_stopped, diverged, pruned or failed.
    reason: why a trial failed.
    """

    number: int
    run: str
    cell: Mapping[str, Any]
    ended: str
    epochs: int
    value: float | None
    reason: str | None = None


def require_optuna() -> None:
    """UsageError with how to install Optuna, if it is not installed."""
    if find_spec("optuna") is None:
        raise UsageError(MISSING)


class Search:
    """The search in the folder of a sweep, whose lock is held.

    Optuna's study lives in memory. A trial is written to the journal when it has ended, in one
    line: an interrupted trial is not there, is proposed again, and continues in its run folder. So
    the trials depend on the settings and on each other, and not on how often the program stopped.

    results: of the trials that came to an end, in order.
    notes: sentences for the user.
    """

    def __init__(self, tuning: Tuning, folder: SweepFolder, retry: bool = False) -> None:
        """Read the journal.

        With `retry`, failed trials and all that were proposed after the first of them are
        forgotten; their folders stay. Raises RunUnreadable for a damaged journal, DataError.
        """
        import optuna

        from nnlab.study.journal import Journal, make_sense, open_study

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.tuning, self.folder = tuning, folder
        self.machine = environment.describe(tuning.argv)
        epochs = tuning.base.config.training.epochs
        rungs = sorted({round(epochs * k / RUNGS) for k in range(1, RUNGS)} - {0, epochs})
        self.rungs = frozenset(rungs)
        self.notes: list[str] = []
        warm = rungs[FIRST - 1] if len(rungs) >= FIRST else 0
        pruner = optuna.pruners.MedianPruner(FIRST, n_warmup_steps=warm)
        path = folder.path / JOURNAL
        log = Journal(path)
        if log.cut:
            self.notes.append(
                f"The last {log.cut:,} bytes of {shown(path)} were damaged and are cut off."
            )
        with _without_warnings():
            self.optuna = optuna.create_study(
                direction=tuning.direction,
                pruner=pruner if tuning.prune else optuna.pruners.NopPruner(),
            )
            self.journal = open_study(log, tuning.name, tuning.direction)
            trials = make_sense(path, self._ended_trials)
            results = [
                make_sense(path, partial(self._result_of, number, trial))
                for number, trial in enumerate(trials, start=1)
            ]
            keep = make_sense(path, lambda: self._count_to_keep(results, retry))
            if keep < len(results):
                log.keep_trials(trials[keep].number)
                self.journal = open_study(log, tuning.name, tuning.direction)
            self.results = results[:keep]
            make_sense(path, lambda: self.optuna.add_trials(trials[:keep]))

    def best(self) -> TrialResult | None:
        """The trial with the best value of those that came to their end."""
        done = [result for result in self.results if result.value is not None]
        sign = -1.0 if self.tuning.direction == "maximize" else 1.0
        return min(done, key=lambda result: sign * (result.value or 0.0), default=None)

    def run(self, count: int) -> Iterator[TrialResult]:
        """Trials until there are `count`.

        Raises Interrupted when a signal stopped a trial, StorageError when the system refused to
        read or write: the next call continues with that trial. Any other error in a trial is how it
        ended.
        """
        from optuna.samplers import TPESampler

        while (number := len(self.results)) < count:
            seed = np.random.SeedSequence(entropy(self.tuning.base.config.seed, number))
            with _without_warnings():
                self.optuna.sampler = TPESampler(seed=int(seed.generate_state(1)[0]))
                asked = self.optuna.ask()
                cell = {one.key: one.among.ask(asked, one.key) for one in self.tuning.dimensions}
            result = self._try(number + 1, asked, cell)
            self._record(asked, result)
            yield result

    def importances(self) -> dict[str, float]:
        """The share of the spread that each setting explains; empty where it is unclear."""
        import optuna

        done = [result for result in self.results if result.value is not None]
        varied = [
            one.key
            for one in self.tuning.dimensions
            if len({repr(result.cell[one.key]) for result in done}) > 1
        ]
        if len(done) < FEWEST or len(varied) < 2:
            return {}
        seed = self.tuning.base.config.seed % WORD
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        with _without_warnings():
            return dict(
                optuna.importance.get_param_importances(
                    self.optuna, evaluator=evaluator, params=varied
                )
            )

    def _try(self, number: int, asked: "optuna.Trial", cell: dict[str, Any]) -> TrialResult:
        """Train with these settings; a run that is there already is used."""
        try:
            trial = self.tuning.trial(cell)
        except ConfigError as error:
            return TrialResult(number, "", cell, Status.FAILED, 0, None, str(error))
        run = self.folder.trial(trial.name)
        before = read_outcome(run)
        if run.exists() and ((before and before.status == Status.FAILED) or is_stale(run, trial)):
            self.folder.discard(trial.name)
        pruning = Pruning(self.tuning.metric, partial(self._is_hopeless, asked))
        parent = self.folder.path
        ended = run_trial(trial, parent, self.machine, None, pruning, raises=(StorageError,))
        if ended.status == "locked":
            raise RunLocked(str(ended.reason))
        return self._result(number, trial, ended, Run(run.path))

    def _result(self, number: int, trial: Trial, ended: Outcome, run: Run) -> TrialResult:
        """The result of a trial from its outcome and its run folder."""
        if ended.pruned is not None:
            return TrialResult(number, trial.name, trial.cell, PRUNED, ended.pruned, None)
        if ended.status == Status.FAILED:
            return TrialResult(number, trial.name, trial.cell, Status.FAILED, 0, None, ended.reason)
        epochs = int(run.last_row.get("epoch") or 0)
        best = run.summary.get("best") if ended.done else None
        value = best.get(self.tuning.metric) if isinstance(best, dict) else None
        if not isinstance(value, int | float) or not np.isfinite(value):
            value = None
        return TrialResult(number, trial.name, trial.cell, ended.status, epochs, value)

    def _is_hopeless(self, asked: "optuna.Trial", epoch: int, value: float) -> bool:
        """Report a rung to Optuna; whether it stops the trial there."""
        if epoch not in self.rungs:
            return False
        with _without_warnings():
            if np.isfinite(value):
                asked.report(value, epoch)
            return asked.should_prune()

    def _record(self, asked: "optuna.Trial", result: TrialResult) -> None:
        """Tell Optuna, and write the trial to the journal. Raises StorageError."""
        from optuna.trial import TrialState

        with _without_warnings():
            for name in ("number", "run", "ended", "epochs", "reason"):
                asked.set_user_attr(name, getattr(result, name))
            if result.value is not None:
                self.optuna.tell(asked, result.value)
            else:  # a run that diverged counts as bad as a pruned run
                failed = result.ended == Status.FAILED
                self.optuna.tell(asked, state=TrialState.FAIL if failed else TrialState.PRUNED)
            self.journal.add_trial(self.optuna.get_trials(deepcopy=False)[-1])
        self.results.append(result)

    def _ended_trials(self) -> list["optuna.trial.FrozenTrial"]:
        """The trials of the journal whose end nnlab saw."""
        trials = self.journal.get_trials(deepcopy=False)
        return [
            trial for trial in trials if trial.state.is_finished() and "ended" in trial.user_attrs
        ]

    def _result_of(self, number: int, trial: "optuna.trial.FrozenTrial") -> TrialResult:
        """A trial of the journal. Raises ValueError and others for one that nnlab never wrote."""
        about = trial.user_attrs
        run, ended, epochs = str(about["run"]), str(about["ended"]), int(about["epochs"])
        status = Status.of(ended)
        known = ended == PRUNED or status.finished or status.lost
        if not all([known, run == "" or names.is_trial(run), epochs >= 0]):
            raise ValueError(f"trial {trial.number} is none of nnlab's")
        if about.get("number", number) != number:
            raise ValueError(f"trial {number} is missing")
        cell = {d.key: d.among.read(trial.params[d.key]) for d in self.tuning.dimensions}
        value = float(trial.values[0]) if status.finished and trial.values else None
        return TrialResult(number, run, cell, ended, epochs, value, about.get("reason"))

    def _count_to_keep(self, results: Sequence[TrialResult], retry: bool) -> int:
        """How many trials stay before the first that is to run again."""
        for index, result in enumerate(results):
            if retry and result.ended == Status.FAILED:
                return index
            if result.ended != Status.FAILED and is_stale(
                self.folder.trial(result.run), self.tuning.trial(result.cell)
            ):
                self.notes.append(
                    f"The data changed since trial {result.number} was trained; the search "
                    "continues from there with the data as they are now."
                )
                return index
        return len(results)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Optuna warns about features that it calls experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
