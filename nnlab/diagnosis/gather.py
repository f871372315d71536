"""Gathers evidence: from a run folder, or from a short training of a config."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf
from time import perf_counter
from typing import Any

import numpy as np

from nnlab.build import Built, build, numpy_seconds
from nnlab.config.schema import Config
from nnlab.core import columns
from nnlab.core.network import layer_kind
from nnlab.core.types import Array, FloatArray, IntArray
from nnlab.data.batches import Part
from nnlab.diagnosis.evidence import Evidence, spread_rows
from nnlab.diagnosis.moments import Moment, moment
from nnlab.engine.network import EngineNetwork
from nnlab.errors import RunUnreadable, UsageError
from nnlab.experiment.describe import epoch_row
from nnlab.experiment.resume import rebuild
from nnlab.experiment.state import start_weights
from nnlab.run.run import Run
from nnlab.run.text import mapping_or_empty, shown
from nnlab.status import Status
from nnlab.training import Epoch, Failure, Record, final_weights, run_bursts, start

ROWS = 512  # of the training part that a network is looked at with; the fewest of a probe
MOMENTS = 5  # epochs at which it is looked at
BURST = 1024  # epochs, as a run does at once
PROBE_SECONDS = 3.0  # of work, by estimate, that a probe of a config trains
IMAGES = 128  # the same, of a network of images
SLOWER = 6.0  # times the estimate: networks of images
LONGEST = 10.0  # seconds by the clock, after which no epoch begins: a busy machine, or a slow one
FEW_EPOCHS = 5  # of a probe, before it takes fewer rows
NO_EPOCH = {columns.name(columns.TRAIN, columns.LOSS): np.array([np.nan])}  # diverged before any


def evidence_of_run(run: Run, built: Built | None = None) -> Evidence:
    """From a run folder, and its data and network, built again unless they are at hand.

    Raises DataError if the data has changed or is missing, RunUnreadable, UsageError for a network
    that cannot learn at all.
    """
    refuse_untrainable(run.config if built is None else built.config)
    built = rebuild(run) if built is None else built
    failure = mapping_or_empty(run.about.get("failure")) or None
    epochs, values = run.snapshots
    history = _recorded(run) or (dict(NO_EPOCH) if failure else None)
    if history is None:
        raise RunUnreadable(f"Cannot look at {shown(run.path)}: metrics.csv has no training loss.")
    done = len(history[columns.name(columns.TRAIN, columns.LOSS)]) - 1
    network, last = run.latest
    last = done if last is None else min(last, done)
    stored = {0: run.network("initial").values.copy()}
    stored |= {int(epoch): block for epoch, block in zip(epochs, values, strict=True)}
    stored[max(1, last) if failure else last] = network.values.copy()
    return Evidence(built, history, tuple(_moments(built, stored)), failure, run.status)


def refuse_untrainable(config: Config) -> None:
    """Raises UsageError for a layer without a derivative, which `epochs: 0` allows."""
    for index, layer in enumerate(config.network):
        if not layer.differentiable:
            raise UsageError(
                f"Layer {index} ({layer_kind(layer)}) has no derivative, so the network cannot "
                "learn, and the doctor looks at learning only."
            )


def _recorded(run: Run) -> dict[str, FloatArray] | None:
    """The columns of numbers of metrics.csv; None without a training loss."""
    history = {name: np.asarray(column) for name, column in run.metrics.items()}
    history = {name: column for name, column in history.items() if column.dtype.kind in "fiu"}
    return history if len(history.get(columns.name(columns.TRAIN, columns.LOSS), ())) else None


def evidence_of_config(config: Config) -> Evidence:
    """From a probe: the config trained in memory for some seconds' work.

    A long training is looked at in its first epochs; where 5 would be too long, with fewer rows.
    Raises UsageError for a network that cannot learn at all.
    """
    refuse_untrainable(config)
    built = build(config)
    start_weights(built)
    epochs, rows = config.training.epochs, len(built.parts.train)
    seconds = numpy_seconds(config, built.network, rows) * (SLOWER if _of_images(built) else 1)
    per_epoch = seconds / max(epochs, 1)
    most = min(epochs, max(FEW_EPOCHS, int(PROBE_SECONDS / per_epoch))) if per_epoch else epochs
    fitting = int(rows * PROBE_SECONDS / max(per_epoch * most, PROBE_SECONDS))
    fewer = built if fitting >= rows else _with_rows(built, max(fitting, ROWS))
    return probe(fewer, most, len(fewer.parts.train) / rows, LONGEST)


def _of_images(built: Built) -> bool:
    """Whether layers work on images, and not on rows of numbers."""
    return any(len(shape) > 1 for shape in built.network.shapes)


def _with_rows(built: Built, most: int) -> Built:
    """With at most so many rows of the training and validation part each, evenly spaced."""

    def fewer(part: Part | None) -> Part | None:
        if part is None or len(part) <= most:
            return part
        which = spread_rows(len(part), most)
        rows, targets = part.rows[which], part.targets[which]
        inputs, dtype = built.dataset.inputs, part.dtype
        return Part(inputs, rows, built.scaling, targets, dtype, part.augmenter)

    plan = built.plan
    train, validation = fewer(plan.train) or plan.train, fewer(plan.validation)
    rows = None if validation is None else validation.rows
    parts = replace(built.parts, train=train.rows, validation=rows)
    batch = min(plan.batch_size, len(train))
    plan = replace(plan, train=train, validation=validation, batch_size=batch)
    return replace(built, parts=parts, plan=plan)


def probe(built: Built, epochs: int, cut: float = 1.0, seconds: float = inf) -> Evidence:
    """The first `epochs` epochs of a training, in memory.

    cut: the share of the training rows that `built` has. seconds: by the clock, after which no
    epoch but the first begins.
    """
    end = perf_counter() + seconds
    marks = np.unique(np.linspace(0, epochs, MOMENTS).round()).astype(int).tolist()
    plan = replace(built.plan, burst=BURST, marks=tuple(marks))
    state = start(plan, built.network)
    stored = {0: state.network.values.copy()}
    records: list[Record] = []
    for burst in run_bursts(plan, state):
        records += burst
        if state.batch:
            continue
        if state.epoch in marks:
            stored[state.epoch] = state.weights.copy()
        if state.epoch >= epochs or (state.epoch > 0 and perf_counter() > end):
            break
    failure = records[-1]._asdict() if isinstance(records[-1], Failure) else None
    last = max(1, failure["epoch"]) if failure else state.epoch
    stored[last] = final_weights(plan, state).copy()
    moments = tuple(_moments(built, stored))
    return Evidence(built, _history(records), moments, failure, state.status, cut)


def evidence_of_training(
    built: Built,
    history: Mapping[str, FloatArray],
    stored: Mapping[int, Array],
    failure: Mapping[str, Any] | None,
    status: Status,
) -> Evidence:
    """From a training in memory: the columns of metrics.csv, and values (V,) by epoch."""
    refuse_untrainable(built.config)
    return Evidence(built, history, tuple(_moments(built, stored)), failure, status)


def _history(records: Sequence[Record]) -> dict[str, FloatArray]:
    """The columns of metrics.csv."""
    rows = [epoch_row(record, 0.0) for record in records if isinstance(record, Epoch)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]} if rows else NO_EPOCH


def _moments(built: Built, stored: Mapping[int, Array]) -> Iterator[Moment]:
    """The network at up to MOMENTS of the stored epochs, evenly spaced."""
    known = sorted(stored)
    places = np.linspace(0, len(known) - 1, min(MOMENTS, len(known))).round().astype(int)
    rows = spread_rows(len(built.plan.train), IMAGES if _of_images(built) else ROWS)
    for epoch in (known[place] for place in places):
        yield moment_on(built, stored[epoch], rows, epoch)


def moment_on(built: Built, values: Array, rows: IntArray, epoch: int) -> Moment:
    """The network with these values (V,) on some training rows, by their places in that part."""
    x, t = built.plan.train.copied(rows)
    network = EngineNetwork(built.config.network, built.network.inputs, dtype=built.network.dtype)
    return moment(network, built.plan.loss, values, x, t, epoch)
