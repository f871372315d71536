"""Cross-checks every shipped experiment and writes docs/crosscheck.md.

    make crosscheck                    # a quarter of an hour; needs PyTorch and the MNIST files
    python -m docs.crosscheck xor      # the rows of some experiments; the others stay as they are

The exit code is 9 where a library does not agree.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import nnlab
from nnlab.api.crosscheck import CrossCheck
from nnlab.config.files import shipped
from nnlab.config.load import describes_race
from nnlab.errors import ConfigError
from nnlab.peers.side_by_side import PEERS
from nnlab.show.words import set_options

PAGE = Path(__file__).with_suffix(".md")
# What shortens the long ones: fewer epochs, and of the images with convolutions fewer rows.
FEW_ROWS = {"epochs": 2, "data.validation": 59000}
CHANGES: Mapping[str, Mapping[str, object]] = {
    "conv_fashion": FEW_ROWS,
    "fashion_best": FEW_ROWS,
    "fashion_mlp": {"epochs": 2},
    "lenet_mnist": FEW_ROWS,
    "mnist_best": FEW_ROWS,
    "mnist_online": {"epochs": 1},
}
TEXT = """<!-- Written by `make crosscheck`; edit docs/crosscheck.py, not this page. -->

# Cross-checks with PyTorch and scikit-learn

`nnlab crosscheck CONFIG --against torch` (or `sklearn`) trains a config in nnlab and, beside it, in another library, and
compares the loss and all weights after each epoch. This page has the results for every shipped experiment.

```console
$ nnlab crosscheck digits_binary --against sklearn
```

**What both share**: the initial weights, the rows and targets of each batch, the learning rate of each update, the random
numbers of dropout; all in float64. With PyTorch also the encoded targets of bce with label smoothing, and the formula of
`training.ema`, which PyTorch leaves to its user.

**What is the library's own**: the layers, the loss, its derivatives (PyTorch's autograd), the optimizer with its state,
weight decay, the clipping of gradients, the running statistics of batch_norm. PyTorch's modules are those that
`nnlab export --to torch` writes. scikit-learn gets each batch by `partial_fit`; its derivative of the squared error and its
place of Adam's eps differ from nnlab's by known factors, which `nnlab/peers/sklearn_peer.py` names and hands over.

**The tolerance** is 1e-9 (`--tolerance`): the largest difference of a weight, as a part of the largest weight, and of the
loss, as a part of the largest loss so far. A wrong bias, rate or order of rows gives 1e-4 or more in the first epoch.

**Rounding grows.** Two correct programs add in different orders, so they differ by about 1e-16 after an update. In most
trainings that stays small; in some each update makes it larger, by a unit that one program finds just above 0 and the other
just below, or by a rate at which the loss jumps. So where a difference passes the tolerance, nnlab trains once more from
initial weights whose last bits are changed. If the library is at most 1,000 times as far away as these two trainings of nnlab
are from each other, it is rounding: the comparison ends there, and the result says so. If it is farther, the exit code is 9.

| experiment | changed | against | epochs | updates | loss differs | weights differ | result |
|---|---|---|---|---|---|---|---|
{rows}

Differences are the largest of all epochs within the tolerance, as they are and not as parts. `box` and `forward_random` train
no epoch: their outputs before training are compared, by the loss. `landscape` is a race on a function and has no network.

## What is not compared

{refusals}

A config can have more that scikit-learn does not: the message of the command names it. PyTorch has everything that nnlab has
but the `step` activation's place in a training, which has no derivative anywhere.
"""
ROW = re.compile(r"^\| (\w+) \|.*$", re.MULTILINE)


def row(name: str, library: str, check: CrossCheck) -> str:
    """The row of an experiment as Markdown."""
    within = [row for row in check.rows if row.rounding is None]
    last, changed = check.rows[-1], set_options(
        f"{key}={value}" for key, value in CHANGES.get(name, {}).items()
    )
    losses, weights = (
        max((getattr(row, key) for row in within), default=float("nan"))
        for key in ("loss_difference", "weight_difference")
    )
    above = check.first_above
    result = "agrees" if above is None else "agrees until rounding grows"
    if not check.agrees:
        result = "**DIFFERS**"
    return (
        f"| {name} | {f'`{changed}`' if changed else ''} | {check.peer} | {within[-1].epoch:,} "
        f"| {within[-1].updates:,} | {losses:.0e} | {weights:.0e} | {result} |"
    )
