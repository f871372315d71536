"""A run in words: what is trained, and what came of it."""

import os
from typing import Any

from nnlab.build import Built
from nnlab.cli.table import Cell, duration, records
from nnlab.core.network import Network, flops
from nnlab.errors import Diverged
from nnlab.experiment.session import Session
from nnlab.run import environment

SHARED = 5_000  # operations for a row in a layer: from here on BLAS shares a product among threads
APART, MUCH = 0.5, 1.5  # seconds, and times the training, that figures and files take
PARTS = {"train": "train", "val": "validation"}  # the columns' prefixes of a row


def widths(network: Network) -> str:
    """The network in a line: its inputs, then the outputs of each layer that has weights."""
    weighted = {place.layer for place in network.layout.places if place.declared.decays}
    shapes = [network.shapes[0], *(network.shapes[index + 1] for index in sorted(weighted))]
    return "-".join("x".join(map(str, shape)) for shape in shapes)


def compiling(built: Built) -> str | None:
    """What to say where training begins with compiling; None where it does not."""
    if built.plan.engine == "numpy":
        return None
    from nnlab.cli import kernels

    return kernels.compiling(str(built.network.dtype))


def crowded(built: Built, threads: str) -> str | None:
    """What to say where BLAS's threads would have to wait for a processor; None where not.

    They wait for each other at the end of every product, so one that is not served holds up all.
    The threads of lanes wait far less often.
    """
    if built.plan.engine != "numpy" or not threads.isdigit() or max(flops(built.network)) < SHARED:
        return None
    if built.network.lanes(built.plan.batch_size) > 1:
        return None
    others, processors = environment.running() - 1, os.cpu_count() or 1
    if int(threads) < 2 or others + int(threads) <= processors:
        return None
    return (
        f"{others} other {'process is' if others == 1 else 'processes are'} at work on this "
        f"machine's {processors} processors: --threads 1 may be many times faster."
    )


def title(built: Built) -> str:
    """Two lines: the data and its parts; the network, its size and what computes it."""
    config, parts = built.config, built.parts
    sizes = [f"{len(parts.train):,} to train"]
    if parts.validation is not None and parts.validation is not parts.test:
        sizes.append(f"{len(parts.validation):,} to validate")
    if parts.test is not None:
        shared = parts.validation is parts.test
        sizes.append(f"{len(parts.test):,} to {'validate and test' if shared else 'test'}")
    network = built.network
    return (
        f"{config.name}: {built.dataset.name}, rows: {', '.join(sizes)}\n"
        f"{widths(network)}, {network.theta.size:,} parameters, {config.training.dtype}, "
        f"engine {config.training.engine}, seed {config.seed}"
    )


def as_mapping(session: Session) -> dict[str, Any]:
    """What `--json` prints."""
    failed = {"failure": session.failure._asdict()} if session.failure is not None else {}
    return {
        "folder": str(session.folder.path),
        "status": session.state.status,
        **failed,
        "summary": session.summary,
    }


def text(session: Session) -> str:
    """The table of final, best and test numbers, the time, and where the folder is."""
    early = " (stopped early)" if session.state.status == "early_stopped" else ""
    return (
        f"{numbers(session.summary)}\n\n"
        f"{session.state.step:,} updates in {elapsed(session)}{early}, saved in\n"
        f"{session.folder.path}"
    )


def elapsed(session: Session) -> str:
    """The time of training as metrics.csv has it; beside it the time until now if much longer."""
    total = session.seconds
    training = float(session.last_row.get("seconds") or total)
    much = total - training > APART and total > MUCH * training
    return f"{duration(training)} ({duration(total)} in all)" if much else duration(training)


def numbers(summary: dict[str, Any]) -> str:
    """summary.json as a table: a row for each part, of the last and of the best epoch."""
    rows: list[dict[str, Cell]] = []
    for kind in ("final", "best"):
        row = summary[kind]
        if not row or (kind == "best" and row["epoch"] == summary["final"]["epoch"]):
            continue
        for prefix, part in PARTS.items():
            found = under(row, f"{prefix}_")
            if found:
                # Training figures are means over the epoch, taken while the weights were changing.
                weights = "running" if prefix == "train" and row["epoch"] else kind
                rows.append({"part": part, "weights": weights, "epoch": row["epoch"], **found})
    if summary["test"]:
        epoch = summary["final"].get("epoch")
        rows.append({"part": "test", "weights": "final", "epoch": epoch, **summary["test"]})
    return records(rows)


def under(row: dict[str, Any], prefix: str) -> dict[str, Cell]:
    """The entries whose keys begin with `prefix`, without it."""
    return {key.removeprefix(prefix): row[key] for key in row if key.startswith(prefix)}


def raise_if_diverged(session: Session) -> None:
    """Diverged with where it happened, what is kept and what to try, if it did."""
    failure = session.failure
    if failure is None:
        return
    what = failure.what.replace("_", " ")
    optimizer = session.built.config.optimizer
    clip = "" if optimizer.clip_norm is not None else ", or optimizer.clip_norm: 1"
    raise Diverged(
        f"The run diverged in epoch {failure.epoch}, at update {failure.step:,}: "
        f"the {what} is not finite. The last finite weights are kept in "
        f"{session.folder.path / 'weights' / 'final.npz'}. "
        f"Try a smaller lr (it was {optimizer.lr:g}){clip}."
    )
