"""The explanation that a report shows: the first update of a training, from its run folder."""

import numpy as np

from nnlab.build import encoded_targets
from nnlab.config.schema import Config
from nnlab.core.network import Network
from nnlab.core.random import permutation
from nnlab.core.types import IntArray
from nnlab.explanation.passage import Passage, RowMoment, draw_for
from nnlab.explanation.row import RowExplanation, RowFacts
from nnlab.explanation.selection import FEW_UNITS, Selection
from nnlab.run.rows import SavedRows
from nnlab.run.run import Run

MOST_PARAMETERS_SHOWN = 80


def explain_first_update(run: Run) -> RowExplanation | None:
    """A row of the first batch, before training; None where the folder lacks what it needs.

    Only for small networks. It takes the whole training part, which is saved where training came
    to its end and images were not changed.
    """
    config, rows = run.config, run.rows.get("train")
    if rows is None or not rows.all or config.training.augment or not config.training.epochs:
        return None
    network = run.network("initial")
    if not _is_small(network):
        return None
    moment = _first_moment(run, network, rows)
    with np.errstate(all="ignore"):
        passage = Passage(config.network, network.inputs, run.loss, config.optimizer, moment)
    facts = _facts(run, rows, int(_first_batch(config, len(rows))[moment.at]))
    return RowExplanation(facts, passage, Selection()) if passage.finite else None


def _facts(run: Run, rows: SavedRows, row: int) -> RowFacts:
    """The row with its number among all rows; runs of older versions know that in its part only."""
    of_part, counts, number = "(train part)", ", as the number above does.", row
    if rows.file_rows is None:
        of_part, counts = "of the training part", "."
    else:
        number = int(rows.file_rows[row])
    return RowFacts(
        run=run.name,
        row=f"row {number + 1:,} {of_part}",
        number=number + 1,
        part="train",
        raw=rows.inputs[row],
        input_names=run.data.feature_names,
        output_names=run.output_names,
        task=run.data.task,
        sentences=(
            "This is how learning begins: a row of the first batch goes through the network and "
            "back, and the first update follows.",
            "In the run's folder, nnlab explain . --row N --epoch E shows any row of the data at "
            f"any epoch. N counts from 1 over all parts{counts}",
        ),
    )


def _first_batch(config: Config, rows: int) -> IntArray:
    """The numbers of the rows of the first batch, in its order."""
    training = config.training
    batch = rows if training.batch_size == "full" else min(training.batch_size, rows)
    shuffled = training.shuffle and batch < rows
    return (permutation(config.seed, 0, rows) if shuffled else np.arange(rows))[:batch]


def _first_moment(run: Run, network: Network, rows: SavedRows) -> RowMoment:
    """The moment before the first update, and the row with the largest inputs: 0 moves nothing."""
    config, data = run.config, run.data
    chosen = _first_batch(config, len(rows))
    coded = encoded_targets(data.task, data.kind, rows.targets, network.shapes[-1][0])
    updates = -(-len(rows) // len(chosen))  # per epoch
    total = config.training.epochs * (updates if config.schedule.per == "step" else 1)
    x = run.scaling.apply(rows.inputs)[chosen].astype(network.dtype)
    return RowMoment(
        epoch=0,
        x=x,
        t=run.loss.encode(coded)[chosen].astype(network.dtype),
        at=int(np.abs(x).sum(axis=1).argmax()),
        values=network.values,
        slots=config.optimizer.new_slots(network.trained),
        lr=config.schedule.rate(0, config.optimizer.lr, total),
        step=1,
        draws=draw_for(network, network.generators(config.seed), len(chosen)),
        alone=False,
    )


def _is_small(network: Network) -> bool:
    """Whether all units of all layers can be shown."""
    flat = all(len(shape) == 1 and shape[0] <= FEW_UNITS for shape in network.shapes)
    learns = all(layer.differentiable for layer in network.layers)
    return flat and learns and 0 < network.theta.size <= MOST_PARAMETERS_SHOWN
