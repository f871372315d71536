"""The table of what can be wrong with a training, and its use.

A check takes the evidence and returns a Diagnosis or None. `make doctor` measures how often the
rules are right on planted faults, and how often a remedy helps: docs/doctor.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from nnlab.build import Built
from nnlab.core import columns
from nnlab.core.metrics import ACCURACY, R2
from nnlab.diagnosis import curve_rules, data_rules, layer_rules, part_rules, step_rules
from nnlab.diagnosis.curves import median
from nnlab.diagnosis.evidence import EXCELLENT, Evidence
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.remedies import is_change
from nnlab.experiment.outcome import LONG
from nnlab.run.text import mapping_or_empty

Check = Callable[[Evidence], Diagnosis | None]


class FindingRule(NamedTuple):
    """What looks for one kind of finding, and the kinds whose consequence that finding is.

    Beside a surer finding of such a kind it would say the same in other words, and is left out.
    always: whether the finding counts also where the network does well.
    """

    check: Check
    follows: tuple[str, ...] = ()
    always: bool = False


NO_GRADIENT = ("equal-units", "vanishing", "saturated", "dead-units", "exploding")
NO_PROGRESS = (
    *NO_GRADIENT,
    *("constant-data", "no-activation", "dropout-too-strong", "decay-too-strong"),
    *("rate-too-high", "small-steps", "rate-too-low"),
)

RULES: tuple[FindingRule, ...] = (
    FindingRule(data_rules.no_activation),
    FindingRule(data_rules.inputs_unscaled, always=True),
    FindingRule(data_rules.targets_unscaled, always=True),
    FindingRule(data_rules.output_out_of_range, always=True),
    FindingRule(data_rules.absent_class, always=True),
    FindingRule(data_rules.constant_data, always=True),
    FindingRule(data_rules.odd_pair),
    FindingRule(data_rules.imbalance, always=True),
    FindingRule(part_rules.leak, always=True),
    FindingRule(part_rules.validation_too_small, always=True),
    FindingRule(layer_rules.equal_units, always=True),
    FindingRule(layer_rules.exploding, always=True),
    FindingRule(layer_rules.vanishing, ("equal-units",)),
    FindingRule(layer_rules.saturated, ("exploding",)),
    FindingRule(layer_rules.dead_units),
    FindingRule(layer_rules.dropout_too_strong, always=True),
    FindingRule(layer_rules.decay_too_strong),
    FindingRule(step_rules.diverged),
    FindingRule(step_rules.rate_too_high),
    FindingRule(step_rules.small_steps, NO_GRADIENT),
    FindingRule(step_rules.rate_too_low, (*NO_GRADIENT, "small-steps")),
    FindingRule(step_rules.batch_too_large),
    FindingRule(step_rules.batch_too_small),
    FindingRule(curve_rules.too_few_epochs, NO_PROGRESS, always=True),
    FindingRule(curve_rules.underfitting, NO_PROGRESS),
    FindingRule(curve_rules.constant_predictions, NO_PROGRESS),
    FindingRule(curve_rules.plateau, (*NO_PROGRESS, "underfitting")),
    FindingRule(curve_rules.overfitting, always=True),
    FindingRule(curve_rules.best_epoch_early, ("overfitting", "rate-too-high"), always=True),
)


def diagnose(evidence: Evidence) -> list[Diagnosis]:
    """All findings, the surest first, without remedies that change nothing or do not fit."""
    with np.errstate(all="ignore"):
        well = _does_well(evidence)
        rules = [rule for rule in RULES if rule.always or not well]
        found = [(rule, finding) for rule in rules if (finding := rule.check(evidence)) is not None]
        found.sort(key=lambda pair: -pair[1].sure)
        kinds = [finding.kind for _, finding in found]
        findings = [
            _with_place(evidence, rule.check, finding)
            for place, (rule, finding) in enumerate(found)
            if not {*kinds[:place]} & {*rule.follows}
        ]
    config = evidence.config
    return [
        replace(finding, remedies=tuple(r for r in finding.remedies if is_change(config, r)))
        for finding in findings
    ]


def _does_well(e: Evidence) -> bool:
    """Whether the answers to validation rows, else to training rows, are excellent.

    At the end and in the last quarter of the epochs (median): accuracy, r2 of 0.95 of what lies
    above the best constant answer.
    """
    few = len(e.built.plan.validation or ()) < part_rules.FEW_ROWS
    metric = ACCURACY if e.is_classes else R2
    shares = e.column(columns.TRAIN if few else columns.VAL, metric.name)
    if e.failure is not None or not len(shares):
        return False
    often = e.targets.mean(0) if e.is_classes else np.zeros(2)
    most = max(*often, 1 - often[0]) if len(often) == 1 else often.max()
    share = min(shares[-1], median(shares[-1 - len(shares) // 4 :]))
    return bool(1 - share < (1 - EXCELLENT) * (1 - most))


def _with_place(evidence: Evidence, check: Check, finding: Diagnosis) -> Diagnosis:
    """With the epoch and the update at which it appeared.

    A rule that names no epoch is asked again about what was known at the earlier moments: the
    finding appeared at the first of those from which on it never vanished.
    """
    epoch, step = finding.epoch, finding.step
    if epoch is None:
        epoch = evidence.epochs
        for moment in reversed(evidence.moments[:-1]):
            if check(evidence.until(moment)) is None:
                break
            epoch = moment.epoch
    return replace(finding, epoch=epoch, step=evidence.updates(epoch) if step is None else step)


def is_worth_a_look(built: Built, summary: Mapping[str, Any], diverged: bool) -> bool:
    """Whether the doctor looks at a run that has just ended, without being asked.

    It looks at each that diverged. A run of fewer than 10 epochs says little. A run that explains
    nearly all of its training rows, and does not overfit, is not looked at: that would take a tenth
    of the time of a small run.
    """
    final, best = (mapping_or_empty(summary.get(key)) for key in ("final", "best"))
    metric = R2 if built.kind == "regression" else ACCURACY
    share = final.get(columns.name(columns.TRAIN, metric.name), 0)
    val_loss = columns.name(columns.VAL, columns.LOSS)
    overfits = final.get(val_loss, 0) > curve_rules.RISEN * best.get(val_loss, 0)
    return diverged or (final.get("epoch", 0) >= LONG and (share <= EXCELLENT or overfits))
