"""What `import nnlab` offers, to notebooks and scripts."""

import inspect
import re
import typing
from collections import ChainMap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import nnlab
from nnlab.errors import ConfigError, DataError, RunUnreadable, UsageError
from tests.process import printed_by

SURFACE = {
    "INITIALIZERS",
    "LAYERS",
    "LOSSES",
    "OPTIMIZERS",
    "SCHEDULES",
    "SOURCES",
    "Classifier",
    "Config",
    "History",
    "Network",
    "NnlabError",
    "Regressor",
    "Run",
    "Sweep",
    "doctor",
    "explain",
    "export",
    "fit",
    "gradcheck",
    "grade",
    "handin",
    "load",
    "lr",
    "resume",
    "sweep",
    "tune",
    "runs",
    "train",
    "verify",
    "predict",
    "evaluate",
    "compare",
    "crosscheck",
    "descend",
}
XOR = {
    "name": "small",
    "data": "xor",
    "network": [{"dense": 3}, "tanh", {"dense": 1}, "sigmoid"],
    "loss": "bce",
    "training": {"epochs": 3, "dtype": "float64"},
}


def network(*widths, inputs=3, seed=0):
    """Dense layers with tanh between them."""
    layers = []
    for width in widths:
        layers += [nnlab.LAYERS["dense"](width), nnlab.LAYERS["tanh"]()]
    return nnlab.Network(layers[:-1], inputs, seed=seed)


# --- the surface -------------------------------------------------------------------------------


def test_the_surface_is_the_declared_one():
    assert set(nnlab.__all__) == SURFACE
    assert len(nnlab.__all__) == len(SURFACE)
    values = {name: getattr(nnlab, name) for name in nnlab.__all__}
    assert all(value is not None for value in values.values())


def test_nothing_else_can_be_had_from_the_package():
    """In a fresh interpreter, where no other test has imported a submodule."""
    code = "import nnlab; print(*dir(nnlab))"
    names = set(printed_by("-c", code).split())
    assert names == SURFACE
    star = "from nnlab import *; print(*(n for n in dir() if not n.startswith('_')))"
    assert set(printed_by("-c", star).split()) == SURFACE


def test_an_unknown_name():
    with pytest.raises(AttributeError, match=r"^module 'nnlab' has no attribute 'Nets'$"):
        _ = nnlab.Nets


def test_importing_is_cheap():
    code = (
        "import sys, nnlab; heavy = {'numpy', 'yaml', 'matplotlib', 'sklearn', 'scipy'}"
        "; print(*sorted(heavy & set(sys.modules)))"
    )
    assert printed_by("-c", code) == "\n"


def test_training_needs_neither_scikit_learn_nor_matplotlib(tmp_path):
    code = (
        f"import sys, nnlab; nnlab.train('xor', epochs=1, runs={str(tmp_path)!r})"
        "; print(*sorted({'matplotlib', 'sklearn'} & set(sys.modules)))"
    )
    assert printed_by("-c", code) == "\n"


def public():
    """Every public function, method and class of the surface."""
    for name in ("train", "load", "explain", "export", "fit", "gradcheck", "lr"):
        yield name, getattr(nnlab, name)
    for name in ("Run", "History", "Network"):
        members = [vars(cls) for cls in getattr(nnlab, name).__mro__ if cls is not object]
        for method, value in dict(ChainMap(*members)).items():
            target = value.fget if isinstance(value, property) else getattr(value, "func", value)
            target = getattr(target, "__func__", target)
            if not method.startswith("_") and inspect.isfunction(target):
                yield f"{name}.{method}", target
        yield f"{name}.__init__", getattr(nnlab, name).__init__


@pytest.mark.parametrize(("name", "function"), list(public()), ids=lambda v: str(v)[:20])
def test_everything_public_is_annotated(name, function):
    hints = typing.get_type_hints(function, localns={"Figure": Figure})
    expected = set(inspect.signature(function).parameters) - {"self", "cls"} | {"return"}
    assert hints.keys() >= expected
    if not name.endswith("__init__"):
        assert inspect.getdoc(function)


def test_the_package_says_that_it_is_typed():
    assert (Path(nnlab.__file__).parent / "py.typed").is_file()


def test_the_example_in_the_docstring_runs(tmp_path, monkeypatch):
    """As it stands, but with fewer epochs and a run that is there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NNLAB_RUNS", raising=False)
    example = "\n".join(re.findall(r"^    (.*)$", nnlab.__doc__, re.MULTILINE))
    assert example.count("nnlab.") == 14
    example = example.replace("epochs=5000", "epochs=5").replace('"runs/..."', "run.path")
    scope = {"x": np.eye(4, 2), "t": np.zeros((4, 3)), "y": [0, 1, 1, 0]}
    exec(compile(example.replace(", run.path\n", "\n"), "docstring", "exec"), scope)
    assert scope["run"].path.parent == Path("runs")
    assert len(scope["run"].metrics["train_loss"]) == 6


# --- train and load ----------------------------------------------------------------------------


def test_a_shipped_config_by_name(tmp_path):
    run = nnlab.train("identity8_fast", runs=tmp_path)
    assert run.status == "completed"
    assert run.path.parent == tmp_path
    assert run.config.name == "identity8-fast"
    assert run.metrics["epoch"].tolist() == list(range(41))
    assert run.summary["final"]["train_loss"] == run.metrics["train_loss"][-1] < 0.001
    np.testing.assert_array_equal(run.predict(np.eye(8)).argmax(1), range(8))


@pytest.mark.parametrize("form", ["path", "text", "mapping", "config"])
def test_all_forms_of_a_config_give_the_same_run(tmp_path, form):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: small\ndata: xor\nnetwork: [{dense: 3}, tanh, {dense: 1}, sigmoid]\n"
        "loss: bce\ntraining: {epochs: 3, dtype: float64}\n",
        encoding="utf-8",
    )
    first = nnlab.train(XOR, runs=tmp_path)
    config = {"path": file, "text": str(file), "mapping": XOR, "config": first.config}[form]
    second = nnlab.train(config, runs=tmp_path)
    assert second.path != first.path
    assert second.config == first.config
    np.testing.assert_array_equal(second.network().theta, first.network().theta)
    saved = (second.path / "config.yaml").read_bytes()
    expected = file if form in ("path", "text") else second.path / "resolved.yaml"
    assert saved == expected.read_bytes()


def test_a_changed_config_object(tmp_path):
    config = nnlab.train(XOR, runs=tmp_path).config
    run = nnlab.train(replace(config, seed=7), runs=tmp_path)
    assert run.config.seed == 7


def test_overrides(tmp_path):
    run = nnlab.train(
        XOR,
        runs=tmp_path,
        lr=0.5,
        epochs=2,
        seed=4,
        training__batch_size="full",
        optimizer__momentum=0.25,
        hidden=5,
    )
    config = run.config
    assert (config.optimizer.lr, config.optimizer.momentum) == (0.5, 0.25)
    assert (config.training.epochs, config.training.batch_size, config.seed) == (2, "full", 4)
    assert run.network().parameters["0.dense.weight"].shape == (2, 5)
    assert run.metrics["step"].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(run.metrics["lr"], 0.5)


def test_a_wrong_override(tmp_path):
    with pytest.raises(ConfigError, match="epoch"):
        nnlab.train(XOR, runs=tmp_path, epoch=3)
    assert list(tmp_path.iterdir()) == []


def test_where_runs_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NNLAB_RUNS", str(tmp_path / "chosen"))
    assert nnlab.train(XOR, epochs=0).path.parent == tmp_path / "chosen"
    monkeypatch.delenv("NNLAB_RUNS")
    assert nnlab.train(XOR, epochs=0).path.resolve().parent == tmp_path / "runs"


def test_plots_are_drawn_on_request(tmp_path):
    run = nnlab.train(XOR, runs=tmp_path, plots=True)
    assert list((run.path / "figures").glob("*.png"))


def test_a_run_is_loaded_again(tmp_path):
    first = nnlab.train(XOR, runs=tmp_path)
    again = nnlab.load(str(first.path))
    assert again == first
    assert again.status == "completed"
    assert again.config == first.config
    assert again.summary == first.summary
    x = [[0.2, 0.8], [1.0, 0.0]]
    np.testing.assert_array_equal(again.predict(x), first.predict(x))
    np.testing.assert_array_equal(again.predict(x), again.network().predict(x))
    start = again.network("initial").theta
    assert (start != again.network().theta).any()
    np.testing.assert_array_equal(again.predict(x, "initial"), again.network("initial").predict(x))


@pytest.mark.parametrize("inside", [".", "nothing"])
def test_a_folder_without_a_run(tmp_path, inside):
    with pytest.raises(RunUnreadable, match="Cannot read"):
        nnlab.load(tmp_path / inside)


@pytest.mark.parametrize(
    ("x", "shape"), [([[1.0, 2.0, 3.0]], r"\(1, 3\)"), ([1.0, 2.0], r"\(2,\)")]
)
def test_rows_of_another_width(tmp_path, x, shape):
    run = nnlab.train(XOR, runs=tmp_path, epochs=0)
    with pytest.raises(
        nnlab.NnlabError, match=rf"^The network takes rows of 2 numbers, not shape {shape}\.$"
    ):
        run.predict(x)


def test_inputs_are_scaled_as_in_training(tmp_path):
    data = {"name": "random", "samples": 50, "inputs": 3, "outputs": 1, "scale": "standardize"}
    run = nnlab.train(
        {**XOR, "data": data, "loss": "mse", "network": [{"dense": 1}]}, runs=tmp_path
    )
    x = run.config.data.source.load(run.config.data.seed).inputs
    scaled = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(run.predict(x), run.network().predict(scaled), rtol=1e-12)


# --- without a file ----------------------------------------------------------------------------


def regression(rows=30):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3))
    return x, np.stack([x[:, 0] - x[:, 1], x[:, 2]], axis=1)


def test_fit():
    x, t = regression()
    net = network(8, 2)
    history = nnlab.fit(
        net, x, t, nnlab.LOSSES["mse"](), nnlab.OPTIMIZERS["adam"](lr=0.05), epochs=80
    )
    assert len(history.loss) == 81
    assert set(history.metrics) == {"mae", "r2"}
    assert history.failure is None
    assert history.loss[0] > 0.5
    assert history.loss[-1] < 0.01
    assert ((net.predict(x) - t) ** 2).mean() < 0.01


@pytest.mark.parametrize("kind", ["classes", "binary"])
def test_fit_classes(kind):
    x, _ = regression()
    on = x[:, 0] > 0
    if kind == "classes":
        layers, loss, t = "softmax", "cross_entropy", np.eye(2)[on * 1]
    else:
        layers, loss, t = "sigmoid", "bce", on[:, None]
    net = nnlab.Network([nnlab.LAYERS["dense"](t.shape[1]), nnlab.LAYERS[layers]()], 3)
    rule = nnlab.OPTIMIZERS["sgd"](lr=1.0)
    history = nnlab.fit(net, x, t, nnlab.LOSSES[loss](), rule, epochs=50, batch_size=5, kind=kind)
    assert history.metrics["accuracy"][-1] > 0.95


def test_fit_does_what_it_is_told():
    x, t = regression()
    loss, exponential = nnlab.LOSSES["mse"](), nnlab.SCHEDULES["exponential"]
    settings = [
        {},
        {"seed": 1},
        {"shuffle": False},
        {"batch_size": 7},
        {"schedule": exponential(gamma=0.5)},
    ]
    weights = []
    for changes in [{}, *settings]:
        net = network(4, 2)
        nnlab.fit(net, x, t, loss, epochs=3, **{"batch_size": 8, **changes})
        weights.append(net.theta.tobytes())
    assert weights[0] == weights[1]
    assert len(set(weights)) == len(settings)


def test_fit_changes_no_data():
    x, t = regression()
    x.flags.writeable = t.flags.writeable = False
    copies = x.copy(), t.copy()
    nnlab.fit(network(4, 2), x, t, nnlab.LOSSES["mse"]())
    np.testing.assert_array_equal(x, copies[0])
    np.testing.assert_array_equal(t, copies[1])


def test_fit_tells_what_broke():
    x, t = regression()
    net = network(4, 2)
    history = nnlab.fit(
        net, x, t, nnlab.LOSSES["mse"](), nnlab.OPTIMIZERS["sgd"](lr=1e6), epochs=200
    )
    assert re.fullmatch(r".* of layer \d \((dense|tanh)\)", history.failure)
    assert np.isfinite(net.theta).all()
    assert np.isfinite(history.loss).all()


AWKWARD = {
    "no rows": (np.zeros((0, 3)), np.zeros((0, 2))),
    "fewer targets": (np.zeros((5, 3)), np.zeros((4, 2))),
    "more targets": (np.zeros((5, 3)), np.zeros((6, 2))),
    "a row too narrow": (np.zeros((5, 2)), np.zeros((5, 2))),
    "a target too wide": (np.zeros((5, 3)), np.zeros((5, 3))),
    "labels": (np.zeros((5, 3)), np.zeros(5)),
    "a single row": (np.zeros(3), np.zeros((1, 2))),
}


@pytest.mark.parametrize("case", AWKWARD)
def test_fit_refuses_what_does_not_fit_together(case):
    """A ValueError in words, before anything is changed."""
    net = network(4, 2)
    before = net.theta.copy()
    with pytest.raises(ValueError, match=r"rows|targets|inputs"):
        nnlab.fit(net, *AWKWARD[case], nnlab.LOSSES["mse"]())
    np.testing.assert_array_equal(net.theta, before)


@pytest.mark.parametrize("part", [0, 1])
def test_fit_with_numbers_that_are_not_finite(part):
    data = [array.copy() for array in regression()]
    data[part][3, 1] = np.nan
    net = network(4, 2)
    before = net.theta.copy()
    with pytest.raises(ValueError, match=r"(inputs|targets) hold a number that is not finite"):
        nnlab.fit(net, *data, nnlab.LOSSES["mse"]())
    np.testing.assert_array_equal(net.theta, before)


def test_gradcheck():
    x, t = regression(6)
    checked = nnlab.gradcheck(network(4, 2), x, t, nnlab.LOSSES["mse"]())
    assert {entry.name for entry in checked} == {
        "0.dense.weight",
        "0.dense.bias",
        "2.dense.weight",
        "2.dense.bias",
        "input",
    }
    assert max(entry.error for entry in checked) < 1e-7


def test_gradcheck_sees_a_wrong_gradient(monkeypatch):
    tanh = nnlab.LAYERS["tanh"]
    right = tanh.backward

    def wrong(self, p, g, x, y, dy, dx, s):
        right(self, p, g, x, y, dy, dx, s)
        dx *= 1.001

    monkeypatch.setattr(tanh, "backward", wrong)
    x, t = regression(6)
    checked = nnlab.gradcheck(network(4, 2), x, t, nnlab.LOSSES["mse"]())
    errors = {entry.name: entry.error for entry in checked}
    assert errors["0.dense.weight"] > 1e-4
    assert errors["2.dense.weight"] < 1e-7


# --- names, forms and mistakes -----------------------------------------------------------------


def test_names_stand_for_members_as_they_are_by_default():
    x, t = regression()
    nets = [network(4, 2) for _ in range(2)]
    nnlab.fit(nets[0], x, t, "mse", "adam", schedule="cosine", batch_size="full")
    made = nnlab.OPTIMIZERS["adam"](), nnlab.SCHEDULES["cosine"]()
    nnlab.fit(nets[1], x, t, nnlab.LOSSES["mse"](), made[0], schedule=made[1], batch_size=30)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)
    assert nnlab.gradcheck(network(4, 2), x, t, "mse")


@pytest.mark.parametrize(
    ("loss", "last", "outputs", "metrics"),
    [
        ("cross_entropy", "softmax", 3, {"accuracy"}),
        ("bce", "sigmoid", 1, {"accuracy"}),
        ("mse", "tanh", 1, {"mae", "r2"}),
    ],
)
def test_the_loss_says_how_outputs_are_judged_and_labels_are_rows(loss, last, outputs, metrics):
    x, _ = regression()
    labels = np.digitize(x[:, 0], [-0.5, 0.5]) if outputs > 1 else (x[:, 0] > 0) * 1
    rows = np.eye(3)[labels] if outputs > 1 else labels[:, None]
    layers = [nnlab.LAYERS["dense"](outputs), nnlab.LAYERS[last]()]
    nets = [nnlab.Network(layers, 3) for _ in range(2)]
    histories = [nnlab.fit(net, x, t, loss) for net, t in zip(nets, (labels, rows), strict=True)]
    assert set(histories[0].metrics) == metrics
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)


@pytest.mark.parametrize(("loss", "last"), [("cross_entropy", "softmax"), ("bce", "sigmoid")])
def test_balanced_classes(loss, last):
    """The rare class weighs as much as the other: 6 of 30 rows have 30 / (2 * 6) = 2.5 each."""
    x, _ = regression()
    labels = (np.arange(30) < 6) * 1
    outputs = 2 if last == "softmax" else 1
    made = [nnlab.LOSSES[loss](class_weight=weight) for weight in ("balanced", (0.625, 2.5), None)]
    nets = []
    for member in made:
        nets.append(nnlab.Network([nnlab.LAYERS["dense"](outputs), nnlab.LAYERS[last]()], 3))
        nnlab.fit(nets[-1], x, labels, member)
    np.testing.assert_array_equal(nets[0].theta, nets[1].theta)
    assert (nets[0].theta != nets[2].theta).any()


MISTAKES = {
    "loss": ({"loss": "mes"}, "there is no loss 'mes'; there are mse, mae, huber, log_cosh, "),
    "optimizer": ({"optimizer": "adma"}, "there is no optimizer 'adma'; there are sgd, "),
    "rate": ({"optimizer": nnlab.OPTIMIZERS["sgd"](lr=-1)}, "optimizer: lr is -1; it must be > 0"),
    "epochs": ({"epochs": 2.5}, "epochs must be a whole number, 0 or more, not 2.5"),
    "negative": ({"epochs": -1}, "epochs must be a whole number, 0 or more, not -1"),
    "batch": ({"batch_size": 0}, "batch_size must be a whole number, 1 or more, or 'full', not 0"),
    "all": ({"batch_size": "all"}, "batch_size must be a whole number, 1 or more, or 'full', not"),
    "kind": ({"kind": "class"}, "there is no kind 'class'; there are classes, binary, regression"),
    "fused": (
        {"loss": "bce", "kind": "regression"},
        "bce is for kind 'classes' or 'binary', not 'regression'",
    ),
    "binary": (
        {"loss": "cross_entropy", "kind": "binary"},
        "cross_entropy is for kind 'classes', not 'binary'",
    ),
    "label": (
        {"kind": "classes", "t": [0, 1, 2] * 10},
        "labels must be whole numbers from 0 to 1, not 2",
    ),
    "half": ({"kind": "classes", "t": [0.5] * 30}, "labels must be whole numbers from 0 to 1, not"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_in_fit_are_told(case):
    settings, message = MISTAKES[case]
    x, t = regression()
    net = network(4, 2)
    before = net.theta.copy()
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        nnlab.fit(net, **{"x": x, "t": t, "loss": "mse", **settings})
    np.testing.assert_array_equal(net.theta, before)


SHARE = "must be from 0 to 1, not"
SIGNS = f"targets for bce {SHARE} -1; write labels -1 and 1 as 0 and 1"
ROW = "each row of targets for cross_entropy must sum to 1, and row"
TEXT = (
    "targets must be numbers, and they are text; np.unique(names, return_inverse=True)[1] makes "
    "labels of the names of classes"
)
SMOOTH = {name: nnlab.LOSSES[name](label_smoothing=0.1) for name in ("bce", "cross_entropy")}
BALANCED = nnlab.LOSSES["bce"](class_weight="balanced")
SEED = "seed must be a whole number, 0 or more, not"
TARGETS = {  # loss, outputs, targets of four rows, further settings, message
    "signs": ("bce", 1, [-1, 1, 1, -1], {}, SIGNS),
    "signs in a column": ("bce", 1, [[-1.0], [1.0], [1.0], [-1.0]], {}, SIGNS),
    "two": ("bce", 1, [0, 1, 2, 1], {}, f"targets for bce {SHARE} 2"),
    "masked": (
        "bce",
        1,
        np.ma.masked_array([0, 1, 1, 0], mask=[0, 0, 1, 0]),
        {},
        "targets must all be there, and some of them are masked",
    ),
    "a little more": ("bce", 1, [0, 1, 1.001, 1], {}, f"targets for bce {SHARE} 1.001"),
    "several outputs": ("bce", 2, [[0, 1], [1, 1], [0, 3], [0, 0]], {}, f"for bce {SHARE} 3"),
    "smoothed": (SMOOTH["bce"], 1, [-1, 1, 1, 0], {}, f"targets for bce {SHARE} -1"),
    "weighted": (BALANCED, 1, [-1, 1, 1, -1], {}, SIGNS),
    "squares": ("mse", 1, [-1, 1, 1, 1], {"kind": "binary"}, f"for kind 'binary' {SHARE} -1"),
    "nan": ("bce", 1, [0, 1, float("nan"), 1], {}, "targets hold a number that is not finite"),
    "two classes": ("cross_entropy", 2, [[1, 0], [1, 1], [0, 1], [0, 1]], {}, f"{ROW} 1 sums to 2"),
    "no class": ("cross_entropy", 2, [[1, 0], [0, 1], [0, 1], [0, 0]], {}, f"{ROW} 3 sums to 0"),
    "percent": ("cross_entropy", 2, [[60, 40]] * 4, {}, f"{ROW} 0 sums to 100"),
    "logits": (
        "cross_entropy",
        2,
        [[2, -1]] * 4,
        {},
        "cross_entropy must be 0 or more, not -1",
    ),
    "smoothed rows": (SMOOTH["cross_entropy"], 2, [[1, 1]] * 4, {}, f"{ROW} 0 sums to 2"),
    "from 1": ("cross_entropy", 2, [1, 2, 1, 2], {}, "labels must be whole numbers from 0 to 1"),
    "from -1": ("cross_entropy", 2, [-1, 1, 1, 1], {}, "labels must be whole numbers from 0 to 1"),
    "names": ("cross_entropy", 2, ["a", "b", "a", "a"], {}, TEXT),
    "digits as text": ("bce", 1, ["0", "1", "1", "0"], {}, TEXT),
    "bytes": ("bce", 1, [b"0", b"1", b"1", b"0"], {}, TEXT),
    "objects": ("bce", 1, np.array(["0", 1, 1, 0], object), {}, TEXT),
    "nothing": ("bce", 1, [0, 1, None, 0], {}, "targets hold a number that is not finite"),
    "complex": ("bce", 1, [0, 1j, 1, 0], {}, "must be numbers, and they are of type complex128"),
    "ragged": ("bce", 2, [[0, 1], [1], [0, 1], [1, 1]], {}, "targets must be an array of numbers"),
    "a seed below 0": ("bce", 1, [0, 1, 1, 0], {"seed": -1}, f"{SEED} -1"),
    "half a seed": ("bce", 1, [0, 1, 1, 0], {"seed": 0.5}, f"{SEED} 0.5"),
}
FINE: dict[str, tuple[str, int, Any]] = {
    "bool": ("bce", 1, [False, True, True, False]),
    "shares": ("bce", 1, [0.0, 0.5, 0.25, 1.0]),
    "one class": ("bce", 1, [1, 1, 1, 1]),
    "several of several": ("bce", 2, [[0, 1], [1, 1], [0, 0], [1, 0]]),
    "objects that are numbers": ("bce", 1, np.array([0, 1, 1, 0], object)),
    "labels": ("cross_entropy", 2, [0, 1, 1, 0]),
    "bool labels": ("cross_entropy", 2, [False, True, True, False]),
    "one class of two": ("cross_entropy", 2, [1, 1, 1, 1]),
    "probabilities": ("cross_entropy", 2, [[0.3, 0.7]] * 4),
    "rounded": ("cross_entropy", 2, np.array([[0.1, 0.9]] * 4, np.float16)),
    "regression": ("mse", 1, [-7, 3, 1e6, 0]),
}


def ending(loss: Any, outputs: int) -> nnlab.Network:
    """A network for two inputs that ends as a loss needs."""
    made = nnlab.LOSSES[loss]() if isinstance(loss, str) else loss
    last = [nnlab.LAYERS[made.fuses]()] if made.fuses else []
    return nnlab.Network([nnlab.LAYERS["dense"](outputs), *last], 2)


FOUR = np.arange(8.0).reshape(4, 2) / 8


@pytest.mark.parametrize("case", TARGETS)
def test_targets_that_the_loss_cannot_take_are_refused(case):
    loss, outputs, t, settings, message = TARGETS[case]
    net = ending(loss, outputs)
    before = net.theta.copy()
    with pytest.raises(ValueError, match=re.escape(message)):
        nnlab.fit(net, FOUR, t, loss, **settings)
    np.testing.assert_array_equal(net.theta, before)
    if not settings:
        with pytest.raises(ValueError, match=re.escape(message)):
            nnlab.gradcheck(net, FOUR, t, loss)


@pytest.mark.parametrize("case", FINE)
def test_targets_that_the_loss_can_take(case):
    loss, outputs, t = FINE[case]
    history = nnlab.fit(ending(loss, outputs), FOUR, t, loss, epochs=2, seed=2**40)
    assert (history.loss >= 0).all()
    assert loss == "mse" or history.failure is None
    assert all(
        entry.error < 1e-5 for entry in nnlab.gradcheck(ending(loss, outputs), FOUR, t, loss)
    )


@pytest.mark.parametrize(
    ("value", "shown"), [(nnlab.LOSSES["mse"], "Mse"), (3, "3"), (None, "None")]
)
def test_a_loss_that_is_none(value, shown):
    with pytest.raises(TypeError) as error:
        nnlab.fit(network(4, 2), *regression(), value)
    assert str(error.value) == f"loss must be a name, or made by a catalogue; it is {shown}"


def test_one_output_is_not_one_class_of_many():
    x, t = regression()
    with pytest.raises(ValueError, match=r"^kind 'classes' needs an output for each class; a sing"):
        nnlab.fit(network(1), x, t[:, :1] > 0, "mse", kind="classes")


def test_a_step_cannot_be_trained_but_measured():
    x, t = regression()
    net = nnlab.Network([nnlab.LAYERS["dense"](2), nnlab.LAYERS["step"]()], 3)
    with pytest.raises(ValueError, match=r"^layer 1 \(step\) has no useful derivative, so it can"):
        nnlab.fit(net, x, t, "mse")
    assert len(nnlab.fit(net, x, t, "mse", epochs=0).loss) == 1


@pytest.mark.parametrize(
    ("layer", "settings", "message"),
    [
        ("dense", {"units": -3}, "layer 0 (dense): units is -3; it must be > 0"),
        ("dropout", {"rate": 1.0}, "layer 0 (dropout): rate is 1.0; it must be < 1"),
    ],
)
def test_settings_of_layers_have_their_limits_in_python_too(layer, settings, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        nnlab.Network([nnlab.LAYERS[layer](**settings)], 2)


def test_runs_by_name(tmp_path, monkeypatch):
    run = nnlab.train(XOR, runs=tmp_path)
    for spec in ("latest", run.path.name, run.path.name[:12], str(run.path)):
        assert nnlab.load(spec, runs=tmp_path) == run
    monkeypatch.setenv("NNLAB_RUNS", str(tmp_path))
    assert nnlab.load("latest") == run
    with pytest.raises(RunUnreadable, match=r"^There is no run 'lastest'"):
        nnlab.load("lastest")


def test_weights_that_do_not_exist(tmp_path):
    run = nnlab.train(XOR, runs=tmp_path)
    with pytest.raises(UsageError) as error:
        run.network("beste")
    assert str(error.value) == (
        "There are no weights 'beste'; there are initial, best, final, checkpoint."
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[None, 1.0]], "The rows hold nan at row 0, column 0 (counted from 0); only finite "),
        ([[1.0, 2.0], [3.0, np.nan]], "The rows hold nan at row 1, column 1 (counted from 0); "),
        (np.array([["1", "2"]]), "The rows are of type <U1; numbers are needed."),
        ([["a", "b"]], "The rows are of type <U1; numbers are needed."),
        ([[1.0, 2.0], [3.0]], "The rows are not numbers: "),
        ([[{}, 1.0]], "The rows are not numbers: "),
    ],
)
def test_rows_that_are_no_numbers(tmp_path, rows, message):
    run = nnlab.train(XOR, runs=tmp_path, epochs=0)
    with pytest.raises(DataError) as error:
        run.predict(rows)
    assert str(error.value).startswith(message)


def test_fit_on_images():
    """Rows need not be flat: a convolution takes (N, h, w, c) as they are."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 6, 6, 1))
    labels = (x[:, :, :3].mean(axis=(1, 2, 3)) > x[:, :, 3:].mean(axis=(1, 2, 3))).astype(int)
    layers = [
        nnlab.LAYERS["conv2d"](filters=4),
        nnlab.LAYERS["batch_norm"](),
        nnlab.LAYERS["relu"](),
        nnlab.LAYERS["flatten"](),
        nnlab.LAYERS["dense"](units=2),
        nnlab.LAYERS["softmax"](),
    ]
    network, adam = nnlab.Network(layers, (6, 6, 1), seed=1), nnlab.OPTIMIZERS["adam"](lr=0.03)
    history = nnlab.fit(network, x, labels, "cross_entropy", adam, epochs=40, batch_size=7)
    assert history.failure is None
    assert history.loss[-1] < 0.1 * history.loss[0]
    assert network.predict(x).shape == (30, 2)


def test_fit_refuses_a_batch_without_a_variance():
    network = nnlab.Network([nnlab.LAYERS["batch_norm"]()], 2)
    x = np.ones((5, 2))
    for size in (1, 2, 4):
        expected = r"^layer 0 \(batch_norm\) trains on batches of 2 rows or more, not of 1$"
        with pytest.raises(ValueError, match=expected):
            nnlab.fit(network, x, x, "mse", batch_size=size)
