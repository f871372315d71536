"""A search for good settings: Optuna proposes, nnlab trains and reports the results.

Optuna's journal lies in the folder of the sweep, so that the same command continues the search. The
sampler of each trial is seeded by the config's seed and the number of trials before it: its
proposals depend on their results alone, not on how often the program was started.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nnlab.core.random import WORD, entropy
from nnlab.errors import ConfigError, RunLocked, RunUnreadable, StorageError
from nnlab.run import environment, names
from nnlab.run.sweeps import SweepFolder, TrialRecord
from nnlab.run.text import shown
from nnlab.status import Status
from nnlab.study.space import Tuning
from nnlab.study.trial import Pruning, is_stale, read_outcome, run_trial

if TYPE_CHECKING:
    import optuna

JOURNAL = "optuna.journal"
RUNGS = 20  # epochs at which a trial is compared with those before it
FIRST = 5  # trials that are never stopped early, and rungs before any is
FEWEST = 10  # finished trials from which on an importance says something
PRUNED = "pruned"


class Search:
    """The search in the folder of a sweep. Only under the folder's lock.

    Optuna's study lives in memory. A trial is written to the journal when it has ended, in one
    line: an interrupted trial is not there, is proposed again, and continues in its run folder. So
    the trials depend on the settings and on each other, and not on how often the program stopped.

    records: of the trials that ended, in order. A pruned trial is `interrupted`; settings that do
    not go together have a record without a name.
    notes: sentences for the user.
    """

    def __init__(self, tuning: Tuning, folder: SweepFolder, retry: bool = False) -> None:
        """Read the journal.

        With `retry`, failed trials and all that were proposed after the first of them are
        forgotten; their folders stay. Raises RunUnreadable for a damaged journal, DataError.
        """
        optuna = _import_optuna()
        from nnlab.study.journal import Journal, open_study, readable_log

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.tuning, self.folder = tuning, folder
        self.machine = environment.describe(tuning.argv)
        epochs = tuning.base.config.training.epochs
        rungs = sorted({round(epochs * k / RUNGS) for k in range(1, RUNGS)} - {0, epochs})
        self.rungs = frozenset(rungs)
        self.notes: list[str] = []
        pruner = optuna.pruners.NopPruner()
        if tuning.prune:
            warm = rungs[FIRST - 1] if len(rungs) >= FIRST else 0
            pruner = optuna.pruners.MedianPruner(FIRST, n_warmup_steps=warm)
        path = folder.path / JOURNAL
        log = Journal(path)
        if log.cut:
            self.notes.append(
                f"The last {log.cut:,} bytes of {shown(path)} were damaged and are cut off."
            )
        with _without_warnings(), readable_log(path):
            self.optuna = optuna.create_study(direction=tuning.direction, pruner=pruner)
            self.journal = open_study(log, tuning.name, tuning.direction)
            trials = [
                trial
                for trial in self.journal.get_trials(deepcopy=False)
                if trial.state.is_finished() and "ended" in trial.user_attrs
            ]
            records = [self._read(number, trial) for number, trial in enumerate(trials, start=1)]
            keep = self._count_to_keep(records, retry)
            if keep < len(records):
                log.keep_trials(trials[keep].number)
                self.journal = open_study(log, tuning.name, tuning.direction)
            self.records = records[:keep]
            self.optuna.add_trials(trials[:keep])

    def _read(self, number: int, trial: "optuna.trial.FrozenTrial") -> TrialRecord:
        """A trial of the journal. Raises ValueError and others for a trial nnlab did not write."""
        about = trial.user_attrs
        run, epochs = str(about["run"]), int(about["epochs"])
        status = Status.of(about["ended"])
        if about["ended"] == PRUNED:
            status = Status.INTERRUPTED
        elif not (status.finished or status.lost):
            raise ValueError(f"trial {trial.number} is none of nnlab's")
        if epochs < 0 or (run and not names.is_trial(run)):
            raise ValueError(f"trial {trial.number} is none of nnlab's")
        if about.get("number", number) != number:
            raise ValueError(f"trial {number} is missing")
        cell = {d.key: d.among.read(trial.params[d.key]) for d in self.tuning.dimensions}
        best = {self.tuning.metric: float(trial.values[0])} if trial.values else {}
        return TrialRecord(run, cell, None, status, about.get("reason"), epochs, best=best)

    def _count_to_keep(self, records: Sequence[TrialRecord], retry: bool) -> int:
        """How many trials stay before the first that is to run again."""
        for index, record in enumerate(records):
            if record.status is Status.FAILED:
                if retry:
                    return index
            elif is_stale(self.folder.trial(record.name), self.tuning.trial(record.cell)):
                self.notes.append(
                    f"The data or the initial weights changed since trial {index + 1} was "
                    "trained; the search continues from there with those of now."
                )
                return index
        return len(records)

    def run(self, count: int) -> Iterator[dict[str, Any]]:
        """Trials until there are `count`; yields the row of each.

        Raises Interrupted when a signal stopped a trial, StorageError when the system refused to
        read or write: the next call continues with that trial. Any other error is its outcome.
        """
        from optuna.samplers import TPESampler

        while len(self.records) < count:
            seed = np.random.SeedSequence(
                entropy(self.tuning.base.config.seed, len(self.records))
            ).generate_state(1)
            with _without_warnings():
                self.optuna.sampler = TPESampler(seed=int(seed[0]))
                proposal = self.optuna.ask()
                cell = {d.key: d.among.ask(proposal, d.key) for d in self.tuning.dimensions}
            self.records.append(self._train(proposal, cell))
            self._tell(proposal, row := self._row(len(self.records)))
            yield row

    def _train(self, proposal: "optuna.Trial", cell: dict[str, Any]) -> TrialRecord:
        """Train with these settings; a run that is there already is used."""
        try:
            trial = self.tuning.trial(cell)
        except ConfigError as error:
            return TrialRecord("", cell, None, Status.FAILED, str(error))
        run = self.folder.trial(trial.name)
        before = read_outcome(run)
        if run.exists() and ((before and before.status == Status.FAILED) or is_stale(run, trial)):
            self.folder.discard(trial.name)
        pruning = Pruning(self.tuning.metric, partial(self._is_hopeless, proposal))
        parent = self.folder.path
        ended = run_trial(trial, parent, self.machine, None, pruning, raises=(StorageError,))
        if ended.status == "locked":
            raise RunLocked(str(ended.reason))
        if ended.status == Status.FAILED:
            return TrialRecord(trial.name, cell, None, Status.FAILED, ended.reason)
        record = replace(self.folder.record(trial.name), cell=cell)
        if record.status is Status.UNREADABLE:
            raise RunUnreadable(str(record.reason))
        if ended.pruned is None:
            return record
        return replace(record, status=Status.INTERRUPTED, epochs=ended.pruned)

    def _is_hopeless(self, proposal: "optuna.Trial", epoch: int, value: float) -> bool:
        """Report a rung to Optuna; whether it stops the trial there."""
        if epoch not in self.rungs:
            return False
        with _without_warnings():
            if np.isfinite(value):
                proposal.report(value, epoch)
            return proposal.should_prune()

    def _tell(self, proposal: "optuna.Trial", row: Mapping[str, Any]) -> None:
        """Tell Optuna, and write the trial to the journal. Raises StorageError."""
        from optuna.trial import TrialState

        with _without_warnings():
            for name in ("number", "run", "ended", "epochs", "reason"):
                proposal.set_user_attr(name, row[name])
            if row["value"] is not None:
                self.optuna.tell(proposal, row["value"])
            else:  # a run that diverged counts as bad as a pruned run
                failed = row["ended"] == Status.FAILED
                self.optuna.tell(proposal, state=TrialState.FAIL if failed else TrialState.PRUNED)
            self.journal.add_trial(self.optuna.get_trials(deepcopy=False)[-1])

    # The results.

    def _row(self, number: int) -> dict[str, Any]:
        """A trial as `--json` prints it."""
        record = self.records[number - 1]
        pruned, failed = record.status is Status.INTERRUPTED, record.status is Status.FAILED
        value = record.best.get(self.tuning.metric) if record.done else None
        return {
            "number": number,
            "run": record.name,
            "cell": record.cell,
            "ended": PRUNED if pruned else record.status,
            "epochs": 0 if failed else record.epochs or 0,
            "value": value if isinstance(value, int | float) and np.isfinite(value) else None,
            "reason": record.reason if failed else None,
        }

    def results(self) -> dict[str, Any]:
        """The trials, the importances, and how to train the best trial again, for `--json`."""
        rows = [self._row(number) for number in range(1, len(self.records) + 1)]
        done = [row for row in rows if row["value"] is not None]
        choose = max if self.tuning.direction == "maximize" else min
        best = choose(done, key=lambda row: float(row["value"]), default=None)
        return {
            "folder": str(self.folder.path),
            "metric": self.tuning.metric,
            "direction": self.tuning.direction,
            "trials": rows,
            "importances": self._importances([row["cell"] for row in done]),
            "best": None if best is None else best["number"],
            "command": None if best is None else self.tuning.command(best["cell"]),
        }

    def _importances(self, cells: Sequence[Mapping[str, Any]]) -> dict[str, float]:
        """The share of the spread that each setting explains; empty where it is unclear."""
        import optuna

        keys = [dimension.key for dimension in self.tuning.dimensions]
        varied = [key for key in keys if len({repr(cell[key]) for cell in cells}) > 1]
        if len(cells) < FEWEST or len(varied) < 2:
            return {}
        seed = self.tuning.base.config.seed % WORD
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        with _without_warnings():
            return dict(
                optuna.importance.get_param_importances(
                    self.optuna, evaluator=evaluator, params=varied
                )
            )


def _import_optuna() -> Any:
    """Optuna, without its warning in notebooks that widgets are missing."""
    with _without_warnings():
        import optuna
    return optuna


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Optuna warns about features that it calls experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
