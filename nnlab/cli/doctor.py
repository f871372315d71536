"""`nnlab doctor`."""

import shlex
import sys
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import click

from nnlab.cli.options import (
    complete_run,
    find_training,
    json_option,
    names_run,
    runs_option,
    set_option,
    verbosity,
)
from nnlab.cli.terminal import print_json, print_messages, print_result, terminal_width
from nnlab.config.load import load_config
from nnlab.diagnosis.evidence import Evidence, evidence_of_config, evidence_of_run
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.rules import diagnose
from nnlab.run.folder import RESOLVED
from nnlab.run.run import Run
from nnlab.show.words import count

WIDTH = 100  # of the text where the terminal's is unknown


@click.command
@click.argument("what", metavar="RUN|CONFIG", shell_complete=complete_run)
@set_option("Override a setting of CONFIG, for example lr=0.1; may be repeated.")
@runs_option
@json_option
@verbosity
def command(what: str, overrides: tuple[str, ...], runs: Path | None, as_json: bool) -> None:
    """Say why a network does not learn.

    Looks at a run: its curves, its data, and the layers of its network at several epochs. A
    CONFIG is trained for a few seconds first, in memory. Prints findings, the surest first, each
    with its evidence, its cause, and settings to try.

    \b
    nnlab doctor latest
    nnlab doctor my.yaml --set lr=0.5
    """
    name, config, evidence = _evidence(what, overrides, runs)
    findings = diagnose(evidence)
    if as_json:
        print_json({"of": name, "epochs": evidence.epochs, "findings": [*map(asdict, findings)]})
        return
    if not findings:
        print_result(f"{name}: nothing found in {evidence.epochs:,} epochs.")
        return
    print_result(f"{name}: {count(len(findings), 'finding')}")
    for number, finding in enumerate(findings, 1):
        print_result("\n".join(["", *_lines(number, finding)]))
    print_result(f"\nTo try a line: nnlab train {config}, followed by its settings.")


def _evidence(
    what: str, overrides: tuple[str, ...], runs: Path | None
) -> tuple[str, str, Evidence]:
    """The name, the words for `nnlab train`, and the evidence of a run or a probe of a config."""
    if names_run(what, overrides):
        run = Run(find_training(what, runs).path)
        return run.name, shlex.quote(str(run.path / RESOLVED)), evidence_of_run(run)
    loaded = load_config(what, overrides)
    print_messages(loaded.notes)
    evidence = evidence_of_config(loaded.config)
    if evidence.epochs < loaded.config.training.epochs and evidence.failure is None:
        print_messages([f"Looked at the first {evidence.epochs:,} epochs."])
    return loaded.config.name, f"{shlex.quote(what)} {_settings(overrides)}".strip(), evidence


def _lines(number: int, finding: Diagnosis) -> Iterator[str]:
    """A finding as text; a remedy is in one line, as it is pasted into a shell."""
    yield from _wrapped(f"{number}. ", f"{finding.sentence} ({finding.sure:.0%} sure)")
    yield from _paragraphs("evidence", finding.evidence)
    yield from _paragraphs("why", [finding.why])
    for place, remedy in enumerate(finding.remedies):
        yield f"   {'' if place else 'try':10}{_settings(remedy)}"
    yield from _paragraphs("advice", filter(None, [finding.advice]))
    yield from _paragraphs("figure", filter(None, [finding.figure]))


def _paragraphs(word: str, texts: Iterable[str]) -> Iterator[str]:
    """Texts beside a word, which stands at the first."""
    for place, text in enumerate(texts):
        yield from _wrapped(f"   {'' if place else word:10}", text)


def _settings(remedy: tuple[str, ...]) -> str:
    return " ".join(f"--set {shlex.quote(setting)}" for setting in remedy)


def _wrapped(start: str, text: str) -> list[str]:
    width = terminal_width(sys.stdout) or WIDTH
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )
