"""Names of run folders, `<YYYYmmdd-HHMMSS>-<name>-<6 hex>`: making a folder, finding one.

The runs of a sweep are named by the hash of their config, `<12 hex>`, in the sweep's folder.
"""

import hashlib
import os
import re
import secrets
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from nnlab.config.files import MAX_LENGTH, name_problem
from nnlab.errors import NnlabError, RunUnreadable, StorageError, UsageError
from nnlab.run import durable, guard
from nnlab.run.text import from_json, shown
from nnlab.show.words import first_few
from nnlab.suggest import did_you_mean

_PATTERN = re.compile(r"(\d{8}-\d{6}-).+(-[0-9a-f]{6})", re.DOTALL)
_TRIAL = re.compile(r"[0-9a-f]{12}")
# A run that was begun has one of these: run.json is the last of its first files.
_BEGUN = ("run.json", "metrics.csv", "checkpoint.npz")
_LONGEST = 1 << 20  # bytes of a run.json that is read only to sort runs
_ATTEMPTS = 1000
MOST_MATCHES = 5  # names that a message lists
_STAMP = "%Y%m%d-%H%M%S"


def check_name(name: str) -> str:
    """`name`, if every system allows it as the name of a folder; else UsageError."""
    if problem := name_problem(name):
        raise UsageError(f"'{shown(name)[:MAX_LENGTH]}' cannot be the name of a run: {problem}")
    return name


def is_run(folder_name: str) -> bool:
    """Whether this is a name by `make`, or of a trial."""
    return bool(_PATTERN.fullmatch(folder_name) or is_trial(folder_name))


def is_trial(folder_name: str) -> bool:
    """Whether this is the name of a trial of a sweep."""
    return _TRIAL.fullmatch(folder_name) is not None


def of_trial(config: str) -> str:
    """The folder name of a trial with this config."""
    return hashlib.sha256(config.encode()).hexdigest()[:12]


def other_name(folder_name: str, name: str) -> str:
    """The name of a run folder with another `name` in it. Raises UsageError."""
    match = _PATTERN.fullmatch(folder_name)
    if match is None:
        why = "`nnlab train` did not name it, so move the folder itself"
        why = "its sweep finds the trial by it" if is_trial(folder_name) else why
        raise UsageError(f"{shown(folder_name)} keeps its name: {why}.")
    return f"{match[1]}{check_name(name)}{match[2]}"


def present(path: Path) -> Path:
    """The folder of a run that may have been renamed since: date and digits are the same."""
    match = _PATTERN.fullmatch(path.name)
    if match is None or _is_folder(path):
        return path
    renamed = [n for n in run_names(path.parent) if n.startswith(match[1]) and n.endswith(match[2])]
    return path.with_name(renamed[0]) if len(renamed) == 1 else path


def make(parent: Path, name: str, now: datetime | None = None) -> Path:
    """Makes a new run folder in `parent`, and `parent` itself if needed.

    mkdir fails if the folder exists, so two processes never get the same folder. Raises UsageError
    for a name that cannot be part of a folder's name, StorageError.
    """
    stamp = (now or datetime.now()).strftime(_STAMP)
    prefix = f"{stamp}-{check_name(name)}"
    durable.make_folder(parent)
    for _ in range(_ATTEMPTS):
        path = parent / f"{prefix}-{secrets.token_hex(3)}"
        if durable.make_new_folder(path):
            durable.sync_folder(parent)
            return path
    raise StorageError(f"Cannot make a run folder in {shown(parent)}: all names tried are taken.")


def runs_folder(folder: str | os.PathLike[str] | None = None) -> Path:
    """The folder of runs: the argument, else $NNLAB_RUNS, else ./runs."""
    return Path(folder or os.environ.get("NNLAB_RUNS") or "runs")


def find(spec: str, runs: Path) -> Path:
    """The folder that `spec` means: `latest`, a folder's name, a path, or a unique prefix.

    Raises UsageError for a prefix of several runs and for empty text, RunUnreadable if there is no
    such run.
    """
    if not spec or "\0" in spec:
        raise UsageError("The name of a run is empty or holds a NUL character.")
    if spec == "latest":
        return _latest(runs)
    if is_run(Path(spec).name) and _is_folder(runs / spec):
        return runs / spec
    for path in (Path(spec), present(runs / spec), present(Path(spec))):
        if _is_folder(path):
            return path
    return _by_prefix(spec, runs)


def _by_prefix(spec: str, runs: Path) -> Path:
    known = run_names(runs)
    matches = [name for name in known if name.startswith(spec)]
    if len(matches) == 1:
        return runs / matches[0]
    if matches:
        listed = first_few([shown(name) for name in matches], MOST_MATCHES)
        raise UsageError(f"'{shown(spec)}' is the beginning of {len(matches)} runs: {listed}.")
    sentence = f"There is no run '{shown(spec)}', neither as a path nor in {shown(runs)}."
    hint = shown(did_you_mean(spec, known, likeness=0.4, most=3)) or " `nnlab runs` lists them."
    raise RunUnreadable(f"{sentence}{hint}" if known else sentence)


def by_age(*folders: Path) -> list[Path]:
    """The runs in these folders that were begun, oldest first.

    The order is that of the instants in run.json: names follow the clock of a time zone, which
    goes back once a year and differs between machines. Raises StorageError.
    """
    runs = [folder / name for folder in folders for name in run_names(folder)]
    return sorted(filter(was_begun, runs), key=lambda run: (*_began(run), run.name))


def was_begun(path: Path) -> bool:
    """Whether a run was begun here; a kill may leave an empty folder."""
    return any((path / name).exists() for name in _BEGUN)


def instant(started: object) -> float | None:
    """Seconds since 1970 of a time in run.json; None if invalid."""
    try:
        return datetime.fromisoformat(str(started)).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def _began(path: Path) -> tuple[float, int]:
    """The start of a run, by run.json, its name, or the folder's time."""
    changed, when = 0, None
    with suppress(OSError):
        changed = path.stat().st_mtime_ns
    with suppress(NnlabError):
        content = from_json(durable.read_file(path / "run.json", _LONGEST), path)
        when = instant(content.get("started"))
    if when is None and not is_trial(path.name):
        with suppress(ValueError, OverflowError, OSError):
            when = datetime.strptime(path.name[:15], _STAMP).timestamp()
    return (changed / 1e9 if when is None else when), changed


def run_names(runs: Path) -> list[str]:
    """The names of the run folders in `runs`, sorted; none if it does not exist."""
    inside = sorted(filter(is_run, guard.names_in(runs)))
    return [name for name in inside if (runs / name).is_dir()]


def _latest(runs: Path) -> Path:
    folders = by_age(runs) or sorted(map(runs.joinpath, run_names(runs)), key=_began)
    if not folders:
        raise RunUnreadable(f"There is no run in {shown(runs)}: `nnlab train CONFIG` makes one.")
    return folders[-1]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long for the system, or one it cannot encode
        return False
