"""Compares nnlab's L-BFGS with SciPy's on small problems and writes docs/lbfgs.md.

    python -m docs.lbfgs        # half a minute

Both minimise the same function from the same start, in float64 and with ten pairs, until the
largest derivative is at most 1e-6, or for 2,000 evaluations.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from nnlab.build import build
from nnlab.config.load import load_config
from nnlab.core.network import trained_depth
from nnlab.core.optimizers import Lbfgs, bind
from nnlab.core.types import Array
from nnlab.engine import blas
from nnlab.race.landscapes import LANDSCAPES

PAGE = Path(__file__).with_name("lbfgs.md")
FLAT, MOST = 1e-6, 2000
Function = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True)
class Problem:
    """A function with its gradient, and where both begin."""

    name: str
    function: Function
    start: Array


@dataclass(frozen=True)
class Ended:
    """The best value, and what it took."""

    value: float
    searches: int
    evaluations: int


def landscape(name: str) -> Problem:
    """A function of `nnlab descend`, from a point that is usual for it."""
    chosen = LANDSCAPES[name]()
    start = {"rosenbrock": [-1.2, 1.0], "beale": [1.0, 1.0], "himmelblau": [-0.5, -1.0]}[name]
    function: Function = lambda p: (float(chosen.value(*p)), np.array(chosen.gradient(*p)))  # noqa: E731
    return Problem(name, function, np.array(start))


def quadratic(size: int, condition: float) -> Problem:
    """The sum of c x^2 / 2 with curvatures c from 1 to `condition`."""
    curvatures = np.geomspace(1, condition, size)
    function: Function = lambda x: (float(curvatures @ x**2 / 2), curvatures * x)  # noqa: E731
    return Problem(f"quadratic, condition {condition:,.0f}", function, np.ones(size))


def training(config: str, *settings: str) -> Problem:
    """The objective of a config: the loss of all training rows, and the penalty."""
    full = ["training.batch_size=full", "training.dtype=float64", "optimizer=lbfgs", *settings]
    built = build(load_config(config, full).config)
    network, loss, train = built.network, built.plan.loss, built.plan.train
    x, t = train.copied(slice(None))
    g, depth = np.zeros_like(network.theta), trained_depth(network.layers, loss)
    binding = network.bind(len(x), depth=depth, gradient=g)
    memory, weights = loss.bind(len(t), t.shape[1], np.float64), network.layout.weights
    decay = built.plan.optimizer.weight_decay

    def function(theta: Array) -> tuple[float, Array]:
        network.theta[...] = theta
        z, w = binding.forward(x), theta[:weights]
        loss.gradient(z, t, binding.dz, memory)  # type: ignore[arg-type]
        binding.backward(x)
        gradient = g.copy()
        gradient[:weights] += decay * w
        return loss.value(z, t, memory) + decay / 2 * float(w @ w), gradient

    return Problem(" ".join([config, *settings]), function, network.theta.copy())


def by_nnlab(problem: Problem) -> Ended:
    """Evaluate where nnlab's optimizer says."""
    theta, optimizer = problem.start.copy(), Lbfgs()
    o = bind(optimizer, theta, 0, optimizer.new_slots(theta), np.zeros_like(theta))
    values, bases = list[float](), set[bytes]()
    with np.errstate(all="ignore"):
        while len(values) < MOST and (not bases or np.abs(o.gradient).max() > FLAT):
            o.loss, o.g[...] = problem.function(theta)
            values.append(o.loss)
            optimizer.update(o, optimizer.lr, len(values))
            bases.add(o.base.tobytes())
    return Ended(min(values), len(bases) - 1, len(values))


def by_scipy(problem: Problem) -> Ended:
    """`scipy.optimize.minimize` with the method L-BFGS-B."""
    options = {"maxcor": 10, "gtol": FLAT, "ftol": 0.0, "maxfun": MOST, "maxiter": MOST}
    with np.errstate(all="ignore"):
        result: Any = minimize(
            problem.function, problem.start, jac=True, method="L-BFGS-B", options=options
        )
    return Ended(float(result.fun), int(result.nit), int(result.nfev))


def problems() -> Iterator[Problem]:
    """The rows of the table."""
    yield from map(landscape, ("rosenbrock", "beale", "himmelblau"))
    yield from (quadratic(20, 10), quadratic(50, 1e3), quadratic(200, 1e4))
    for seed in (1, 2, 3):
        yield training("xor", f"seed={seed}")
    for seed in (1, 2, 3):
        yield training("identity8", f"seed={seed}")
    for seed in (1, 2):
        yield training("digits_binary", f"seed={seed}")
        yield training("digits_binary", f"seed={seed}", "optimizer.weight_decay=0.001")
    yield training("digits_linear", "optimizer.weight_decay=0.01")
    yield training("digits_linear", "optimizer.weight_decay=0.0001")
    for seed in (1, 2):
        yield training("approximate", f"seed={seed}")


def row(problem: Problem) -> str:
    """A line of the table."""
    ours, other = by_nnlab(problem), by_scipy(problem)
    pairs = [(ours.searches, other.searches), (ours.evaluations, other.evaluations)]
    counts = " | ".join(f"{number:,}" for pair in pairs for number in pair)
    values = f"{ours.value:.6g} | {other.value:.6g}"
    return f"| {problem.name} | {problem.start.size:,} | {counts} | {values} |"


def page(rows: list[str]) -> str:
    """The whole page."""
    return f"""<!-- Written by `python -m docs.lbfgs`; edit docs/lbfgs.py, not this page. -->

# L-BFGS beside SciPy's

`optimizer: lbfgs` against `scipy.optimize.minimize(method="L-BFGS-B")`: the same functions from the
same start, in float64, with ten pairs each. Both end where the largest derivative is at most
{FLAT:g}, or after {MOST:,} evaluations. An evaluation is the loss and its gradient over all
rows: an epoch of nnlab. Networks have several minima, and the two may end in different ones. The
trials of nnlab are also those of PyTorch's `LBFGS` with `strong_wolfe`: a test compares them.

| problem | parameters | searches | SciPy's | evaluations | SciPy's | value | SciPy's |
|---|---|---|---|---|---|---|---|
""" + "".join(f"{line}\n" for line in rows)


def main() -> None:
    """Write the page."""
    with blas.one_thread():
        PAGE.write_text(page([row(problem) for problem in problems()]), encoding="utf-8")


if __name__ == "__main__":
    main()
