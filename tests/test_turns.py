"""Whatever a training computes with the BLAS waits for its turn, as lanes limit its threads."""

from collections.abc import Callable
from threading import Thread

import numpy as np
import pytest

from nnlab.core.network import Network
from nnlab.engine import blas
from nnlab.engine.network import EngineNetwork
from nnlab.experiment.outcome import outputs
from nnlab.run import environment
from nnlab.training import Evaluation, Plan, start
from nnlab.training.drivers import EngineDriver, engine_driver
from nnlab.training.evaluation import Tally
from tests.trainings import layers, noise, part, plan_for

DATA = part(*noise())
NETWORK = EngineNetwork(layers(4, "tanh", 2), 3, seed=1)


def driver_of(plan: Plan, network: Network) -> EngineDriver:
    tally = Tally.of(plan.kind, plan.loss, plan.train.targets)
    return engine_driver(plan, start(plan, network), tally)


def driver(**settings: object) -> EngineDriver:
    return driver_of(plan_for(DATA, **settings), Network(layers(4, "tanh", 2), 3, seed=1))


ACTIONS: dict[str, Callable[[], object]] = {
    "an epoch": lambda: driver().advance(1),
    "several epochs": lambda: driver(shuffle=False, batch_size=11, burst=3).advance(3),
    "an evaluation": lambda: Evaluation("regression", plan_for(DATA).loss, NETWORK, DATA)(
        NETWORK.values
    ),
    "the outputs of a part": lambda: outputs(NETWORK, DATA),
    "predictions": lambda: NETWORK.predict(np.ones((2, 3))),
    "the number of threads": environment.loaded_blas,
}


@pytest.mark.parametrize("name", ACTIONS)
def test_it_waits_for_its_turn(name: str) -> None:
    assert waits(ACTIONS[name])


def test_a_compiled_epoch_waits_where_it_calls_the_blas() -> None:
    pytest.importorskip("llvmlite")
    for width, large in ((300, True), (8, False)):
        plan = plan_for(part(*noise(rows=64, inputs=width)), batch_size=64, engine="compiled")
        network = Network(layers(width, "tanh", 2), width, seed=1)
        compiled = driver_of(plan, network)
        assert waits(lambda driver=compiled: driver.advance(1), 0.1 if large else 60) == large


def waits(action: Callable[[], object], patience: float = 0.1) -> bool:
    """Whether the action ends only after another thread's turn."""
    done: list[object] = []
    thread = Thread(target=lambda: done.append(action()))
    with blas.turn():
        thread.start()
        thread.join(patience)
        waited = not done
    thread.join()
    assert len(done) == 1
    return waited
