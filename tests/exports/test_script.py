"""A script trains again with NumPy alone, to the same losses."""

import ast
import json
import re
import runpy
import shutil

import numpy as np
import pytest

import nnlab
from nnlab.core.layers.activations import ACTIVATIONS
from nnlab.core.optimizers import OPTIMIZERS
from nnlab.core.schedules import SCHEDULES
from nnlab.errors import UsageError
from nnlab.experiment.resume import rebuild
from nnlab.exports.script import write_script
from nnlab.exports.trained import Exported
from nnlab.run.run import Run
from tests.exports.conftest import DIGITS

CLASSES = {
    "data": {"name": "digits", "scale": "unit"},
    "network": [{"dense": 6}, "relu", {"dense": 10}, "softmax"],
}
VALUES = {
    "data": {"name": "random", "samples": 30, "inputs": 4, "outputs": 3},
    "network": [{"dense": 5}, "tanh", {"dense": 3}],
}
DENSE, END = {"dense": 6}, [{"dense": 1}, "sigmoid"]
TRAINABLE = [name for name in ACTIVATIONS if name not in ("step", "softmax")]
CASES = {
    **{name: {"optimizer": name} for name in OPTIMIZERS if name != "lbfgs"},
    "momentum": {"optimizer": {"sgd": {"lr": 0.05, "momentum": 0.9, "nesterov": True}}},
    "clipped": {"optimizer": {"sgd": {"clip_norm": 0.1, "l1": 1e-3, "weight_decay": 1e-2}}},
    "clipped values": {"optimizer": {"adagrad": {"clip_value": 0.01}}},
    "rmsprop momentum": {"optimizer": {"rmsprop": {"lr": 0.01, "momentum": 0.5}}},
    "decay": {"optimizer": {"adam": {"weight_decay": 0.1}}},
    **{
        name: {"schedule": name}
        for name in SCHEDULES
        if name not in ("multistep", "plateau", "exponential")
    },
    "warmup": {"schedule": {"exponential": {"warmup": 1}}},
    "multistep": {"schedule": {"multistep": {"milestones": [3, 9], "per": "step"}}},
    "plateau": {"schedule": {"plateau": {"patience": 0, "threshold": 0.9}}},
    "all activations": {"network": [x for name in TRAINABLE for x in (DENSE, name)] + END},
    "dropout": {"network": [DENSE, "relu", {"dropout": 0.25}, *END]},
    "batch_norm": {"network": [DENSE, "batch_norm", "relu", *END]},
    "layer_norm": {"network": [DENSE, "layer_norm", "relu", DENSE, "layer_norm", *END]},
    "no bias": {"network": ["flatten", {"dense": {"units": 6, "bias": False}}, "tanh", *END]},
    "drop_last": {"training": {**DIGITS["training"], "drop_last": True, "shuffle": False}},
    "full batch": {"training": {**DIGITS["training"], "batch_size": "full"}},
    "large seed": {"seed": 2**40 + 5},
    "weighted bce": {"loss": {"bce": {"class_weight": [1, 2], "reduction": "sum"}}},
    "cross_entropy": CLASSES | {"loss": "cross_entropy"},
    "weighted": CLASSES
    | {"loss": {"cross_entropy": {"class_weight": "balanced", "label_smoothing": 0.1}}},
    "softmax and mse": CLASSES | {"loss": "mse"},
    "mae": VALUES | {"loss": {"mae": {"reduction": "batch_mean"}}},
    "huber": VALUES | {"loss": {"huber": {"delta": 0.2}}},
    "log_cosh": VALUES | {"loss": "log_cosh"},
    "hinge": CLASSES | {"network": CLASSES["network"][:-1], "loss": "hinge"},
    "a loss of 0": {
        "data": "xor",
        "network": [{"dense": 8}, "tanh", {"dense": 2}],
        "loss": "hinge",
        "optimizer": {"adam": {"lr": 0.1}},
        "training": {**DIGITS["training"], "epochs": 30},
    },
    "quantile": VALUES
    | {"network": [{"dense": 5}, "tanh", {"dense": 6}], "loss": {"quantile": [0.25, 0.75]}},
    "poisson": {
        "data": VALUES["data"] | {"distribution": "uniform"},
        "network": [*VALUES["network"], "exp"],
        "loss": "poisson",
    },
    "scaled targets": VALUES
    | {"loss": "mse", "data": VALUES["data"] | {"scale_target": "standardize"}},
    "sum": VALUES | {"loss": {"mse": {"reduction": "sum"}}, "optimizer": {"sgd": 1e-3}},
}


def differences(text):
    """The relative differences that a script printed."""
    return [float(number) for number in re.findall(r"difference (\S+)$", text, re.MULTILINE)]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES)
def test_a_script_reaches_the_losses_of_its_run(case, train, tmp_path, capsys):
    run = train(**CASES[case])
    script = write_script(run, rebuild(run), 1e-12)
    path = tmp_path / "again.py"
    Exported(script.text, script.arrays).write(path)
    again = runpy.run_path(str(path))
    assert differences(capsys.readouterr().out)
    assert again["losses"] == pytest.approx(run.metrics["train_loss"][1:].tolist(), rel=1e-12)
    assert not re.search(r"^\s*(import|from) nnlab", script.text, re.MULTILINE)


@pytest.mark.parametrize(("config", "epochs"), [("identity8", 60), ("xor", 60), ("textbook", 6)])
def test_a_script_of_a_shipped_config_is_a_short_lesson(config, epochs, tmp_path):
    run = nnlab.train(config, runs=tmp_path, epochs=epochs)
    path = nnlab.export(run, "script")
    assert path == run.path / "exports" / "script.py"
    text = path.read_text()
    assert len(text.splitlines()) <= 150
    tolerance = float(re.search(r"^tolerance = (\S+)$", text, re.MULTILINE)[1])
    assert tolerance == 1e-12 if config != "textbook" else tolerance < 1e-3


def test_a_script_checks_every_loss_that_it_names(train, tmp_path):
    run = train()
    path = nnlab.export(run, "script", tmp_path / "s.py")
    text = path.read_text()
    first = re.search(r"    1: (\S+),", text)[1]
    path.write_text(text.replace(first, repr(float(first) * (1 + 1e-9))))
    with pytest.raises(AssertionError):
        runpy.run_path(str(path))


def test_a_training_that_enlarges_rounding_errors_gets_a_wider_tolerance(train, tmp_path):
    """A spread that is nearly 0, by which everything is divided."""
    run = train(optimizer={"rmsprop": {"lr": 0.01, "centered": True, "momentum": 0.5}})
    text = nnlab.export(run, "script", tmp_path / "s.py").read_text()
    tolerance = float(re.search(r"^tolerance = (\S+)$", text, re.MULTILINE)[1])
    assert 1e-12 <= tolerance < 1e-3
    runpy.run_path(str(tmp_path / "s.py"))


def test_a_run_whose_numbers_are_wrong_gets_no_script(train, tmp_path):
    run = train()
    folder = tmp_path / "forged"
    shutil.copytree(run.path, folder)
    metrics = (folder / "metrics.csv").read_text().splitlines()
    cells = metrics[-1].split(",")
    cells[3] = "0.9"
    (folder / "metrics.csv").write_text("\n".join([*metrics[:-1], ",".join(cells)]) + "\n")
    with pytest.raises(UsageError, match="does not reach the losses of the run"):
        nnlab.export(Run.open(folder), "script", tmp_path / "s.py")
    assert not (tmp_path / "s.py").exists()


def test_a_name_cannot_become_code(train, tmp_path):
    folder = tmp_path / 'a"""\nraise SystemExit(3)\n"""'
    shutil.copytree(train().path, folder)
    run = Run.open(folder)
    text = write_script(run, rebuild(run), 1e-12).text
    kinds = [type(node) for node in ast.parse(text).body]
    assert ast.Raise not in kinds
    assert kinds.count(ast.Expr) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"network": [{"reshape": [8, 8, 1]}, {"conv2d": 2}, "flatten", *END]},
            "Layer 1 (conv2d) has no form in a script",
        ),
        ({"training": {"epochs": 0}}, "has no finished epoch"),
    ],
)
def test_what_has_no_script(train, tmp_path, changes, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        nnlab.export(train(**changes), "script", tmp_path / "s.py")


def test_a_notebook_runs_from_an_empty_kernel(train, tmp_path):
    import nbformat
    from nbclient import NotebookClient

    path = nnlab.export(train(), "notebook", tmp_path / "n.ipynb")
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    texts = [output["text"] for output in outputs if output.output_type == "stream"]
    assert "difference" in "".join(texts)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert json.loads(path.read_text())["nbformat"] == 4


def test_formulas_of_schedules_are_the_schedules():
    from nnlab.explanation.blocks import number_settings
    from nnlab.explanation.formula import compute

    for name, kind in SCHEDULES.items():
        schedule = kind(milestones=(2, 5)) if name == "multistep" else kind()
        for t in range(8 if schedule.formula else 0):
            numbers = {"lr": 0.3, "t": t, "total": 8, "length": 8, "pi": np.pi}
            value = compute(schedule.formula, numbers | number_settings(schedule))
            assert value == pytest.approx(schedule.after_warmup(t, 0.3, 8), rel=1e-15), name
