"""A checkpoint is the last state or the one before, never neither, never a damaged one (R1-R5)."""

import errno
import json
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnlab.errors import RunUnreadable, StorageError
from nnlab.run import arrays, checkpoint, durable
from nnlab.run.folder import RunFolder
from tests.process import printed_by

ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EDQUOT, errno.EMFILE, errno.EROFS]
STEPS = ["open", "write", "open", "fsync", "replace", "replace", "open", "fsync"]


def save(folder: Path, step: int) -> None:
    RunFolder(folder).save_checkpoint({"theta": np.full(3, step, dtype=np.float32)}, {"step": step})


def loaded(folder: Path) -> int:
    """The step of the state that can be read, after checking that the state is of one piece."""
    found = checkpoint.read_checkpoint(folder)
    step = found.meta["step"]
    np.testing.assert_array_equal(found.arrays["theta"], np.full(3, step, dtype=np.float32))
    return int(step)


def fresh(folder: Path) -> None:
    """No save yet."""


def one(folder: Path) -> None:
    save(folder, 1)


def two(folder: Path) -> None:
    save(folder, 0)
    save(folder, 1)


def damage_last(folder: Path) -> None:
    """Only the previous save is whole, and it holds step 1."""
    save(folder, 1)
    save(folder, 9)
    path = folder / checkpoint.CURRENT
    path.write_bytes(path.read_bytes()[:-1])


def recovered(folder: Path) -> None:
    """What a process that goes on after damage saves into."""
    damage_last(folder)
    checkpoint.recover_checkpoint(folder)


def last_missing(folder: Path) -> None:
    """What a kill between the two renames leaves."""
    save(folder, 1)
    os.replace(folder / checkpoint.CURRENT, folder / checkpoint.PREVIOUS)


SITUATIONS: dict[str, Callable[[Path], None]] = {
    f.__name__: f for f in (fresh, one, two, recovered, last_missing)
}


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    values = {"theta": np.array([0.1, -0.0], dtype=np.float32), "adam.m": np.arange(2.0)}
    meta = {
        "best": math.inf,
        "loss": 0.1 + 0.2,
        "rng": {"state": 2**127 + 1, "names": ["a", None]},
        "small": np.float32(0.1),
    }
    RunFolder(tmp_path).save_checkpoint(values, meta)
    found = checkpoint.read_checkpoint(tmp_path)
    assert {name: a.tobytes() for name, a in found.arrays.items()} == {
        name: a.tobytes() for name, a in values.items()
    }
    assert found.meta == {**meta, "small": float(np.float32(0.1))}
    assert found.note is None


def test_the_save_before_is_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save(tmp_path, step)
    assert sorted(p.name for p in tmp_path.iterdir()) == [checkpoint.CURRENT, checkpoint.PREVIOUS]
    assert loaded(tmp_path) == 3
    (tmp_path / checkpoint.CURRENT).unlink()
    assert loaded(tmp_path) == 2


def test_steps_of_a_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two(tmp_path)
    seen = []
    monkeypatch.setattr(durable, "hook", lambda step, path: seen.append((step, path.name)))
    save(tmp_path, 2)
    assert [step for step, _ in seen] == STEPS
    assert [name for step, name in seen if step == "replace"] == [
        checkpoint.PREVIOUS,
        checkpoint.CURRENT,
    ]


@pytest.mark.parametrize("situation", SITUATIONS)
def test_kill_at_every_step(tmp_path: Path, situation: str) -> None:
    """The child ends at the k-th system call of saving step 2 over step 1, for all k."""
    results = json.loads(printed_by(__file__, tmp_path, situation))
    first = None if situation == "fresh" else 1
    states = [result["state"] for result in results]
    assert set(states) == {first, 2}
    assert states == [first] * states.index(2) + [2] * (len(states) - states.index(2))
    assert [result["killed"] for result in results] == [True] * (len(results) - 1) + [False]
    assert len(results) - 1 == (8 if situation in ("one", "two") else 7)
    # After the kill the next save works, and leaves nothing lying about.
    assert all(result["next"] == 3 for result in results)


@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_error_at_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, situation: str, number: int
) -> None:
    for k in range(1, 20):
        folder = tmp_path / str(k)
        folder.mkdir()
        SITUATIONS[situation](folder)
        hook = Nth(k, lambda: _raise(number))
        with monkeypatch.context() as patch:
            patch.setattr(durable, "hook", hook)
            if failed := refusal(folder):
                assert failed.exit_code == 7
                assert f"Cannot write {folder}" in str(failed)
                assert "\n" not in str(failed)
        assert state(folder) in ({None, 2} if situation == "fresh" else {1, 2})
        assert not list(folder.glob(".*.tmp"))
        assert (failed is None) == (hook.count < k), "an error was swallowed"
        if failed is None:
            break
    assert state(folder) == 2
    assert k == (9 if situation in ("one", "two") else 8)


def test_every_flipped_byte_and_every_cut_is_noticed(tmp_path: Path) -> None:
    save(tmp_path, 1)
    path = tmp_path / checkpoint.CURRENT
    good = path.read_bytes()
    for at in range(len(good)):
        flipped = bytearray(good)
        flipped[at] ^= 1 << (at % 8)
        for damaged in (bytes(flipped), good[:at]):
            with pytest.raises(arrays.NpzError):
                arrays.unpack_npz(damaged, sealed=True)
    path.write_bytes(good)
    assert loaded(tmp_path) == 1


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_of_the_digest_counts(tmp_path: Path, bit: int) -> None:
    """The digits are compared as bytes: an upper-case digit is damage too."""
    save(tmp_path, 1)
    good = (tmp_path / checkpoint.CURRENT).read_bytes()
    for at in range(len(good) - 80, len(good)):
        flipped = bytearray(good)
        flipped[at] ^= 1 << bit
        with pytest.raises(arrays.NpzError):
            arrays.unpack_npz(bytes(flipped), sealed=True)


def test_damage_falls_back_with_a_note(tmp_path: Path) -> None:
    damage_last(tmp_path)
    found = checkpoint.read_checkpoint(tmp_path)
    assert found.meta == {"step": 1}
    assert found.note == (
        f"Cannot read {tmp_path}/checkpoint.npz: it is damaged (its SHA-256 does not match). "
        "The run continues from checkpoint.previous.npz, the save before."
    )


def test_recover_removes_what_is_damaged(tmp_path: Path) -> None:
    damage_last(tmp_path)
    assert checkpoint.recover_checkpoint(tmp_path).meta == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == [checkpoint.PREVIOUS]


def test_recover_leaves_what_is_whole(tmp_path: Path) -> None:
    two(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert checkpoint.recover_checkpoint(tmp_path).note is None
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_nothing_left_says_what_can_be_had(tmp_path: Path) -> None:
    damage_last(tmp_path)
    (tmp_path / checkpoint.PREVIOUS).unlink()
    (tmp_path / "metrics.csv").touch()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "initial.npz").touch()
    with pytest.raises(RunUnreadable) as caught:
        checkpoint.read_checkpoint(tmp_path)
    assert caught.value.exit_code == 6
    assert str(caught.value) == (
        f"Cannot read {tmp_path}/checkpoint.npz: it is damaged (its SHA-256 does not match). "
        f"Cannot read {tmp_path}/checkpoint.previous.npz: it does not exist. "
        "Still there: metrics.csv, weights/initial.npz. "
        f"`nnlab train {tmp_path}/resolved.yaml` repeats the run from the start."
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"format": 2, "meta": {}}', "it has format 2, this nnlab reads 1"),
        (b'{"format": 1}', "it is not a checkpoint"),
        (b"[1]", "it is not a checkpoint"),
        (b"\xff", "it is not a checkpoint"),
        (b"[" * 100_000, "it is not a checkpoint"),
        (None, "it is not a checkpoint"),
    ],
)
def test_other_content(tmp_path: Path, content: bytes | None, reason: str) -> None:
    values: dict[str, Any] = {"theta": np.zeros(1)}
    if content is not None:
        values["meta"] = np.frombuffer(content, dtype=np.uint8)
    arrays.write_npz(tmp_path / checkpoint.CURRENT, values)
    with pytest.raises(RunUnreadable) as caught:
        checkpoint.read_checkpoint(tmp_path)
    assert str(caught.value).startswith(f"Cannot read {tmp_path}/checkpoint.npz: {reason}.")


def test_the_name_meta_is_taken(tmp_path: Path) -> None:
    message = re.escape("'meta' cannot be the name of an array in a checkpoint")
    with pytest.raises(ValueError, match=message):
        RunFolder(tmp_path).save_checkpoint({"meta": np.zeros(1)}, {})
    assert not (tmp_path / checkpoint.CURRENT).exists()


class Nth:
    """A hook that does something at the k-th system call and counts them all."""

    def __init__(self, k: int, action: Callable[[], None]) -> None:
        self.k, self.action, self.count = k, action, 0

    def __call__(self, step: str, path: Path) -> None:
        self.count += 1
        if self.count == self.k:
            self.action()


def _raise(number: int) -> None:
    raise OSError(number, os.strerror(number))


def refusal(folder: Path) -> StorageError | None:
    """The error of saving step 2, if there was one."""
    try:
        save(folder, 2)
    except StorageError as error:
        return error
    return None


def state(folder: Path) -> int | None:
    """The step that loads; None when there never was a save."""
    try:
        return loaded(folder)
    except RunUnreadable:
        return None


def _kill_everywhere(base: Path, situation: str) -> None:
    results: list[dict[str, Any]] = []
    while not results or results[-1]["killed"]:
        k = len(results) + 1
        folder = base / str(k)
        folder.mkdir()
        SITUATIONS[situation](folder)
        if (pid := os.fork()) == 0:
            durable.hook = Nth(k, lambda: os._exit(137))
            save(folder, 2)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        found = state(folder)
        durable.remove_leftovers(folder)
        save(folder, 3)
        clean = not list(folder.glob(".*"))
        results.append(
            {"killed": code == 137, "state": found, "next": loaded(folder) if clean else None}
        )
    print(json.dumps(results))


if __name__ == "__main__":
    _kill_everywhere(Path(sys.argv[1]), sys.argv[2])
