"""What run.json and data.json say of a run."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nnlab.build import Built
from nnlab.run import environment
from nnlab.run.folder import FORMAT
from nnlab.training import Failure


def run(built: Built, machine: Mapping[str, Any]) -> dict[str, Any]:
    """The beginning of run.json; status, end and seconds change later.

    `machine` is `environment.describe`'s answer, asked for before the folder is locked: it starts
    git, and a process that is killed while it does so would leave the lock to git for a moment.
    """
    config = built.config
    return {
        "format": FORMAT,
        "status": "running",
        "name": config.name,
        "seed": config.seed,
        "engine": config.training.engine,
        "monitor": config.training.monitor,
        "started": environment.now(),
        "ended": None,
        "seconds": None,
        "parameters": int(built.network.theta.size),
        "warnings": list(built.warnings),
        "data": {"name": built.dataset.name, "sha256": built.dataset.sha256},
        **machine,
    }


def data(built: Built) -> dict[str, Any]:
    """data.json: what predicting and drawing need to know of the data."""
    dataset, rows = built.dataset, built.parts
    scaling = built.scaling
    return {
        "name": dataset.name,
        "sha256": dataset.sha256,
        "task": dataset.task,
        "kind": built.kind,
        "inputs": list(dataset.inputs.shape[1:]),
        "outputs": dataset.outputs,
        "class_names": list(dataset.class_names),
        "feature_names": list(dataset.feature_names),
        "columns": [asdict(column) for column in dataset.columns],
        "class_weight": getattr(built.plan.loss, "class_weight", None),
        "target_names": list(dataset.target_names),
        "image_shape": None if dataset.image_shape is None else list(dataset.image_shape),
        "input_range": None if dataset.input_range is None else list(dataset.input_range),
        "scaling": {
            "kind": scaling.kind,
            "shift": scaling.shift.tolist(),
            "factor": scaling.factor.tolist(),
            "fill": None if scaling.fill is None else scaling.fill.tolist(),
        },
        "rows": {
            "train": len(rows.train),
            "validation": None if rows.validation is None else len(rows.validation),
            "test": None if rows.test is None else len(rows.test),
        },
        "validation_is_test": rows.validation is not None and rows.validation is rows.test,
    }


def failure(record: Failure) -> dict[str, Any]:
    """Where a run left the finite numbers."""
    return {"epoch": record.epoch, "step": record.step, "what": record.what}
