"""Small trainings without a config, for the tests of training."""

import json
from pathlib import Path

import numpy as np

from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.data.batches import Part
from nnlab.data.scale import Scaling
from nnlab.training import Epoch, Plan, Steps, run_training, start

NONE = Scaling("none", np.zeros(()), np.ones(()))


def part(x, t, dtype=np.float64):
    return Part(np.asarray(x, np.float64), np.arange(len(x)), NONE, np.asarray(t), dtype)


def layers(*names):
    """`layers(3, "relu")` is a dense layer of 3 units and a relu."""
    return [LAYERS["dense"](name) if isinstance(name, int) else LAYERS[name]() for name in names]


def plan_for(data, validation=None, **settings):
    defaults = {
        "loss": LOSSES["mse"](),
        "optimizer": OPTIMIZERS["sgd"](lr=0.1),
        "schedule": SCHEDULES["constant"](),
        "kind": "regression",
        "epochs": 3,
        "batch_size": 4,
    }
    return Plan(train=data, validation=validation, **{**defaults, **settings})


def epochs_of(records):
    return [record for record in records if isinstance(record, Epoch)]


def run(plan, network):
    """All records but those of chunks, unless they were asked for; and the state at the end."""
    state = start(plan, network)
    records = list(run_training(plan, state))
    return records if plan.record_steps else [r for r in records if not isinstance(r, Steps)], state


def noise(rows=11, inputs=3, outputs=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, inputs)), rng.normal(size=(rows, outputs))


def classes(rows=60, seed=0):
    """Two classes that overlap, as one-hot rows."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, rows)
    return rng.normal(size=(rows, 3)) + 0.6 * label[:, None], np.eye(2)[label]


# --- a weight that moves by the learning rate --------------------------------------------------
# y = w x with x = 1 and |y - t|: an update moves w by lr towards t, and the loss is the distance.


def walk(target, validation=None, lr=1.0, **settings):
    network = Network([LAYERS["dense"](1, bias=False, weight=((0.0,),))], 1)
    other = None if validation is None else part([[1.0]], [[validation]])
    defaults = {
        "loss": LOSSES["mae"](),
        "optimizer": OPTIMIZERS["sgd"](lr=lr),
        "batch_size": 1,
    }
    return plan_for(part([[1.0]], [[target]]), other, **{**defaults, **settings}), network


# --- trainings that PyTorch has done -------------------------------------------------------------

PYTORCH = json.loads((Path(__file__).parent / "references" / "networks.json").read_text("utf-8"))
TRAININGS = {  # activations, loss, optimizer, kind
    "sigmoid_mse_sgd": (
        ("sigmoid", "sigmoid"),
        LOSSES["mse"](reduction="batch_mean"),
        OPTIMIZERS["sgd"](lr=0.5),
        "regression",
    ),
    "relu_cross_entropy_adam": (
        ("relu", "softmax"),
        LOSSES["cross_entropy"](),
        OPTIMIZERS["adam"](lr=0.02),
        "classes",
    ),
    "tanh_bce_nesterov": (
        ("tanh", "sigmoid"),
        LOSSES["bce"](),
        OPTIMIZERS["sgd"](lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        "binary",
    ),
}


def pytorch_network(name):
    """The network of a stored training, with its first weights."""
    case, (activations, *_) = PYTORCH[name], TRAININGS[name]
    both = []
    for begin, activation in zip(case["start"], activations, strict=True):
        weight, bias = tuple(map(tuple, begin["weight"])), tuple(begin["bias"])
        both += [LAYERS["dense"](len(bias), bias, weight=weight), LAYERS[activation]()]
    return Network(both, len(case["inputs"][0]))


def assert_weights(network, after):
    """The weights are those of the stored training."""
    for index, layer in enumerate(after):
        for key, values in layer.items():
            parameter = network.parameters[f"{2 * index}.dense.{key}"]
            np.testing.assert_allclose(parameter, values, rtol=1e-12, atol=1e-13)
