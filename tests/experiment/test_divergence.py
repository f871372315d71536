"""N2: a hundred random ways to blow up; each leaves the last finite weights, and says where."""

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.config.load import load_config
from nnlab.experiment.session import begin
from nnlab.experiment.verify import Verifier
from nnlab.run.folder import RunFolder
from nnlab.run.run import Run
from nnlab.training import Failure

WANTED = 100
PLACE = re.compile(
    r"[\w. ]+ of layer \d \(\w+\)"
    r"|(training|validation) (loss|mae|r2|accuracy)"
)


def config(draw: random.Random) -> dict[str, Any]:
    """Something that is likely to leave the finite numbers, sooner or later."""
    classes = draw.random() < 0.4
    data = (
        {"name": "digits", "validation": 0.1}
        if classes
        else {"name": "random", "samples": 60, "inputs": 5, "outputs": 3, "validation": 0.2}
    )
    hidden = draw.choice(
        ["relu", "tanh", "softplus", "linear", "gelu", "silu", "elu", "leaky_relu"]
    )
    network = [{"dense": draw.randint(2, 20)}, hidden]
    network += [{"dropout": 0.3}] if draw.random() < 0.3 else []
    network += [{"dense": draw.randint(2, 9)}, "linear"] if draw.random() < 0.4 else []
    network += [{"dense": 10}, "softmax"] if classes else [{"dense": 3}]
    optimizer: dict[str, Any] = {
        "name": draw.choice(["sgd", "sgd", "adam", "rmsprop", "adagrad", "adamw"]),
        "lr": 10.0 ** draw.uniform(1, 38),
    }
    if optimizer["name"] == "sgd":
        optimizer["momentum"] = draw.choice([0.0, 0.9])
    if draw.random() < 0.2:
        optimizer["weight_decay"] = 10.0 ** draw.uniform(-3, 3)
    return {
        "data": data,
        "network": network,
        "loss": "cross_entropy" if classes else draw.choice(["mse", "huber"]),
        "init": {"normal": 10.0 ** draw.uniform(-2, 18)} if draw.random() < 0.4 else "he_uniform",
        "optimizer": optimizer,
        "schedule": draw.choice(["constant", {"name": "linear", "start": 0.0, "end": 1e6}]),
        "training": {
            "epochs": 12,
            "batch_size": draw.choice([1, 16, "full"]) if not classes else draw.choice([64, 500]),
            "dtype": draw.choice(["float32", "float32", "float64"]),
            "ema": draw.choice([None, None, 0.9]),
            "checkpoint_every": 1,
        },
        "seed": draw.randrange(1000),
    }


@pytest.mark.thorough
def test_a_hundred_blow_ups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    draw = random.Random(11)
    diverged = finite = mid_run = 0
    while diverged < WANTED:
        document = config(draw)
        path = tmp_path / "c.yaml"
        path.write_text(json.dumps(document))
        failure: Failure | None = None
        with begin(load_config(path), tmp_path / "runs") as session:
            for record in session:
                # Nothing is saved over with numbers that are none.
                assert np.isfinite(session.state.network.theta).all(), document
                assert np.isfinite(session.state.best.values).all(), document
                failure = record if isinstance(record, Failure) else None
        check(session.folder, failure, document)
        diverged, finite = diverged + (failure is not None), finite + (failure is None)
        mid_run += failure is not None and failure.step > 0
        if failure is not None and diverged % 20 == 0:
            wrong = [one for one in Verifier(session.folder).replay() if one.problem]
            assert wrong == [], document
    assert finite < WANTED  # most of them do
    assert mid_run > WANTED / 4


def check(run: RunFolder, failure: Failure | None, document: dict[str, Any]) -> None:
    about = run.read_json("run.json")
    assert about["status"] == ("completed" if failure is None else "diverged")
    for which in ("initial", "best", "final"):
        assert np.isfinite(Run(run.path).network(which).theta).all(), document  # type: ignore[arg-type]
    if failure is not None:
        assert about["failure"] == failure._asdict()
        assert PLACE.fullmatch(failure.what), failure.what
        assert run.load_checkpoint().meta["step"] in (failure.step - 1, failure.step)
    assert "NaN" not in (run.path / "summary.json").read_text()
