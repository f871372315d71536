"""S4, S5, S8 through the commands: a run folder or data file that someone made to hurt.

Every command ends with one of our exit codes, in bounded memory and time, with no line that a
terminal could obey, and runs nothing from the file.
"""

import json
import os
from typing import Any

import pytest

from tests.attacks import folders
from tests.process import printed_by

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

GROWTH = 64 * 1024  # KiB above what the honest folder takes
SECONDS = 10.0  # of the processor, above what the honest folder takes; half a second if quiet
# What a command may come to, beside 0 where it does not look at what was changed.
CODES = {
    "weights": {6},
    "checkpoint": {6},
    "data": {3},
    "metrics": {2, 6, 9},
    "kept": set(),
    "odd": {2, 6, 7, 9},
}
FILES = {"data.json": {3, 6, 9}, "run.json": {3, 6, 9}, "summary.json": {6, 9}}
NAMES = [name for name, _, _ in folders.cases()]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    room = tmp_path_factory.mktemp("attacks")
    result: dict[str, dict[str, Any]] = json.loads(printed_by("-m", "tests.attacks.folders", room))
    return result


@pytest.mark.parametrize("name", NAMES)
def test_every_command_refuses_it_or_is_not_touched(
    found: dict[str, dict[str, Any]], name: str
) -> None:
    honest = max(memory for _, _, memory, _, _ in found["honest"].values())
    usual = {command: seconds for command, (*_, seconds, _) in found["honest"].items()}
    kind = name.partition(":")[0]
    allowed = (CODES | FILES | {"honest": set()})[kind]
    codes = set()
    for command, (code, message, memory, seconds, seen) in found[name].items():
        codes.add(code)
        assert code in allowed | {0}, (command, message)
        assert "Traceback" not in message, (command, message)
        assert seen == "", (command, seen)
        assert memory - honest < GROWTH, command
        assert seconds < SECONDS + usual.get(command, 0.0), command
        assert all(char.isprintable() or char == "\n" for char in message), command
    if CODES.get(kind):
        assert codes & allowed
