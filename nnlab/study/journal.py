"""optuna.journal: Optuna's log of a search, one JSON object per line.

The folder's lock protects the log too. A write that a full disk or a power cut ended leaves a
damaged end, which is cut off when the log is opened: the search restores it from the run folders.
Damage before the last whole line is refused.
"""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend

from nnlab.errors import ConfigError, NnlabError, RunUnreadable
from nnlab.run import durable, guard
from nnlab.run.text import shown

CREATE_TRIAL = 4  # Optuna's op_code of the first line of a trial
WAY_OUT = "Remove the file: the same command makes it again from the trials in the folder."

Log = dict[str, Any]


class Journal(BaseJournalBackend):
    """The whole lines of the file.

    cut: how many damaged bytes followed them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        data = _read_regular_file(path)
        self.logs = _whole_lines(data, path)
        size = self._size(len(self.logs), data)
        self.cut = len(data) - size
        if self.cut:
            durable.truncate(path, size)
        self.size = size

    def read_logs(self, log_number_from: int) -> list[Log]:
        return self.logs[log_number_from:]

    def append_logs(self, logs: list[Log]) -> None:
        """Write and sync all lines or none; StorageError, also when the file has changed."""
        lines = [json.dumps(log, separators=(",", ":")) for log in logs]
        text = "".join(f"{line}\n" for line in lines)
        self.size = durable.append_text(self.path, text, sync=True, at=self.size)
        self.logs += map(json.loads, lines)

    def keep_trials(self, count: int) -> None:
        """Cut the log before the trial with this number."""
        line = self.begins[count]
        self.size = self._size(line, _read_regular_file(self.path))
        durable.truncate(self.path, self.size)
        del self.logs[line:]

    @property
    def begins(self) -> list[int]:
        """The first line of each trial."""
        return [i for i, log in enumerate(self.logs) if log["op_code"] == CREATE_TRIAL]

    @staticmethod
    def _size(lines: int, data: bytes) -> int:
        return sum(len(line) + 1 for line in data.split(b"\n")[:lines])


def open_study(
    journal: Journal, name: str, direction: Literal["minimize", "maximize"]
) -> optuna.Study:
    """The study in the log; a new study in an empty log. ValueError for another study."""
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


@contextmanager
def readable_log(path: Path) -> Iterator[None]:
    """Inside the `with`, any error means a damaged log: RunUnreadable."""
    try:
        yield
    except ConfigError as error:
        raise _unreadable(path, "it has a trial with settings that the config refuses") from error
    except NnlabError:
        raise
    except Exception as error:  # Optuna trusts the log and checks nothing
        raise _unreadable(path, f"it holds no search that Optuna can read ({error!r})") from error


def _unreadable(path: Path, reason: str) -> RunUnreadable:
    """The error for a damaged log, in one line."""
    return RunUnreadable(f"Cannot read {shown(path)}: {shown(reason)}. {WAY_OUT}")


def _read_regular_file(path: Path) -> bytes:
    """All bytes, none for a missing file. RunUnreadable for links and special files."""
    status = guard.status_of(path)
    if status is None:
        return b""
    if not stat.S_ISREG(status.st_mode):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "not a regular file"
        raise _unreadable(path, f"it is {kind}")
    return durable.read_file(path)


def _whole_lines(data: bytes, path: Path) -> list[Log]:
    """The objects before the damaged end. RunUnreadable when the damage is not at the end."""
    *lines, end = data.split(b"\n")
    logs = [_parsed(line) for line in lines]
    whole = list(takewhile(lambda log: log is not None, logs))
    rest = b"\n".join([*lines[len(whole) :], end]).lstrip(b"\0\n")
    foreign = not whole and rest[:1] not in (b"", b"{")
    if foreign or any(logs[len(whole) :]):
        raise _unreadable(path, f"line {len(whole) + 1} is damaged")
    return [log for log in whole if log is not None]


def _parsed(line: bytes) -> Log | None:
    """The object in a line; None for a line that Optuna does not write."""
    try:
        log = json.loads(line)
        good = type(log["op_code"]) is int and isinstance(log["worker_id"], str)
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    return log if good else None
