"""Defaults that follow from other settings of the config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nnlab.config.families import SOURCE
from nnlab.config.schema import Data, Training
from nnlab.config.tree import Node, find_node
from nnlab.core import columns
from nnlab.core.layers import Layer
from nnlab.core.layers.dense import Rescale
from nnlab.core.losses import Loss
from nnlab.core.metrics import better_when
from nnlab.data.memory import TableSource
from nnlab.data.user_csv import Csv


def with_missing(node: Node, key: str, value: str | int | list[Node]) -> Node:
    """The mapping with a value for a key that it does not have."""
    if node.entries is None or key in node.entries:
        return node
    return node.with_entry(key, Node(value, node.place), node.place)


def with_defaults(root: Node, stem: str) -> Node:
    """The tree with the defaults that follow from other settings."""
    root = with_missing(with_missing(root, "name", stem), "seed", 0)
    entries = root.entries or {}
    data, sweeps = entries.get("data"), entries.get("sweeps")
    if data is not None and str(find_node(data, "name").value) in SOURCE.members:
        source = SOURCE.members[str(find_node(data, "name").value)]
        data = with_missing(data, "scale", source.default_scale)
        seed = entries["seed"].value
        data = with_missing(data, "seed", seed if type(seed) is int and seed > 0 else 0)
        root = root.with_entry("data", data)
    if sweeps is not None and sweeps.entries is not None:
        named = {name: with_missing(node, "key", name) for name, node in sweeps.entries.items()}
        root = root.with_entry("sweeps", Node(named, sweeps.place, sweeps.keys))
    return root


def with_labels(data: Data, loss: Loss | None) -> Data:
    """Several target columns with a loss that ends in sigmoids are labels, not a regression."""
    source = data.source
    if not isinstance(source, Csv | TableSource) or loss is None or loss.fuses != "sigmoid":
        return data
    if source.task != "auto" or len(source.targets) <= 1:
        return data
    return replace(data, source=replace(source, task="multilabel"))


def rescale_added(parts: Mapping[str, Any]) -> dict[str, tuple[Layer, ...]]:
    """The layers for scaled targets, whose last one returns to their units; else nothing."""
    network, data, loss = (parts.get(key) for key in ("network", "data", "loss"))
    if network is None or data is None or loss is None or loss.fuses is not None:
        return {}
    if data.scale_target == "none" or isinstance(network[-1], Rescale):
        return {}
    return {"network": (*network, Rescale())}


def with_monitor(training: Training, data: Data | None) -> Training:
    """`training` with the monitored value, and with the side on which that is better."""
    validated = data is not None and data.split.has_validation
    part = columns.VAL if validated else columns.TRAIN
    monitor = training.monitor or columns.name(part, columns.LOSS)
    stopping = training.early_stopping
    if stopping is not None and stopping.mode is None:
        stopping = replace(stopping, mode=better_when(monitor))
    return replace(training, monitor=monitor, early_stopping=stopping)
