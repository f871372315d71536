"""The table of what can be wrong with a training, and its use.

A rule takes the evidence and returns a Diagnosis or None. `make doctor` measures how often the
rules are right on planted faults, and how often a remedy helps: docs/doctor.md.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from nnlab.diagnosis import curve_rules, data_rules, layer_rules
from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.findings import Diagnosis
from nnlab.diagnosis.remedies import is_change

RULES: tuple[Callable[[Evidence], Diagnosis | None], ...] = (
    data_rules.no_activation,
    data_rules.inputs_unscaled,
    data_rules.targets_unscaled,
    data_rules.output_out_of_range,
    data_rules.absent_class,
    data_rules.odd_pair,
    data_rules.imbalance,
    data_rules.leak,
    data_rules.validation_too_small,
    layer_rules.equal_units,
    layer_rules.exploding,
    layer_rules.vanishing,
    layer_rules.saturated,
    layer_rules.dead_units,
    layer_rules.decay_too_strong,
    curve_rules.diverged,
    curve_rules.rate_too_high,
    curve_rules.rate_too_low,
    curve_rules.batch_too_large,
    curve_rules.batch_too_small,
    curve_rules.too_few_epochs,
    curve_rules.underfitting,
    curve_rules.plateau,
    curve_rules.overfitting,
    curve_rules.best_epoch_early,
)


def diagnose(evidence: Evidence) -> list[Diagnosis]:
    """All findings, the surest first."""
    with np.errstate(all="ignore"):
        findings = [finding for rule in RULES if (finding := rule(evidence)) is not None]
    findings = [_with_changes(evidence, finding) for finding in findings]
    return sorted(findings, key=lambda finding: -finding.sure)


def _with_changes(evidence: Evidence, finding: Diagnosis) -> Diagnosis:
    """Without the remedies that change nothing, or that the config does not take."""
    remedies = tuple(r for r in finding.remedies if is_change(evidence.config, r))
    return replace(finding, remedies=remedies)
