"""A foreman that knows the data set `trouble`; workers of the tests start this one."""

from nnlab.sweep.foreman import main
from tests.sweep.sabotage import known, serve

if __name__ == "__main__":
    with known():
        main(serve)
