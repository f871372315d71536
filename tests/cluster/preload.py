"""Loaded by a worker of the tests before it begins."""

import sys

from nnlab.study import remote

remote.COMMAND = (sys.executable, "-m", "tests.cluster.foreman")
