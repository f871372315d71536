"""What a page may change, and the config that follows from it.

A page's state is a list of `key=value` as for `--set`, of what differs from the start. Only keys of
the form are taken: none of them names a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nnlab.config.annotations import field_default, main_setting
from nnlab.config.dump import flow, settings_of
from nnlab.config.families import LAYER
from nnlab.config.load import Base, load_base, parse_base
from nnlab.config.overrides import ALIASES, read_overrides
from nnlab.config.problems import Problem, Problems
from nnlab.config.schema import Config
from nnlab.core.layers import Layer
from nnlab.core.layers.dense import Dense
from nnlab.core.network import layout, shapes
from nnlab.core.types import cached_property, size
from nnlab.data.dataset import Signature
from nnlab.errors import ConfigError, NnlabError, UsageError
from nnlab.play.form import is_generated, members_for_page, page_families, page_keys, value_at
from nnlab.show.page.film import LOOKED_AT
from nnlab.show.page.scenes import GRID

START = """\
name: playground
data: moons
network: [{dense: 4}, tanh, {dense: 4}, tanh, {dense: 1}, sigmoid]
loss: bce
optimizer: {sgd: 0.1}
training: {epochs: 1000000, batch_size: 10}
"""
MOST_PARAMETERS = 1_000_000
MOST_LAYERS = 40
MOST_ROWS = 20_000
MOST_NUMBERS = 4_000_000  # in all rows of a data set
MOST_WORK = 10**10  # floating-point operations per update: some tenths of a second
MOST_MEMORY = 10**8  # numbers between the layers at the same time: less than a gigabyte
# Of a training, by unit: what has it, and how many it may have.
LARGEST = {
    "parameters": ("the network", MOST_PARAMETERS),
    "operations": ("an update", MOST_WORK),
    "numbers": ("what is computed at once", MOST_MEMORY),
}
MOST_PAIRS, LONGEST = 100, 20_000  # settings of a page, and characters of each
Pairs = list[str]


@dataclass(frozen=True)
class Start:
    """The config that a playground begins with; pages change it."""

    base: Base

    @classmethod
    def of(cls, config: str | None, overrides: Sequence[str]) -> "Start":
        """The start for a file or a shipped config; None is that of the playground itself.

        Raises ConfigError, DataError.
        """
        if config is None:
            return cls(parse_base(START, "playground.yaml", overrides))
        return cls(load_base(config, overrides))

    @property
    def config(self) -> Config:
        return self.base.config

    @cached_property
    def keys(self) -> set[str]:
        """The keys that a page may set."""
        return page_keys(self.config)

    def vary(self, pairs: Sequence[str], check: bool = True) -> Config:
        """The config with these settings. Raises ConfigError with all mistakes in a line."""
        problems = Problems()
        changes = read_overrides(list(pairs), Path.cwd(), problems)
        config = None if problems else self.base.vary(changes, problems, check)
        if problems or config is None:
            raise ConfigError("  ".join(map(_sentence, problems.noted)) or "These do not fit.")
        return config

    def checked(self, pairs: Sequence[str]) -> Config:
        """The config for the settings of a page.

        Raises UsageError for a setting that a page may not set, or too large ones, ConfigError for
        wrong ones.
        """
        self._require_allowed(pairs)
        require_small(self.vary(pairs, check=False), self.config)
        return self.vary(pairs)

    def _require_allowed(self, pairs: Sequence[str]) -> None:
        families = page_families()
        if len(pairs) > MOST_PAIRS or any(len(pair) > LONGEST for pair in pairs):
            raise UsageError("These are too many settings for a page.")
        for pair in pairs:
            key, _, value = pair.partition("=")
            if key not in self.keys:
                raise UsageError(f"A page cannot set '{key[:60]}'.")
            family = families.get(key)
            if family is not None and value not in (names := members_for_page(family, self.config)):
                raise UsageError(f"{key} is one of {', '.join(names)}.")

    def needed(self, pairs: Sequence[str]) -> Pairs:
        """The settings without those that change nothing, and each key once."""
        last = {pair.partition("=")[0]: pair for pair in pairs}
        config = self.vary([*last.values()], check=False)
        if "network" in last:
            last["network"] = f"network={flow(short_layers(config.network))}"
        pairs = sorted(last.values(), key=lambda pair: pair.partition("=")[0].count("."))
        for pair in list(pairs):
            rest = [other for other in pairs if other is not pair]
            try:
                if self.vary(rest, check=False) == config:
                    pairs = rest
            except ConfigError:
                continue
        return pairs

    def fitted(self, pairs: Sequence[str], before: Config) -> Pairs:
        """The settings with an output layer and a loss for the data, where its task is another."""
        self._require_allowed(pairs)
        config = self.vary(pairs, check=False)
        require_small(config, self.config)
        new, old = (c.data.signature() for c in (config, before))
        if (new.task, new.outputs) == (old.task, old.outputs):
            return list(pairs)
        others = [pair for pair in pairs if pair.partition("=")[0].split(".")[0] not in FITTED]
        network, loss = _fitting_end(config.network, new)
        return [*others, f"network={flow(network)}", f"loss={loss}"]

    def remedied(self, pairs: Sequence[str], remedy: Sequence[str]) -> Pairs | None:
        """The settings with a remedy of the doctor's; None where a page cannot set it."""
        try:
            wanted = self.vary([*pairs, *remedy])
            new, values = list(pairs), settings_of(wanted)
            for pair in remedy:
                key, _, value = pair.partition("=")
                key = ALIASES.get(key, key)
                if key in page_families():  # the member, then its settings one by one
                    value = values[key]["name"]
                    within = sorted(k for k in self.keys if k.startswith(f"{key}."))
                    shown = [(k, v) for k in within if (v := value_at(values, k)) is not None]
                    new += [f"{key}={value}", *(f"{k}={flow(v)}" for k, v in shown)]
                elif key in self.keys:
                    new.append(f"{key}={value}")
            if wanted.network != self.vary(new, check=False).network:
                new.append(f"network={flow(short_layers(wanted.network))}")
            return new if self.checked(new) == wanted else None
        except NnlabError:
            return None


FITTED = ("network", "loss")


def _sentence(problem: Problem) -> str:
    allowed = f" Allowed: {problem.allowed}." if problem.allowed else ""
    return f"{problem.sentence}{problem.hint}{allowed}"


def _fitting_end(layers: Sequence[Layer], data: Signature) -> tuple[list[Any], str]:
    """The layers with another end, and the loss, that fit the task of the data."""
    dense = [index for index, layer in enumerate(layers) if isinstance(layer, Dense)]
    before = short_layers(layers[: dense[-1] if dense else len(layers)])
    outputs, end, loss = data.outputs, [], "mse"
    if data.task == "multilabel" or (data.task == "classes" and data.outputs == 2):
        outputs, end, loss = data.outputs if data.task == "multilabel" else 1, ["sigmoid"], "bce"
    elif data.task == "classes":
        end, loss = ["softmax"], "cross_entropy"
    return [*before, {"dense": outputs}, *end], loss


def short_layers(layers: Sequence[Layer]) -> list[Any]:
    """The layers as people write them: dense: 4, tanh."""
    return [_short(layer) for layer in layers]


def _short(layer: Layer) -> Any:
    name, settings = LAYER.name_of(layer), settings_of(layer)
    defaults = {field.name: field_default(field) for field in fields(layer)}  # type: ignore[arg-type]
    changed = {key: value for key, value in settings.items() if value != defaults[key]}
    if not changed:
        return name
    if changed.keys() == {main_setting(type(layer))}:
        return {name: next(iter(changed.values()))}
    return {name: changed}


def require_small(config: Config, start: Config) -> None:
    """Raises UsageError for a network or a data set that is too large for a page.

    What the start has is always allowed. Nothing is allocated before.
    """
    source = config.data.source
    if is_generated(type(source)):
        rows = max([0, *(v for v in vars(source).values() if type(v) is int)])
        _require("the data set", rows, MOST_ROWS, "rows or columns")
    _require("the network", len(config.network), max(MOST_LAYERS, len(start.network)), "layers")
    signature = source.signature(config.data.seed)
    numbers = signature.rows * (sum(signature.inputs) + signature.outputs)
    if is_generated(type(source)):
        _require("the data set", numbers, MOST_NUMBERS, "numbers")
    asked, own = _sizes(config), _sizes(start)
    for unit, (what, most) in LARGEST.items():
        _require(what, asked.get(unit, 0), max(most, own.get(unit, 0)), unit)


def _sizes(config: Config) -> dict[str, int]:
    """The sizes of a training by unit; none for layers that do not fit: other checks report it."""
    signature = config.data.signature()
    try:
        rows = shapes(config.network, signature.inputs)
        parameters = layout(config.network, rows).size
    except ValueError:
        return {}
    batch = config.training.batch_size
    trained = signature.rows if batch == "full" else min(batch, signature.rows)
    operations = sum(layer.flops(row) for layer, row in zip(config.network, rows, strict=False))
    drawn = GRID**2 if signature.inputs == (2,) else 0
    # Values, derivatives, and what layers note for themselves; a picture needs the values alone.
    memory = max(3 * max(trained, LOOKED_AT), drawn) * sum(map(size, rows))
    return {"parameters": parameters, "operations": 3 * trained * operations, "numbers": memory}


def _require(what: str, value: int, most: int, unit: str) -> None:
    if value > most:
        raise UsageError(
            f"This is too large for a page: {what} has {value:,} {unit}, and at most {most:,} are "
            "allowed. `nnlab train` has no such limit."
        )
