"""R3: a write that fails at any point costs nothing that was saved before.

python -m tests.torture.refusals FOLDER [--step N]    each system call of a run x errno

Once, or from then on as on a full disk: exit code 7 with one line, the folder readable, and after
that `nnlab resume` ends with the bits of an undisturbed run.
"""

import argparse
import errno
import json
from collections import Counter
from pathlib import Path
from typing import Any

from nnlab.errors import RunUnreadable
from nnlab.run import checkpoint
from nnlab.run.folder import RunFolder
from nnlab.run.listing import record
from tests.torture import cases, kills, worker

ERRORS = ("ENOSPC", "EIO", "EACCES", "EDQUOT", "EMFILE", "EROFS")


def refused(folder: Path, case: str, wanted: dict[str, Any], hook: worker.Hook) -> tuple[int, str]:
    """Train with the hook, then resume without; the exit code, and what went wrong."""
    place = kills.workplace(folder, "round")
    one = kills.Round(place, case, wanted)
    ended = worker.forked(one.command(), place, hook)
    lines, first = ended.stderr.splitlines(), folder / "first"
    if ended.code == 7:
        if len(lines) != 1 or not lines[0].startswith(f"Cannot write {first.read_text()}: "):
            return 7, f"said: {lines}"
    elif ended.code != 0:
        return ended.code, f"exit {ended.code}: {ended.stderr}"
    path = worker.only_run(place)
    if path is not None:
        seen = record(path)
        if seen.status == "unreadable" or seen.status == "running":
            return ended.code, f"the folder is {seen.status}: {seen.reason}"
        try:
            checkpoint.read_checkpoint(path)
        except RunUnreadable as error:
            if RunFolder(path).has_checkpoint():
                return ended.code, str(error)
    one.end()
    return ended.code, "; ".join(one.problems)


def at_every_point(
    folder: Path, case: str, step: int = 1, errors: int = len(ERRORS)
) -> dict[str, Any]:
    """The k-th system call fails, for all k, with all errors or with some of them by turns."""
    wanted, _, calls = kills.reference(folder, case)
    codes: Counter[str] = Counter()
    problems: list[str] = []
    for k in range(1, calls + 1, step):
        for index in range(errors):
            name = ERRORS[(k + index) % len(ERRORS)]
            for_good = (k // 2 + index) % 2 == 0
            hook = worker.failing_at(k, getattr(errno, name), for_good, folder / "first")
            code, problem = refused(folder, case, wanted, hook)
            codes[f"exit {code}"] += 1
            if problem:
                problems.append(f"{case}, call {k}, {name}, for good {for_good}: {problem}")
    rounds = sum(codes.values())
    return {"points": calls, "rounds": rounds, "codes": dict(codes), "problems": problems}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", choices=[*cases.CASES, *cases.SMALL], default="csv")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--errors", type=int, default=len(ERRORS), help="how many at each point")
    given = parser.parse_args()
    kills.warm(given.folder)
    print(json.dumps(at_every_point(given.folder, given.case, given.step, given.errors)))


if __name__ == "__main__":
    main()
