"""From a request to trials: all trials, those that are done, and those to run."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from statistics import fmean
from typing import Any

from nnlab.config.dump import settings_of
from nnlab.config.files import name_from_stem, require_name
from nnlab.config.given_rows import GivenRows
from nnlab.config.load import Base, load_base, resolve_config
from nnlab.config.overrides import Override, SettingChange
from nnlab.config.problems import Problems, clean
from nnlab.config.schema import Config
from nnlab.config.tree import Node, Place, Source, from_plain, to_plain
from nnlab.data.dataset import UserFile
from nnlab.errors import Interrupted, NnlabError, UsageError
from nnlab.experiment.changes import differences
from nnlab.experiment.signals import Terminated
from nnlab.experiment.state import start_file
from nnlab.run.environment import versions
from nnlab.run.repository import git
from nnlab.run.run import Run
from nnlab.run.settings import training_settings
from nnlab.run.sweeps import SweepFolder, TrialRecord, ranking
from nnlab.run.text import mapping_or_empty
from nnlab.show.words import count, setting_value
from nnlab.study.axes import Axis, canonical, grid_cells, grid_size, parse_axes
from nnlab.study.folds import with_fold_study
from nnlab.study.trial import Outcome, Trial, is_stale, read_outcome

MANY = 10_000  # trials; more need --yes
LONGEST = 80  # characters of a folder's name before it is cut
SHOWN = 8  # differences from the sweep in a folder that are named


@dataclass(frozen=True)
class Sweep:
    """All trials of a request, checked, and the name of their folder.

    notes: sentences for the user.
    """

    name: str
    config: str
    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]
    base: Config
    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()

    @property
    def about(self) -> dict[str, Any]:
        """The content of sweep.yaml."""
        caption = " ".join(axis.caption for axis in self.axes if axis.caption)
        axes = {axis.key: axis.plain for axis in self.axes}
        return describe_study(self.config, self.base, axes, seeds=list(self.seeds), caption=caption)


@dataclass(frozen=True)
class SweepProgress:
    """The trials of a sweep by the state of their folders: done, without a result, and to run.

    begun: how many of those to run were interrupted and continue.
    seconds: the mean that a finished trial took.
    stale: those to run that were trained on data or initial weights that have changed.
    failed: those to run that ended without a result.
    """

    done: Sequence[Outcome]
    lost: Sequence[Outcome]
    todo: Sequence[Trial]
    begun: int
    seconds: float | None
    stale: Sequence[Trial]
    failed: Sequence[Trial]


def prepare_sweep(
    axes: Sequence[str],
    config: str | PathLike[str] | Config | Mapping[str, object] = "identity8",
    overrides: Sequence[str] = (),
    seeds: int = 1,
    sample: int | None = None,
    name: str | None = None,
    many: bool = False,
    argv: tuple[str, ...] = (),
    rows: GivenRows | None = None,
    folds: int | None = None,
    repeats: int = 1,
) -> Sweep:
    """Check everything that can be wrong with a sweep, before anything runs.

    folds, repeats: of the axis `fold`, which is a study of every config.

    Raises UsageError, ConfigError with the mistakes of all trials, DataError.
    """
    loaded = resolve_config(config, overrides, rows=rows)
    shown = config_words(config, loaded.config)
    folder = Path.cwd() if loaded.path is None else loaded.path.resolve().parent
    studies = with_fold_study(loaded.config.sweeps, axes, folds, repeats)
    parsed = parse_axes(axes, studies, shown, folder)
    origin = load_base(config, _fixed_settings(parsed, overrides), rows)
    first = origin.config.seed
    all_seeds = tuple(range(first, first + seeds))
    if any(axis.key == "seed" for axis in parsed):
        if seeds > 1:
            raise UsageError("The seed is an axis of this sweep, so seeds cannot repeat it.")
        all_seeds = ()
    if not many:
        _require_few(min(grid_size(parsed), sample or grid_size(parsed)), seeds)
    cells = grid_cells(parsed, sample, first)
    trials, repeated = _trials(origin, parsed, cells, all_seeds, argv)
    notes = list(origin.notes)
    if repeated:
        trials_are = count(repeated, "trial is", "trials are")
        notes.append(f"{trials_are} the same as others; each is trained once.")
    name = name or sweep_name(origin.config.name, parsed, overrides)
    require_name(name)
    return Sweep(name, shown, tuple(parsed), all_seeds, origin.config, trials, tuple(notes))


def config_words(
    config: str | PathLike[str] | Config | Mapping[str, object], resolved: Config
) -> str:
    """The config as the user wrote it; the name of one without a file."""
    return resolved.name if isinstance(config, Config | Mapping) else str(config)


def sweep_name(config: str, axes: Sequence[Axis], overrides: Sequence[str]) -> str:
    """sweep-identity8-lr, and with --set epochs=100: sweep-identity8-lr-epochs=100."""
    whole = "-".join(["sweep", config, *(axis.key for axis in axes), *overrides])
    usable = name_from_stem(whole)
    if usable == whole and len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:6]
    return f"{usable[:LONGEST].rstrip('. ')}-{digest}"


def describe_study(
    config: str, base: Config, axes: Mapping[str, list[Any]], **more: Any
) -> dict[str, Any]:
    """The content of sweep.yaml; `base` is the config that all trials vary."""
    return {
        "format": 1,
        "name": base.name,
        "config": config,
        "axes": [{"key": key, "values": values} for key, values in axes.items()],
        **more,
        "code": {},
        "base": training_settings(settings_of(base)),
        **({"expect": dict(base.expect)} if base.expect else {}),
    }


def require_own(folder: SweepFolder, about: Mapping[str, Any]) -> None:
    """Raise UsageError for a folder that does not belong to this sweep.yaml."""
    if not folder.exists():
        if not folder.is_empty():
            raise UsageError(
                f"{folder.path} is there already and is not the folder of a sweep. Give this sweep "
                "another name."
            )
    elif lines := [clean(line) for line in _differences(folder.read_about(), about)]:
        more = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        listed = "\n".join([*lines[:SHOWN], *more])
        raise UsageError(
            f"{folder.path} belongs to another sweep:\n{listed}\n"
            "Give this one another name, or remove that one."
        )


def _differences(before: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[str]:
    """A line for each difference between two sweep.yaml that makes them different sweeps."""
    old, new = (mapping_or_empty(sweep.get("search")) for sweep in (before, about))
    changes = [(f"search.{k}", old.get(k), new.get(k)) for k in {**old, **new}]
    varied: list[str] = []
    if "search" not in about:  # else that names the axes, in any order, and their ranges
        theirs, varied = ([str(axis.get("key")) for axis in a["axes"]] for a in (before, about))
        if theirs != varied:
            yield f"  axes: {', '.join(theirs)} there, {', '.join(varied)} here"
    changes += differences(mapping_or_empty(before.get("base")), about["base"])
    for key, there, here in changes:
        if there != here and canonical(key) not in map(canonical, varied):
            yield f"  {key}: {_value_text(there)} there, {_value_text(here)} here"


def _value_text(value: Any) -> str:
    return "nothing" if value is None else setting_value(value)


def register(folder: SweepFolder, about: Mapping[str, Any], code: Mapping[str, Any]) -> None:
    """Write sweep.yaml, with the values and seeds of earlier calls. Only under the lock.

    code: the version of nnlab. Raises UsageError when the folder does not belong to `about`.
    """
    require_own(folder, about)
    content = {**about, "code": dict(code)}
    if folder.exists():
        before = folder.read_about()
        content["axes"] = [
            {"key": old["key"], "values": _merged(old["values"], new["values"])}
            for old, new in zip(before["axes"], about["axes"], strict=True)
        ]
        if "seeds" in about:
            content["seeds"] = _merged(before.get("seeds") or [], about["seeds"])
    folder.write_about(content)


@contextmanager
def open_folder(folder: SweepFolder, about: Mapping[str, Any]) -> Iterator[None]:
    """Inside the `with`, the folder exists, is locked, tidy and registered for `about`."""
    folder.create()
    with folder.lock():
        folder.tidy()
        register(folder, about, {**versions(), "git": git(Path())})
        yield


@contextmanager
def report_stop(folder: SweepFolder, trials: int, count_done: Callable[[], int]) -> Iterator[None]:
    """Raise Interrupted, with how many trials are done, for Ctrl+C and SIGTERM in the `with`."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted, Terminated) as stop:
        code = 143 if isinstance(stop, Terminated) else getattr(stop, "exit_code", 130)
        raise Interrupted(
            f"Stopped: {count_done():,} of {trials:,} trials are done, in {folder.path}. "
            "The same command continues.",
            code,
        ) from None


def read_progress(sweep: Sweep, folder: SweepFolder, retry: bool = False) -> SweepProgress:
    """What is done and what is to run; with `retry` also what failed before. Changes nothing."""
    done, lost, stale, failed, begun = list[Outcome](), list[Outcome](), list[Trial](), [], 0
    for trial in sweep.trials:
        run = folder.trial(trial.name)
        if is_stale(run, trial):
            stale.append(trial)
        elif (outcome := read_outcome(run)) is None:
            begun += run.exists()
        elif retry and not outcome.done:
            failed.append(trial)
        else:
            (done if outcome.done else lost).append(outcome)
    runs = [Run(folder.path / outcome.name) for outcome in done]
    ended = {outcome.name for outcome in (*done, *lost)}
    todo = [trial for trial in sweep.trials if trial.name not in ended]
    todo = _with_known_data(todo, sweep, runs)
    return SweepProgress(done, lost, todo, begun, _mean_seconds(runs), stale, failed)


def _mean_seconds(runs: Sequence[Run]) -> float | None:
    seconds = [taken for run in runs if isinstance(taken := run.about.get("seconds"), float)]
    return fmean(seconds) if seconds else None


def _with_known_data(todo: Sequence[Trial], sweep: Sweep, done: Sequence[Run]) -> list[Trial]:
    """The trials, with the SHA-256 that the data of finished runs had."""
    trials = {trial.name: trial for trial in sweep.trials}
    hashes = {trials[run.name].data_key: run.data_source[1] for run in done}
    return [replace(t, data=t.data or hashes.get(t.data_key)) for t in todo]


def stale_elsewhere(sweep: Sweep, folder: SweepFolder) -> list[TrialRecord]:
    """Trials of earlier calls in the folder that are stale; see `is_stale`."""
    current = {trial.name for trial in sweep.trials}
    stale = []
    may_change = isinstance(sweep.base.data.source, UserFile) or start_file(sweep.base.init)
    for name in folder.trials() if may_change else ():
        run = folder.trial(name)
        with suppress(NnlabError):  # the table of results names an unreadable run
            config = Run(run.path).config
            if name not in current and is_stale(run, Trial.of(config, {})):
                stale.append(folder.record(name))
    return stale


def _fixed_settings(axes: Sequence[Axis], overrides: Sequence[str]) -> list[Override]:
    """The settings of all trials: those of the studies, then --set, which wins."""
    varied = {canonical(axis.key) for axis in axes}
    fixed: dict[str, Any] = {}
    settings: dict[str, Node] = {}
    for axis in axes:
        for key, value in axis.fixed.items():
            if fixed.setdefault(key, value) != value:
                raise UsageError(
                    f"These studies do not go together: they set {clean(key)} to "
                    f"{clean(str(fixed[key]))} and to {clean(str(value))}."
                )
            if canonical(key) not in varied:
                settings[key] = from_plain(value, axis.place)
    for text in overrides:
        key = text.partition("=")[0].strip()
        if canonical(key) in varied:
            raise UsageError(f"{clean(key)} is an axis of this sweep, so it cannot be set.")
    return [*settings.items(), *overrides]


def _require_few(cells: int, seeds: int) -> None:
    if (trials := cells * seeds) > MANY:
        repeated = f" and {seeds} seeds" if seeds > 1 else ""
        raise UsageError(
            f"This sweep has {trials:,} trials ({cells:,} cells{repeated}); more than {MANY:,} "
            "run only with --yes. --random N takes some of the cells."
        )


def _trials(
    origin: Base,
    axes: Sequence[Axis],
    cells: Iterable[Sequence[Node]],
    seeds: tuple[int, ...],
    argv: tuple[str, ...],
) -> tuple[tuple[Trial, ...], int]:
    """All different trials, and how many repeat another."""
    problems = Problems()
    place = Place(Source("--seeds", "", Path.cwd(), "values"))
    trials: dict[str, Trial] = {}
    total = 0
    for values in cells:
        changes = [
            SettingChange(axis.key, value, axis.place)
            for axis, value in zip(axes, values, strict=True)
        ]
        cell = {change.key: to_plain(change.value) for change in changes}
        for seed in seeds or (None,):
            repeat = [] if seed is None else [SettingChange("seed", Node(seed, place), place)]
            config = origin.vary([*changes, *repeat], problems)
            if config is None:
                break  # with another seed it would be as wrong
            trial = Trial.of(config, cell, argv)
            trials.setdefault(trial.name, trial)
            total += 1
    problems.raise_any()
    return tuple(trials.values()), total - len(trials)


def _merged(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """All different values: numbers sorted, other values in the order of the calls."""
    rank = ranking(old)
    values = list(old) + [value for value in new if rank(value) == len(old)]
    numbers = all(type(value) in (int, float) for value in values)
    return sorted(values) if numbers else values
