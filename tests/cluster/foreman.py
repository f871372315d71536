"""A foreman whose trials may be sabotaged; workers of the tests start this one."""

from nnlab.sweep.foreman import main
from tests.cluster.sabotage import serve

if __name__ == "__main__":
    main(serve)
