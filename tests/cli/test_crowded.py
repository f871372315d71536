"""The word about `--threads` where BLAS's threads would wait for a processor."""

import os

import pytest
from threadpoolctl import threadpool_limits

from nnlab.build import Built, build
from nnlab.cli.training_output import crowded_message
from nnlab.config.load import from_mapping
from nnlab.run import environment


def built(units: int, engine: str = "numpy") -> Built:
    network = [{"dense": units}, {"dense": 1}]
    given = {"data": {"name": "digits", "binary": 5}, "network": network, "loss": "mse"}
    return build(from_mapping({**given, "training": {"engine": engine}}))


@pytest.mark.parametrize(
    ("running", "threads", "units", "engine", "said"),
    [
        (1, "2", 100, "numpy", None),  # nobody else
        (2, "2", 100, "numpy", "1 other process is at work on this machine's 2 processors"),
        (4, "2", 100, "numpy", "3 other processes are at work on this machine's 2 processors"),
        (4, "1", 100, "numpy", None),
        (4, "None", 100, "numpy", None),  # nobody knows how many threads there are
        (4, "2", 30, "numpy", None),  # BLAS uses one for small products
        (4, "2", 100, "compiled", None),
    ],
)
def test_when_it_is_said(monkeypatch, running, threads, units, engine, said):
    if engine == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setattr(environment, "running", lambda: running)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    found = crowded_message(built(units, engine), threads)
    expected = None if said is None else f"{said}: --threads 1 may be many times faster."
    assert found == expected


@pytest.mark.parametrize(("batch", "said"), [(512, False), (8, True)])
def test_lanes_do_not_hold_up_each_other(monkeypatch, batch, said):
    """A small batch has one lane, whose products the BLAS may share."""
    monkeypatch.setattr(environment, "running", lambda: 9)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    conv = {"conv2d": {"filters": 64, "padding": "same"}}
    network = [{"reshape": [8, 8, 1]}, conv, "global_avg_pool", {"dense": 10}, "softmax"]
    given = {"data": {"name": "digits"}, "network": network, "loss": "cross_entropy"}
    with threadpool_limits(2, user_api="blas"):
        images = build(from_mapping({**given, "training": {"batch_size": batch}}))
        assert (crowded_message(images, "2") is not None) == said


@pytest.mark.skipif(not os.path.exists("/proc/loadavg"), reason="Linux counts them")
def test_this_process_is_counted():
    assert environment.running() >= 1
