"""One writer a folder; a killed one leaves nothing behind (R9)."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from nnlab.errors import RunLocked, RunUnreadable
from nnlab.run import lock
from tests.patience import PATIENCE
from tests.process import printed_by

ROUNDS = 10
PROCESSES = 8


def test_held_inside_the_with_only(tmp_path: Path) -> None:
    assert not lock.is_held(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with lock.hold_lock(tmp_path):
        assert lock.is_held(tmp_path)
        holder = lock.holder(tmp_path)
        assert holder is not None
        assert holder["pid"] == os.getpid()
    assert not lock.is_held(tmp_path)
    assert lock.holder(tmp_path) is None


def test_lock_is_let_go_of_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), lock.hold_lock(tmp_path):
        _ = 1 / 0
    assert not lock.is_held(tmp_path)
    with lock.hold_lock(tmp_path):
        assert lock.is_held(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable) as caught, lock.hold_lock(tmp_path / "gone"):
        pytest.fail("locked what does not exist")
    assert str(caught.value) == f"Cannot lock {tmp_path}/gone: there is no such folder."
    assert list(tmp_path.iterdir()) == []


def test_a_lock_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / lock.LOCK).mkdir()
    with pytest.raises(RunUnreadable) as caught, lock.hold_lock(tmp_path):
        pytest.fail("locked a folder")
    assert str(caught.value) == (
        f"Cannot write {tmp_path}/lock: it is not a regular file. "
        "Name another file, or remove this one."
    )


def test_holder_unknown(tmp_path: Path) -> None:
    with lock.hold_lock(tmp_path):
        (tmp_path / lock.HOLDER).write_text("{nonsense")
        with pytest.raises(RunLocked) as caught, lock.hold_lock(tmp_path):
            pytest.fail("two writers")
    assert str(caught.value) == (
        f"Another process is writing into {tmp_path}: wait until it ends, or end it."
    )


def test_one_of_eight_goes_on_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    rounds = [json.loads(line) for line in printed_by(__file__, tmp_path).splitlines()]
    assert len(rounds) == ROUNDS
    for result in rounds:
        assert result["codes"] == [5] * PROCESSES
        # A process may ask after the winner has the lock and before it has left its name.
        nameless = f"Another process is writing into {tmp_path}: wait until it ends, or end it."
        named = f"Process {result['winner']} on "
        *early, late = result["messages"]
        assert all(message.startswith((named, nameless)) for message in early)
        assert late.startswith(named)
        assert result["free_after_kill"]


def test_a_refusal_does_not_wait() -> None:
    assert lock.PATIENCE < 1.0


def _contend(folder: Path) -> dict[str, object]:
    """Forks the contenders, waits for the losers, forks a late one, kills the winner."""
    reader, writer = os.pipe()
    held, holding = os.pipe()
    children = [_contender(folder, writer, holding) for _ in range(PROCESSES)]
    codes: list[int] = []
    while len(codes) < PROCESSES - 1:
        pid, status = os.wait()
        children.remove(pid)
        codes.append(os.waitstatus_to_exitcode(status))
    winner = children[0]
    assert os.read(held, 1) == b"."
    late = _contender(folder, writer, holding)
    codes.append(os.waitstatus_to_exitcode(os.waitpid(late, 0)[1]))
    for end in (writer, held, holding):
        os.close(end)
    os.kill(winner, signal.SIGKILL)
    os.waitpid(winner, 0)
    with os.fdopen(reader) as file:
        messages = file.read().splitlines()
    free = not lock.is_held(folder)
    return {
        "codes": codes,
        "winner": winner,
        "messages": messages,
        "free_after_kill": free,
    }


def _contender(folder: Path, writer: int, holding: int) -> int:
    if pid := os.fork():
        return pid
    signal.alarm(int(PATIENCE))  # none outlives a test that goes wrong
    try:
        with lock.hold_lock(folder):
            os.write(holding, b".")
            signal.pause()
    except RunLocked as error:
        os.write(writer, f"{error}\n".encode())
        os._exit(error.exit_code)
    os._exit(0)


if __name__ == "__main__":
    for _ in range(ROUNDS):
        print(json.dumps(_contend(Path(sys.argv[1]))))
        sys.stdout.flush()
