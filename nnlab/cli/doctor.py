"""`nnlab doctor`."""

import shlex
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from nnlab.cli.options import complete_run, json_option, runs_option, set_option, verbosity
from nnlab.cli.terminal import print_json, print_messages, print_result, terminal_width
from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.findings import Diagnosis

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
    from nnlab.diagnosis.rules import diagnose

    name, evidence = _evidence(what, overrides, runs)
    findings = diagnose(evidence)
    if as_json:
        print_json({"of": name, "epochs": evidence.epochs, "findings": [*map(asdict, findings)]})
        return
    print_result("\n".join(_lines(name, what, evidence, findings)))


def _evidence(what: str, overrides: tuple[str, ...], runs: Path | None) -> tuple[str, Evidence]:
    """The name and the evidence of a run, or of a probe of a config."""
    from nnlab.cli.options import find_training
    from nnlab.config.files import shipped
    from nnlab.config.load import load_config
    from nnlab.diagnosis.evidence import evidence_of_config, evidence_of_run
    from nnlab.run.run import Run

    if overrides or what in shipped() or Path(what).suffix in (".yaml", ".yml"):
        loaded = load_config(what, overrides)
        print_messages(loaded.notes)
        evidence = evidence_of_config(loaded.config)
        if evidence.epochs < loaded.config.training.epochs and evidence.failure is None:
            print_messages([f"Looked at the first {evidence.epochs:,} epochs."])
        return loaded.config.name, evidence
    run = Run(find_training(what, runs).path)
    return run.name, evidence_of_run(run)


def _lines(name: str, what: str, evidence: Evidence, findings: list[Diagnosis]) -> Iterator[str]:
    if not findings:
        yield f"{name}: nothing found in {evidence.epochs:,} epochs."
        return
    yield f"{name}: {len(findings)} finding{'s' if len(findings) > 1 else ''}"
    for number, finding in enumerate(findings, 1):
        yield ""
        yield from _wrapped(f"{number}. ", f"{finding.sentence} ({finding.sure:.0%} sure)")
        for word, texts in (
            ("evidence", finding.evidence),
            ("why", (finding.why,)),
            ("try", tuple(_settings(remedy) for remedy in finding.remedies)),
            ("advice", (finding.advice,) if finding.advice else ()),
            ("figure", (finding.figure,) if finding.figure else ()),
        ):
            for place, text in enumerate(texts):
                start = f"   {word if place == 0 else '':10}"
                # A remedy is pasted into a shell: a line break would end the command.
                yield from [start + text] if word == "try" else _wrapped(start, text)


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
