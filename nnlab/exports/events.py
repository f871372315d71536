"""`--to tensorboard`: the metrics, weights and settings of a run as an event file."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.config.dump import dump
from nnlab.core import columns
from nnlab.core.types import Array, FloatArray
from nnlab.exports.trained import Exported
from nnlab.run.folder import Weights
from nnlab.run.run import Run

FILE = "events.out.tfevents.0.nnlab"  # TensorBoard looks for this beginning
BINS = 30


def export_tensorboard(run: Run, path: Path, weights: Weights) -> Exported:
    """The event file, for the folder `path`.

    Scalars per epoch, histograms of each array where weights were recorded, the config as text.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    writer.write(Event(wall_time=0.0, file_version="brain.Event:2").SerializeToString())
    for step, seconds, values in _events(run):
        event = Event(wall_time=seconds, step=step, summary={"value": values})
        writer.write(event.SerializeToString())
    return Exported(buffer.getvalue(), notes=(f"tensorboard --logdir {path} shows it.",))


def _events(run: Run) -> Iterator[tuple[int, float, Sequence[Mapping[str, Any]]]]:
    """Step, time and values of each event; the clock begins at 0 with the training."""
    yield 0, 0.0, [_text("config", f"```yaml\n{dump(run.config)}```")]
    metrics = run.metrics
    names = [name for name in metrics if columns.split(name)[0] or name == "lr"]
    for row, epoch in enumerate(metrics["epoch"]):
        values = [{"tag": _tag(name), "simple_value": float(metrics[name][row])} for name in names]
        yield int(epoch), float(metrics["seconds"][row]), values
    epochs, blocks = run.snapshots
    seconds = dict(zip(metrics["epoch"].tolist(), metrics["seconds"].tolist(), strict=True))
    layout = run.untrained().layout
    for epoch, weights in zip(epochs.tolist(), blocks, strict=True):
        histograms = [_histogram(key, array) for key, array in layout.named(weights).items()]
        yield epoch, seconds.get(epoch, 0.0), histograms


def _tag(name: str) -> str:
    """A column by its quantity, so that training and validation are drawn side by side."""
    part, quantity = columns.split(name)
    return f"{quantity}/{part}" if part else name


def _histogram(tag: str, array: Array) -> Mapping[str, Any]:
    numbers = array.ravel().astype(np.float64)
    counts, edges = np.histogram(numbers, histogram_edges(numbers.min(), numbers.max()))
    histogram = {"min": numbers.min(), "max": numbers.max(), "num": numbers.size}
    histogram |= {"sum": numbers.sum(), "sum_squares": np.square(numbers).sum()}
    return {"tag": tag, "histo": {**histogram, "bucket_limit": edges[1:], "bucket": counts}}


def histogram_edges(low: float, high: float) -> FloatArray:
    """At most BINS + 1 different edges: numbers of a diverged network may be too close for more."""
    if low == high:
        spread = max(0.5, abs(low) / 1e6)
        low, high = low - spread, high + spread
    halves = np.linspace(low / 2, high / 2, BINS + 1)  # high - low may be beyond all numbers
    return np.unique(2 * halves)


def _text(tag: str, text: str) -> Mapping[str, Any]:
    tensor = {"dtype": "DT_STRING", "string_val": [text.encode()]}
    return {"tag": tag, "metadata": {"plugin_data": {"plugin_name": "text"}}, "tensor": tensor}
