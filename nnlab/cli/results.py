"""A run in words: what is trained, and what came of it."""

import os
from typing import Any

from nnlab.build import Built
from nnlab.cli.table import Cell, duration, records
from nnlab.core import columns
from nnlab.core.network import Network, flops
from nnlab.data.split import PartRows
from nnlab.engine.images.network import lanes_for
from nnlab.errors import Diverged
from nnlab.experiment.session import Session
from nnlab.run import environment

SHARED = 5_000  # operations for a row in a layer: from here on BLAS shares a product among threads
# Training figures are means over the epoch, taken while the weights were changing; those of epoch 0
# are measured like the others.
PARTS = {columns.TRAIN: "train (while training)", columns.VAL: "validation"}
APART, MUCH = 0.5, 1.5  # seconds, and times the training, that figures and files take


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
    if lanes_for(built.network, built.plan.batch_size) > 1:
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
    config, network = built.config, built.network
    return (
        f"{config.name}: {built.dataset.name}, rows: {sizes(built.parts)}\n"
        f"{widths(network)}, {network.theta.size:,} parameters, {config.training.dtype}, "
        f"engine {config.training.engine}, seed {config.seed}"
    )


def sizes(parts: PartRows) -> str:
    """How many rows each part has."""
    texts = [f"{len(parts.train):,} to train"]
    if parts.validation is not None and parts.validation is not parts.test:
        texts.append(f"{len(parts.validation):,} to validate")
    if parts.test is not None:
        shared = parts.validation is parts.test
        texts.append(f"{len(parts.test):,} to {'validate and test' if shared else 'test'}")
    return ", ".join(texts)


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
    """summary.json as a table: a row per part, for the last epoch and for the best one."""
    last_row, best_row = summary["final"] or {}, summary["best"] or {}
    final, best = last_row.get("epoch"), best_row.get("epoch")
    labels = {final: f"{final} (last)", best: f"{best} (best)"}  # one label where both are equal
    rows: list[dict[str, Cell]] = []
    for row in (last_row, best_row if best != final else {}):
        for part, label in PARTS.items():
            if found := columns.of_part(row, part):
                name = label if row["epoch"] else label.partition(" ")[0]
                rows.append({"part": name, "epoch": labels[row["epoch"]], **found})
    if summary["test"]:
        rows.append({"part": "test", "epoch": labels[final], **summary["test"]})
    return records(rows)


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
