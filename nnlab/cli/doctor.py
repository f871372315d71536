"""`nnlab doctor`."""

import shlex
import sys
from pathlib import Path

import click

from nnlab.api.find import find_trained
from nnlab.cli.completion import complete_run
from nnlab.cli.options import CONFIG, json_option, names_run, runs_option, set_option
from nnlab.cli.terminal import print_json, print_messages, print_result, terminal_width
from nnlab.config.load import load_config
from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.findings import WIDTH, findings_record, save_findings
from nnlab.diagnosis.gather import evidence_of_config, evidence_of_run, refuse_untrainable
from nnlab.diagnosis.rules import diagnose
from nnlab.run.folder import RESOLVED, RunFolder
from nnlab.show.words import count, set_options


@click.command
@click.argument("what", metavar="RUN|CONFIG", type=CONFIG, shell_complete=complete_run)
@set_option("Override a setting of CONFIG, as lr=0.1; may be repeated.")
@runs_option
@json_option
def command(what: str, overrides: tuple[str, ...], runs: Path | None, as_json: bool) -> None:
    """Say why a network does not learn.

    Looks at a run: its curves, its data, and the layers of its network at several epochs. A CONFIG
    is first trained in memory, for about 3 s, and no epoch begins after 10 s: a long training only
    in its first epochs, and one of large images with fewer rows. Prints findings, the surest first,
    each with its evidence, its cause, and settings to try.

    Findings of a run are saved in its folder, as findings.json, and `nnlab report` shows them.
    `nnlab train` saves them by itself where a run had 10 epochs or more and left something to
    learn, or diverged. The exit code is 0 whatever is found.

    --json prints of (the name), epochs, updates, and findings. A finding has kind, sure (0 to 1),
    sentence, evidence, why, remedies (settings for --set that belong together), advice, epoch and
    step (where it appeared; 0: before training), figure, and serious.

    \b
    nnlab doctor latest
    nnlab doctor my.yaml --set lr=0.5
    """
    name, config, folder, evidence = _evidence(what, overrides, runs)
    findings = diagnose(evidence)
    if folder is not None:
        print_messages(filter(None, [save_findings(folder, evidence, findings)]))
    if as_json:
        print_json({"of": name, **findings_record(evidence, findings)})
        return
    if not findings:
        print_result(f"{name}: nothing found in {count(evidence.epochs, 'epoch')}.")
        return
    print_result(f"{name}: {count(len(findings), 'finding')}")
    for number, finding in enumerate(findings, 1):
        width = terminal_width(sys.stdout) or WIDTH
        print_result(f"\n{finding.text(f'{number}. ', max(width, 40))}")
    if any(finding.remedies for finding in findings):
        print_result(f"\nTo try a line: nnlab train {config}, followed by its settings.")


def _evidence(
    what: str, overrides: tuple[str, ...], runs: Path | None
) -> tuple[str, str, RunFolder | None, Evidence]:
    """The name, the words for `nnlab train`, the folder of a run, and the evidence."""
    if names_run(what, overrides):
        run = find_trained(what, runs)
        resolved = shlex.quote(str(run.path / RESOLVED))
        return run.name, resolved, run.folder, evidence_of_run(run)
    loaded = load_config(what, overrides)
    refuse_untrainable(loaded.config)
    trains = f"Trains {loaded.config.name} in memory for some seconds; nothing is saved."
    print_messages([*loaded.notes, trains])
    evidence = evidence_of_config(loaded.config)
    if evidence.progress < 1 and evidence.failure is None:
        rows = count(len(evidence.built.plan.train), "training row")
        of = f" of {rows}" if evidence.cut < 1 else ""
        print_messages([f"Looked at the first {count(evidence.epochs, 'epoch')}{of}."])
    command = f"{shlex.quote(what)} {set_options(overrides)}".strip()
    return loaded.config.name, command, None, evidence
