"""From what was asked to trials: which there are, which are done already, which are to run."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from nnlab.config.dump import mapping
from nnlab.config.load import load
from nnlab.config.names import name_from_stem, name_problem
from nnlab.config.overrides import ALIASES, Override, Setting
from nnlab.config.problems import Problems, clean
from nnlab.config.schema import Config
from nnlab.config.tree import Node, Place, Source, from_plain, plain
from nnlab.config.variants import Base, base
from nnlab.data.user_tables import Csv, Npz
from nnlab.errors import NnlabError, UsageError
from nnlab.run import names
from nnlab.run.folder import RESOLVED, RUN
from nnlab.run.sweeps import SweepFolder, TrialRecord
from nnlab.study import grid
from nnlab.study.axes import Axis, parse
from nnlab.study.trial import LOST, Outcome, Trial, is_stale, outcome

MANY = 10_000  # trials that nobody asks for by mistake
LONGEST = 80  # characters of a folder's name before it is cut


@dataclass(frozen=True)
class Request:
    """What a person asked for: AXIS..., -c, --set, --seeds, --random, --name, --yes."""

    axes: Sequence[str]
    config: str = "identity8"
    overrides: Sequence[str] = ()
    seeds: int = 1
    sample: int | None = None
    name: str | None = None
    many: bool = False
    argv: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """All trials of a request, checked, and the folder that they belong into.

    `notes` are sentences for the user.
    """

    name: str
    config: str
    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]
    base: Config
    trials: tuple[Trial, ...]
    notes: tuple[str, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The config that all trials vary, in full form."""
        return {key: value for key, value in mapping(self.base).items() if key != "sweeps"}

    @property
    def caption(self) -> str:
        """What the studies say about themselves."""
        return " ".join(axis.caption for axis in self.axes if axis.caption)


@dataclass(frozen=True)
class Progress:
    """What of a sweep stands on disk: trials that are done, that have no result, and to run.

    `stale` are those to run that were trained on other data than there is now.
    """

    done: tuple[Outcome, ...]
    lost: tuple[Outcome, ...]
    todo: tuple[Trial, ...]
    begun: int = 0  # of those to run: interrupted ones that go on
    seconds: float | None = None  # that a finished trial took, in the mean
    stale: tuple[Trial, ...] = ()


def prepare(request: Request) -> Sweep:
    """Everything that can be wrong with a request is found here, before anything runs.

    Raises UsageError, ConfigError with the mistakes of all trials, DataError.
    """
    loaded = load(request.config, request.overrides)
    assert loaded.path is not None  # it was read from a file
    folder = loaded.path.resolve().parent
    axes = parse(request.axes, loaded.config.sweeps, request.config, folder)
    fixed = _fixed(axes, request.overrides)
    found = base(request.config, fixed)
    seeds = _seeds(request, axes, found.config.seed)
    _require_few(request, axes, len(seeds))
    trials, repeated = _trials(found, axes, seeds, request)
    notes = list(found.notes)
    if repeated:
        many = "1 trial is" if repeated == 1 else f"{repeated:,} trials are"
        notes.append(f"{many} the same as others; each is trained once.")
    name = request.name or folder_name(found.config.name, axes, request.overrides)
    if problem := name_problem(name):
        raise UsageError(f"--name: {problem}")
    return Sweep(name, request.config, tuple(axes), seeds, found.config, trials, tuple(notes))


def folder_name(config: str, axes: Sequence[Axis], overrides: Sequence[str]) -> str:
    """sweep-identity8-lr, and with --set epochs=100: sweep-identity8-lr-epochs=100."""
    whole = "-".join(["sweep", config, *(axis.key for axis in axes), *overrides])
    usable = name_from_stem(whole)
    if usable == whole and len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:6]
    return f"{usable[:LONGEST].rstrip('. ')}-{digest}"


def register(sweep: Sweep, folder: SweepFolder, code: Mapping[str, Any]) -> None:
    """Write sweep.yaml, with the values of earlier calls kept. Only under the lock.

    `code` says which version of nnlab this is. Raises UsageError when the folder is another's.
    """
    axes = [{"key": axis.key, "values": axis.plain} for axis in sweep.axes]
    seeds = list(sweep.seeds)
    if folder.exists():
        before = folder.read_about()
        _require_same(sweep, folder, before)
        axes = [
            {"key": old["key"], "values": _merged(old["values"], new["values"])}
            for old, new in zip(before["axes"], axes, strict=True)
        ]
        seeds = _merged(before.get("seeds") or [], seeds)
    content = {
        "format": 1,
        "name": sweep.base.name,
        "config": sweep.config,
        "axes": axes,
        "seeds": seeds,
        "caption": sweep.caption,
        "code": dict(code),
        "base": sweep.settings,
    }
    folder.write_about(content)


def require_free(sweep: Sweep, folder: SweepFolder) -> None:
    """Raise UsageError when the folder belongs to something else."""
    if folder.exists():
        _require_same(sweep, folder, folder.read_about())
    elif not folder.is_empty():
        raise UsageError(
            f"{folder.path} is there already and is not the folder of a sweep. Give this sweep "
            "another one with --name."
        )


def look(sweep: Sweep, folder: SweepFolder, retry: bool = False) -> Progress:
    """What is done and what is to do; with `retry` also what failed before. Changes nothing."""
    done, lost, todo, stale = [], [], [], []
    hashes: dict[str, str] = {}
    seconds: list[float] = []
    begun = 0
    for trial in sweep.trials:
        run = folder.trial(trial.name)
        known = outcome(run)
        if is_stale(run, trial):
            stale.append(trial)
            todo.append(trial)
        elif known is not None and known.done:
            about = run.read_json(RUN)
            done.append(known)
            seconds += [about["seconds"]] if isinstance(about.get("seconds"), float) else []
            if isinstance(data := about.get("data"), dict):
                hashes[_data(trial)] = str(data.get("sha256"))
        elif known is not None and not retry:
            lost.append(known)
        else:
            todo.append(trial)
            begun += known is None and run.exists()
    ready = tuple(replace(trial, data=trial.data or hashes.get(_data(trial))) for trial in todo)
    mean = fmean(seconds) if seconds else None
    return Progress(tuple(done), tuple(lost), ready, begun, mean, tuple(stale))


def stale_elsewhere(sweep: Sweep, folder: SweepFolder) -> list[TrialRecord]:
    """Trials of earlier calls in the folder that were trained on other data than there is now."""
    asked = {trial.name for trial in sweep.trials}
    found = []
    for name in folder.trials() if isinstance(sweep.base.data.source, Csv | Npz) else ():
        run = folder.trial(name)
        with suppress(NnlabError):  # what cannot be read any more is told as such in the table
            config = load(run.path / RESOLVED, check=False).config
            if name not in asked and is_stale(run, as_trial(config, {}, ())):
                found.append(folder.record(name))
    return found


def clear(progress: Progress, folder: SweepFolder) -> None:
    """Remove the runs that are to run again from their beginning. Only under the lock."""
    for trial in progress.todo:
        known = outcome(folder.trial(trial.name))
        if trial in progress.stale or (known is not None and known.status in LOST):
            folder.discard(trial.name)


def _fixed(axes: Sequence[Axis], overrides: Sequence[str]) -> list[Override]:
    """The settings of all trials: what the studies ask for, then --set, which has the last word."""
    asked: dict[str, Any] = {}
    for axis in axes:
        for key, value in axis.fixed.items():
            if asked.setdefault(key, value) != value:
                raise UsageError(
                    f"These studies do not go together: they set {clean(key)} to "
                    f"{clean(str(asked[key]))} and to {clean(str(value))}."
                )
    varied = {_canonical(axis.key) for axis in axes}
    for text in overrides:
        key = text.partition("=")[0].strip()
        if _canonical(key) in varied:
            raise UsageError(f"{clean(key)} is an axis of this sweep, so --set cannot set it.")
    kept = {
        key: from_plain(value, axis.place)
        for axis in axes
        for key, value in axis.fixed.items()
        if _canonical(key) not in varied
    }
    return [*kept.items(), *overrides]


def _canonical(key: str) -> str:
    return ALIASES.get(key, key)


def _seeds(request: Request, axes: Sequence[Axis], first: int) -> tuple[int, ...]:
    if any(axis.key == "seed" for axis in axes):
        if request.seeds > 1:
            raise UsageError("The seed is an axis of this sweep, so --seeds cannot repeat it.")
        return ()
    return tuple(range(first, first + request.seeds))


def _require_few(request: Request, axes: Sequence[Axis], seeds: int) -> None:
    cells = min(grid.size(axes), request.sample or grid.size(axes))
    trials = cells * max(seeds, 1)
    if trials > MANY and not request.many:
        repeated = f" and {seeds} seeds" if seeds > 1 else ""
        raise UsageError(
            f"This sweep has {trials:,} trials ({cells:,} cells{repeated}); more than {MANY:,} "
            "run only with --yes. --random N takes some of the cells."
        )


def _trials(
    found: Base, axes: Sequence[Axis], seeds: tuple[int, ...], request: Request
) -> tuple[tuple[Trial, ...], int]:
    """All trials, different ones only, and how many were the same as others."""
    problems = Problems()
    place = Place(Source("--seeds", "", Path.cwd(), "values"))
    trials: dict[str, Trial] = {}
    total = 0
    for cell in grid.cells(axes, request.sample, found.config.seed):
        changes = [
            Setting(axis.key, value, axis.place) for axis, value in zip(axes, cell, strict=True)
        ]
        settings = {one.key: plain(one.value) for one in changes}
        for seed in seeds or (None,):
            own = [] if seed is None else [Setting("seed", Node(seed, place), place)]
            config = found.vary([*changes, *own], problems)
            if config is None:
                break  # with another seed it would be as wrong
            trial = as_trial(config, settings, request.argv)
            trials.setdefault(trial.name, trial)
            total += 1
    problems.raise_any()
    return tuple(trials.values()), total - len(trials)


def as_trial(config: Config, cell: dict[str, Any], argv: tuple[str, ...]) -> Trial:
    """The trial of a config, its folder named by the hash of it."""
    content = json.dumps({**mapping(config), "sweeps": {}})
    source = config.data.source
    # A file of the user may change between two calls; whatever else a config names cannot.
    data = source.load(config.data.seed).sha256 if isinstance(source, Csv | Npz) else None
    return Trial(names.of_trial(content), content, cell, config.seed, data, argv)


def _data(trial: Trial) -> str:
    """The data section of a trial's config: trials with the same one see the same rows."""
    return json.dumps(json.loads(trial.config)["data"])


def _require_same(sweep: Sweep, folder: SweepFolder, before: Mapping[str, Any]) -> None:
    from nnlab.experiment.changes import differences

    theirs = [axis.get("key") for axis in before["axes"]]
    ours = [axis.key for axis in sweep.axes]
    found = [] if theirs == ours else [f"  axes: {', '.join(map(str, theirs))} there, "]
    if found:
        found[0] += f"{', '.join(ours)} here"
    old = before.get("base")
    for key, there, here in differences(old if isinstance(old, dict) else {}, sweep.settings):
        if key not in ours and ALIASES.get(key, key) not in map(_canonical, ours):
            found.append(f"  {key}: {_shown(there)} there, {_shown(here)} here")
    if found:
        listed = clean_lines(found)
        raise UsageError(
            f"{folder.path} belongs to another sweep:\n{listed}\n"
            "Give this one a folder of its own with --name, or remove that one."
        )


def clean_lines(lines: Sequence[str], most: int = 8) -> str:
    """The lines without control characters; of many the first."""
    more = [f"  and {len(lines) - most} more"] if len(lines) > most else []
    return "\n".join([*map(clean, lines[:most]), *more])


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _merged(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    """All values once: numbers in their order, anything else as it came."""
    values = list(old) + [value for value in new if value not in old]
    numbers = all(type(value) in (int, float) for value in values)
    return sorted(values) if numbers else values
