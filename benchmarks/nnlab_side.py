"""The nnlab column: the same rows, start weights and order, through nnlab's own training.

What is timed is `nnlab.training.run_bursts`, the loop behind `nnlab train`: gathering rows (pixels
from uint8), loss, accuracy, the guard against non-finite numbers, the records and the best weights
included. There is no validation part, and nothing is written.
"""

from copy import deepcopy
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from benchmarks.workloads import Parameters, Problem, Session, Workload
from nnlab.core.layers import LAYERS, Layer
from nnlab.core.layers.dense import Dense
from nnlab.core.losses import LOSSES
from nnlab.core.optimizers import Adam, Optimizer, Sgd
from nnlab.core.schedules import SCHEDULES
from nnlab.core.types import Array, Kind
from nnlab.data.batches import Part
from nnlab.data.scale import fit_scaling
from nnlab.engine.network import EngineNetwork
from nnlab.training import Failure, Plan, run_bursts, start

Engine = Literal["numpy", "compiled"]


def prepare_nnlab(problem: Problem, engine: Engine) -> Session:
    """A training run without end, of which a round takes the next `len(order)` updates."""
    if engine == "compiled":
        import numba  # noqa: F401  # an ImportError says that it is not here
    network = _network(problem)
    state = start(plan := replace(_plan(problem), engine=engine), network)
    bursts = run_bursts(plan, state)

    def one_round() -> None:
        goal = state.step + len(problem.order)
        while state.step < goal:
            record = next(bursts)[-1]
            if isinstance(record, Failure):
                raise ArithmeticError(f"nnlab stopped at update {record.step}: {record.what}")

    def parameters() -> Parameters:
        named = network.parameters
        return [
            (named[f"{index}.dense.weight"].copy(), deepcopy(named.get(f"{index}.dense.bias")))
            for index in _dense_numbers(problem.workload)
        ]

    return Session(one_round, parameters)


def _dense_numbers(workload: Workload) -> range:
    """The positions of the dense layers: an activation follows each."""
    return range(0, 2 * len(workload.widths) - 2, 2)


def _network(problem: Problem) -> EngineNetwork:
    workload = problem.workload
    layers: list[Layer] = []
    for units in workload.widths[1:]:
        layers.append(Dense(units, workload.bias))
        layers.append(LAYERS[workload.hidden]())
    layers.pop()
    if workload.output != "linear":
        layers.append(LAYERS[workload.output]())
    network = EngineNetwork(layers, workload.widths[0], dtype=workload.dtype)
    for index, (weight, _) in zip(_dense_numbers(workload), problem.start, strict=True):
        network.parameters[f"{index}.dense.weight"][...] = weight  # biases start at 0 in both
    return network


def _plan(problem: Problem) -> Plan:
    workload = problem.workload
    kind: Kind = "binary" if workload.widths[-1] == 1 else "classes"
    if workload.output == "linear":
        kind = "regression"
    rows = np.arange(len(problem.inputs))
    pixels = problem.pixels
    inputs = problem.inputs if pixels is None else pixels
    scaling = fit_scaling("none" if pixels is None else "unit", inputs, rows, (0.0, 255.0))
    return Plan(
        loss=LOSSES[workload.loss](reduction=workload.reduction),
        optimizer=_optimizer(workload),
        schedule=SCHEDULES["constant"](),
        train=Part(inputs, rows, scaling, problem.targets, workload.dtype),
        validation=None,
        kind=kind,
        epochs=10**12,
        batch_size=workload.batch,
        seed=0,
        shuffle=workload.shuffle,
        drop_last=True,
        burst=1024,  # as a session does
        mark_every=max(1, len(problem.order) // (len(rows) // workload.batch)),  # rounds end there
    )


def classes_plan(x: Array, t: Array, lr: float, batch: int, **settings: Any) -> Plan:
    """Plain gradient descent without end by cross entropy: rows x (N, n), one-hot t (N, m)."""
    rows = np.arange(len(x))
    defaults: dict[str, Any] = {"epochs": 10**12, "kind": "classes", "validation": None}
    return Plan(
        loss=LOSSES["cross_entropy"](),
        optimizer=Sgd(lr=lr),
        schedule=SCHEDULES["constant"](),
        train=Part(x, rows, fit_scaling("none", x, rows, None), t, "float32"),
        batch_size=batch,
        **defaults | settings,
    )


def _optimizer(workload: Workload) -> Optimizer:
    if workload.optimizer == "adam":
        return Adam(lr=workload.lr)
    return Sgd(lr=workload.lr, momentum=workload.momentum)
