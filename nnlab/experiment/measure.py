"""Loss and metrics of a finished run, on any rows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from nnlab.build import encode, load_weights, make_plan
from nnlab.core.network import Network
from nnlab.core.types import FloatArray, IntArray
from nnlab.data.batches import Part
from nnlab.data.dataset import Dataset
from nnlab.errors import DataError, UsageError
from nnlab.experiment import outcome
from nnlab.experiment.resume import rebuild
from nnlab.run.folder import Weights
from nnlab.run.run import Run
from nnlab.training import Plan


class Sample(NamedTuple):
    """Rows with their targets, and a network to apply to them."""

    plan: Plan
    network: Network
    names: Sequence[str]  # of the classes
    part: Part
    numbers: IntArray  # of the rows in their file, or in the part's data set


def evaluate_part(run: Run, which: Weights = "final", part: str = "test") -> dict[str, Any]:
    """Loss, metrics and, for classes, tables, on train, validation or test.

    Raises UsageError when the run has no such part.
    """
    return measure(sample_part(run, which, part))


def sample_part(run: Run, which: Weights, part: str) -> Sample:
    """A part of the run's own data; raises as `evaluate_part` does."""
    # Nothing is trained, so the engine of the run need not be installed here.
    training = replace(run.config.training, engine="auto")
    built = rebuild(run, replace(run.config, training=training))
    load_weights(built.network, run.weights(which), which)
    parts = {name: rows for name, rows, _ in outcome.parts(built)}
    if part == "validation" and run.data.validation_is_test:
        part = "test"
    if part not in parts:
        raise UsageError(f"This run has no {part} part; it has {', '.join(parts)}.")
    rows, dataset = parts[part], built.dataset
    numbers = dataset.rows_in_file(rows.rows)
    return Sample(built.plan, built.network, dataset.class_names, rows, numbers)


def sample_rows(run: Run, dataset: Dataset, which: Weights = "final") -> Sample:
    """All rows of another data set, scaled like this run's training rows.

    Raises DataError when it does not fit the network.
    """
    network = run.network(which)
    width, outputs = run.data.inputs[0], run.data.outputs
    if (dataset.inputs.shape[1], dataset.outputs) != (width, outputs):
        raise DataError(
            f"{dataset.name} has rows of {dataset.inputs.shape[1]} numbers and "
            f"{dataset.outputs} outputs; this run takes {width} and {outputs}."
        )
    kind, targets = encode(dataset, network.shapes[-1][0])
    config, loss = run.config, run.loss
    rows: IntArray = np.arange(dataset.rows)
    coded = loss.encode(targets)
    part = Part(dataset.inputs, rows, run.scaling, coded, config.training.dtype)
    plan = make_plan(config, loss, part, None, kind)
    return Sample(plan, network, run.data.class_names, part, dataset.rows_in_file(rows))


def measure(sample: Sample) -> dict[str, Any]:
    """The numbers and tables of a sample."""
    plan, network, names, part, _ = sample
    with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
        predicted = outcome.outputs(network, part)
    return {
        "rows": len(part),
        **outcome.numbers(plan, network, part),
        "scores": outcome.scores(plan.kind, plan.loss, network, predicted, part),
        **outcome.class_tables(names, plan.kind, predicted, part),
    }


def outputs_and_losses(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """The output (N, m) and the loss (N,) of each row of a sample."""
    plan, network, _, part, _ = sample
    with np.errstate(all="ignore"):  # as above
        return outcome.outputs(network, part), outcome.row_losses(plan, network, part)
