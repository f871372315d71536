"""Measure how often `nnlab doctor` is right, and write docs/doctor.md (`make doctor`, minutes).

The trainings stand in tests/doctor/planted.yaml: a planted fault each, or none. Counted are first
findings of the planted kind, findings on healthy trainings, and trainings that end better after
the first remedy of the first finding.
"""

import os
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from nnlab.api import loaded
from nnlab.build import build
from nnlab.doctor.evidence import probe
from nnlab.doctor.rules import RULES, examine
from nnlab.experiment.session import start_weights
from nnlab.show.words import format_number
from tests.doctor.planted import HEALTHY, PLANTED, SHIPPED, improved, trained, write_tables

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# How often the doctor is right

Made by `make doctor`; do not edit. Each kind of fault is planted in three or more trainings, on different data
(`tests/doctor/planted.yaml`). *Right*: the first finding names the planted fault. *Better*: the training was repeated
with the first remedy, and the loss of the validation part (else of the training part) is lower at the end; where the
remedy changes the loss, its balanced accuracy is higher.

| fault | planted | first finding right | with a remedy | better with it |
|---|---|---|---|---|
"""


def main() -> int:
    """Run all trainings and write the page; 9 where the promises are not kept."""
    rows: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    details, misses = [], []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_tables(Path(folder))
        for kind, config in PLANTED:
            before = trained(config)
            findings = examine(before.evidence)
            first = findings[0] if findings else None
            row = rows[kind]
            row[0] += 1
            row[1] += first is not None and first.kind == kind
            if first is None or first.kind != kind:
                misses.append(f"* planted {kind}, first found {first.kind if first else 'nothing'}")
            if first is not None and first.remedies:
                name, old, new, better = improved(before, trained(config, first.remedies[0]))
                row[2] += 1
                row[3] += better
                remedy = " ".join(f"--set '{setting}'" for setting in first.remedies[0])
                change = f"{name} {format_number(old)} to {format_number(new)}"
                details.append(
                    f"| {first.kind} | `{remedy}` | {change} | {'yes' if better else 'no'} |"
                )
            print(kind, first and first.kind, flush=True)
        healthy = [(name, examine(trained_shipped(name))) for name in SHIPPED]
        healthy += [
            (config["data"]["name"], examine(trained(config).evidence)) for config in HEALTHY
        ]
    alarms = [f"* {name}: {findings[0].sentence}" for name, findings in healthy if findings]
    total = [sum(row[i] for row in rows.values()) for i in range(4)]
    lines = [f"| {kind} | {a} | {b} | {c} | {d} |" for kind, (a, b, c, d) in rows.items()]
    lines.append(f"| all {len(rows)} | {total[0]} | {total[1]} | {total[2]} | {total[3]} |")
    text = HEAD + "\n".join(lines)
    text += f"\n\nThere are {len(RULES)} rules. "
    text += f"Healthy trainings with a finding: {len(alarms)} of {len(healthy)}.\n\n" + "\n".join(
        alarms
    )
    text += "\n\n## First findings that name something else\n\n" + "\n".join(misses or ["None."])
    text += "\n\n## Every remedy\n\n| finding | remedy | change | better |\n|---|---|---|---|\n"
    PAGE.write_text(text + "\n".join(details) + "\n")
    kept = total[1] >= 0.95 * total[0] and total[3] >= 0.85 * total[2]
    return 0 if kept and len(alarms) * 40 <= len(healthy) else 9


def trained_shipped(name: str):
    """What a shipped config shows."""
    config = loaded(name, ()).config
    built = build(config)
    start_weights(built)
    return probe(built, config.training.epochs)


if __name__ == "__main__":
    sys.exit(main())
