"""Frozen layers: they stay to the bit, and the others train as if nothing else were there."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import nnlab
from nnlab.cli import main
from nnlab.core.gradcheck import check_gradients
from nnlab.core.layers import LAYERS
from nnlab.core.losses import LOSSES
from nnlab.core.network import Network
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.engine.compiled.program import why_not
from nnlab.errors import ConfigError
from nnlab.training import run_training, start
from tests.trainings import noise, part, plan_for

SHAPED = {"weight_decay": 0.1, "l1": 0.01, "clip_norm": 0.5}
RULES = [
    OPTIMIZERS["sgd"](lr=0.1, **SHAPED),
    OPTIMIZERS["sgd"](lr=0.1, momentum=0.9, clip_value=0.1),
    OPTIMIZERS["rmsprop"](lr=0.01, centered=True),
    OPTIMIZERS["adamw"](lr=0.05, weight_decay=0.2),
]


def dense(units: int, freeze: bool = False) -> Any:
    return LAYERS["dense"](units, freeze=freeze)


STACKS = {
    "first": [dense(5, True), LAYERS["tanh"](), dense(2)],
    "middle": [dense(5), LAYERS["tanh"](), dense(4, True), LAYERS["tanh"](), dense(2)],
    "last": [dense(5), LAYERS["tanh"](), dense(2, True)],
    "images": [
        LAYERS["reshape"]((3, 1, 1)),
        LAYERS["conv2d"](4, kernel=1, freeze=True),
        LAYERS["layer_norm"](freeze=True),
        LAYERS["tanh"](),
        LAYERS["conv2d"](2, kernel=(2, 1)),
        LAYERS["flatten"](),
        dense(2),
    ],
    "statistics": [
        dense(5),
        LAYERS["batch_norm"](freeze=True),
        LAYERS["tanh"](),
        LAYERS["batch_norm"](),
        dense(2),
    ],
}


def trained(layers: Any, engine: str, optimizer: Any, batch: int = 4, **more: Any) -> Any:
    """The network before, its arrays after, and the state."""
    network = Network(layers, 3, seed=2)
    rng = np.random.default_rng(4)
    for place in network.layout.buffers:  # as another training has left them
        place.of(network.values)[...] = rng.uniform(0.5, 1.5, place.declared.shape)
    first = {name: array.copy() for name, array in network.arrays.items()}
    plan = plan_for(part(*noise(13)), optimizer=optimizer, batch_size=batch, drop_last=True, **more)
    state = start(plan, network)
    for _ in run_training(replace(plan, engine=engine), state):  # type: ignore[arg-type]
        pass
    return first, network.arrays, state


ENGINES = [(name, engine) for name in STACKS for engine in ("numpy", "compiled")]
ENGINES.remove(("statistics", "compiled"))


@pytest.mark.parametrize(("name", "engine"), ENGINES)
@pytest.mark.parametrize("batch", [2, 1])
def test_frozen_arrays_stay_to_the_bit_and_all_others_move(
    name: str, engine: str, batch: int
) -> None:
    batch = 4 if name == "statistics" else batch  # a batch_norm is not frozen
    averages = [{"ema": 0.9}, {"swa": 2}] * 3
    for optimizer, kind in zip((*RULES, OPTIMIZERS["sgd"](lr=0.1)), averages, strict=False):
        first, last, state = trained(STACKS[name], engine, optimizer, batch, **kind)
        average = state.network.named(state.average)
        for key, array in last.items():
            frozen = STACKS[name][int(key.partition(".")[0])].freeze
            assert np.array_equal(array, first[key]) == frozen, key
            assert np.array_equal(average[key], first[key]) == frozen, key


@pytest.mark.parametrize("optimizer", RULES)
@pytest.mark.parametrize("name", ["first", "middle", "last", "images"])
def test_both_engines_train_the_same(name: str, optimizer: Any) -> None:
    _, reference, _ = trained(STACKS[name], "numpy", optimizer, ema=0.9)
    _, compiled, _ = trained(STACKS[name], "compiled", optimizer, ema=0.9)
    for key, array in reference.items():
        assert compiled[key] == pytest.approx(array, rel=1e-10, abs=1e-12), key


@pytest.mark.parametrize("optimizer", RULES)
def test_a_head_on_frozen_layers_trains_like_a_network_on_their_outputs(optimizer: Any) -> None:
    """To the bit: decay, clipping by the norm and slots know nothing of what is frozen."""
    x, t = noise(12)
    whole = Network(STACKS["first"], 3, seed=2)
    head = Network([dense(2)], 5)
    head.theta[...] = whole.trained
    for network, inputs in ((whole, x), (head, whole.predict(x, depth=2))):
        plan = plan_for(part(inputs, t), optimizer=optimizer, batch_size=12, epochs=20)
        for _ in run_training(plan, start(plan, network)):
            pass
    assert np.array_equal(whole.trained, head.theta)


def test_layers_below_a_frozen_one_learn_through_it() -> None:
    """Their first update is that of the network without frozen layers."""
    plain = [replace(layer, freeze=False) if layer.freeze else layer for layer in STACKS["middle"]]
    rule = OPTIMIZERS["sgd"](lr=0.1)
    for engine in ("numpy", "compiled"):
        _, frozen, _ = trained(STACKS["middle"], engine, rule, 13, epochs=1)
        _, free, _ = trained(plain, engine, rule, 13, epochs=1)
        same = [key for key in frozen if np.array_equal(frozen[key], free[key])]
        assert same == ["0.dense.weight", "0.dense.bias", "4.dense.weight", "4.dense.bias"]


@pytest.mark.parametrize("name", STACKS)
def test_gradients_through_frozen_layers_are_right(name: str) -> None:
    network = Network(STACKS[name], 3, seed=2)
    for place in network.layout.buffers:
        place.of(network.values)[...] = 0.7
    x, t = noise(6)
    assert max(check.error for check in check_gradients(network, LOSSES["mse"](), x, t)) < 1e-6


def test_a_frozen_batch_norm_trains_as_it_evaluates() -> None:
    """A row's output does not depend on the rows beside it, as in Keras."""
    network = Network([LAYERS["batch_norm"](freeze=True)], 3)
    network.buffers[...] = 2.0
    x, _ = noise(6)
    z = network.bind(6, gradient=np.zeros_like(network.theta)).forward(x)
    assert np.array_equal(z, network.predict(x))
    assert np.array_equal(network.buffers, np.full(6, 2.0))
    network.bind(1, gradient=np.zeros_like(network.theta)).forward(x[:1])  # a row alone, too
    assert why_not(network, LOSSES["mse"](), RULES[0], "regression") == (
        "a frozen batch_norm (layer 0) has no compiled form"
    )


NETWORK = [
    {"name": "dense", "units": 6, "freeze": True},
    "relu",
    {"dense": 10},
    "softmax",
]
DIGITS: dict[str, Any] = {
    "name": "frozen",
    "data": {"name": "digits", "test": 0.9, "validation": 0.2},
    "network": NETWORK,
    "loss": "cross_entropy",
    "optimizer": {"adam": 0.01},
    "training": {"epochs": 2},
}


def test_all_commands_know_frozen_layers(tmp_path: Path) -> None:
    run = nnlab.train(DIGITS, runs=tmp_path)
    assert run.about["parameters"] == 64 * 6 + 6 + 70
    assert run.about["trained"] == 70
    runner = CliRunner()
    checked = runner.invoke(main, ["check", str(run.path / "config.yaml")])
    assert "0 dense (frozen)" in checked.output
    assert "460 parameters, 70 of them trained" in checked.output
    figures = ["--only", "histograms", "--only", "gradient_flow"]
    for words in (["verify"], ["plot", *figures], ["export", "--to", "script"]):
        done = runner.invoke(main, [*words[:1], str(run.path), *words[1:]])
        assert (done.exit_code, done.exception) == (0, None), done.output
    explained = runner.invoke(main, ["explain", str(run.path), "--row", "1"])
    assert "Frozen, so left as they are: 0.dense." in explained.output


def test_the_doctor_looks_for_gradients_where_something_is_trained() -> None:
    network = [NETWORK[0], "tanh", {"dense": 6}, "tanh", {"dense": 10}, "softmax"]
    still = {"network": network, "optimizer": {"sgd": 1e-9}}
    findings = nnlab.doctor(DIGITS | still)
    assert "vanishing" not in [finding.kind for finding in findings]


def test_a_network_of_frozen_layers_alone_is_refused_where_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(
        "data: xor\nloss: mse\nnetwork:\n  - dense: {units: 1, freeze: true}\n  - square\n"
    )
    done = CliRunner().invoke(main, ["check", str(file)])
    assert done.exit_code == 2
    assert "all.yaml:4:31: all layers with parameters are frozen" in done.output
    assert "allowed: freeze: false, or epochs: 0" in done.output
    fine = CliRunner().invoke(main, ["check", str(file), "--set", "epochs=0"])
    assert fine.exit_code == 0


# Weights of another task.


def another(tmp_path: Path, outputs: int = 4, **changes: Any) -> Any:
    network = [*NETWORK[:2], {"dense": outputs}, "sigmoid"]
    data = {"name": "digit_properties", "test": 0.9}
    return DIGITS | {"data": data, "network": network, "loss": "bce"} | changes


def test_layers_that_fit_are_taken_and_the_others_drawn(tmp_path: Path) -> None:
    base = nnlab.train(DIGITS, runs=tmp_path)
    init = {"run": str(base.path), "skip_mismatch": True}
    run = nnlab.train(another(tmp_path, init=init), runs=tmp_path)
    drawn = nnlab.train(another(tmp_path), runs=tmp_path)
    for name, array in run.weights("initial").items():
        source = base.weights("final") if name.startswith("0.") else drawn.weights("initial")
        assert np.array_equal(array, source[name]), name
    file = tmp_path / "again.yaml"
    file.write_text(json.dumps(another(tmp_path, init=init)))
    shown = CliRunner().invoke(main, ["train", str(file), "--no-plots", "--runs", str(tmp_path)])
    assert run.about["init"]["skipped"] in shown.stderr
    assert run.about["init"]["skipped"] == (
        f"init: {base.path} fits but for layers that are drawn: 2.dense.weight is (6, 10) there "
        "and (6, 4) here; 2.dense.bias is (10,) there and (4,) here."
    )


@pytest.mark.parametrize(
    ("first", "sentence"),
    [
        ({"name": "dense", "units": 5, "freeze": True}, "a frozen layer cannot be drawn: 0.dense."),
        ({"dense": 5}, "its weights do not fit this network: 0.dense.weight is (64, 6) there and"),
    ],
)
def test_weights_that_fit_nothing_are_refused(tmp_path: Path, first: Any, sentence: str) -> None:
    base = nnlab.train(DIGITS | {"training": {"epochs": 0}}, runs=tmp_path)
    network = [first, "relu", {"dense": 10}, "softmax"]
    init = {"run": str(base.path), "skip_mismatch": True}
    if "freeze" in first:  # so that the last layer fits
        network = [first, "relu", {"dense": 6}, "relu", {"dense": 10}, "softmax"]
        file = tmp_path / "w.npz"
        arrays = {"4.dense.weight": np.zeros((6, 10)), "4.dense.bias": np.zeros(10)}
        np.savez(file, **arrays)
        init = {"file": str(file), "skip_mismatch": True}
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        nnlab.train(DIGITS | {"network": network, "init": init}, runs=tmp_path)


def test_skipping_is_asked_for(tmp_path: Path) -> None:
    base = nnlab.train(DIGITS | {"training": {"epochs": 0}}, runs=tmp_path)
    with pytest.raises(ConfigError, match=r"its weights do not fit this network: 2\.dense\.weight"):
        nnlab.train(another(tmp_path, init={"run": str(base.path)}), runs=tmp_path)
