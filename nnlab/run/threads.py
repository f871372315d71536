"""The environment of processes that are started here: BLAS threads, and where modules come from.

A BLAS looks at its variables once, when NumPy is imported.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
# Else a new Python looks for its modules in the current folder first, and runs a multiprocessing.py
# or json.py that lies there. The path of this process is handed on by multiprocessing.
SAFE_PATH = "PYTHONSAFEPATH"


def use(threads: int) -> None:
    """Tell the BLAS of this process, and of those that it starts."""
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))


@contextmanager
def inherited(threads: int) -> Iterator[None]:
    """Inside the `with`, a process that is started takes so many, and runs no file of this folder.

    This process is as it was.
    """
    before = {name: os.environ.get(name) for name in (*VARIABLES, SAFE_PATH)}
    use(threads)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
