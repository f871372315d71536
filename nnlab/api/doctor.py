"""Why a network does not learn: `nnlab.doctor`."""

from os import PathLike
from pathlib import Path
from typing import Any

from nnlab.api.find import AnyConfig, as_overrides, find_trained, read_request
from nnlab.api.results import ShownList
from nnlab.config.load import resolve_config
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.gather import evidence_of_config, evidence_of_run
from nnlab.diagnosis.rules import diagnose
from nnlab.run.run import Run


def doctor(run: Run | AnyConfig, *, data: Any = None, **overrides: object) -> list[Diagnosis]:
    """Why a network does not learn: findings, the surest first, each with evidence and remedy.

    `run` is a run, or the folder of one; else a config in any form of `train`, which is trained for
    a few seconds in memory; `data` is as for `train` then. Raises ConfigError, DataError,
    RunUnreadable.
    """
    if isinstance(run, str | PathLike) and Path(run).is_dir():
        run = find_trained(run)
    if isinstance(run, Run):
        return ShownList(diagnose(evidence_of_run(run)))
    config, rows, settings = read_request(run, data, overrides)
    loaded = resolve_config(config, as_overrides(settings), rows=rows)
    return ShownList(diagnose(evidence_of_config(loaded.config)))
