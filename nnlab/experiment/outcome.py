"""What a run ends in: numbers on every part, tables over classes, predictions to look at."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from nnlab.build import Built
from nnlab.core import blas
from nnlab.core.metrics import class_scores, confusion, guesses
from nnlab.core.network import Network
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.batches import Batches, Part
from nnlab.training import Evaluation, Numbers, Plan, evaluation_batch, labels_of

SMALL = 10_000  # rows of a part that are kept one by one
CHOSEN, WORST = 64, 36  # rows kept of a larger part


def parts(built: Built) -> Iterator[tuple[str, Part, IntArray]]:
    """Name, rows and row numbers of every part; a validation part that is the test part once."""
    plan, rows = built.plan, built.parts
    yield "train", plan.train, rows.train
    shared = rows.validation is rows.test
    if plan.validation is not None and rows.validation is not None and not shared:
        yield "validation", plan.validation, rows.validation
    if built.test is not None and rows.test is not None:
        yield "test", built.test, rows.test


def numbers(plan: Plan, network: Network, part: Part) -> Numbers:
    """Loss and metrics of a part with the network's own parameters."""
    return Evaluation(plan.kind, plan.loss, network, part)(network.values)


def outputs(network: Network, part: Part) -> FloatArray:
    """The network's outputs (N, m) for all rows of a part, in evaluation mode."""
    batches = Batches(part, evaluation_batch(network, len(part)))
    found = np.empty((len(part), *network.shapes[-1]), network.dtype)
    bound = {size: network.bind(size) for size in {batches.batch, batches.rest} - {0}}
    row = 0
    for chunk in batches.epoch(None):
        for x in chunk.xs:
            with blas.turn():
                found[row : row + len(x)] = bound[chunk.batch].forward(x)
            row += len(x)
    return found


def class_tables(names: Sequence[str], predicted: FloatArray, part: Part) -> dict[str, Any]:
    """The per-class table and the confusion matrix; both null where no classes have names."""
    if not names:
        return {"classes": None, "confusion": None}
    true = labels_of(part.targets)
    matrix = confusion(true, guesses(predicted), len(names))
    scores = class_scores(matrix)
    table = [{"class": n, **asdict(s)} for n, s in zip(names, scores, strict=True)]
    return {"classes": table, "confusion": matrix.tolist()}


def kept(
    built: Built, name: str, predicted: FloatArray, part: Part, rows: IntArray
) -> dict[str, Array]:
    """Rows of a part as arrays `<part>.inputs` (as in the data set), `.targets`, `.outputs`.

    Of a part with more than 10,000 rows these are 64 evenly spaced and the 36 with the largest
    loss, in this order, with `.rows` (their numbers in the part) and `.losses` beside them.
    """
    dataset = built.dataset
    which = np.arange(len(rows))
    extra = {}
    if len(rows) > SMALL:
        losses = row_losses(built, part)
        worst = np.argsort(-losses, kind="stable")[:WORST]
        spread = np.linspace(0, len(rows) - 1, CHOSEN).astype(np.int64)
        which = np.concatenate([spread, worst])
        extra = {f"{name}.rows": which, f"{name}.losses": losses[which]}
    return {
        f"{name}.inputs": dataset.inputs[rows[which]],
        f"{name}.targets": dataset.targets[rows[which]],
        f"{name}.outputs": predicted[which],
        **extra,
    }


def row_losses(built: Built, part: Part) -> FloatArray:
    """The loss of each row (N,), with the network's own parameters."""
    plan, network = built.plan, built.network
    evaluation = Evaluation(plan.kind, plan.loss, network, part)
    with blas.turn():
        found = [plan.loss.per_sample(z, t) for z, t in evaluation.logits(network.values)]
    return np.concatenate(found).astype(np.float64)
