"""A run measured again: its data split and scaled as then, and figures for any rows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from nnlab.build import Built, build, encode, load_weights, make_plan
from nnlab.core.network import Network, trained_depth
from nnlab.core.types import FloatArray, IntArray
from nnlab.data.batches import Part
from nnlab.data.dataset import Dataset
from nnlab.errors import DataError, UsageError
from nnlab.experiment import outcome
from nnlab.run.folder import Weights
from nnlab.run.run import Run
from nnlab.training import Plan

ROWS = 1000  # that are evaluated at once


def rebuilt(run: Run) -> Built:
    """The run's data, split and scaled as then. DataError when the data has changed since."""
    # Nothing is trained, so the engine of then need not be installed here.
    training = replace(run.config.training, engine="auto")
    run.require_described()
    built = build(replace(run.config, training=training))
    if built.dataset.sha256 != run.data["sha256"]:
        raise DataError(
            f"The data set {built.dataset.name} is not what it was when this run was made: "
            f"SHA-256 {built.dataset.sha256}, then {run.data['sha256']}."
        )
    return built


class Sample(NamedTuple):
    """Rows with their targets, and the network that answers them."""

    plan: Plan
    network: Network
    names: Sequence[str]  # of the classes
    part: Part
    numbers: IntArray  # of the rows in their file, or in the part's data set


class Answers(NamedTuple):
    """For each row: the target t (N, m) as the loss takes it, the output (N, m), the loss (N,)."""

    targets: FloatArray
    outputs: FloatArray
    losses: FloatArray


def evaluate(run: Run, which: Weights = "final", part: str = "test") -> dict[str, Any]:
    """Loss, metrics and, for classes, tables, on train, validation or test.

    Raises UsageError when the run has no such part.
    """
    return judged(part_of(run, which, part))


def evaluate_rows(run: Run, dataset: Dataset, which: Weights = "final") -> dict[str, Any]:
    """The same on all rows of another data set, scaled as this run's training rows were.

    Raises DataError when it does not fit the network.
    """
    return judged(rows_of(run, dataset, which))


def part_of(run: Run, which: Weights, part: str) -> Sample:
    """A part of the run's own data; raises as `evaluate` does."""
    built = rebuilt(run)
    load_weights(built.network, run.weights(which), which)
    found = {name: rows for name, rows, _ in outcome.parts(built)}
    if part == "validation" and run.data["validation_is_test"]:
        part = "test"
    if part not in found:
        raise UsageError(f"This run has no {part} part; it has {', '.join(found)}.")
    return Sample(
        built.plan,
        built.network,
        built.dataset.class_names,
        found[part],
        built.dataset.rows_in_file(found[part].rows),
    )


def rows_of(run: Run, dataset: Dataset, which: Weights) -> Sample:
    """All rows of another data set; raises as `evaluate_rows` does."""
    network = run.network(which)
    if (dataset.inputs.shape[1], dataset.outputs) != (
        run.data["inputs"][0],
        run.data["outputs"],
    ):
        raise DataError(
            f"{dataset.name} has rows of {dataset.inputs.shape[1]} numbers and "
            f"{dataset.outputs} outputs; this run takes {run.data['inputs'][0]} and "
            f"{run.data['outputs']}."
        )
    kind, targets = encode(dataset, network.shapes[-1][0])
    config, loss = run.config, run.loss
    rows: IntArray = np.arange(dataset.rows)
    coded = loss.encode(targets)
    part = Part(dataset.inputs, rows, run.scaling, coded, config.training.dtype)
    plan = make_plan(config, loss, part, None, kind)
    return Sample(plan, network, run.data["class_names"], part, dataset.rows_in_file(rows))


def answered(sample: Sample) -> Answers:
    """What the network answers to each row, and the loss of each."""
    plan, network, part = sample.plan, sample.network, sample.part
    depth = trained_depth(network.layers, plan.loss)
    losses = []
    with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
        outputs = outcome.outputs(network, part)
        for start in range(0, len(part), ROWS):
            x, t = part.some(slice(start, start + ROWS))
            z = network.bind(len(x), depth=depth).forward(x)
            losses.append(plan.loss.per_sample(z, t))
    return Answers(part.targets, outputs, np.concatenate(losses))


def judged(sample: Sample) -> dict[str, Any]:
    """Numbers and tables of a part, with the network's own parameters."""
    plan, network, names, part, _ = sample
    with np.errstate(all="ignore"):  # weights of a run that diverged may overflow
        predicted = outcome.outputs(network, part)
    return {
        "rows": len(part),
        **outcome.numbers(plan, network, part),
        **outcome.class_tables(names, plan.kind, predicted, part),
    }
