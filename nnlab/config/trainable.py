"""Whether training can change the network, and what is averaged can be evaluated."""

from nnlab.config.families import LAYER
from nnlab.config.problems import Problems
from nnlab.config.schema import Training
from nnlab.config.tree import Node, find_node
from nnlab.core.layers import Layer


def check_trainable(
    root: Node, problems: Problems, network: tuple[Layer, ...], training: Training
) -> None:
    """Note layers without a useful derivative, and a network of which all layers are frozen.

    Also an average that would never begin, and two averages of which one can be evaluated.
    """
    if not training.epochs:
        return
    _check_average(root, problems, training)
    for index, layer in enumerate(network):
        if not layer.differentiable:
            sentence = f"{LAYER.name_of(layer)} has no useful derivative, so it cannot be trained."
            place = find_node(root, "network", index).place
            problems.add(place, sentence, "another activation, or epochs: 0")
    learning = [index for index, layer in enumerate(network) if "freeze" in vars(layer)]
    if learning and all(network[index].freeze for index in learning):
        place = find_node(root, "network", learning[-1], "freeze").place
        sentence = "all layers with parameters are frozen, so nothing is left to train."
        problems.add(place, sentence, "freeze: false, or epochs: 0")


def _check_average(root: Node, problems: Problems, training: Training) -> None:
    first, epochs = training.swa, training.epochs
    if first is None:
        return
    place = find_node(root, "training", "swa").place
    if training.ema is not None:
        sentence = "ema and swa are two averages of the weights, and one is evaluated and saved."
        problems.add(place, sentence, "ema: null, or swa: null")
    if first > epochs:
        sentence = f"swa begins with epoch {first}, and training ends with epoch {epochs}."
        problems.add(place, sentence, f"1 to {epochs}, or null")
