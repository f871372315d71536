"""The proofs of `make torture` with few rounds; R1, R2, R3, R8."""

import os
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")

Proof = Callable[..., dict[str, Any]]
KILLS = 21
# A durable write makes four or five calls, so that each third of many is each of them.
every = pytest.mark.parametrize("step", ["3", pytest.param("1", marks=pytest.mark.thorough)])


@pytest.mark.thorough
def test_killed_at_random_moments(proof: Proof) -> None:
    found = proof("kills", "--kills", str(KILLS))
    assert found["problems"] == []
    assert found["kills"] >= KILLS
    assert {what.split(",")[0] for what in found["by"]} == {"train", "resume"}


@every
def test_killed_at_every_system_call(proof: Proof, step: str) -> None:
    found = proof("kills", "--every-point", "small", "--once", "--step", step)
    assert found["problems"] == []
    assert found["points"] > 50
    assert found["kills"] == len(range(0, found["points"], int(step)))


@every
def test_every_system_call_is_refused_once(proof: Proof, step: str) -> None:
    found = proof("refusals", "--case", "small", "--errors", "1", "--step", step)
    assert found["problems"] == []
    assert set(found["codes"]) <= {"exit 7", "exit 0"}
    assert found["codes"].get("exit 0", 0) <= 12  # rows that are written later
    assert found["rounds"] > 50 / int(step)


def test_damaged_configs(proof: Proof) -> None:
    found = proof("fuzz", "--configs", "5000")
    assert found["problems"] == []
    assert set(found["found"]) <= {"exit 2", "exit 3", "a config"}
    assert found["found"]["a config"] > 0
    assert found["growth_mib"] < 64
