"""Optuna proposes settings, nnlab trains with them and tells how it went.

Optuna's journal lies in the folder of the sweep, so that the same command goes on where it stopped.
The sampler of each trial is seeded by the config's seed and the number of trials before it: what it
proposes depends on their results alone, not on how often the program was started.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nnlab.config.variants import Base
from nnlab.core.metrics import better_when
from nnlab.core.random import WORD, entropy
from nnlab.errors import RunUnreadable, UsageError
from nnlab.experiment.resume import resume
from nnlab.experiment.rows import epoch_row
from nnlab.experiment.session import Session
from nnlab.run import durable, environment
from nnlab.run.folder import RunFolder
from nnlab.run.sweeps import SweepFolder
from nnlab.sweep.plan import as_trial
from nnlab.sweep.trial import DONE, Trial, begun, outcome
from nnlab.training import Epoch
from nnlab.tune.space import Dimension, as_mapping, settings_of

if TYPE_CHECKING:
    import optuna

JOURNAL = "optuna.journal"
MISSING = "Tuning needs Optuna, which is not installed: pip install 'nnlab[tune]'."
RUNGS = 20  # epochs at which a trial is compared with those before it
FIRST = 5  # trials that are never stopped early, and rungs before any is
FEWEST = 10  # finished trials from which on an importance says something


@dataclass(frozen=True)
class Tuning:
    """What is to be tuned: a checked config, the settings that vary, and what is minimised."""

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
        """Which way that gets better, as Optuna says it."""
        return "maximize" if better_when(self.metric) == "max" else "minimize"


@dataclass(frozen=True)
class Told:
    """How a trial went. `ended` is completed, early_stopped, diverged or pruned."""

    number: int
    run: str
    cell: Mapping[str, Any]
    ended: str
    epochs: int
    value: float | None


def require_optuna() -> None:
    """UsageError with how to install it, if it is not."""
    if find_spec("optuna") is None:
        raise UsageError(MISSING)


class Study:
    """The study in the folder of a sweep, whose lock is held."""

    def __init__(self, tuning: Tuning, folder: SweepFolder) -> None:
        self.tuning, self.folder = tuning, folder
        self.machine = environment.describe(tuning.argv)
        epochs = tuning.base.config.training.epochs
        self.rungs = sorted({round(epochs * k / RUNGS) for k in range(1, RUNGS)} - {0, epochs})

    @cached_property
    def journal(self) -> "optuna.Study":
        """The study as the journal has it; what a killed process was doing waits again."""
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend
        from optuna.trial import TrialState

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        path = self.folder.path / JOURNAL
        durable.remove(path.with_name(f"{JOURNAL}.lock"))  # of a killed process: the lock is ours
        warm = self.rungs[FIRST - 1] if len(self.rungs) >= FIRST else 0
        pruner = optuna.pruners.MedianPruner(FIRST, n_warmup_steps=warm)
        with quiet():
            study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(path))),
                study_name=self.tuning.name,
                direction=self.tuning.direction,
                pruner=pruner if self.tuning.prune else optuna.pruners.NopPruner(),
                load_if_exists=True,
            )
            for left in study.get_trials(states=(TrialState.RUNNING,)):
                study.tell(left.number, state=TrialState.FAIL)
                study.enqueue_trial(left.params)
        return study

    def told(self) -> list[Told]:
        """Every trial that came to an end, in order."""
        from optuna.trial import TrialState

        ended = self.journal.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
        return [self._told(number, one) for number, one in enumerate(ended, start=1)]

    def best(self) -> Told | None:
        """The trial with the best value of those that came to their end."""
        done = [one for one in self.told() if one.ended in DONE and one.value is not None]
        sign = -1.0 if self.tuning.direction == "maximize" else 1.0
        return min(done, key=lambda one: sign * (one.value or 0.0), default=None)

    def go(self, count: int) -> Iterator[Told]:
        """Trials until there are `count`. Raises Interrupted when a signal stopped one."""
        from optuna.samplers import TPESampler

        while (number := len(self.told())) < count:
            seed = np.random.SeedSequence(entropy(self.tuning.base.config.seed, number))
            with quiet():
                self.journal.sampler = TPESampler(seed=int(seed.generate_state(1)[0]))
                asked = self.journal.ask()
                cell = {one.key: one.among.ask(asked, one.key) for one in self.tuning.dimensions}
            self._try(asked, cell)
            yield self.told()[-1]

    def importances(self) -> dict[str, float]:
        """How much of the spread of the values each setting explains; empty where it is unclear."""
        import optuna

        done = [one for one in self.told() if one.ended in DONE]
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
                optuna.importance.get_param_importances(
                    self.journal, evaluator=judge, params=varied
                )
            )

    def _try(self, asked: "optuna.Trial", cell: dict[str, Any]) -> None:
        """Train with these settings and tell Optuna; a run that is there already is kept."""
        from optuna.trial import TrialState

        config = settings_of(self.tuning.dimensions, self.tuning.base, cell)
        trial = as_trial(config, cell, self.tuning.argv)
        run = self.folder.trial(trial.name)
        pruned = None
        if outcome(run) is None:
            pruned = self._train(asked, trial, run)
        ended = "pruned" if pruned else str(run.read_run()["status"])
        with quiet():
            asked.set_user_attr("run", trial.name)
            asked.set_user_attr("ended", ended)
            asked.set_user_attr("epochs", pruned or run.last_metrics().get("epoch") or 0)
            if ended in DONE:
                value = float(run.read_summary()["best"][self.tuning.metric])
                self.journal.tell(asked, value)
            else:  # a run that blew up counts as bad as one that was stopped
                self.journal.tell(asked, state=TrialState.PRUNED)

    def _train(self, asked: "optuna.Trial", trial: Trial, run: RunFolder) -> int | None:
        """To the end, or to the epoch, which is returned, from which on it is not worth while."""
        with going(trial, run, self.machine) as session:
            seen = run.read_metrics() if run.exists() else {}
            column = seen.get(self.tuning.metric, ())
            for epoch, value in enumerate(np.asarray(column, np.float64).tolist()):
                self._report(asked, epoch, value)
            for record in session or ():
                if not isinstance(record, Epoch):
                    continue
                self._report(asked, record.epoch, epoch_row(record, 0.0)[self.tuning.metric])
                if record.epoch in self.rungs and asked.should_prune():
                    return record.epoch
        return None

    def _report(self, asked: "optuna.Trial", epoch: int, value: float) -> None:
        if epoch in self.rungs and np.isfinite(value):
            with quiet():
                asked.report(value, epoch)

    def _told(self, number: int, one: "optuna.trial.FrozenTrial") -> Told:
        cell = {d.key: d.among.read(one.params[d.key]) for d in self.tuning.dimensions}
        about = one.user_attrs
        value = one.value if about["ended"] in DONE else None
        return Told(number, about["run"], cell, about["ended"], about["epochs"], value)


@contextmanager
def going(trial: Trial, run: RunFolder, machine: Mapping[str, Any]) -> Iterator[Session | None]:
    """The trial's session from its beginning, or from where it was stopped."""
    with ExitStack() as stack:
        session: Session | None = None
        fresh = not run.exists()
        if not fresh:
            try:
                session = stack.enter_context(resume(run, argv=trial.argv))
            except RunUnreadable:  # its state is lost, and nothing else is in there
                durable.remove_folder(run.path)
                fresh = True
        if fresh:
            session = stack.enter_context(begun(trial, run, machine))
        yield session


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna warns of what it calls experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def register(tuning: Tuning, folder: SweepFolder, code: Mapping[str, Any]) -> None:
    """Write sweep.yaml. UsageError when the folder belongs to something else. Under the lock."""
    content = {
        "format": 1,
        "name": tuning.base.config.name,
        "config": tuning.config,
        "axes": [{"key": one.key, "values": []} for one in tuning.dimensions],
        "search": as_mapping(tuning.dimensions),
        "metric": tuning.metric,
        "code": dict(code),
        "base": settings(tuning),
    }
    require_same(tuning, folder)
    if not folder.exists():
        folder.write_about(content)


def require_same(tuning: Tuning, folder: SweepFolder) -> None:
    """UsageError when the folder is there and is not of this tuning."""
    if not folder.exists():
        if not folder.is_empty():
            raise UsageError(
                f"{folder.path} is there already and is not the folder of a tuning. Give this one "
                "another with --name."
            )
        return
    before = folder.read_about()
    same = before.get("search") == as_mapping(tuning.dimensions)
    if not same or before.get("base") != settings(tuning):
        what = "another config" if same else "another space"
        raise UsageError(
            f"{folder.path} belongs to a search with {what}. Give this one a folder of its own "
            "with --name, or remove that one."
        )


def settings(tuning: Tuning) -> dict[str, Any]:
    """The config that the trials vary, in full form."""
    from nnlab.config.dump import mapping

    return {key: value for key, value in mapping(tuning.base.config).items() if key != "sweeps"}


def set_options(tuning: Tuning, cell: Mapping[str, Any]) -> Sequence[str]:
    """The overrides that train a trial again, as --set takes them."""
    from nnlab.tune.space import as_text

    return [*tuning.overrides, *(f"{key}={as_text(value)}" for key, value in cell.items())]
