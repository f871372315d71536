"""The contents of run.json and data.json, and the rows of metrics.csv and steps.csv."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from nnlab.build import Built
from nnlab.core import columns
from nnlab.engine.compiled import KERNELS
from nnlab.errors import Interrupted, NnlabError
from nnlab.experiment.signals import Terminated
from nnlab.run import environment
from nnlab.run.data_facts import DataFacts, RowCounts, ScalingFacts
from nnlab.run.folder import FORMAT, RunFolder
from nnlab.status import Status
from nnlab.training import Epoch, Steps


def run(
    built: Built, machine: Mapping[str, Any], start: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """run.json at the start of a run; status, end and seconds change later.

    `machine` is the answer of `environment.describe`, which must be asked before the folder is
    locked: it starts git, and git would hold the lock for a moment longer than a killed process.
    start: the file of the initial weights.
    """
    config = built.config
    return {
        "format": FORMAT,
        "status": Status.RUNNING,
        "name": config.name,
        "seed": config.seed,
        "engine": config.training.engine,
        **({"kernels": KERNELS} if config.training.engine == "compiled" else {}),
        "monitor": config.training.monitor,
        "started": environment.now(),
        "ended": None,
        "seconds": None,
        "parameters": int(built.network.theta.size),
        "trained": int(built.network.trained.size),
        "warnings": list(built.warnings),
        "data": {"name": built.dataset.name, "sha256": built.dataset.sha256},
        **({"init": dict(start)} if start else {}),
        **machine,
    }


def kernel_changes(about: Mapping[str, Any]) -> list[str]:
    """A clause if the compiled kernels round differently from those of the run in run.json."""
    before = about.get("kernels", 1)  # the first were not written down
    if about.get("engine") != "compiled" or before == KERNELS:
        return []
    return [f"compiled kernels were version {before}, now {KERNELS}"]


def record_failure(folder: RunFolder, error: BaseException) -> None:
    """Records in run.json, if possible, that an exception ended the run.

    Without it the status stays `running`, which is shown as `resumable`.
    """
    stopped = isinstance(error, KeyboardInterrupt | Interrupted | Terminated)
    status = Status.INTERRUPTED if stopped else Status.FAILED
    with suppress(NnlabError):
        folder.update_status(
            status, ended=environment.now(), error=f"{type(error).__name__}: {error}"
        )


def data(built: Built) -> DataFacts:
    """The content of data.json."""
    dataset, rows, scaling = built.dataset, built.parts, built.scaling
    fill = None if scaling.fill is None else scaling.fill.tolist()
    counts = (None if part is None else len(part) for part in (rows.validation, rows.test))
    return DataFacts(
        name=dataset.name,
        sha256=dataset.sha256,
        task=dataset.task,
        kind=built.kind,
        inputs=dataset.inputs.shape[1:],
        outputs=dataset.outputs,
        class_names=dataset.class_names,
        feature_names=dataset.feature_names,
        columns=dataset.columns,
        class_weight=getattr(built.plan.loss, "class_weight", None),
        target_names=dataset.target_names,
        image_shape=dataset.image_shape,
        input_range=dataset.input_range,
        scaling=ScalingFacts(scaling.kind, scaling.shift.tolist(), scaling.factor.tolist(), fill),
        rows=RowCounts(len(rows.train), *counts),
        validation_is_test=rows.validation is not None and rows.validation is rows.test,
        learn=dataset.learn,
        row_class_names=dataset.row_class_names,
    )


def epoch_row(record: Epoch, seconds: float) -> dict[str, Any]:
    """A row of metrics.csv."""
    row: dict[str, Any] = {"epoch": record.epoch, "step": record.step, "lr": record.lr}
    row |= columns.named(columns.TRAIN, record.train)
    if record.validation is not None:
        row |= columns.named(columns.VAL, record.validation)
    return row | {"seconds": round(seconds, 6)}


def step_rows(record: Steps) -> list[dict[str, Any]]:
    """Rows of steps.csv, one per update."""
    first = record.step - len(record.rates) + 1
    return [
        {"epoch": record.epoch, "step": first + i, "lr": rate, "loss": loss}
        for i, (rate, loss) in enumerate(zip(record.rates, record.losses.tolist(), strict=True))
    ]
