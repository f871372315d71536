"""Stochastic weight averaging: PyTorch's numbers, and the same bits after every interruption."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import nnlab
from nnlab.cli import main
from nnlab.config.load import from_mapping
from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.errors import ConfigError
from nnlab.training import Epoch, run_bursts, run_training, start
from tests.trainings import layers, noise, part, plan_for

CASES = json.loads((Path(__file__).parent / "references" / "transfers.json").read_text("utf-8"))


def stored(name: str) -> tuple[Any, Network]:
    """The plan and the network of a stored training."""
    start_arrays = CASES["start"][name]
    kinds = sorted({key.rpartition(".")[0] for key in start_arrays})
    found: list[Any] = []
    for index in range(int(kinds[-1].partition(".")[0]) + 1):
        if f"{index}.dense" in kinds:
            found.append(LAYERS["dense"](len(start_arrays[f"{index}.dense.bias"])))
        else:
            found.append(LAYERS["batch_norm" if f"{index}.batch_norm" in kinds else "tanh"]())
    if name == "frozen":
        found[1:4] = [replace(layer, freeze=True) if vars(layer) else layer for layer in found[1:4]]
    network = Network(found, 3)
    for key, values in start_arrays.items():
        network.arrays[key][...] = values
    plan = plan_for(
        part(CASES["inputs"], CASES["targets"]),
        loss=LOSSES["mse"](reduction="batch_mean"),
        optimizer=OPTIMIZERS["sgd"](lr=0.2, momentum=0.5, clip_norm=1.0),
        epochs=5,
        shuffle=False,
        swa=3 if name == "averaged" else None,
    )
    return plan, network


@pytest.mark.parametrize("name", CASES["start"])
def test_the_weights_after_each_epoch_are_those_of_pytorch(name: str) -> None:
    """Also the statistics of batch_norm, which update_bn has measured for the mean."""
    plan, network = stored(name)
    state, epochs = start(plan, network), 0
    for record in run_training(plan, state):
        if isinstance(record, Epoch) and record.epoch:
            for key, values in CASES["after"][name][record.epoch - 1].items():
                found = network.named(state.weights)[key]
                np.testing.assert_allclose(found, values, rtol=1e-11, atol=1e-12, err_msg=key)
            epochs += 1
    assert epochs == 5


def by_hand(ends: list[Any], first: int) -> Any:
    """The mean of the weights after the epochs from `first` on."""
    return np.mean(ends[first - 1 :], axis=0)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
@pytest.mark.parametrize("burst", [1, 7])
def test_evaluations_see_the_mean_and_updates_do_not(engine: str, burst: int) -> None:
    data, wanted = part(*noise(12)), layers(4, "tanh", 2)
    plan = plan_for(data, epochs=9, shuffle=False, engine=engine)
    plain = Network(wanted, 3)
    records = run_training(plan, start(plan, plain))
    ends = [plain.values.copy() for one in records if isinstance(one, Epoch)][1:]
    for first in (1, 5, 9):
        network = Network(wanted, 3)
        averaged = replace(plan, swa=first, burst=burst, marks=(4,))
        state = start(averaged, network)
        for records in run_bursts(averaged, state):
            epoch = getattr(records[-1], "epoch", 0)
            if isinstance(records[-1], Epoch) and epoch:
                mean = ends[epoch - 1] if epoch < first else by_hand(ends[:epoch], first)
                np.testing.assert_allclose(state.weights, mean, rtol=1e-13, atol=1e-15)
                assert epoch > first or np.array_equal(state.weights, mean)
        assert np.array_equal(network.values, ends[-1])


def test_the_best_epoch_is_one_of_averages() -> None:
    """The validation rows and the best weights are those of the mean."""
    data, validation = part(*noise(12)), part(*noise(8, seed=1))
    metrics = {"monitor": "val_loss", "metrics": ("explained_variance",)}
    plan = plan_for(data, validation, epochs=6, swa=2, **metrics)
    network = Network(layers(4, "tanh", 2), 3)
    state = start(plan, network)
    seen = {}
    for record in run_training(plan, state):
        if isinstance(record, Epoch):
            assert record.validation is not None
            seen[record.epoch] = (record.validation["loss"], state.weights.copy())
            network_of_mean = Network(network.layers, 3)
            network_of_mean.values[...] = state.weights
            left = data.targets - network_of_mean.predict(data.inputs)
            share = 1 - np.mean(left.var(0) / data.targets.var(0))
            assert record.train["explained_variance"] == pytest.approx(share)
    best = min(seen, key=lambda epoch: seen[epoch][0])
    assert state.best.epoch == best
    assert np.array_equal(state.best.values, seen[best][1])


CONFIG: dict[str, Any] = {
    "name": "averaged",
    "data": {"name": "digits", "test": 0.8, "validation": 0.2},
    "network": [
        {"dense": 8},
        "batch_norm",
        "relu",
        {"dropout": 0.2},
        {"name": "dense", "units": 8, "freeze": True},
        {"dense": 10},
        "softmax",
    ],
    "loss": "cross_entropy",
    "optimizer": {"adam": 0.01},
    "training": {"epochs": 5, "swa": 3},
}


def test_an_averaged_run_is_verified_and_explained(tmp_path: Path) -> None:
    run = nnlab.train(CONFIG, runs=tmp_path)
    final, last = run.weights("final"), run.weights("checkpoint")
    assert not np.array_equal(final["0.dense.weight"], last["0.dense.weight"])
    runner = CliRunner()
    assert runner.invoke(main, ["verify", str(run.path)]).exit_code == 0
    explained = runner.invoke(main, ["explain", str(run.path), "--row", "1675"]).output
    assert "averages of" in explained
    assert "(training.swa)" in explained


def test_statistics_of_the_average_are_those_of_the_training_rows(tmp_path: Path) -> None:
    """A batch of all rows: the running mean is the mean of what enters the layer."""
    data = part(*noise(50))
    rows, network = data.inputs, Network([*layers(4), LAYERS["batch_norm"](), *layers(2)], 3)
    plan = plan_for(data, epochs=4, batch_size=50, swa=2)
    state = start(plan, network)
    for _ in run_training(plan, state):
        pass
    network.values[...] = state.weights
    entering = network.predict(rows, depth=1)
    arrays = network.arrays
    np.testing.assert_allclose(arrays["1.batch_norm.running_mean"], entering.mean(0), rtol=1e-12)
    np.testing.assert_allclose(
        arrays["1.batch_norm.running_var"], entering.var(0, ddof=1), rtol=1e-12
    )


def test_statistics_are_measured_on_batches_like_those_of_training() -> None:
    """Where rows are sorted, batches in their order would vary far less."""
    x = np.sort(np.random.default_rng(3).normal(size=(60, 3)), axis=0)
    network = Network([LAYERS["batch_norm"](), *layers(2)], 3)
    plan = plan_for(part(x, x[:, :2]), epochs=3, batch_size=6, swa=1, shuffle=True)
    state = start(plan, network)
    for _ in run_training(plan, state):
        pass
    variance = network.named(state.weights)["0.batch_norm.running_var"]
    assert (variance > 0.7 * x.var(axis=0)).all()


@pytest.mark.parametrize(
    ("changes", "sentence", "allowed"),
    [
        ({"ema": 0.9}, "ema and swa are two averages of the weights", "ema: null, or swa: null"),
        ({"epochs": 2}, "swa begins with epoch 3, and training ends with epoch 2.", "1 to 2"),
        ({"swa": 0}, "training.swa is 0.", "a whole number >= 1, or null"),
    ],
)
def test_an_average_that_cannot_be_is_refused(
    changes: dict[str, Any], sentence: str, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping(CONFIG | {"training": CONFIG["training"] | changes})
    assert sentence in str(caught.value)
    assert allowed in str(caught.value)
