"""Trains the hand-ins of a class again, and says what each of them reached."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from nnlab.errors import ConfigError, NnlabError, RunUnreadable
from nnlab.experiment.describe import kernel_changes
from nnlab.experiment.expected import ReachedValue, compare_run
from nnlab.experiment.verify import Verifier
from nnlab.run import durable
from nnlab.run.environment import environment_changes, essence
from nnlab.run.folder import SUMMARY, RunFolder, Weights
from nnlab.run.run import Run
from nnlab.run.settings import dotted
from nnlab.run.text import shown
from nnlab.study.execute import Processes
from nnlab.study.trial import Outcome, Trial
from nnlab.teaching.handin import find_handins, read_handin
from nnlab.teaching.task import TaskConfig, changed_settings

# Of numbers that another machine rounded differently, relative or absolute: where all of them
# changed, and where some did not, as the loss of few rows.
SIMILAR, ROUNDED = 0.02, 1e-4
CLOCK = ("seconds",)  # columns that differ in every training
MOST_REASONS = 3  # settings, or names, in a reason
LONGEST = 300  # characters of a reason that the files of a hand-in give
ALL_WEIGHTS: tuple[Weights, ...] = ("initial", "best", "final")


class Verdict(StrEnum):
    """What the comparison of a hand-in came to."""

    VERIFIED = "verified"  # trained again with the same results
    UNCLEAR = "unclear"  # other results, and another machine may be the reason
    FAILED = "failed"  # the training here did not come to its end
    SHARED = "shared"  # the times of its training are those of another hand-in
    OTHER = "other task"  # its settings or its data are not those of the task
    EDITED = "edited"  # its files do not fit together, or not what its config trains
    REFUSED = "refused"  # it cannot be read, or is unsafe to read


@dataclass(frozen=True)
class Graded:
    """A hand-in, the verdict with its reason, and what the training here reached.

    trial: its training here. compared: with what the task expects. clock: when its training began,
    and the seconds after each epoch.
    """

    name: str
    verdict: Verdict
    reason: str = ""
    trial: Trial | None = None
    compared: Sequence[ReachedValue] = ()
    clock: tuple[Any, ...] = field(default=(), repr=False)

    @property
    def row(self) -> dict[str, Any]:
        """The hand-in as a row of a table; the numbers are those of the training here."""
        met = f"{sum(each.met for each in self.compared)}/{len(self.compared)}"
        numbers = {each.expected.key: each.reached for each in self.compared}
        row = {"hand-in": self.name, "verdict": str(self.verdict)}
        return {**row, "met": met if self.compared else None, **numbers, "reason": self.reason}


def grade_handins(
    folder: Path,
    task: TaskConfig,
    jobs: int = 1,
    timeout: float | None = None,
    memory: int | None = None,
    see: Callable[[str], None] = lambda line: None,
) -> list[Graded]:
    """All hand-ins in a folder, by name. Nothing is written into it.

    timeout, memory: seconds and bytes that the training of a hand-in may take. see: gets a line
    as each training ends. Raises RunUnreadable for a folder without hand-ins.
    """
    paths = find_handins(folder)
    if not paths:
        raise RunUnreadable(f"There is no run and no zip in {shown(folder)}.")
    with TemporaryDirectory(prefix="nnlab-grade-") as temporary:
        given, trained = Path(temporary, "given"), Path(temporary, "trained")
        graded: list[tuple[Graded, Path]] = []
        for number, path in enumerate(paths):
            name = _cell(path.relative_to(folder).as_posix())
            graded.append((_examine(path, name, task, given / f"{number}"), given / f"{number}"))
        trials = {each.trial.name: each.trial for each, _ in graded if each.trial}
        executor = Processes(min(jobs, len(trials) or 1), True, timeout, memory)
        outcomes: dict[str, Outcome] = {}
        durable.make_folder(trained)
        for event in executor.run(list(trials.values()), trained):
            if isinstance(event, Outcome):
                outcomes[event.name] = event
                see(f"{len(outcomes)} of {len(trials)} trained again")
        judged = [_judge(each, path, trained, outcomes) for each, path in graded]
        return [_shared(each, judged) for each in judged]


def _cell(name: str) -> str:
    """A file's name for a table, also for a spreadsheet, which would compute =1+1.zip."""
    return shown(f"./{name}" if name.startswith(tuple("=+-@")) else name)


def _examine(path: Path, name: str, task: TaskConfig, target: Path) -> Graded:
    """A hand-in before it is trained again: its files, copied to `target`, and its settings."""
    try:
        for file, data in read_handin(path).items():
            durable.make_folder((target / file).parent)
            durable.write_file(target / file, data, sync=False)
        run = Run.open(target)
        config = run.config
        clock = (run.about.get("started"), tuple(run.metrics.get("seconds", ()))[1:])
    except NnlabError as error:
        return Graded(name, Verdict.REFUSED, _line(error, target))
    try:
        wanted = task.fill(config)
        if changed := list(changed_settings(wanted, config)):
            raise ConfigError("; ".join(changed[:MOST_REASONS]))
        for finding in Verifier(run.folder).files():
            if finding.problem is not None:
                problem = _line(f"{finding.what}: {finding.problem}", target)
                return Graded(name, Verdict.EDITED, problem, clock=clock)
        return Graded(name, Verdict.UNCLEAR, trial=Trial.of(wanted, {}), clock=clock)
    except ConfigError as error:
        return Graded(name, Verdict.OTHER, _line(error, target), clock=clock)
    except NnlabError as error:
        return Graded(name, Verdict.EDITED, _line(error, target), clock=clock)


def _line(error: object, folder: Path) -> str:
    """The first line of a message for a terminal and a table, without the temporary folder."""
    line = str(error).partition("\n")[0]
    return shown(line.replace(f"{folder}/", "").replace(f"{folder}", "the run"))[:LONGEST]


def _judge(given: Graded, path: Path, trained: Path, outcomes: Mapping[str, Outcome]) -> Graded:
    """The hand-in with the verdict that its training here gives."""
    if given.trial is None:
        return given
    outcome = outcomes[given.trial.name]
    folder = RunFolder(trained / given.trial.name)
    if not folder.has(SUMMARY):
        return replace(given, verdict=Verdict.FAILED, reason=_line(outcome.reason, folder.path))
    here, there = Run(folder.path), Run(path)
    try:
        given, ours = replace(given, compared=compare_run(here)), _numbers(here)
    except NnlabError as error:
        return replace(given, verdict=Verdict.FAILED, reason=_line(error, folder.path))
    if here.data_source[1] != there.data_source[1]:
        return replace(given, verdict=Verdict.OTHER, reason="it was trained on other data")
    rounding = environment_changes(essence(there.about), essence(here.about))
    rounding += kernel_changes(there.about)
    try:
        verdict, reason = _compare(ours, _numbers(there), rounding)
    except NnlabError as error:
        verdict, reason = Verdict.EDITED, f"{error}"
    return replace(given, verdict=verdict, reason=_line(reason, path))


def _compare(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], rounding: Sequence[str]
) -> tuple[Verdict, str]:
    """Bit for bit; where another machine may round differently, with a tolerance.

    Rounding changes all numbers of a training sooner or later. If some came out the same to the
    last bit and others are far off, those were edited, on whatever machine. Another version of
    nnlab may write other fields.
    """
    keys = ours.keys() & theirs.keys() if rounding else ours.keys() | theirs.keys()
    different = _different(ours, theirs, keys)
    if not different:
        return Verdict.VERIFIED, ""
    reason = _reason(different[0], ours, theirs)
    is_partly_same = any(key not in different for key in ours if _is_sensitive(key))
    tolerance = ROUNDED if is_partly_same else SIMILAR
    if rounding and not _different(ours, theirs, different, tolerance):
        return Verdict.VERIFIED, f"but for rounding: {rounding[0]}"
    if not rounding or is_partly_same:
        return Verdict.EDITED, reason
    return Verdict.UNCLEAR, f"{reason}; {rounding[0]}"


def _numbers(run: Run) -> dict[str, Any]:
    """Everything that a training computes, by the place where a hand-in says it."""
    table = {key: column for key, column in run.metrics.items() if key not in CLOCK}
    numbers: dict[str, Any] = {f"metrics.csv: {key}": column for key, column in table.items()}
    for key, value in dotted(run.summary).items():
        if not key.endswith(CLOCK):
            numbers[f"summary.json: {key}"] = value
    for which in ALL_WEIGHTS:
        for key, array in run.weights(which).items():
            numbers[f"weights/{which}.npz: {key}"] = array
    return numbers | {"run.json: status": str(run.written_status)}


def _is_sensitive(key: str) -> bool:
    """Whether a rounding in an early update would change it."""
    file, _, name = key.partition(": ")
    loss = file == "metrics.csv" and name.endswith("loss")
    return loss or file == "weights/final.npz"


def _equal(a: Any, b: Any, tolerance: float = 0.0) -> bool:
    """The same numbers, or texts; nan is nan."""
    try:
        first, second = (np.asarray(value, np.float64) for value in (a, b))
    except (TypeError, ValueError, OverflowError):  # a text, a list of lists, 10**400
        return bool(a == b)
    return first.shape == second.shape and bool(
        np.allclose(first, second, tolerance, tolerance, equal_nan=True)
    )


def _different(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], keys: Collection[str], tolerance: float = 0
) -> list[str]:
    """Those of the keys whose values differ, in the order of a run."""
    differ = (k for k in {**ours, **theirs} if k in keys)
    return [k for k in differ if not _equal(ours.get(k), theirs.get(k), tolerance)]


def _reason(key: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    """The first difference in words."""
    mine, other = (
        np.atleast_1d(np.asarray(value, getattr(value, "dtype", object)))
        for value in (ours.get(key), theirs.get(key))
    )
    if mine.shape != other.shape:
        return f"{key} has not as many values as the training here gives"
    same = (mine == other) | ((mine != mine) & (other != other))  # nan is nan
    at = np.unravel_index(np.argmin(same), same.shape)
    place = f" of epoch {at[0]}" if key.startswith("metrics.csv") else ""
    values = [
        f"{v:.6g}" if isinstance(v, float | np.floating) else f"{v!s:.40}"
        for v in (other[at], mine[at])
    ]
    return f"{key}{place} is {values[0]}, the training here gives {values[1]}"


def _shared(each: Graded, graded: Sequence[Graded]) -> Graded:
    """The hand-in, with the names of those that have its times.

    No two trainings take the same times to the nanosecond; two may begin in one millisecond.
    """
    timed = _with_clock(each, graded, 1)
    began = [name for name in _with_clock(each, graded, 0) if name not in timed]
    clauses = {"the same training as": timed, "it began in the same millisecond as": began}
    reasons = [f"{what} {_names(names)}" for what, names in clauses.items() if names]
    if not reasons:
        return each
    kind = Verdict.SHARED if each.verdict is Verdict.VERIFIED else each.verdict
    return replace(each, verdict=kind, reason="; ".join(filter(None, [each.reason, *reasons])))


def _with_clock(each: Graded, graded: Sequence[Graded], at: int) -> list[str]:
    """The other hand-ins that say the same about a time."""
    times = each.clock[at] if each.clock else None
    rest = [other for other in graded if other is not each and other.clock]
    return [other.name for other in rest if times and other.clock[at] == times]


def _names(names: Sequence[str]) -> str:
    more = [f"{len(names) - MOST_REASONS} more"] if len(names) > MOST_REASONS else []
    return ", ".join([*names[:MOST_REASONS], *more])
