"""How many threads a BLAS takes: it looks at these variables once, when NumPy is imported."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def use(threads: int) -> None:
    """Tell the BLAS of this process, and of those that it starts."""
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))


@contextmanager
def inherited(threads: int) -> Iterator[None]:
    """Inside the `with`, a process that is started takes so many; this one is as it was."""
    before = {name: os.environ.get(name) for name in VARIABLES}
    use(threads)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
