"""The overrides that change the whole network at once: hidden, depth and activation."""

from __future__ import annotations

from collections.abc import Callable

from nnlab.config.families import LAYER
from nnlab.config.problems import show
from nnlab.config.tree import Node, Place
from nnlab.core.layers.activations import Activation

MAX_LAYERS = 1000


class UnfitError(Exception):
    """An override that cannot be applied, with what a Problem says about it."""

    def __init__(
        self, sentence: str, allowed: str = "", hint: str = "", place: Place | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence, self.allowed, self.hint, self.place = sentence, allowed, hint, place


def set_hidden(root: Node, value: Node) -> Node:
    """`hidden=5`: the units of every dense layer but the last."""
    layers = _layers(root)
    hidden = [index for index, layer in enumerate(layers) if _name(layer) == "dense"][:-1]
    if not hidden:
        raise UnfitError("the network has no hidden dense layer.")
    for index in hidden:
        layers[index] = layers[index].with_entry("units", value)
    return _with_layers(root, layers)


def set_depth(root: Node, value: Node) -> Node:
    """`depth=3`: the layers before the output's dense layer three times, 0 for none of them."""
    layers = _layers(root)
    last = _last_dense(layers)
    depth = value.value
    if last == 0:
        raise UnfitError("the network has no hidden layers to repeat.")
    most = MAX_LAYERS // last
    if not isinstance(depth, int) or isinstance(depth, bool) or not 0 <= depth <= most:
        raise UnfitError(
            f"depth is {show(depth)}.", f"a whole number from 0 to {most}", "", value.place
        )
    return _with_layers(root, layers[:last] * depth + layers[last:])


def set_activation(root: Node, value: Node) -> Node:
    """`activation=relu`: every activation before the output's dense layer."""
    layers = _layers(root)
    last = _last_dense(layers)
    hidden = [index for index in range(last) if _is_activation(layers[index])]
    if not hidden:
        raise UnfitError("the network has no hidden activation to replace.")
    for index in hidden:
        layers[index] = value
    return _with_layers(root, layers)


RESHAPERS: dict[str, Callable[[Node, Node], Node]] = {
    "hidden": set_hidden,
    "depth": set_depth,
    "activation": set_activation,
}


def _layers(root: Node) -> list[Node]:
    """The layers of the network; UnfitError where the config has none."""
    network = (root.entries or {}).get("network")
    if network is None or not network.items:
        raise UnfitError("the config has no network to change.")
    return list(network.items)


def _with_layers(root: Node, layers: list[Node]) -> Node:
    network = (root.entries or {})["network"]
    return root.with_entry("network", Node(layers, network.place), root.key_place("network"))


def _name(layer: Node) -> object:
    name = (layer.entries or {}).get("name")
    return None if name is None else name.value


def _last_dense(layers: list[Node]) -> int:
    """The index of the output's dense layer; UnfitError without one."""
    for index in range(len(layers) - 1, -1, -1):
        if _name(layers[index]) == "dense":
            return index
    raise UnfitError("the network has no dense layer.")


def _is_activation(layer: Node) -> bool:
    return issubclass(LAYER.members.get(str(_name(layer)), object), Activation)
