"""optuna.journal: the log that Optuna keeps of a search, one JSON object per line.

One process at a time has the lock of the folder, so the log needs no lock of its own. A write that
a full disk or a power cut ended leaves a damaged end, which is cut off when the log is opened: the
run folders repeat what stood there. Damage before the last whole line is refused.
"""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from nnlab.errors import ConfigError, NnlabError, RunUnreadable, StorageError
from nnlab.run import durable
from nnlab.run.text import shown

CREATE_TRIAL = 4  # Optuna's op_code of the first line of a trial
WAY_OUT = "Remove the file: the same command makes it again from the trials in the folder."

T = TypeVar("T")
Log = dict[str, Any]


class Journal(BaseJournalBackend):
    """The whole lines of the file. `cut` is how many damaged bytes stood behind them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        data = read(path)
        self.logs = whole_lines(data, path)
        size = self._size(len(self.logs), data)
        self.cut = len(data) - size
        if self.cut:
            durable.truncate(path, size)
        self.size = size

    def read_logs(self, log_number_from: int) -> list[Log]:
        """The objects from this line on."""
        return self.logs[log_number_from:]

    def append_logs(self, logs: list[Log]) -> None:
        """Write and sync the lines, all of them or none.

        Raises StorageError, also when something else changed or removed the file since.
        """
        lines = [json.dumps(log, separators=(",", ":")) for log in logs]
        text = "".join(f"{line}\n" for line in lines)
        self.size = durable.append_text(self.path, text, sync=True, at=self.size)
        self.logs += map(json.loads, lines)

    def keep_trials(self, count: int) -> None:
        """Cut the log before the trial of that number."""
        line = self.begins[count]
        self.size = self._size(line, read(self.path))
        durable.truncate(self.path, self.size)
        del self.logs[line:]

    @property
    def begins(self) -> list[int]:
        """The lines with which trials begin."""
        return [i for i, log in enumerate(self.logs) if log["op_code"] == CREATE_TRIAL]

    @staticmethod
    def _size(lines: int, data: bytes) -> int:
        return sum(len(line) + 1 for line in data.split(b"\n")[:lines])


def open_study(
    journal: Journal, name: str, direction: Literal["minimize", "maximize"]
) -> optuna.Study:
    """The study in the log, which is begun if the log is empty. Raises RunUnreadable."""

    def opened() -> optuna.Study:
        storage = JournalStorage(journal)
        if not journal.logs:
            return optuna.create_study(storage=storage, study_name=name, direction=direction)
        (only,) = storage.get_all_studies()
        study = optuna.load_study(storage=storage, study_name=only.study_name)
        if study.direction.name.lower() != direction:
            raise ValueError("the direction of the search is another")
        if len(study.get_trials(deepcopy=False)) != len(journal.begins):
            raise ValueError("a trial belongs to no study")
        return study

    return understood(journal.path, opened)


def understood(path: Path, action: Callable[[], T]) -> T:
    """The result of `action`; RunUnreadable when it cannot make sense of the log."""
    try:
        return action()
    except ConfigError as error:
        raise unreadable(path, "it has a trial with settings that the config refuses") from error
    except NnlabError:
        raise
    except Exception as error:  # Optuna takes the log as its own and checks nothing
        raise unreadable(path, f"it holds no search that Optuna can read ({error!r})") from error


def unreadable(path: Path, reason: str) -> RunUnreadable:
    """The error for a damaged log, in one line."""
    return RunUnreadable(f"Cannot read {shown(path)}: {shown(reason)}. {WAY_OUT}")


def read(path: Path) -> bytes:
    """All bytes; none for a missing file. RunUnreadable for a link or what is no regular file."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise StorageError(f"Cannot read {shown(path)}: {error.strerror or error}.") from error
    if stat.S_ISLNK(mode):
        raise unreadable(path, "it is a link")
    if not stat.S_ISREG(mode):
        raise unreadable(path, "it is not a regular file")
    return durable.read_file(path)


def whole_lines(data: bytes, path: Path) -> list[Log]:
    """The objects before the damaged end. RunUnreadable when the damage is not at the end."""
    *lines, end = data.split(b"\n")
    logs = [_parsed(line) for line in lines]
    good = next((i for i, log in enumerate(logs) if log is None), len(logs))
    later = any(log is not None for log in logs[good:])
    rest = b"\n".join([*lines[good:], end]).lstrip(b"\0\n")
    foreign = good == 0 and rest[:1] not in (b"", b"{")
    if later or foreign:
        raise unreadable(path, f"line {good + 1} is damaged")
    return [log for log in logs[:good] if log is not None]


def _parsed(line: bytes) -> Log | None:
    """The object in a line; None when no line of Optuna's is like that."""
    try:
        log = json.loads(line)
    except (ValueError, RecursionError):
        return None
    good = isinstance(log, dict) and type(log.get("op_code")) is int
    return log if good and isinstance(log.get("worker_id"), str) else None
