"""Settings that a finding proposes, in the words of `--set`, and how its numbers are written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np

from nnlab.config.dump import flow, settings_of
from nnlab.config.load import from_mapping
from nnlab.config.schema import Config
from nnlab.core.losses import CrossEntropy
from nnlab.core.network import layer_kind
from nnlab.core.optimizers import Sgd
from nnlab.core.types import size
from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.moments import LayerHealth
from nnlab.errors import NnlabError
from nnlab.show.words import format_number

MOST_MEANS = 8  # that a remedy writes out
RECTIFIERS = {"relu", "leaky_relu", "elu", "gelu", "silu"}  # He's rule is made for these
BOUNDED = ("sigmoid", "tanh")  # flat far from 0
LARGE_MOMENTUM = 0.95  # steps 20 times as long
FEW_UNITS = 6  # of a layer: rectifiers of fewer may all be 0 for the same rows
STRAIGHT = {
    *("linear", "dropout", "flatten", "reshape", "batch_norm", "avg_pool", "global_avg_pool")
}  # layers that bend nothing


def rate(e: Evidence, factor: float) -> str:
    """The learning rate times a factor, to one digit."""
    return f"{rounded(e.config.optimizer.lr * factor):g}"


def lower_rate(e: Evidence) -> tuple[str, ...]:
    """A tenth of the rate, and at most ten times the optimizer's default, which is usual.

    sgd's default is for the gradient of a mean: a sum over rows or outputs is longer. A momentum
    above 0.95 becomes a usual one: it makes steps 1 / (1 - momentum) times as long.
    """
    optimizer, loss, plan = e.config.optimizer, e.built.plan.loss, e.built.plan
    usual, momentum = 10 * type(optimizer)().lr, getattr(optimizer, "momentum", 0.0)
    less = ("optimizer.momentum=0.9",) if momentum > LARGE_MOMENTUM else ()
    if isinstance(optimizer, Sgd):
        if loss.reduction == "sum":
            usual /= plan.batch_size
        if loss.reduction != "mean" and not isinstance(loss.plain, CrossEntropy):
            usual /= e.targets.shape[1]
        usual *= 0.1 if less else 1 - momentum
    return (f"lr={rounded(min(optimizer.lr / 10, usual)):g}", *less)


def with_init(e: Evidence, rule: str) -> tuple[str, ...]:
    """Settings that draw all weights by a rule, those of layers with values of their own too."""
    own: list[str] = []
    for index, layer in enumerate(e.config.network):
        if getattr(layer, "init", None) is not None:
            own.append(f"network.{index}.init={rule}")
        if getattr(layer, "weight", None) is not None:
            own.append(f"network.{index}.weight=null")
        if isinstance(getattr(layer, "bias", None), tuple | list):
            own.append(f"network.{index}.bias=true")
    return (f"init={rule}", *own)


def passing_on(e: Evidence) -> tuple[str, ...]:
    """Settings with which hidden layers pass on what they get, forward and back."""
    if any(health.name in BOUNDED for health in e.hidden(e.first)):
        return ("activation=relu", *with_init(e, "he_normal"))
    return with_init(e, fitting_init(e))


def off_the_plateau(e: Evidence) -> tuple[tuple[str, ...], ...]:
    """Remedies for small gradients in all directions."""
    adam = f"optimizer={flow({'name': 'adam', 'lr': 0.01})}"
    narrow = min((health.units for health in e.weighted(e.first)[:-1]), default=0) < FEW_UNITS
    both = (adam, *passing_on(e))
    first = ((adam,), both) if narrow else (both, (adam,))
    return (*first, (f"lr={rate(e, 10)}",))


def outputs_like_targets(e: Evidence) -> tuple[str, ...]:
    """Settings with which a fresh network answers the mean, and varies as much as the targets."""
    index, t = e.weighted(e.first)[-1].index, e.targets.astype(np.float64)
    fan_in = float(np.prod(e.built.network.shapes[index]))
    std = flow({"normal": digits(float(t.std(0).mean()) / fan_in**0.5)})
    means = f"[{', '.join(str(digits(mean)) for mean in t.mean(0).tolist())}]"
    settings = (f"network.{index}.init={std}", "optimizer={name: adam, lr: 0.01}")
    if not hasattr(e.config.network[index], "units") or t.shape[1] > MOST_MEANS:
        return settings
    return (f"network.{index}.bias={means}", *settings)


def fitting_init(e: Evidence) -> str:
    """The rule that suits the activations."""
    kinds = {layer_kind(layer) for layer in e.config.network}
    return "he_normal" if kinds & RECTIFIERS else "xavier_normal"


def layer_entries(e: Evidence) -> list[Any]:
    """The layers as a config writes them, without settings that have their defaults."""
    entries: list[Any] = []
    layers: Sequence[Any] = e.config.network
    for layer, settings in zip(layers, settings_of(e.config)["network"], strict=True):
        name = settings.pop("name")
        defaults = {field.name: field.default for field in fields(layer)}
        own = {key: settings[key] for key in settings if getattr(layer, key) != defaults[key]}
        entries.append({name: own} if own else name)
    return entries


def with_activations(e: Evidence) -> list[Any]:
    """The layers with a relu behind each hidden layer of weights that has no activation."""
    last = e.built.network.layout.weighted[-1]
    without = {first for first, _ in straight_pairs(e)}
    entries: list[Any] = []
    for index, entry in enumerate(layer_entries(e)):
        if entry == "linear" and index < last:
            continue
        entries += [entry, "relu"] if index in without else [entry]
    return entries


def wider(e: Evidence) -> str:
    """The setting of a network with four times the hidden units, or with a hidden layer.

    Of a bottleneck it is that layer alone.
    """
    units, narrow = widest_hidden(e), bottleneck(e)
    if narrow is not None:
        return f"network.{narrow.index}.units={max(e.targets.shape[1], 16)}"
    if units:
        return f"hidden={max(4 * units, 32)}"
    entries = layer_entries(e)
    output = e.built.network.layout.weighted[-1]
    return f"network={flow([*entries[:output], {'dense': 32}, 'tanh', *entries[output:]])}"


def widest_hidden(e: Evidence) -> int:
    """The units of the widest hidden layer; 0 without one."""
    return max((health.units for health in e.weighted(e.first)[:-1]), default=0)


def bottleneck(e: Evidence) -> LayerHealth | None:
    """A dense layer of a single unit through which three or more outputs have to come."""
    hidden = e.weighted(e.first)[:-1]
    single = [health for health in hidden if health.units == 1 and health.name == "dense"]
    return single[0] if single and e.targets.shape[1] > 2 else None


def is_change(config: Config, remedy: tuple[str, ...]) -> bool:
    """Whether a config takes these settings, and is another one with them."""
    try:
        changed = from_mapping(settings_of(config), remedy)
        return changed != from_mapping(settings_of(config))
    except NnlabError:
        return False


def straight_pairs(e: Evidence) -> Iterator[tuple[int, int]]:
    """Pairs of layers with weights that no activation parts, by their positions.

    An autoencoder's code is narrower than what it is between, so it need not be bent.
    """
    sizes, autoencoder = e.built.network.shapes, e.config.data.learn == "inputs"
    for first, second in pairwise(e.built.network.layout.weighted):
        code = size(sizes[first + 1]) < min(size(sizes[first]), size(sizes[second + 1]))
        between = e.config.network[first + 1 : second]
        if not (autoencoder and code) and all(layer_kind(layer) in STRAIGHT for layer in between):
            yield first, second


def rounded(value: float) -> float:
    """One significant digit."""
    return float(f"{value:.0e}") if isfinite(value) and value else value


def digits(value: float) -> float:
    """Three significant digits."""
    return float(f"{value:.3g}")


def by_layer(values: Mapping[int, float]) -> str:
    """Numbers of two digits, each with the number of its layer."""
    return ", ".join(f"{format_number(v, 2)} in layer {layer}" for layer, v in values.items())
