"""One rule makes classes of outputs: accuracy, tables, predictions and figures agree on ties."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import nnlab
from nnlab.cli import main
from nnlab.experiment.measure import evaluate_part
from nnlab.experiment.resume import rebuild
from nnlab.run.folder import RunFolder
from nnlab.run.run import Run
from nnlab.show.figures import view

ENDS = {  # loss -> units and activation that it ends in
    "one sigmoid": ("bce", 1, "sigmoid"),
    "softmax": ("cross_entropy", 2, "softmax"),
    "two sigmoids": ("bce", 2, "sigmoid"),
    "one sigmoid, squares": ("mse", 1, "sigmoid"),
    "two linear, squares": ("mse", 2, "linear"),
}
SIZES = {"float32": 1e-4, "float64": 1e-8}  # of weights whose outputs tie after rounding


def tied(end: str, dtype: str, **more: Any) -> dict[str, Any]:
    """A network whose outputs are nearly, and after rounding often quite, the same."""
    loss, units, activation = ENDS[end]
    init = {"normal": SIZES[dtype]}
    return {
        "name": "tied",
        "seed": 5,  # by logits, 0.9 of the rows would be right, not 0.45
        "data": {"name": "linear", "validation": 0.4},
        "network": [
            {"name": "dense", "units": 4, "init": init},
            "tanh",
            {"name": "dense", "units": units, "init": init},
            activation,
        ],
        "loss": loss,
        "optimizer": {"sgd": 1e-30},
        "training": {"dtype": dtype, "epochs": 0} | more,
    }


@pytest.mark.parametrize("dtype", SIZES)
@pytest.mark.parametrize("end", ENDS)
def test_accuracy_tables_predictions_and_figures_agree(end, dtype, tmp_path: Path) -> None:
    run = nnlab.train(tied(end, dtype), runs=tmp_path)
    matrix = np.array(run.summary["confusion"])
    share = np.trace(matrix) / matrix.sum()
    assert run.summary["part"] == "validation"
    assert run.summary["final"]["val_accuracy"] == share
    folder = RunFolder.open(run.path)
    assert evaluate_part(Run(folder.path), "final", "validation")["accuracy"] == share

    run = view(folder)
    rows = run.rows["validation"]
    guessed = run.guesses(rows)
    assert (guessed == run.labels(rows)).mean() == share

    np.savez(tmp_path / "rows.npz", x=rows.inputs)
    shown = CliRunner().invoke(main, ["predict", str(run.path), str(tmp_path / "rows.npz")])
    assert shown.exit_code == 0, shown.output
    lines = list(csv.DictReader(shown.output.splitlines()))
    assert [line["predicted"] for line in lines] == [run.classes[label] for label in guessed]
    # What a reader works out from the printed numbers.
    outputs = np.array([[float(v) for k, v in line.items() if k != "predicted"] for line in lines])
    mine = outputs.argmax(1) if outputs.shape[1] > 1 else (outputs[:, 0] >= 0.5).astype(int)
    assert (mine == guessed).all()


@pytest.mark.parametrize("dtype", SIZES)
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_the_accuracy_of_training_is_decided_in_the_same_way(
    end: str, dtype: str, engine: str, tmp_path: Path
) -> None:
    """With a rate that changes nothing, the mean while training is the one before training."""
    if engine == "compiled":
        pytest.importorskip("numba")
    run = nnlab.train(tied(end, dtype, epochs=1, engine=engine), runs=tmp_path)
    before, after = run.metrics["train_accuracy"]
    assert before == after
    built = rebuild(Run(run.path))
    outputs = run.network().predict(built.scaling.apply(built.dataset.inputs[built.parts.train]))
    mine = outputs.argmax(1) if outputs.shape[1] > 1 else outputs[:, 0] >= 0.5
    assert after == (mine == built.dataset.targets[built.parts.train]).mean()
