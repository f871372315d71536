"""A process that trains several networks at the same time, and says whether each ends as alone.

python -m tests.engine.alone threads|forks|spawned ROUNDS
"""

import multiprocessing
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from importlib.util import find_spec

import numpy as np

from nnlab.core.layers import LAYERS
from nnlab.engine.network import EngineNetwork
from nnlab.run import environment
from nnlab.training import run_training, start
from tests.trainings import part, plan_for

ROWS, BATCH = 512, 128
LAYERS_OF = {
    "images": [
        LAYERS["conv2d"](filters=16),
        LAYERS["relu"](),
        LAYERS["flatten"](),
        LAYERS["dense"](2),
    ],
    "dense": [LAYERS["reshape"](shape=(288,)), LAYERS["dense"](100), LAYERS["dense"](2)],
}
if find_spec("numba") is not None:
    from nnlab.engine.compiled import engine as compiled

    compiled.WORTH = 10**6  # and a small dense network has a team
    LAYERS_OF["compiled"] = [LAYERS["flatten"](), LAYERS["dense"](100), LAYERS["dense"](2)]


def bits(name: str) -> str:
    """Digest of what a training ends in, and of how many threads the BLAS is said to have.

    The dense network's products are large enough for their bits to depend on that number.
    """
    network = EngineNetwork(LAYERS_OF[name], (6, 6, 8), seed=1)
    draw = np.random.default_rng(0)
    data = part(draw.normal(size=(ROWS, 6, 6, 8)), draw.normal(size=(ROWS, 2)))
    plan = plan_for(data, None, epochs=2, batch_size=BATCH)
    plan = replace(plan, engine="compiled" if name == "compiled" else "numpy")
    last = list(run_training(plan, start(plan, network)))[-1]
    said = environment.loaded_blas()["num_threads"]
    return sha256(network.theta.tobytes() + repr((last, said)).encode()).hexdigest()


def threads(names: list[str]) -> list[str]:
    """Each in a thread of its own."""
    answers = dict.fromkeys(range(len(names)), "")
    gate = threading.Barrier(len(names))

    def work(number: int) -> None:
        gate.wait()
        answers[number] = bits(names[number])

    alive = [threading.Thread(target=work, args=(number,)) for number in answers]
    for thread in alive:
        thread.start()
    for thread in alive:
        thread.join()
    return list(answers.values())


def forks(names: list[str]) -> list[str]:
    """Each in a process forked while a thread trains images."""
    ended = threading.Event()

    def work() -> None:
        while not ended.is_set():
            bits("images")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        return processes("fork", names)
    finally:
        ended.set()
        thread.join()


def processes(method: str, names: list[str]) -> list[str]:
    """Each in a process of its own."""
    context = multiprocessing.get_context(method)
    answers = [context.Pipe(duplex=False) for _ in names]
    alive = [
        context.Process(target=send, args=(name, sender))
        for name, (_, sender) in zip(names, answers, strict=True)
    ]
    for process in alive:
        process.start()
    texts = [receiver.recv() for receiver, _ in answers]
    for process in alive:
        process.join()
    return texts


def send(name: str, sender: "multiprocessing.connection.Connection") -> None:
    """Train, and hand over the digest."""
    sender.send(bits(name))


WAYS: dict[str, Callable[[list[str]], list[str]]] = {
    "threads": threads,
    "forks": forks,
    "spawned": lambda names: processes("spawn", names),
}


def main(way: str, rounds: int) -> None:
    """Print how many rounds ended otherwise than alone."""
    names = [*LAYERS_OF, "images"] if way == "threads" else [*LAYERS_OF]
    alone = [bits(name) for name in names]
    print(sum(WAYS[way](names) != alone for _ in range(rounds)), "of", rounds, "differ")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
