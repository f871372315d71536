"""Tables over the outputs of a network: its classes, its labels, or its targets."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnlab.core.class_scores import class_scores, confusion_matrix, label_averages, score_averages
from nnlab.core.metrics import MAE, R2, PartAnswers, Targets, decisions
from nnlab.core.types import FloatArray
from nnlab.data.batches import Part
from nnlab.data.dataset import Dataset
from nnlab.run.data_facts import DataFacts
from nnlab.training import Plan

OutputFacts = Dataset | DataFacts

NO_TABLES = dict.fromkeys(("classes", "averages", "confusion", "targets"))
MOST_CLASSES = 2_000  # of a confusion matrix in summary.json, which stays below MOST_JSON


def output_tables(
    facts: OutputFacts, plan: Plan, predicted: FloatArray, part: Part
) -> dict[str, Any]:
    """The tables of outputs (N, k) for the rows of a part.

    classes: a row per class, or per label of a multilabel task; averages: over these rows.
    confusion: counts of classes, null for more than 2,000. targets: a row per target where a
    regression has several, which are no pixels. Each is null where it has no meaning.
    """
    if facts.class_names:
        return NO_TABLES | _of_classes(facts.class_names, plan, predicted, part)
    if facts.learn == "inputs" and not facts.target_names:
        return NO_TABLES
    outputs, t = plan.loss.answers(predicted), plan.loss.decode(part.targets)
    names = list(facts.target_names) or [str(i) for i in range(t.shape[1])]
    if facts.task == "multilabel":
        return NO_TABLES | _of_labels(names, PartAnswers(plan.kind, outputs, t))
    if facts.task == "regression" and len(names) > 1:
        return NO_TABLES | {"targets": _of_targets(names, outputs, t)}
    return NO_TABLES


def _of_classes(
    names: Sequence[str], plan: Plan, predicted: FloatArray, part: Part
) -> dict[str, Any]:
    true, decided = decisions(plan.kind, part.targets), decisions(plan.kind, predicted)
    matrix = confusion_matrix(true, decided, len(names))
    table = [{"class": n, **s} for n, s in zip(names, class_scores(matrix), strict=True)]
    shown = matrix.tolist() if len(names) <= MOST_CLASSES else None
    return {"classes": table, "averages": score_averages(matrix), "confusion": shown}


def _of_labels(names: Sequence[str], answers: PartAnswers) -> dict[str, Any]:
    """Scores of the rows that have a label; a label is a class of its own."""
    matrices = [matrix.astype(np.int64) for matrix in answers.confusions]  # (2, 2): without, with
    scores = [class_scores(matrix)[1] for matrix in matrices]
    rows = [{"label": name, **row} for name, row in zip(names, scores, strict=True)]
    return {"classes": rows, "averages": label_averages(matrices)}


def _of_targets(names: Sequence[str], outputs: FloatArray, t: FloatArray) -> list[dict[str, Any]]:
    """Mean absolute error, root of the mean square error and R2 of each target."""
    error = np.subtract(outputs, t, dtype=np.float64)
    variances = Targets.of("regression", t).variance
    rows = []
    for name, own, variance in zip(names, error.T, variances, strict=True):
        square = float(own @ own)
        r2 = float(R2.value([[square]], len(own), Targets(1, (variance,))))
        rmse = float(np.sqrt(square / len(own)))
        rows.append(
            {"target": name, MAE.name: float(np.abs(own).mean()), "rmse": rmse, R2.name: r2}
        )
    return rows
