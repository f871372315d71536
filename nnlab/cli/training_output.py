"""The output of train and resume: the setup, the progress, the results."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nnlab.build import Built
from nnlab.cli.progress import watch_training
from nnlab.cli.terminal import (
    VERBOSE,
    print_json,
    print_message,
    print_messages,
    print_result,
    print_warnings,
)
from nnlab.core import columns
from nnlab.core.network import Network, flops
from nnlab.data.split import PartRows
from nnlab.engine.network import has_images
from nnlab.errors import CheckFailed, Diverged
from nnlab.experiment.expected import ReachedValue, SeedCount, compare_run
from nnlab.experiment.provide import compile_kernels
from nnlab.experiment.session import Session
from nnlab.run import environment
from nnlab.run.files import RunFiles
from nnlab.run.run import Run
from nnlab.show.text_tables import Cell, format_records
from nnlab.show.words import count, duration, parameter_words, shape_text
from nnlab.status import Status

if TYPE_CHECKING:
    from nnlab.show.figures import Drawn

# Operations per row in a layer from which on the BLAS shares a product among threads.
SHARED_FLOPS = 5_000
# Training numbers are means over the epoch, taken while the weights were changing; those of epoch 0
# are measured like the others.
PART_LABELS = {columns.TRAIN: "train (while training)", columns.VAL: "validation"}
# The whole time is shown beside the time of training where it is longer by this and by this factor.
LONGER_S, LONGER_FACTOR = 0.5, 1.5


def follow_training(session: Session) -> None:
    """Train to the end, with the setup, warnings and progress on stderr."""
    built = session.built
    crowded = crowded_message(built, session.environment.get("BLAS threads", ""))
    print_messages(filter(None, [_training_title(built), crowded, *session.notes]))
    if built.plan.engine != "numpy":
        from nnlab.engine.compiled.layers import kernels_of

        kernels = kernels_of(built.network.layers, str(built.network.dtype))
        began = perf_counter()
        compile_kernels(kernels, print_message)
        session.began += perf_counter() - began
    warned = len(session.warnings)
    print_warnings(session.warnings)
    with watch_training(built.plan.epochs, session.seconds) as see:
        for record in session:
            see(record)
    print_warnings(session.warnings[warned:])


def conclude_training(session: Session, plots: bool, as_json: bool) -> None:
    """Draw the figures and print the results.

    Raises Diverged for a run that diverged, CheckFailed where it is not as its config expects.
    """
    status = session.state.status
    expects = bool(session.settings["expect"])  # to read them takes as long as a small training
    compared = compare_run(RunFiles(session.folder.path)) if expects else []
    if plots:
        from nnlab.show.figures import draw_all

        print_drawn(draw_all(session.folder))
    if as_json:
        failed = {} if session.failure is None else {"failure": session.failure._asdict()}
        about = {"folder": str(session.folder.path), "status": status}
        rows = {"expected": [each.row for each in compared]} if compared else {}
        print_json({**about, **failed, "summary": session.summary, **rows})
    else:
        early = " (stopped early)" if status == "early_stopped" else ""
        updates = f"{count(session.state.step, 'update')} in {training_time(session)}{early}"
        tables = [results_table(session.summary), *expected_table(compared)]
        print_result("\n\n".join([*tables, f"{updates}, saved in\n{session.folder.path}"]))
    _print_serious_finding(session)
    _raise_if_diverged(session)
    raise_unmet(session.folder.path, compared)
    if sys.stderr.isatty():
        print_message(f"To see it: nnlab report {shlex.quote(str(session.folder.path))} --open")


def expected_table(compared: Sequence[ReachedValue | SeedCount]) -> list[str]:
    """The table of what is expected; no table where nothing is."""
    return [format_records([each.row for each in compared])] if compared else []


def raise_unmet(path: Path, compared: Sequence[ReachedValue | SeedCount]) -> None:
    """Raise CheckFailed with the expectations that a run or a sweep does not meet."""
    if missed := list(dict.fromkeys(str(each) for each in compared if not each.met)):
        number = count(len(missed), "expectation")
        raise CheckFailed(f"{path} does not meet {number}: {', '.join(missed)}.")


def _print_serious_finding(session: Session) -> None:
    """Save the doctor's findings, and print the surest serious one on stderr.

    Of a run that diverged the error says so, and the line only what else is wrong.
    """
    from nnlab.diagnosis.findings import save_findings
    from nnlab.diagnosis.gather import evidence_of_run
    from nnlab.diagnosis.rules import diagnose, is_worth_a_look

    if not is_worth_a_look(session.built, session.summary, session.failure is not None):
        return
    run = Run(session.folder.path)
    evidence = evidence_of_run(run, session.built)
    findings = diagnose(evidence)
    print_warnings(filter(None, [save_findings(run.folder, evidence, findings)]))
    finding = next((finding for finding in findings if finding.serious), None)
    if finding is not None and finding.kind != Status.DIVERGED:
        path = shlex.quote(str(run.path))
        print_message(f"{finding.sentence} For the reason and what to try: nnlab doctor {path}")


def print_drawn(drawn: "Drawn") -> None:
    """Print warnings, and with --verbose the paths of the figures."""
    print_warnings(drawn.warnings)
    for path in drawn.paths:
        print_message(str(path), VERBOSE)


def _training_title(built: Built) -> str:
    """Two lines: the data and its parts; the network, its size and the engine."""
    config, network = built.config, built.network
    return (
        f"{config.name}: {built.dataset.name}, rows: {part_sizes(built.parts)}\n"
        f"{_network_widths(network)}, {parameter_words(network.theta.size, network.trained.size)}, "
        f"{config.training.dtype}, engine {config.training.engine}, seed {config.seed}"
    )


def _network_widths(network: Network) -> str:
    """784-20-10: the inputs, then the outputs of each layer that has weights."""
    weighted = sorted({place.layer for place in network.layout.places if place.declared.decays})
    shapes = [network.shapes[0], *(network.shapes[index + 1] for index in weighted)]
    return "-".join(shape_text(shape, "x") for shape in shapes)


def part_sizes(parts: PartRows) -> str:
    """The number of rows of each part."""
    texts = [f"{len(parts.train):,} to train"]
    if parts.validation is not None and parts.validation is not parts.test:
        texts.append(f"{len(parts.validation):,} to validate")
    if parts.test is not None:
        shared = parts.validation is parts.test
        texts.append(f"{len(parts.test):,} to {'validate and test' if shared else 'test'}")
    return ", ".join(texts)


def crowded_message(built: Built, threads: str) -> str | None:
    """Advice where the BLAS's threads would have to wait for a processor; None elsewhere.

    They wait for each other at the end of every product, so a thread that waits for a processor
    delays all. Networks of images have one thread.
    """
    several = built.plan.engine == "numpy" and not has_images(built.network)
    if not several or not threads.isdigit() or max(flops(built.network)) < SHARED_FLOPS:
        return None
    others, processors = environment.running() - 1, os.cpu_count() or 1
    crowded = int(threads) > 1 and others + int(threads) > processors
    if not crowded:
        return None
    return (
        f"{count(others, 'other process is', 'other processes are')} at work on this machine's "
        f"{processors} processors: --threads 1 may be many times faster."
    )


def training_time(session: Session) -> str:
    """The time of training as in metrics.csv; also the whole time if that is much longer."""
    whole = session.seconds
    training = float(session.last_row.get("seconds") or whole)
    longer = whole - training > LONGER_S and whole > LONGER_FACTOR * training
    return f"{duration(training)} ({duration(whole)} in all)" if longer else duration(training)


def results_table(summary: dict[str, Any]) -> str:
    """summary.json as a table: a row per part, for the last epoch and for the best epoch."""
    last_row, best_row = summary["final"] or {}, summary["best"] or {}
    last, best = last_row.get("epoch"), best_row.get("epoch")
    labels = {last: f"{last} (last)", best: f"{best} (best)"}  # one label where both are equal
    rows: list[dict[str, Cell]] = []
    for row in (last_row, best_row if best != last else {}):
        for part, label in PART_LABELS.items():
            if numbers := columns.of_part(row, part):
                name = label if row["epoch"] else label.partition(" ")[0]
                rows.append({"part": name, "epoch": labels[row["epoch"]], **numbers})
    if summary["test"]:
        rows.append({"part": "test", "epoch": labels[last], **summary["test"]})
    return format_records(rows)


def _raise_if_diverged(session: Session) -> None:
    """Raise Diverged with where it happened, what is saved and what to try."""
    failure = session.failure
    if failure is None:
        return
    what = failure.what.replace("_", " ")
    optimizer = session.built.config.optimizer
    clip = "" if optimizer.clip_norm is not None else ", or optimizer.clip_norm: 1"
    raise Diverged(
        f"The run diverged in epoch {failure.epoch}, at update {failure.step:,}: "
        f"the {what} is not finite. The last finite weights are in "
        f"{session.folder.path / 'weights' / 'final.npz'}. "
        f"Try a smaller lr (it was {optimizer.lr:g}){clip}."
    )
