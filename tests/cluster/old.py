"""Loaded by a worker of the tests: it has an older nnlab."""

import nnlab

nnlab.__version__ = "0.0.9"
