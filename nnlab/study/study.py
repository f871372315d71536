"""Optuna proposes settings, nnlab trains with them and tells how it went.

Optuna's journal lies in the folder of the sweep, so that the same command goes on where it stopped.
The sampler of each trial is seeded by the config's seed and the number of trials before it: what it
proposes depends on their results alone, not on how often the program was started.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core.random import WORD, entropy
from nnlab.errors import (
    ConfigError,
    Interrupted,
    NnlabError,
    RunLocked,
    StorageError,
    UsageError,
)
from nnlab.experiment.rows import epoch_row
from nnlab.experiment.signals import Terminated
from nnlab.run import environment, names
from nnlab.run.folder import METRICS, RUN, SUMMARY, RunFolder
from nnlab.run.sweeps import SweepFolder
from nnlab.run.text import shown
from nnlab.study.plan import as_trial
from nnlab.study.space import settings_of
from nnlab.study.trial import DONE, LOST, Trial, going, is_stale, outcome, record_failure, said
from nnlab.study.tuning import Tuning
from nnlab.training import Epoch

if TYPE_CHECKING:
    import optuna

JOURNAL = "optuna.journal"
MISSING = "Tuning needs Optuna, which is not installed: pip install 'nnlab[tune]'."
RUNGS = 20  # epochs at which a trial is compared with those before it
FIRST = 5  # trials that are never stopped early, and rungs before any is
FEWEST = 10  # finished trials from which on an importance says something
FAILED, PRUNED = "failed", "pruned"


@dataclass(frozen=True)
class Told:
    """How a trial went. `ended` is completed, early_stopped, diverged, pruned or failed.

    `run` is the folder's name, empty for settings that do not go together. `reason` says why a
    trial failed.
    """

    number: int
    run: str
    cell: Mapping[str, Any]
    ended: str
    epochs: int
    value: float | None
    reason: str | None = None


def require_optuna() -> None:
    """UsageError with how to install it, if it is not."""
    if find_spec("optuna") is None:
        raise UsageError(MISSING)


class Study:
    """The study in the folder of a sweep, whose lock is held.

    Optuna's own study lives in memory. A trial is written to the journal when it has ended, in one
    line: what was interrupted is not there, is proposed again, and goes on in its run folder. So
    the trials depend on the settings and on each other, and not on how often the program stopped.

    `told` are the trials that came to an end, in order. `notes` are sentences for the user.
    """

    def __init__(self, tuning: Tuning, folder: SweepFolder, retry: bool = False) -> None:
        """Read the journal.

        With `retry`, failed trials and all that were proposed after the first of them are
        forgotten; their folders stay. Raises RunUnreadable for a damaged journal, DataError.
        """
        import optuna

        from nnlab.study.journal import Journal, open_study, understood

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
        with quiet():
            self.optuna = optuna.create_study(
                direction=tuning.direction,
                pruner=pruner if tuning.prune else optuna.pruners.NopPruner(),
            )
            self.journal = open_study(log, tuning.name, tuning.direction)
            trials = understood(path, self._ended)
            told = [
                understood(path, partial(self._told, number, one))
                for number, one in enumerate(trials, start=1)
            ]
            keep = understood(path, lambda: self._count_to_keep(told, retry))
            if keep < len(told):
                log.keep_trials(trials[keep].number)
                self.journal = open_study(log, tuning.name, tuning.direction)
            self.told = told[:keep]
            understood(path, lambda: self.optuna.add_trials(trials[:keep]))

    def best(self) -> Told | None:
        """The trial with the best value of those that came to their end."""
        done = [one for one in self.told if one.value is not None]
        sign = -1.0 if self.tuning.direction == "maximize" else 1.0
        return min(done, key=lambda one: sign * (one.value or 0.0), default=None)

    def go(self, count: int) -> Iterator[Told]:
        """Trials until there are `count`.

        Raises Interrupted when a signal stopped a trial, StorageError when the system refused to
        read or write: the next call goes on with that trial. Whatever else goes wrong in a trial is
        how it ended.
        """
        from optuna.samplers import TPESampler

        while (number := len(self.told)) < count:
            seed = np.random.SeedSequence(entropy(self.tuning.base.config.seed, number))
            with quiet():
                self.optuna.sampler = TPESampler(seed=int(seed.generate_state(1)[0]))
                asked = self.optuna.ask()
                cell = {one.key: one.among.ask(asked, one.key) for one in self.tuning.dimensions}
            told = self._try(number + 1, asked, cell)
            self._record(asked, told)
            yield told

    def importances(self) -> dict[str, float]:
        """How much of the spread of the values each setting explains; empty where it is unclear."""
        import optuna

        done = [one for one in self.told if one.value is not None]
        varied = [
            one.key
            for one in self.tuning.dimensions
            if len({repr(told.cell[one.key]) for told in done}) > 1
        ]
        if len(done) < FEWEST or len(varied) < 2:
            return {}
        seed = self.tuning.base.config.seed % WORD
        judge = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        with quiet():
            return dict(
                optuna.importance.get_param_importances(self.optuna, evaluator=judge, params=varied)
            )

    def _try(self, number: int, asked: "optuna.Trial", cell: dict[str, Any]) -> Told:
        """Train with these settings; a run that is there already is used."""
        try:
            trial = self._trial(cell)
        except ConfigError as error:
            return Told(number, "", cell, FAILED, 0, None, said(error))
        run = self.folder.trial(trial.name)
        known = outcome(run)
        if run.exists() and ((known and known.status == FAILED) or is_stale(run, trial)):
            self.folder.discard(trial.name)
            known = None
        pruned, reason = None, None
        if known is not None:
            pruned = self._judge_rows(asked, run)
        else:
            try:
                pruned = self._train(asked, trial, run)
            except (Interrupted, KeyboardInterrupt, Terminated, RunLocked):
                raise
            except StorageError:
                with suppress(NnlabError), run.lock():
                    run.update_status("interrupted")
                raise
            except Exception as error:
                reason = said(error)
        if reason is not None:
            record_failure(trial, self.folder.path, reason)
            return Told(number, trial.name, cell, FAILED, 0, None, reason)
        epochs = int(run.last_metrics().get("epoch") or 0)
        if pruned is not None:
            return Told(number, trial.name, cell, PRUNED, pruned, None)
        ended = str(run.read_json(RUN)["status"])
        value = self._value(run) if ended in DONE else None
        return Told(number, trial.name, cell, ended, epochs, value)

    def _train(self, asked: "optuna.Trial", trial: Trial, run: RunFolder) -> int | None:
        """To the end, or to the epoch, which is returned, at which it is stopped early."""
        with going(trial, run, self.machine) as session:
            pruned = self._judge_rows(asked, run)
            if pruned is not None:
                return pruned
            for record in session or ():
                if isinstance(record, Epoch):
                    value = epoch_row(record, 0.0)[self.tuning.metric]
                    if self._is_hopeless(asked, record.epoch, value):
                        return record.epoch
        return None

    def _judge_rows(self, asked: "optuna.Trial", run: RunFolder) -> int | None:
        """The same for the epochs that the folder already has."""
        values = run.read_table(METRICS).get(self.tuning.metric, ())
        for epoch, value in enumerate(np.asarray(values, np.float64).tolist()):
            if self._is_hopeless(asked, epoch, value):
                return epoch
        return None

    def _is_hopeless(self, asked: "optuna.Trial", epoch: int, value: float) -> bool:
        """Report a rung to Optuna; whether it stops the trial there."""
        if epoch not in self.rungs:
            return False
        with quiet():
            if np.isfinite(value):
                asked.report(value, epoch)
            return asked.should_prune()

    def _value(self, run: RunFolder) -> float | None:
        """The best value of what is tuned; None when no epoch had a finite value."""
        best = run.read_json(SUMMARY).get("best")
        value = best.get(self.tuning.metric) if isinstance(best, dict) else None
        return float(value) if isinstance(value, int | float) and np.isfinite(value) else None

    def _record(self, asked: "optuna.Trial", told: Told) -> None:
        """Tell Optuna, and write the trial to the journal. Raises StorageError."""
        from optuna.trial import TrialState

        with quiet():
            for name in ("number", "run", "ended", "epochs", "reason"):
                asked.set_user_attr(name, getattr(told, name))
            if told.value is not None:
                self.optuna.tell(asked, told.value)
            else:  # a run that diverged counts as bad as one that was stopped
                failed = told.ended == FAILED
                self.optuna.tell(asked, state=TrialState.FAIL if failed else TrialState.PRUNED)
            self.journal.add_trial(self.optuna.get_trials(deepcopy=False)[-1])
        self.told.append(told)

    def _ended(self) -> list["optuna.trial.FrozenTrial"]:
        """The trials of the journal that nnlab saw the end of."""
        trials = self.journal.get_trials(deepcopy=False)
        return [one for one in trials if one.state.is_finished() and "ended" in one.user_attrs]

    def _told(self, number: int, one: "optuna.trial.FrozenTrial") -> Told:
        """A trial of the journal. Raises ValueError and others for one that nnlab never wrote."""
        about = one.user_attrs
        run, ended, epochs = str(about["run"]), str(about["ended"]), int(about["epochs"])
        if (run and not names.is_trial(run)) or ended not in (*DONE, *LOST, PRUNED) or epochs < 0:
            raise ValueError(f"trial {one.number} is none of nnlab's")
        if about.get("number", number) != number:
            raise ValueError(f"trial {number} is missing")
        cell = {d.key: d.among.read(one.params[d.key]) for d in self.tuning.dimensions}
        value = float(one.values[0]) if ended in DONE and one.values else None
        return Told(number, run, cell, ended, epochs, value, about.get("reason"))

    def _count_to_keep(self, told: Sequence[Told], retry: bool) -> int:
        """How many trials stay before the first that is to run again."""
        for index, one in enumerate(told):
            if retry and one.ended == FAILED:
                return index
            if one.ended != FAILED and is_stale(self.folder.trial(one.run), self._trial(one.cell)):
                self.notes.append(
                    f"The data changed since trial {one.number} was trained; the search goes on "
                    "from there with the data as they are now."
                )
                return index
        return len(told)

    def _trial(self, cell: Mapping[str, Any]) -> Trial:
        """The trial with these settings. ConfigError where they do not go together."""
        config = settings_of(self.tuning.dimensions, self.tuning.base, cell)
        return as_trial(config, dict(cell), self.tuning.argv)


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna warns of what it calls experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
