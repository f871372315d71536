"""Loaded by a worker of the tests: it has another NumPy."""

import numpy

numpy.__version__ = "1.99.0"
