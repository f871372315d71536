"""A foreman that knows the data set `trouble`; workers of the tests start this one."""

from nnlab.study.foreman import main
from tests.study.sabotage import known, serve

if __name__ == "__main__":
    with known():
        main(serve)
