"""A run trained again and compared bit for bit: `nnlab.verify`."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from nnlab.api.arguments import checks_arguments
from nnlab.api.descend import DescendedRace
from nnlab.api.find import AnyRun, find_run
from nnlab.api.results import Columns, ShownResult, columns_of
from nnlab.experiment.verify import Finding, From, Verifier
from nnlab.race.folder import is_race, read_paths
from nnlab.race.run import race_differences
from nnlab.run.run import Run
from nnlab.show.words import count, first_few

MOST_PROBLEMS = 10  # that are listed


@checks_arguments
def verify(
    run: AnyRun | DescendedRace,
    *,
    replay: From | None = "start",
    epochs: Annotated[int, Ge(0)] | None = None,
    see: Callable[[str, bool], None] = lambda text, is_finding: None,
) -> "Verification":
    """Read every file of a run and train it again; what differs from its folder, bit for bit.

    replay: train again from "start", from the older "checkpoint", or None: not at all. epochs: at
    most so many. see: gets each finding, and notes on the machine, as they come. Writes nothing.
    Raises RunLocked, RunUnreadable for a file that cannot be read, DataError.
    """
    folder = run.folder if isinstance(run, Run | DescendedRace) else find_run(run)
    if is_race(folder):
        findings = tuple(Finding("the race", problem) for problem in race_differences(folder))
        rows = count(len(read_paths(folder)["run"]), "row")
        return Verification(folder.path, findings, f"; {rows} of paths.csv came out the same")
    memory = run.memory if isinstance(run, Run) else None
    return _verify_training(Verifier(folder, memory), replay, epochs, see)


def _verify_training(
    verifier: Verifier, replay: From | None, epochs: int | None, see: Callable[[str, bool], None]
) -> "Verification":
    folder, findings = verifier.folder, list[Finding]()
    verifier.refuse_running()
    for finding in verifier.files():
        see(f"{finding.what}: {finding.problem or 'good'}", True)
        findings.append(finding)
    if replay is None:
        return Verification(folder.path, tuple(findings))
    for note in verifier.notes():
        see(note, False)
    for finding in verifier.replay(replay, epochs):
        see(f"{finding.what}: {finding.problem or 'the same'}", True)
        findings.append(finding)
    same = f"; {count(_epochs(findings), 'row')} of metrics.csv came out the same"
    return Verification(folder.path, tuple(findings), same)


@dataclass(frozen=True, repr=False)
class Verification(ShownResult):
    """All checks of a run folder; `repeated` says what came out the same."""

    path: Path
    findings: tuple[Finding, ...]
    repeated: str = ""

    @property
    def problems(self) -> list[str]:
        """A sentence for each difference."""
        return [
            finding.problem if finding.what == "the race" else f"{finding.what}: {finding.problem}"
            for finding in self.findings
            if finding.problem is not None
        ]

    @property
    def good(self) -> bool:
        """Whether nothing differs."""
        return not self.problems

    @property
    def table(self) -> Columns:
        """A row per check: what, and its problem."""
        return columns_of([asdict(finding) for finding in self.findings], ("what", "problem"))

    def __str__(self) -> str:
        if self.good:
            return f"{self.path} is whole{self.repeated}."
        lines = first_few([f"{problem}." for problem in self.problems], MOST_PROBLEMS, "\n")
        return f"{self.path} is not what was recorded.\n{lines}"

    def to_dict(self) -> dict[str, Any]:
        about = {"folder": str(self.path), "good": self.good}
        if "paths.csv" in self.repeated:
            return {**about, "findings": self.problems}
        rows = _epochs(self.findings)
        return {**about, "epochs_replayed": rows, "findings": list(map(asdict, self.findings))}


def _epochs(findings: Iterable[Finding]) -> int:
    """The number of epochs that were trained again."""
    return sum(finding.what.startswith("epoch ") for finding in findings)
