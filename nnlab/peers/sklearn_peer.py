"""scikit-learn's side of a cross-check: MLPClassifier or MLPRegressor, a batch at a time.

nnlab gives the initial weights, the batches and the learning rates. With c the factor between
nnlab's derivative of the loss and scikit-learn's, which is (y - t) / B for a batch of B rows:

    sgd     the rate is c times nnlab's
    adam    the rate is the same; eps is eps sqrt(1 - beta2^t) / c, as scikit-learn adds it to the
            root of v before v's correction
    alpha   weight_decay B / c, as scikit-learn divides its penalty by B
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np

from nnlab.build import Built
from nnlab.core.layers.dense import Dense
from nnlab.core.losses import LOSSES, ClassLoss
from nnlab.core.losses.classes import Bce, CrossEntropy
from nnlab.core.losses.numbers import Mse
from nnlab.core.network import layer_kind, trained_depth
from nnlab.core.optimizers import OPTIMIZERS, Adam, Sgd
from nnlab.core.types import Array
from nnlab.errors import ConfigError
from nnlab.explanation.blocks import member_name
from nnlab.peers.peer import Peer, PeerRows

# Activations by nnlab's names.
ACTIVATIONS_THERE = {"linear": "identity", "sigmoid": "logistic", "tanh": "tanh", "relu": "relu"}
# The smallest probability whose logarithm has nine digits, as probabilities are rounded to 1e-16.
UNLIKELY = 1e-6


class SklearnPeer(Peer):
    """The network as a multi-layer perceptron. Raises ConfigError for what it cannot express."""

    def __init__(self, built: Built) -> None:
        import sklearn

        self.title = f"scikit-learn {sklearn.__version__}"
        absent = list(dict.fromkeys(absences(built)))
        if absent:
            reasons = [f"it has no {', '.join(absent)}"]
        else:
            misfits = network_misfits(built) | training_misfits(built)
            reasons = [reason for reason, applies in misfits.items() if applies]
        if reasons:
            raise ConfigError(f"scikit-learn cannot express this config: {'; '.join(reasons)}.")
        network = built.network
        self.plan = replace(built.plan, loss=built.plan.loss.plain)  # of targets that are scaled
        self.classes = np.arange(max(2, network.shapes[-1][0]))
        self.keys = [place.key for place in network.layout.places]  # weights, then biases
        self.model, self.updates = self._model(dense_layers(built)), 0
        x, t = self.plan.train.copied(slice(0, 1))
        self._fit(PeerRows(x, t))  # makes the arrays, which then get nnlab's values
        self.optimizer = self.model._optimizer
        for name in ("velocities", "ms", "vs"):
            for array in getattr(self.optimizer, name, ()):
                array.fill(0.0)
        self.optimizer.t = 0
        self.parameters = [*self.model.coefs_, *self.model.intercepts_]
        for array, place in zip(self.parameters, network.layout.places, strict=True):
            array[...] = place.of(network.values)

    def _model(self, layers: list[tuple[int, str]]) -> Any:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        optimizer: Any = self.plan.optimizer
        if isinstance(optimizer, Adam):
            settings = {"solver": "adam", "beta_1": optimizer.beta1, "beta_2": optimizer.beta2}
        else:
            momentum, nesterov = optimizer.momentum, optimizer.nesterov
            settings = {"solver": "sgd", "momentum": momentum, "nesterovs_momentum": nesterov}
        make = MLPClassifier if isinstance(self.plan.loss, ClassLoss) else MLPRegressor
        return make(
            hidden_layer_sizes=[units for units, _ in layers[:-1]],
            activation=ACTIVATIONS_THERE[layers[0][1]] if len(layers) > 1 else "identity",
            shuffle=False,
            **settings,
        )

    def _fit(self, rows: PeerRows) -> None:
        """One update by `partial_fit`."""
        self.model.batch_size = len(rows.x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about convergence
            if isinstance(self.plan.loss, ClassLoss):
                self.model.partial_fit(rows.x, self._labels(rows.t), classes=self.classes)
            else:
                self.model.partial_fit(rows.x, rows.t if rows.t.shape[1] > 1 else rows.t.ravel())

    def _labels(self, t: Array) -> Array:
        return t.argmax(axis=1) if t.shape[1] > 1 else t.ravel().astype(np.int64)

    def update(self, rows: PeerRows, rate: float) -> float | None:
        (count, outputs), loss, optimizer = rows.t.shape, self.plan.loss, self.plan.optimizer
        self.updates += 1
        c = loss.factor * {"mean": 1 / outputs, "batch_mean": 1.0, "sum": count}[loss.reduction]
        self.model.alpha = optimizer.weight_decay * count / c
        coefs = self.model.coefs_
        penalty = self.model.alpha / 2 * sum(float(np.vdot(w, w)) for w in coefs) / count
        if isinstance(optimizer, Adam):
            self.optimizer.learning_rate_init = rate
            self.optimizer.epsilon = optimizer.eps * sqrt(1 - optimizer.beta2**self.updates) / c
        else:
            self.optimizer.learning_rate = c * rate
        exact = self._has_exact_loss(rows)
        self._fit(rows)
        return self._reported(self.model.loss_ - penalty, rows.t) if exact else None

    def _has_exact_loss(self, rows: PeerRows) -> bool:
        """Whether no row is so wrong that its log loss has few digits, or is cut off at 36."""
        if not isinstance(self.plan.loss, ClassLoss):
            return True
        outputs = self.model.predict_proba(rows.x)  # (B, C)
        return outputs[np.arange(len(outputs)), self._labels(rows.t)].min() > UNLIKELY

    def _reported(self, mean: float, t: Array) -> float:
        """nnlab's loss, summed over rows, from scikit-learn's.

        Its squared error is half the mean over rows and outputs; its log loss is the mean over rows
        of the outputs' sum.
        """
        count, outputs = t.shape
        if isinstance(self.plan.loss, Mse):
            mean *= 2 * (1 if self.plan.loss.reduction == "mean" else outputs)
        elif self.plan.loss.reduction == "mean":
            mean /= outputs
        return mean * count

    def loss(self, rows: PeerRows) -> float | None:
        from sklearn.metrics import log_loss, mean_squared_error

        if not self._has_exact_loss(rows):
            return None
        if isinstance(self.plan.loss, ClassLoss):
            outputs = self.model.predict_proba(rows.x)
            mean = log_loss(self._labels(rows.t), outputs, labels=self.classes)
        else:
            outputs = self.model.predict(rows.x).reshape(rows.t.shape)
            mean = mean_squared_error(rows.t, outputs) / 2
        return self._reported(float(mean), rows.t)

    def end_epoch(self, epoch: int) -> None:
        pass

    def arrays(self) -> Mapping[str, Array]:
        return dict(zip(self.keys, self.parameters, strict=True))


def dense_layers(built: Built) -> list[tuple[int, str]]:
    """Units and activation of each dense layer, without an activation that the loss fuses."""
    network, layers = built.network, list[tuple[int, str]]()
    for layer in network.layers[: trained_depth(network.layers, built.plan.loss)]:
        if isinstance(layer, Dense):
            layers.append((layer.units, "linear"))
        elif layers:
            layers[-1] = (layers[-1][0], layer_kind(layer))
    return layers


def absences(built: Built) -> Iterator[str]:
    """The parts of a config that scikit-learn does not have."""
    plan, optimizer, loss = built.plan, built.plan.optimizer, built.plan.loss.plain
    layers = built.network.layers[: trained_depth(built.network.layers, plan.loss)]
    for layer in layers[:-1]:
        if (kind := layer_kind(layer)) not in ("dense", *ACTIVATIONS_THERE):
            yield kind
    if not isinstance(loss, Mse | Bce | CrossEntropy):
        yield member_name(LOSSES, loss)
    yield from (name for name in ("class_weight", "label_smoothing") if getattr(loss, name, None))
    if not isinstance(optimizer, Sgd | Adam) or (optimizer.decoupled and optimizer.weight_decay):
        yield member_name(OPTIMIZERS, optimizer)
    yield from (name for name in ("l1", "clip_norm", "clip_value") if getattr(optimizer, name))
    yield from (name for name in ("ema", "swa") if getattr(plan, name) is not None)


def network_misfits(built: Built) -> dict[str, bool]:
    """What is something else there, and whether it applies to the layers."""
    layers = built.network.layers
    *hidden, (_, last) = dense_layers(built) or [(0, "linear")]
    activations = dict.fromkeys(activation for _, activation in hidden)
    return {
        "it trains all its layers": any(layer.freeze for layer in layers),
        "its layers all have a bias": not all(getattr(layer, "bias", True) for layer in layers),
        "each of its layers has one activation": any(
            not isinstance(a, Dense) and not isinstance(b, Dense)
            for a, b in pairwise([None, *layers])
        ),
        f"its hidden layers share an activation, not {' and '.join(activations)}": (
            len(activations) > 1
        ),
        f"its outputs are linear with a squared error, not {last}": last != "linear",
    }


def training_misfits(built: Built) -> dict[str, bool]:
    """What is something else there, and whether it applies to the loss and the optimizer."""
    plan, outputs = built.plan, built.network.shapes[-1][0]
    classes, momentum = isinstance(plan.loss, ClassLoss), getattr(plan.optimizer, "momentum", 0.0)
    rows = len(plan.train)
    uneven = not plan.drop_last and rows % min(plan.batch_size, rows) > 0
    fits = outputs == 1 if isinstance(plan.loss, Bce) else outputs > 2
    return {
        "its log loss takes classes": classes and built.dataset.task != "classes",
        "it has one output for two classes, and softmax for more": classes and not fits,
        "its momentum holds earlier learning rates, so the rate cannot change": (
            momentum > 0 and not plan.schedule.is_constant
        ),
        "its gradients are means, and the sums of batches of different sizes are none": (
            bool(plan.optimizer.slots) and uneven and plan.loss.reduction == "sum"
        ),
    }
