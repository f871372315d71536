"""What the doctor looks at: a bounded probe, and the batch in which a training diverged."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnlab.build import build
from nnlab.config.load import load_config
from nnlab.core.types import Array
from nnlab.diagnosis import gather
from nnlab.diagnosis.gather import evidence_of_config, probe
from nnlab.diagnosis.postmortem import FailedBatch, failed_batch
from nnlab.diagnosis.rules import diagnose
from nnlab.engine.numpy_engine import NumpyEngine


def test_a_probe_of_a_long_training_takes_few_epochs_and_rows(monkeypatch: pytest.MonkeyPatch):
    config = {
        "data": {"name": "digits", "validation": 0.4},
        "loss": "cross_entropy",
        "network": [{"dense": 10}, "softmax"],
        "training": {"epochs": 400, "batch_size": 64},
    }
    monkeypatch.setattr(gather, "PROBE_SECONDS", 1e-6)
    evidence = evidence_of_config(load_config(config, []).config)
    assert evidence.epochs == gather.FEW_EPOCHS
    assert len(evidence.built.plan.train) == gather.ROWS
    assert evidence.cut == gather.ROWS / 1078
    assert 0 < evidence.progress < 0.01
    # The loss still falls, in few updates of few rows: that is no fault of the config.
    kinds = {finding.kind for finding in diagnose(evidence)}
    assert not kinds & {"too-few-epochs", "batch-too-large", "rate-too-low", "overfitting"}


def test_a_probe_ends_by_the_clock_after_a_whole_epoch():
    built = build(load_config("digits_deep", [("epochs", 30)]).config)
    evidence = probe(built, 30, seconds=0.0)
    assert evidence.epochs == 1
    assert [moment.epoch for moment in evidence.moments] == [0, 1]


def test_the_rows_of_the_batch_that_diverged_are_found_again(monkeypatch: pytest.MonkeyPatch):
    batches: list[Array] = []
    run = NumpyEngine.run

    def watch(self: NumpyEngine, batch: int, xs: Sequence[Array], *rest: Any, **named: Any) -> int:
        done = run(self, batch, xs, *rest, **named)
        if self.failure is not None:
            batches.append(xs[done].copy())
        return done

    monkeypatch.setattr(NumpyEngine, "run", watch)
    config = {
        "data": {"name": "curve", "samples": 60},
        "network": [{"dense": 4}, {"dense": 1}],
        "loss": "mse",
        "optimizer": {"name": "sgd", "lr": 1e6},
        "training": {"epochs": 9, "batch_size": 16, "engine": "numpy"},
    }
    evidence = probe(build(load_config(config, []).config), 9)
    failed = failed_batch(evidence)
    assert failed is not None
    assert evidence.failure is not None
    assert (evidence.failure["step"] - 1) % failed.batches == failed.number - 1
    inputs = evidence.built.dataset.inputs[failed.rows - 1]
    np.testing.assert_array_equal(inputs.astype(batches[0].dtype), batches[0])
    (finding,) = [finding for finding in diagnose(evidence) if finding.kind == "diverged"]
    first = ", ".join(map(str, failed.rows[:8]))
    assert any(f"16 rows of the data set: {first}" in line for line in finding.evidence)
    assert any(line.startswith("layer 0 (dense): weights") for line in finding.evidence)


def test_a_row_that_makes_the_loss_alone_is_named():
    moment = evidence_of_config(load_config("xor", [("epochs", 1)]).config).last
    losses = np.array([1.0, 1e300, 2.0, 1e298])
    batch = FailedBatch(1, 1, np.array([3, 57, 5, 8]), replace(moment, losses=losses))
    assert batch.worst()[0] == 57
    assert batch.advice == "Look at row 57 of the data: it may be a mistake."
    even = FailedBatch(1, 1, np.array([3, 57, 5, 8]), replace(moment, losses=np.full(4, np.inf)))
    assert even.advice == ""
