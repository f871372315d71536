"""From a config to objects: targets, parts, class weights, engines, weights of another run."""

import re

import numpy as np
import pytest

from nnlab.build import build, load_weights
from nnlab.config.load import from_mapping
from nnlab.core.network import Network
from nnlab.errors import ConfigError

BASE = {"seed": 1, "data": "xor", "network": [{"dense": 1}, "sigmoid"], "loss": "mse"}


def built(*changes, **sections):
    return build(from_mapping({**BASE, **sections}, changes))


def table(folder, labels):
    """A csv file with one input and these labels as its target, one a row."""
    rows = [f"{index},{label}" for index, label in enumerate(labels)]
    (folder / "rows.csv").write_text("\n".join(["x,kind", *rows, ""]), encoding="utf-8")
    return {"name": "csv", "path": str(folder / "rows.csv"), "target": "kind"}


# --- how targets are shown to the network ------------------------------------------------------


def test_two_classes_for_one_output_are_one_column():
    binary = built()
    assert binary.kind == "binary"
    np.testing.assert_array_equal(binary.plan.train.targets, [[0], [1], [1], [0]])


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_two_classes_for_two_outputs_are_one_hot(loss):
    two = built(network=[{"dense": 2}, "softmax"], loss=loss)
    assert two.kind == "classes"
    np.testing.assert_array_equal(two.plan.train.targets, [[1, 0], [0, 1], [0, 1], [1, 0]])


def test_more_classes_are_one_hot(tmp_path):
    data = table(tmp_path, ["b", "c", "a", "b"])
    three = built(data=data, network=[{"dense": 3}, "softmax"], loss="cross_entropy")
    assert three.kind == "classes"
    np.testing.assert_array_equal(
        three.plan.train.targets, [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 0]]
    )


def test_an_identity_is_judged_as_classes():
    eight = built(data={"name": "identity", "size": 3}, network=[{"dense": 3}])
    assert eight.kind == "classes"
    np.testing.assert_array_equal(eight.plan.train.targets, np.eye(3))


def test_a_regression_keeps_its_targets():
    data = {"name": "random", "samples": 6, "inputs": 2, "outputs": 3, "split": "ordered"}
    result = built(data={**data, "test": 2}, network=[{"dense": 3}])
    assert result.kind == "regression"
    np.testing.assert_array_equal(
        result.plan.train.targets, result.dataset.targets[:4].astype("float32")
    )
    np.testing.assert_array_equal(result.test.targets, result.dataset.targets[4:].astype("float32"))


def test_label_smoothing_is_in_the_targets_of_every_part():
    loss = {"name": "cross_entropy", "label_smoothing": 0.2}
    result = built(
        data={"name": "xor", "test": 1, "validation": 1},
        network=[{"dense": 2}, "softmax"],
        loss=loss,
    )
    for part in (result.plan.train, result.plan.validation, result.test):
        np.testing.assert_allclose(np.sort(part.targets, axis=1), [[0.1, 0.9]] * len(part))


# --- what is worked out from the training rows alone --------------------------------------------


def test_balanced_class_weights_see_only_training_rows(tmp_path):
    """Rows 0 to 3 train: three of a, one of b; the rest is b and must not count."""
    data = table(tmp_path, [*"aaab", *"bbbb"])
    ordered = {**data, "split": "ordered", "test": 2, "validation": 2}
    loss = {"name": "cross_entropy", "class_weight": "balanced"}
    result = built(data=ordered, network=[{"dense": 2}, "softmax"], loss=loss)
    # N / (C n_c): 4 / (2 * 3) and 4 / (2 * 1)
    assert result.plan.loss.class_weight == pytest.approx((2 / 3, 2.0))
    assert result.config.loss.class_weight == "balanced"


def test_scaling_sees_only_training_rows(tmp_path):
    data = table(tmp_path, [*"abab", *"abab"])  # the input counts from 0 to 7
    result = built(data={**data, "split": "ordered", "test": 4, "scale": "unit"})
    np.testing.assert_allclose(result.plan.train.inputs[:, 0], [0, 1 / 3, 2 / 3, 1], rtol=1e-6)
    np.testing.assert_allclose(result.test.inputs[:, 0], [4 / 3, 5 / 3, 2, 7 / 3], rtol=1e-6)


# --- the plan ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stopping", "monitor", "grows"),
    [
        (None, "train_loss", False),
        (None, "train_accuracy", True),
        ({"patience": 3}, "train_accuracy", True),
        ({"patience": 3, "mode": "max"}, "train_accuracy", True),
        ({"patience": 3, "mode": "min"}, "train_loss", False),
    ],
)
def test_whether_the_monitored_value_should_grow(stopping, monitor, grows):
    result = built(training={"early_stopping": stopping, "monitor": monitor})
    assert result.plan.higher_is_better is grows
    assert result.plan.monitor == monitor


def test_the_plan_is_what_the_config_says():
    training = {
        "epochs": 7,
        "batch_size": "full",
        "shuffle": False,
        "drop_last": True,
        "ema": 0.5,
        "record_steps": True,
        "early_stopping": {"patience": 2, "min_delta": 0.25, "restore_best": False},
    }
    plan = built(training=training, optimizer={"name": "adam", "lr": 0.5}).plan
    assert (plan.epochs, plan.batch_size, plan.shuffle, plan.drop_last) == (7, 4, False, True)
    assert (plan.seed, plan.ema, plan.record_steps) == (1, 0.5, True)
    assert (plan.stopping.patience, plan.stopping.min_delta) == (2, 0.25)
    assert plan.stopping.restore_best is False
    assert plan.optimizer.lr == 0.5


def test_the_seed_of_the_data_is_not_that_of_the_weights():
    data = {"name": "random", "samples": 9, "inputs": 2, "outputs": 1, "test": 3}
    network = [{"dense": 1}]
    first, second = (built(data={**data, "seed": 5}, network=network, seed=s) for s in (1, 2))
    np.testing.assert_array_equal(first.dataset.inputs, second.dataset.inputs)
    np.testing.assert_array_equal(first.parts.train, second.parts.train)
    assert (first.network.theta[:2] != second.network.theta[:2]).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_arrays_are_of_the_dtype_asked_for(dtype):
    result = built(training={"dtype": dtype})
    arrays = (result.network.theta, result.plan.train.inputs, result.plan.train.targets)
    assert {array.dtype.name for array in arrays} == {dtype}


# --- weights of another run --------------------------------------------------------------------


def net(*layers, inputs=2):
    config = from_mapping({**BASE, "network": list(layers)}, check=False)
    return Network(config.network, inputs)


def test_weights_are_set_by_name():
    network, other = net({"dense": 3}, "tanh", {"dense": 1}), net({"dense": 3}, {"dense": 1})
    arrays = {n: np.full(a.shape, i + 1.0) for i, (n, a) in enumerate(other.parameters.items())}
    renamed = {name.replace("1.dense", "2.dense"): array for name, array in arrays.items()}
    load_weights(network, renamed, "old")
    for name, array in network.parameters.items():
        np.testing.assert_array_equal(array, renamed[name])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            [{"dense": 4}, {"dense": 1}],
            "0.dense.weight is (2, 4) there and (2, 3) here; 0.dense.bias is (4,) there and (3,) "
            "here; 1.dense.weight is (4, 1) there and (3, 1) here",
        ),
        (
            [{"dense": 3}],
            "1.dense.weight is missing there and (3, 1) here; 1.dense.bias is missing there and "
            "(1,) here",
        ),
        (
            [{"dense": 3}, {"dense": 1}, {"dense": 1}],
            "2.dense.bias is (1,) there and missing here; 2.dense.weight is (1, 1) there and "
            "missing here",
        ),
        (
            [{"dense": {"units": 3, "bias": False}}, {"dense": 1}],
            "0.dense.bias is missing there and (3,) here",
        ),
    ],
)
def test_weights_of_another_network_are_refused(source, message):
    """Each difference is named, with both sides, and nothing is set."""
    network = net({"dense": 3}, {"dense": 1})
    before = network.theta.copy()
    message = f"old: its weights do not fit this network: {message}."
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        load_weights(network, net(*source).parameters, "old")
    np.testing.assert_array_equal(network.theta, before)


def test_many_differences_are_counted():
    network = net(*[{"dense": 3}] * 5)
    with pytest.raises(ConfigError, match=r"here; and 4 more\.$"):
        load_weights(network, {}, "old")


def test_weights_that_are_not_finite_are_refused():
    network = net({"dense": 3})
    arrays = {name: np.full_like(array, np.nan) for name, array in network.arrays.items()}
    with pytest.raises(ConfigError, match=r"old: 0.dense.weight holds a number that is not finite"):
        load_weights(network, arrays, "old")
