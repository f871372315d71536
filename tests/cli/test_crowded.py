"""The advice about `--threads` where BLAS threads would wait for a processor."""

import os

import pytest
from threadpoolctl import threadpool_limits

from nnlab.build import Built, build
from nnlab.cli.training_output import crowded_message
from nnlab.config.load import from_mapping
from nnlab.engine import blas
from nnlab.run import environment
from nnlab.training import run_training, start


def built(units: int, engine: str = "numpy") -> Built:
    network = [{"dense": units}, {"dense": 1}]
    settings = {"data": {"name": "digits", "binary": 5}, "network": network, "loss": "mse"}
    return build(from_mapping({**settings, "training": {"engine": engine}}))


@pytest.mark.parametrize(
    ("running", "threads", "units", "engine", "advised"),
    [
        (1, "2", 100, "numpy", None),  # no other process
        (2, "2", 100, "numpy", "1 other process is at work on this machine's 2 processors"),
        (4, "2", 100, "numpy", "3 other processes are at work on this machine's 2 processors"),
        (4, "1", 100, "numpy", None),
        (4, "None", 100, "numpy", None),  # the number of threads is unknown
        (4, "2", 30, "numpy", None),  # BLAS uses one thread for small products
        (4, "2", 100, "compiled", None),
    ],
)
def test_when_threads_are_advised(monkeypatch, running, threads, units, engine, advised):
    if engine == "compiled":
        pytest.importorskip("numba")
    monkeypatch.setattr(environment, "running", lambda: running)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    message = crowded_message(built(units, engine), threads)
    expected = None if advised is None else f"{advised}: --threads 1 may be many times faster."
    assert message == expected


def test_images_have_one_thread(monkeypatch):
    monkeypatch.setattr(environment, "running", lambda: 9)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    network = [{"reshape": [8, 8, 1]}, {"conv2d": 64}, "flatten", {"dense": 10}, "softmax"]
    settings = {"data": {"name": "digits"}, "network": network, "loss": "cross_entropy"}
    images = build(from_mapping({**settings, "training": {"engine": "numpy"}}))
    assert crowded_message(images, "2") is None
    seen = []
    forward = type(images.network.layers[1]).forward
    monkeypatch.setattr(
        type(images.network.layers[1]),
        "forward",
        lambda *arguments: (seen.append(blas.threads()), forward(*arguments)),
    )
    with threadpool_limits(2, user_api="blas"):
        next(record for record in run_training(images.plan, start(images.plan, images.network)))
        images.network.predict(images.plan.train.inputs[:2])
    assert set(seen) == {1}


@pytest.mark.skipif(not os.path.exists("/proc/loadavg"), reason="Linux counts them")
def test_this_process_is_counted():
    assert environment.running() >= 1
