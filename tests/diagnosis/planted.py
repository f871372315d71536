"""Trainings with a planted fault, and healthy ones."""

import math
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from nnlab.build import build
from nnlab.config.dump import settings_of
from nnlab.config.load import from_mapping, load_config
from nnlab.core.metrics import decisions
from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.gather import probe
from nnlab.experiment.outcome import outputs
from nnlab.experiment.state import start_weights
from nnlab.training import Evaluation


class Sick(NamedTuple):
    """A training with a planted fault; also: other kinds of findings that are true of it."""

    kind: str
    config: dict[str, Any]
    also: tuple[str, ...] = ()


class Trainings(NamedTuple):
    """Trainings with a planted fault, and healthy ones."""

    planted: list[Sick]
    healthy: list[dict[str, Any]]


@cache  # reading YAML takes longer than training
def read_trainings(name: str) -> Trainings:
    """Those of a file beside this one."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times as fast
    content = yaml.load((Path(__file__).parent / name).read_text(), Loader=loader)
    planted = [
        Sick(config.pop("kind"), config, tuple(config.pop("also", ())))
        for config in content["planted"]
    ]
    return Trainings(planted, content["healthy"])


PLANTED, HEALTHY = read_trainings("planted.yaml")
SHIPPED = (
    *("identity8", "xor", "linear", "digits_binary", "digits_conv", "approximate", "textbook"),
    *("identity8_fast", "digits_binary_400", "digits_deep"),
)


class Ended(NamedTuple):
    """What a training shows, and its numbers at the end on the rows that it is watched by."""

    evidence: Evidence
    numbers: dict[str, float]


def examined(config: str | dict[str, Any], remedy: tuple[str, ...] = ()) -> Evidence:
    """What a training of a shipped config or a mapping shows, with a remedy."""
    plain = load_config(config, []).config
    settings = from_mapping(settings_of(plain), remedy) if remedy else plain
    built = build(settings)
    start_weights(built)
    return probe(built, settings.training.epochs)


def trained(config: dict[str, Any], remedy: tuple[str, ...] = ()) -> Ended:
    """The same, with the numbers of its end."""
    evidence = examined(config, remedy)
    built = evidence.built
    plan = built.plan
    part = plan.train if plan.validation is None else plan.validation
    judge = Evaluation(plan.kind, plan.loss, built.network, part)
    numbers = judge(evidence.last.values)
    if plan.kind != "regression":
        built.network.values[...] = evidence.last.values
        answers = decisions(plan.kind, outputs(built.network, part)).ravel()
        labels = decisions(plan.kind, part.targets).ravel()
        shares = [np.mean(answers[labels == label] == label) for label in np.unique(labels)]
        numbers["balanced accuracy"] = float(np.mean(shares))
    return Ended(evidence, numbers)


def improved(before: Ended, after: Ended) -> tuple[str, float, float, bool]:
    """What is compared, both values, and whether the second is better.

    The loss, infinite where training diverged; the balanced accuracy where the losses differ.
    """
    same = before.evidence.built.plan.loss == after.evidence.built.plan.loss
    if not same and "balanced accuracy" in before.numbers:
        old, new = (ended.numbers["balanced accuracy"] for ended in (before, after))
        return "balanced accuracy", old, new, new > old
    old, new = (
        math.inf if ended.evidence.failure is not None else ended.numbers["loss"]
        for ended in (before, after)
    )
    return "loss", old, new, new < old
