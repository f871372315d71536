"""The files of a run that need no config: run.json, the tables, summary.json."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nnlab.core.types import cached_property
from nnlab.errors import NnlabError
from nnlab.run import names
from nnlab.run.folder import FINDINGS, FORMAT, METRICS, RESOLVED, RUN, STEPS, SUMMARY, RunFolder
from nnlab.run.settings import read_settings
from nnlab.run.text import mapping_or_empty, shown
from nnlab.status import Status


@dataclass(frozen=True)
class RunFiles:
    """The numbers and texts of a run; each file is read at most once.

    Quick to import, for tables of many runs. Readers raise RunUnreadable or StorageError.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing run folder. Raises RunUnreadable when it is not one."""
        return cls(RunFolder.open(path).path)

    @property
    def folder(self) -> RunFolder:
        """The files by name; the run may have been renamed since."""
        return RunFolder(names.present(self.path))

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def status(self) -> Status:
        """The state of the run now: read again at each call."""
        return self.folder.status()

    @property
    def written_status(self) -> Status:
        """The state in run.json, whether or not a process still trains."""
        return Status.of(self.about.get("status"))

    @cached_property
    def about(self) -> dict[str, Any]:
        """run.json."""
        return self.folder.read_json(RUN)

    @cached_property
    def kind(self) -> str | None:
        """The kind of run: None for a training, "race" for a race."""
        return self.folder.kind()

    @property
    def trial(self) -> tuple[dict[str, Any], int | None]:
        """The settings that its sweep varies, and the seed, if any."""
        trial = mapping_or_empty(self.about.get("trial"))
        seed = trial.get("seed")
        return mapping_or_empty(trial.get("cell")), seed if isinstance(seed, int) else None

    @property
    def failure_reason(self) -> str | None:
        """Why the run ended without a result; otherwise None."""
        status = self.written_status
        if status is Status.DIVERGED:
            where = mapping_or_empty(self.about.get("failure"))
            what = str(where.get("what", "a number")).replace("_", " ")
            return f"diverged in epoch {where.get('epoch')}: the {what} is not finite"
        return str(self.about.get("error")) if status is Status.FAILED else None

    @property
    def data_source(self) -> tuple[str | None, str | None]:
        """Name and SHA-256 of the data set in run.json; a race's function."""
        data = self.about.get("data") or self.about.get("function")
        data = data if isinstance(data, Mapping) else {"name": data}
        values = (data.get(key) for key in ("name", "sha256"))
        name, sha256 = (value if isinstance(value, str) else None for value in values)
        return name, sha256

    @property
    def newer_format(self) -> str | None:
        """A sentence if a newer nnlab made the run."""
        if (number := self.about.get("format", FORMAT)) == FORMAT:
            return None
        return (
            f"The run {shown(self.name)} is of format {number!r:.20}, and this nnlab knows "
            f"format {FORMAT}: what it does not know is not drawn."
        )

    @cached_property
    def settings(self) -> dict[str, Any]:
        """resolved.yaml as plain values, also with settings that this version does not know."""
        return read_settings(self.folder.path / RESOLVED)

    @cached_property
    def metrics(self) -> dict[str, NDArray[Any]]:
        """metrics.csv by column, one number per epoch; row 0 is before training."""
        table = self.folder.read_table(METRICS)
        return {name: np.asarray(column) for name, column in table.items()}

    @property
    def last_row(self) -> dict[str, Any]:
        """The last row of metrics.csv, read again at each call; empty without rows."""
        return dict(self.folder.last_metrics())

    @cached_property
    def steps(self) -> dict[str, NDArray[Any]]:
        """steps.csv by column; empty where updates were not recorded."""
        return {name: np.asarray(column) for name, column in self.folder.read_table(STEPS).items()}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json: final, best, test, classes, confusion; empty before the end."""
        return self.folder.read_json(SUMMARY) if self.folder.has(SUMMARY) else {}

    @cached_property
    def findings(self) -> dict[str, Any] | None:
        """findings.json; None where the doctor has not looked at the run.

        epochs: how far it looked; the run may have been continued since. findings: those of
        `nnlab doctor RUN --json`.
        """
        return self.folder.read_json(FINDINGS) if self.folder.has(FINDINGS) else None

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        """The tables final, best and test of summary.json; empty ones before the end."""
        return {key: mapping_or_empty(self.summary.get(key)) for key in ("final", "best", "test")}

    @property
    def seconds(self) -> Any:
        """The time that training took, by metrics.csv; run.json also counts figures and files."""
        with suppress(NnlabError):  # the reader of the metrics reports it
            if (seconds := self.last_row.get("seconds")) is not None:
                return seconds
        return self.about.get("seconds")
