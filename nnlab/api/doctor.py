"""Why a network does not learn: `nnlab.doctor`."""

from os import PathLike
from pathlib import Path
from typing import Any

from nnlab.api.find import AnyConfig, find_trained, load_request
from nnlab.api.results import ShownList
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.gather import evidence_of_config, evidence_of_run
from nnlab.diagnosis.rules import diagnose
from nnlab.errors import UsageError
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
        if data is not None or overrides:
            raise UsageError(
                "A run has its own data and settings; leave out the arguments after it."
            )
        return ShownList(diagnose(evidence_of_run(run)))
    config = load_request(run, data, overrides).config
    return ShownList(diagnose(evidence_of_config(config)))
