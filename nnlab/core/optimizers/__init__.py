"""The family of optimizers: an optimizer is an entry in OPTIMIZERS."""

from nnlab.core.optimizers.base import SETTLE_EVERY, TINY, Assignment, Optimizer, bind, length
from nnlab.core.optimizers.first_order import Adagrad, Adam, Adamw, Rmsprop, Sgd
from nnlab.core.optimizers.lbfgs import Lbfgs

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": Sgd,
    "adagrad": Adagrad,
    "rmsprop": Rmsprop,
    "adam": Adam,
    "adamw": Adamw,
    "lbfgs": Lbfgs,
}

__all__ = [
    "OPTIMIZERS",
    "SETTLE_EVERY",
    "TINY",
    "Adagrad",
    "Adam",
    "Adamw",
    "Assignment",
    "Lbfgs",
    "Optimizer",
    "Rmsprop",
    "Sgd",
    "bind",
    "length",
]
