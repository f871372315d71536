"""Small trainings to export."""

import pytest

import nnlab

DIGITS = {
    "data": {"name": "digits", "binary": 5, "test": 899, "scale": "standardize_all"},
    "network": [{"dense": 6}, "tanh", {"dense": 1}, "sigmoid"],
    "loss": "bce",
    "optimizer": {"sgd": 0.1},
    "training": {"epochs": 2, "batch_size": 64, "dtype": "float64"},
}


@pytest.fixture(scope="session")
def train(tmp_path_factory):
    """Trains a config, DIGITS with changes; the run."""
    runs = tmp_path_factory.mktemp("exports")

    def trained(**changes):
        return nnlab.train(DIGITS | changes, runs=runs)

    return trained
