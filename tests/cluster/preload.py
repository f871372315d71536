"""Loaded by a worker of the tests before it begins."""

import atexit

from nnlab.study import cluster
from tests.study import sabotage

cluster.ENTRY = sabotage.serve
KNOWN = sabotage.known()
KNOWN.__enter__()
atexit.register(KNOWN.__exit__, None, None, None)
