"""From a tree in full form to a Config: every key known, every value allowed, or a problem noted.

A part with a mistake in it is left out and the others are still built, so that one look at the
file shows all mistakes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnlab.config import schema
from nnlab.config.dump import flow
from nnlab.config.families import INITIALIZER, LAYER, LOSS, OPTIMIZER, SCHEDULE, SOURCE
from nnlab.config.hints import hints
from nnlab.config.names import name_problem
from nnlab.config.problems import Problems, show
from nnlab.config.rewrite import rewritten
from nnlab.config.settings import RefusedError, Settings
from nnlab.config.tree import BAD, Node, plain
from nnlab.core import columns
from nnlab.core.metrics import better_when
from nnlab.data.split import Split
from nnlab.data.user_tables import Csv

ROW_KEYS = {"order": "split"}  # the key in `data:` where it differs from the field in Split
DATA_KEYS = ("name", "test", "validation", "pool", "split", "scale", "seed")

# Where a setting belongs that stands elsewhere.
HOMES = {
    **{field.name: f"training.{field.name}" for field in dataclasses.fields(schema.Training)},
    **{key: f"data.{key}" for key in DATA_KEYS},
    **{key: f"optimizer.{key}" for key in ("lr", "momentum", "weight_decay")},
    **{key: key for key in schema.KEYS},
}


@dataclass
class Parts:
    """What could be built; None for a part with a mistake, and for `config` if there is any."""

    seed: int | None = None
    data: schema.Data | None = None
    network: tuple[Any, ...] | None = None
    loss: Any = None
    training: schema.Training | None = None
    config: schema.Config | None = None


def construct(root: Node, problems: Problems, name: str) -> Parts:
    """Build what can be built of a full tree; `name` is the experiment's if the tree gives none."""
    settings = Settings(problems, HOMES)
    try:
        entries = settings.mapping(root, "the config", schema.KEYS)
    except RefusedError:
        return Parts()
    return _Builder(settings, problems, entries, root).parts(name)


def name_of(settings: Settings, node: Node | None, stem: str) -> str:
    """The name that the config gives, else `stem`."""
    if node is None:
        return stem
    name: str = settings.value(str, node, "name")
    if sentence := name_problem(name):
        settings.refuse(node, sentence)
    return name


def with_labels(data: schema.Data | None, loss: Any) -> schema.Data | None:
    """Several target columns with a loss that ends in sigmoids are labels, not a regression."""
    source = data.source if data is not None else None
    if data is None or not isinstance(source, Csv) or loss is None or loss.fuses != "sigmoid":
        return data
    if source.task != "auto" or len(source.targets) == 1:
        return data
    return dataclasses.replace(data, source=dataclasses.replace(source, task="multilabel"))


@dataclass(frozen=True)
class _Builder:
    settings: Settings
    problems: Problems
    entries: Mapping[str, Node]
    root: Node

    def parts(self, stem: str) -> Parts:
        for key in schema.REQUIRED:
            if key not in self.entries:
                self.problems.add(self.root.place, f"the key '{key}' is missing.")
        before = len(self.problems.found)
        parts = Parts()
        parts.seed = self._one("seed", self._seed)
        parts.data = self._one("data", self._data, parts.seed or 0)
        parts.network = self._one("network", self._network)
        parts.loss = self._one("loss", self._member, LOSS)
        parts.data = with_labels(parts.data, parts.loss)
        parts.training = self._one("training", self._training, parts.data)
        config = {
            "name": self._one("name", self._name, stem),
            "seed": parts.seed,
            "data": parts.data,
            "network": parts.network,
            "init": self._one("init", self._init),
            "loss": parts.loss,
            "optimizer": self._one("optimizer", self._member, OPTIMIZER),
            "schedule": self._one("schedule", self._member, SCHEDULE),
            "training": parts.training,
            "sweeps": self._one("sweeps", self._sweeps),
        }
        whole = all(value is not None for value in config.values())
        if whole and len(self.problems.found) == before:
            parts.config = schema.Config(**config)
        return parts

    def _one(self, key: str, build: Any, *arguments: Any) -> Any:
        """The part of one key, or None. A required key that is missing was noted before."""
        if key not in self.entries and key in schema.REQUIRED:
            return None
        node = self.entries.get(key)
        return self.settings.attempt(build, key, node, *arguments)

    def _name(self, key: str, node: Node | None, stem: str) -> str:
        return name_of(self.settings, node, stem)

    def _seed(self, key: str, node: Node | None) -> int:
        return 0 if node is None else self.settings.value(schema.Seed, node, key)

    def _member(self, key: str, node: Node, family: Any) -> Any:
        return self.settings.member(family, node, key)

    def _init(self, key: str, node: Node) -> Any:
        if node.entries is not None and "run" in node.entries:
            self.settings.mapping(node, key, hints(schema.FromRun))
            return self.settings.build(schema.FromRun, node, key, key)
        return self.settings.member(INITIALIZER, node, key)

    def _data(self, key: str, node: Node, seed: int) -> schema.Data:
        read = self.settings
        name, cls = read.choice(SOURCE, node, key, DATA_KEYS)
        read.known(node, (*hints(cls), *DATA_KEYS), name, key)
        own = node.entries or {}
        scale = own.get("scale", Node("unit" if name in schema.IMAGES else "none", node.place))
        source = read.attempt(read.build, cls, node, key, name)
        split = read.attempt(read.build, Split, node, key, key, ROW_KEYS)
        kind = read.attempt(read.value, schema.Scale, scale, "data.scale")
        seeds = own.get("seed", Node(seed, node.place))
        own_seed = read.attempt(read.value, schema.Seed, seeds, "data.seed")
        if source is None or split is None or kind is None or own_seed is None:
            raise RefusedError
        return schema.Data(source, split, kind, own_seed)

    def _network(self, key: str, node: Node) -> tuple[Any, ...]:
        if node.value is not BAD and not node.items:
            found = "empty" if node.value is None else show(node.value)
            hint = rewritten(node, LAYER, "network.0")
            self.settings.refuse(node, f"network is {found}.", "a list of layers, in order", hint)
        return self.settings.members(LAYER, node, key)

    def _training(self, key: str, node: Node | None, data: schema.Data | None) -> schema.Training:
        node = node or Node({}, self.root.place)
        self.settings.mapping(node, key, hints(schema.Training))
        training: schema.Training = self.settings.build(schema.Training, node, key, key)
        validated = data is not None and data.split.validation is not None
        part = columns.VAL if validated else columns.TRAIN
        monitor = training.monitor or columns.name(part, columns.LOSS)
        stopping = training.early_stopping
        if stopping is not None and stopping.mode is None:
            stopping = dataclasses.replace(stopping, mode=better_when(monitor))
        return dataclasses.replace(training, monitor=monitor, early_stopping=stopping)

    def _sweeps(self, key: str, node: Node | None) -> dict[str, schema.Study]:
        if node is None:
            return {}
        if node.value is BAD:
            raise RefusedError
        if node.entries is None:
            found = "empty" if node.value is None else show(node.value)
            self.settings.refuse(node, f"sweeps is {found}.", "NAME: {values: [...]}")
        studies = {
            name: self.settings.attempt(self._study, name, study)
            for name, study in node.entries.items()
        }
        if None in studies.values():
            raise RefusedError
        return {name: study for name, study in studies.items() if study is not None}

    def _study(self, name: str, node: Node) -> schema.Study:
        path = f"sweeps.{name}"
        if node.items:
            hint = f" Write `{name}: {flow({'values': plain(node)})}`."
            self.settings.refuse(node, f"{path} is a list.", "NAME: {values: [...]}", hint)
        entries = self.settings.mapping(node, path, hints(schema.Study))
        if node.is_bad():
            raise RefusedError
        key = self.settings.value(str, entries["key"], f"{path}.key") if "key" in entries else name
        values, fixed, caption = (entries.get(name) for name in ("values", "set", "caption"))
        if values is None or not values.items:
            place = node if values is None else values
            self.settings.refuse(place, f"{path} has no values.", "values: a list of what to try")
        if fixed is not None and fixed.entries is None:
            found = show(fixed.value)
            self.settings.refuse(fixed, f"{path}.set is {found}.", "{training.epochs: 5}")
        settings = {} if fixed is None else plain(fixed)
        assert isinstance(settings, dict)
        text = "" if caption is None else self.settings.value(str, caption, f"{path}.caption")
        return schema.Study(key, tuple(plain(value) for value in values.items), settings, text)
