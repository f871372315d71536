"""Findings as plain values, and in a run folder."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nnlab.diagnosis.evidence import Evidence
from nnlab.diagnosis.findings import Diagnosis
from nnlab.errors import RunLocked, StorageError
from nnlab.run.folder import FINDINGS, RunFolder


def findings_record(evidence: Evidence, findings: Sequence[Diagnosis]) -> dict[str, Any]:
    """The findings as values for JSON, with the epochs and updates that were looked at."""
    updates = evidence.updates(evidence.epochs)
    return {"epochs": evidence.epochs, "updates": updates, "findings": [*map(asdict, findings)]}


def save_findings(folder: RunFolder, evidence: Evidence, findings: Sequence[Diagnosis]) -> str:
    """Write findings.json; '' or a sentence on why it was not written.

    A run that another process trains is left alone: that process looks at its end.
    """
    try:
        with folder.lock():
            folder.write_json(FINDINGS, findings_record(evidence, findings))
    except RunLocked:
        return "The findings are not saved: another process is writing into the run folder."
    except StorageError as error:
        return f"The findings are not saved. {error}"
    return ""
