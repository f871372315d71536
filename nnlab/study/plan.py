"""From a request to trials: which there are, which are done, which are to run."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from nnlab.config.dump import settings_of
from nnlab.config.files import name_from_stem, name_problem
from nnlab.config.load import Base, load_base, load_config
from nnlab.config.overrides import Override, SettingChange
from nnlab.config.problems import Problems, clean
from nnlab.config.schema import Config
from nnlab.config.tree import Node, Place, Source, from_plain, to_plain
from nnlab.data.dataset import UserFile
from nnlab.errors import NnlabError, UsageError
from nnlab.run.run import Run
from nnlab.run.sweeps import SweepFolder, TrialRecord
from nnlab.run.text import mapping_or_empty
from nnlab.show.words import setting_value
from nnlab.study.axes import Axis, canonical, grid_cells, grid_size, parse_axes
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
    def by_name(self) -> dict[str, Trial]:
        """The trials by their names."""
        return {trial.name: trial for trial in self.trials}

    @property
    def about(self) -> dict[str, Any]:
        """The content of sweep.yaml."""
        return {
            "format": 1,
            "name": self.base.name,
            "config": self.config,
            "axes": [{"key": axis.key, "values": axis.plain} for axis in self.axes],
            "seeds": list(self.seeds),
            "caption": " ".join(axis.caption for axis in self.axes if axis.caption),
            "code": {},
            "base": shared_settings(self.base),
        }


@dataclass(frozen=True)
class SweepProgress:
    """The trials of a sweep by what is on disk: done, without a result, and to run.

    begun: how many of those to run were interrupted and continue.
    seconds: the mean that a finished trial took.
    stale: those to run that were trained on other data than there is now.
    """

    done: tuple[Outcome, ...]
    lost: tuple[Outcome, ...]
    todo: tuple[Trial, ...]
    begun: int = 0
    seconds: float | None = None
    stale: tuple[Trial, ...] = ()


def prepare_sweep(
    axes: Sequence[str],
    config: str = "identity8",
    overrides: Sequence[str] = (),
    seeds: int = 1,
    sample: int | None = None,
    name: str | None = None,
    many: bool = False,
    argv: tuple[str, ...] = (),
) -> Sweep:
    """Check everything that can be wrong with a sweep, before anything runs.

    Raises UsageError, ConfigError with the mistakes of all trials, DataError.
    """
    loaded = load_config(config, overrides)
    folder = Path.cwd() if loaded.path is None else loaded.path.resolve().parent
    parsed = parse_axes(axes, loaded.config.sweeps, config, folder)
    origin = load_base(config, _fixed_settings(parsed, overrides))
    repeats = _seeds(seeds, parsed, origin.config.seed)
    if not many:
        _require_few(min(grid_size(parsed), sample or grid_size(parsed)), len(repeats))
    cells = grid_cells(parsed, sample, origin.config.seed)
    trials, repeated = _trials(origin, parsed, cells, repeats, argv)
    notes = list(origin.notes)
    if repeated:
        word = "1 trial is" if repeated == 1 else f"{repeated:,} trials are"
        notes.append(f"{word} the same as others; each is trained once.")
    name = name or sweep_name(origin.config.name, parsed, overrides)
    if problem := name_problem(name):
        raise UsageError(f"--name: {problem}")
    return Sweep(name, config, tuple(parsed), repeats, origin.config, trials, tuple(notes))


def sweep_name(config: str, axes: Sequence[Axis], overrides: Sequence[str]) -> str:
    """sweep-identity8-lr, and with --set epochs=100: sweep-identity8-lr-epochs=100."""
    whole = "-".join(["sweep", config, *(axis.key for axis in axes), *overrides])
    usable = name_from_stem(whole)
    if usable == whole and len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:6]
    return f"{usable[:LONGEST].rstrip('. ')}-{digest}"


def shared_settings(config: Config) -> dict[str, Any]:
    """The config that all trials vary, in full form."""
    return {key: value for key, value in settings_of(config).items() if key != "sweeps"}


def require_own(folder: SweepFolder, about: Mapping[str, Any]) -> None:
    """UsageError when the folder does not belong to this sweep.yaml."""
    if not folder.exists():
        if not folder.is_empty():
            raise UsageError(
                f"{folder.path} is there already and is not the folder of a sweep. Give this sweep "
                "another one with --name."
            )
    elif lines := [clean(line) for line in _differences(folder.read_about(), about)]:
        more = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
        listed = "\n".join([*lines[:SHOWN], *more])
        raise UsageError(
            f"{folder.path} belongs to another sweep:\n{listed}\n"
            "Give this one a folder of its own with --name, or remove that one."
        )


def _differences(before: Mapping[str, Any], about: Mapping[str, Any]) -> Iterator[str]:
    """A line for each difference between two sweep.yaml that makes them different sweeps."""
    from nnlab.experiment.changes import differences

    theirs, ours = ([str(axis.get("key")) for axis in one["axes"]] for one in (before, about))
    if "search" in about:  # it names the axes, in any order, and their ranges
        ours = []
    elif theirs != ours:
        yield f"  axes: {', '.join(theirs)} there, {', '.join(ours)} here"
    old, new = (mapping_or_empty(one.get("search")) for one in (before, about))
    changes = [
        (f"search.{k}", old.get(k), new.get(k)) for k in {**old, **new} if old.get(k) != new.get(k)
    ]
    changes += differences(mapping_or_empty(before.get("base")), about["base"])
    for key, there, here in changes:
        if canonical(key) not in map(canonical, ours):
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


def read_progress(sweep: Sweep, folder: SweepFolder, retry: bool = False) -> SweepProgress:
    """What is done and what is to do; with `retry` also what failed before. Changes nothing."""
    trials = sweep.by_name
    stale = [trial for trial in sweep.trials if is_stale(folder.trial(trial.name), trial)]
    fresh = trials.keys() - {trial.name for trial in stale}
    outcomes = {name: read_outcome(folder.trial(name)) for name in trials if name in fresh}
    ended = list(filter(None, outcomes.values()))
    done = [outcome for outcome in ended if outcome.done]
    lost = [] if retry else [outcome for outcome in ended if not outcome.done]
    over = {outcome.name for outcome in (*done, *lost)}
    runs = [Run(folder.path / outcome.name) for outcome in done]
    return SweepProgress(
        done=tuple(done),
        lost=tuple(lost),
        todo=_to_run(trials, over, runs),
        begun=sum(folder.trial(name).exists() for name in _unended(outcomes)),
        seconds=_mean_seconds(runs),
        stale=tuple(stale),
    )


def _unended(outcomes: Mapping[str, Outcome | None]) -> list[str]:
    return [name for name, outcome in outcomes.items() if outcome is None]


def _mean_seconds(runs: Sequence[Run]) -> float | None:
    seconds = [run.about.get("seconds") for run in runs]
    known = [value for value in seconds if isinstance(value, float)]
    return fmean(known) if known else None


def _to_run(trials: Mapping[str, Trial], over: set[str], runs: Sequence[Run]) -> tuple[Trial, ...]:
    """The trials that are not over, with the SHA-256 that finished runs had of the same data."""
    hashes = {trials[run.name].data_key: run.data_source[1] for run in runs}
    return tuple(
        replace(trial, data=trial.data or hashes.get(trial.data_key))
        for name, trial in trials.items()
        if name not in over
    )


def stale_elsewhere(sweep: Sweep, folder: SweepFolder) -> list[TrialRecord]:
    """Trials of earlier calls in the folder that were trained on other data than there is now."""
    asked = {trial.name for trial in sweep.trials}
    stale = []
    for name in folder.trials() if isinstance(sweep.base.data.source, UserFile) else ():
        run = folder.trial(name)
        with suppress(NnlabError):  # the table of results tells which run is unreadable
            config = Run(run.path).config
            if name not in asked and is_stale(run, Trial.of(config, {})):
                stale.append(folder.record(name))
    return stale


def discard_runs(progress: SweepProgress, folder: SweepFolder) -> None:
    """Remove the runs that are to run again from their beginning. Only under the lock."""
    for trial in progress.todo:
        known = read_outcome(folder.trial(trial.name))
        if trial in progress.stale or (known is not None and not known.done):
            folder.discard(trial.name)


def _fixed_settings(axes: Sequence[Axis], overrides: Sequence[str]) -> list[Override]:
    """The settings of all trials: those of the studies, then --set, which wins."""
    asked: dict[str, Any] = {}
    for axis in axes:
        for key, value in axis.fixed.items():
            if asked.setdefault(key, value) != value:
                raise UsageError(
                    f"These studies do not go together: they set {clean(key)} to "
                    f"{clean(str(asked[key]))} and to {clean(str(value))}."
                )
    varied = {canonical(axis.key) for axis in axes}
    for text in overrides:
        key = text.partition("=")[0].strip()
        if canonical(key) in varied:
            raise UsageError(f"{clean(key)} is an axis of this sweep, so --set cannot set it.")
    of_studies = {
        key: from_plain(value, axis.place)
        for axis in axes
        for key, value in axis.fixed.items()
        if canonical(key) not in varied
    }
    return [*of_studies.items(), *overrides]


def _seeds(count: int, axes: Sequence[Axis], first: int) -> tuple[int, ...]:
    if any(axis.key == "seed" for axis in axes):
        if count > 1:
            raise UsageError("The seed is an axis of this sweep, so --seeds cannot repeat it.")
        return ()
    return tuple(range(first, first + count))


def _require_few(cells: int, seeds: int) -> None:
    if (trials := cells * max(seeds, 1)) > MANY:
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
    """All different trials, and how many were the same as others."""
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
    """All values once: numbers sorted, anything else in the order of the calls."""
    values = list(old) + [value for value in new if value not in old]
    numbers = all(type(value) in (int, float) for value in values)
    return sorted(values) if numbers else values
