"""The environment of child processes: BLAS threads, and the folders of modules.

A BLAS reads its variables once, when NumPy is imported.
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
# Without it a new Python looks for modules in the current folder first, and would run a json.py
# that lies there. multiprocessing passes the path of this process on.
SAFE_PATH = "PYTHONSAFEPATH"


def use(threads: int) -> None:
    """Sets the threads of the BLAS of this process and of its children."""
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))


@contextmanager
def inherited(threads: int) -> Iterator[None]:
    """Limits the threads of child processes, and hides the modules of this folder.

    Holds inside the `with`; this process does not change.
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
