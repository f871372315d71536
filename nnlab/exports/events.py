"""`--to tensorboard`: the metrics, weights and settings of a run as an event file."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from nnlab.config.dump import dump
from nnlab.core import columns
from nnlab.core.types import Array, FloatArray
from nnlab.run import durable
from nnlab.run.folder import Weights
from nnlab.run.run import Run

FILE = "events.out.tfevents.0.nnlab"  # TensorBoard looks for this beginning
BINS = 30


def export_tensorboard(run: Run, path: Path, weights: Weights) -> list[str]:
    """Writes the event file into the folder `path`, in place of an earlier one.

    Scalars per epoch, histograms of each array where weights were recorded, the config as text.
    """
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in _events(run):
        writer.write(event.SerializeToString())
    durable.make_folder(path)
    durable.write_file(path / FILE, buffer.getvalue(), sync=False)
    return [f"tensorboard --logdir {path} shows it."]


def _events(run: Run) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event

    yield Event(wall_time=0.0, file_version="brain.Event:2")
    yield _event(0, 0.0, _text("config", f"```yaml\n{dump(run.config)}```"))
    metrics = run.metrics
    names = [name for name in metrics if columns.split(name)[0] or name == "lr"]
    for row, epoch in enumerate(metrics["epoch"]):
        values = [_scalar(_tag(name), float(metrics[name][row])) for name in names]
        yield _event(int(epoch), float(metrics["seconds"][row]), *values)
    epochs, blocks = run.snapshots
    seconds = dict(zip(metrics["epoch"].tolist(), metrics["seconds"].tolist(), strict=True))
    layout = run.untrained().layout
    for epoch, values in zip(epochs.tolist(), blocks, strict=True):
        histograms = [_histogram(key, array) for key, array in layout.named(values).items()]
        yield _event(epoch, seconds.get(epoch, 0.0), *histograms)


def _tag(name: str) -> str:
    """A column by its quantity, so that training and validation are drawn side by side."""
    part, quantity = columns.split(name)
    return f"{quantity}/{part}" if part else name


def _event(step: int, seconds: float, *values: Any) -> Any:
    """An event of a step; the clock begins at 0 with the training."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Event(wall_time=seconds, step=step, summary=Summary(value=values))


def _scalar(tag: str, value: float) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary.Value(tag=tag, simple_value=value)


def _histogram(tag: str, array: Array) -> Any:
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

    numbers = array.ravel().astype(np.float64)
    counts, edges = np.histogram(numbers, histogram_edges(numbers.min(), numbers.max()))
    return Summary.Value(
        tag=tag,
        histo=HistogramProto(
            min=numbers.min(),
            max=numbers.max(),
            num=numbers.size,
            sum=numbers.sum(),
            sum_squares=np.square(numbers).sum(),
            bucket_limit=edges[1:],
            bucket=counts,
        ),
    )


def histogram_edges(low: float, high: float) -> FloatArray:
    """At most BINS + 1 different edges: numbers of a diverged network may be too close for more."""
    if low == high:
        spread = max(0.5, abs(low) / 1e6)
        low, high = low - spread, high + spread
    halves = np.linspace(low / 2, high / 2, BINS + 1)  # high - low may be beyond all numbers
    return np.unique(2 * halves)


def _text(tag: str, text: str) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()])
    return Summary.Value(tag=tag, metadata=metadata, tensor=tensor)
