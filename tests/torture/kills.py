"""R1, R2, R8: killed at any moment, a run ends with the bits of an undisturbed one.

python -m tests.torture.kills FOLDER --kills 1000     random times and random system calls
python -m tests.torture.kills FOLDER --every-point    SIGKILL at each system call of a run
"""

import argparse
import json
import random
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from nnlab.run import checkpoint
from nnlab.run.folder import RunFolder
from nnlab.run.listing import record
from tests.torture import cases, worker

TRAIN = ("train", "--no-plots", "-q")
RESUME = ("resume", "latest", "--no-plots", "-q")
MOST = 4  # kills a run
ALLOWED = ("resumable", "completed", "early_stopped")


def workplace(folder: Path, name: str) -> Path:
    """An empty folder, beside one with the cases."""
    place = folder / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if not (folder / "cases").exists():
        (folder / "cases").mkdir()
        cases.write(folder / "cases")
    return place


def reference(folder: Path, case: str) -> tuple[dict[str, Any], float, int]:
    """What the undisturbed run ends with, its seconds, and its number of system calls."""
    place, calls = workplace(folder, f"{case}-undisturbed"), folder / f"{case}-calls"
    ended = worker.forked([*TRAIN, f"../cases/{case}.yaml"], place, worker.counting(calls))
    assert ended.code == 0, ended.stderr
    path = worker.only_run(place)
    assert path is not None
    return worker.content(path), ended.seconds, len(calls.read_text())


def warm(folder: Path) -> None:
    """Train and resume once in this process, before it forks."""
    worker.warm([[*TRAIN, "../cases/small.yaml"], [*RESUME]], workplace(folder, "warm"))


class Round:
    """One run that is disturbed and then has to end well. `problems` says what went wrong."""

    def __init__(self, place: Path, case: str, wanted: dict[str, Any]) -> None:
        self.place, self.case, self.wanted = place, case, wanted
        self.kills: Counter[str] = Counter()
        self.problems: list[str] = []

    def command(self) -> list[str]:
        """Train, unless there is a run to go on with."""
        if worker.only_run(self.place) is None:
            shutil.rmtree(self.place / "runs", ignore_errors=True)
            return [*TRAIN, f"../cases/{self.case}.yaml"]
        return [*RESUME]

    def disturb(self, what: str, hook: worker.Hook | None, after: float | None) -> None:
        """One command that is killed, and a look at what it left."""
        command = self.command()
        ended = worker.forked(command, self.place, hook, after)
        if ended.code == -signal.SIGKILL:
            self.kills[f"{command[0]}, {what}"] += 1
        elif ended.code != 0:
            self.problems.append(f"exit {ended.code}: {ended.stderr}")
        path = worker.only_run(self.place)
        if path is None:
            return
        seen = record(path)
        if seen.status not in ALLOWED:
            self.problems.append(f"after a kill the folder is {seen.status}: {seen.reason}")
        if (
            RunFolder.open(path).has_checkpoint()
            and checkpoint.read_checkpoint(path).note is not None
        ):
            whole = not (path / checkpoint.CURRENT).exists()  # between the two renames
            if not whole:
                self.problems.append("after a kill the last save is damaged")

    def end(self) -> None:
        """The command that is left alone, and the comparison."""
        ended = worker.forked(self.command(), self.place)
        path = worker.only_run(self.place)
        if ended.code != 0 or path is None:
            self.problems.append(f"the last command ended with {ended.code}: {ended.stderr}")
            return
        if names := worker.differing(worker.content(path), self.wanted):
            self.problems.append(f"not as the undisturbed run: {', '.join(sorted(names))}")
        if left := [p.name for p in path.rglob(".*.tmp")]:
            self.problems.append(f"left behind: {left}")


def at_random(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """So many kills, by turns over the cases, at random times and random system calls."""
    import sklearn.datasets  # noqa: F401  # before the forks; a fork of less memory is faster

    draw = random.Random(seed)
    known = {case: reference(folder, case) for case in cases.CASES}
    total: Counter[str] = Counter()
    problems: list[str] = []
    runs = 0
    while sum(total.values()) < kills:
        case = list(cases.CASES)[runs % len(cases.CASES)]
        wanted, seconds, calls = known[case]
        one = Round(workplace(folder, "round"), case, wanted)
        for _ in range(draw.randint(1, MOST)):
            if draw.random() < 0.5:
                one.disturb("at a random time", None, draw.uniform(0, seconds))
            else:
                hook = worker.dying_at(draw.randint(1, calls))
                one.disturb("inside a write", hook, None)
        one.end()
        total += one.kills
        problems += [f"{case}, run {runs}: {text}" for text in one.problems]
        runs += 1
    return {"runs": runs, "kills": sum(total.values()), "by": dict(total), "problems": problems}


def at_every_point(folder: Path, case: str, step: int = 1, again: bool = True) -> dict[str, Any]:
    """SIGKILL at the k-th system call of training, for all k; and `again` while resuming."""
    wanted, _, calls = reference(folder, case)
    total: Counter[str] = Counter()
    problems: list[str] = []
    for k in range(1, calls + 1, step):
        one = Round(workplace(folder, "round"), case, wanted)
        one.disturb("inside a write", worker.dying_at(k), None)
        if again:
            one.disturb("inside a write", worker.dying_at(1 + k % 37), None)
        one.end()
        total += one.kills
        problems += [f"{case}, call {k}: {text}" for text in one.problems]
    return {"points": calls, "kills": sum(total.values()), "by": dict(total), "problems": problems}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every-point", metavar="CASE")
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--once", action="store_true", help="do not kill the resume as well")
    given = parser.parse_args()
    warm(given.folder)
    if given.every_point:
        print(
            json.dumps(at_every_point(given.folder, given.every_point, given.step, not given.once))
        )
    if given.kills:
        print(json.dumps(at_random(given.folder, given.kills, given.seed)))


if __name__ == "__main__":
    main()
