"""The proofs of `make torture` with few rounds; R1, R2, R3, R8."""

import os
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

Proof = Callable[..., dict[str, Any]]
KILLS = 21


@pytest.mark.thorough
def test_killed_at_random_moments(proof: Proof) -> None:
    found = proof("kills", "--kills", str(KILLS))
    assert found["problems"] == []
    assert found["kills"] >= KILLS
    assert {what.split(",")[0] for what in found["by"]} == {"train", "resume"}


def test_killed_at_every_system_call(proof: Proof) -> None:
    found = proof("kills", "--every-point", "small", "--once")
    assert found["problems"] == []
    # Rows are flushed by time, so a run makes a few calls more or less than another.
    assert found["points"] - 8 <= found["kills"] <= found["points"]
    assert found["points"] > 50


def test_every_system_call_is_refused_once(proof: Proof) -> None:
    found = proof("refusals", "--case", "small", "--errors", "1")
    assert found["problems"] == []
    assert set(found["codes"]) <= {"exit 7", "exit 0"}
    assert found["codes"].get("exit 0", 0) <= 12  # calls that were not made
    assert found["rounds"] > 50


def test_damaged_configs(proof: Proof) -> None:
    found = proof("fuzz", "--configs", "5000")
    assert found["problems"] == []
    assert set(found["found"]) <= {"exit 2", "exit 3", "a config"}
    assert found["found"]["a config"] > 0
    assert found["growth_mib"] < 64
