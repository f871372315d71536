"""Loaded by a worker of the tests: there is no nnlab on its machine."""

import sys

sys.modules["nnlab"] = None  # type: ignore[assignment]  # Python's way to say: not installed
