"""All long proofs, side by side, and the table for docs/reliability.md.

python -m tests.torture                         1,000 kills, 500,000 configs: an hour or two
python -m tests.torture --kills 100 --configs 10000
"""

import argparse
import json
import os
import platform
import re
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.process import python
from tests.torture import cases

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- torture: begin -->", "<!-- torture: end -->"


@dataclass(frozen=True)
class Proof:
    """A command, the promise it proves, and which of its numbers the table shows."""

    promise: str
    what: str
    module: str
    arguments: tuple[str, ...]
    shows: str


def proofs(kills: int, configs: int, step: int, errors: int, parts: int) -> list[Proof]:
    """The long ones are cut into parts that run side by side."""
    every = [*cases.SMALL, *cases.CASES]
    return [
        *(
            Proof(
                "R1, R8",
                "killed at random times and inside writes, also while resuming",
                "kills",
                ("--kills", str(-(-kills // parts)), "--seed", str(seed)),
                "{kills} kills of {runs} runs",
            )
            for seed in range(parts)
        ),
        *(
            Proof(
                "R2",
                f"killed at every system call of a save, run `{case}`",
                "kills",
                ("--every-point", case, "--step", str(step)),
                "{kills} kills, {points} calls",
            )
            for case in every
        ),
        *(
            Proof(
                "R3",
                f"every system call refused, {errors} errors each, run `{case}`",
                "refusals",
                ("--case", case, "--step", str(step), "--errors", str(errors)),
                "{rounds} refusals, {points} calls",
            )
            for case in every
        ),
        *(
            Proof(
                "S1",
                "damaged configs",
                "fuzz",
                ("--configs", str(-(-configs // parts)), "--seed", str(seed)),
                "{configs} configs, slowest {slowest} s, growth {growth_mib} MiB",
            )
            for seed in range(parts)
        ),
    ]


def run(proof: Proof, room: Path) -> dict[str, Any]:
    """What the proof found, and how long it took."""
    folder = Path(tempfile.mkdtemp(dir=room))
    start = time.monotonic()
    done = python("-m", f"tests.torture.{proof.module}", folder, *proof.arguments, timeout=None)
    if done.returncode != 0:
        found: dict[str, Any] = {"problems": [done.stderr[-2000:]]}
    else:
        found = json.loads(done.stdout)
    print(
        f"{proof.what}: {len(found['problems'])} failures, {time.monotonic() - start:.0f} s",
        *found["problems"],
        sep="\n",
        file=sys.stderr,
        flush=True,
    )
    return found


def table(rows: list[tuple[Proof, dict[str, Any]]], minutes: float) -> str:
    """Markdown; the parts of one proof are one row each."""
    lines = [
        f"Run on {time.strftime('%Y-%m-%d')}, {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}, {os.cpu_count()} processors, {minutes:.0f} minutes.",
        "",
        "| promise | what is done | how often | failures |",
        "|---|---|---|---|",
    ]
    for proof, found in rows:
        shown = proof.shows.format_map(Numbers(found))
        lines.append(f"| {proof.promise} | {proof.what} | {shown} | {len(found['problems'])} |")
    return "\n".join(lines)


class Numbers(dict[str, Any]):
    """Numbers with commas; a question mark for one that a failed proof did not give."""

    def __missing__(self, key: str) -> str:
        return "?"

    def __getitem__(self, key: str) -> Any:
        value = dict.get(self, key, "?")
        return f"{value:,}" if isinstance(value, int) else value


def into_page(text: str) -> None:
    """Put the table between its two marks in docs/reliability.md."""
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(rf"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    assert pattern.search(page), f"{PAGE} lacks the marks"
    PAGE.write_text(pattern.sub(lambda _: f"{BEGIN}\n{text}\n{END}", page), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture")
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--configs", type=int, default=500_000)
    parser.add_argument("--step", type=int, default=1, help="only every N-th system call")
    parser.add_argument("--errors", type=int, default=6, help="of the six, at each system call")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--parts", type=int, default=2, help="processes that share a long proof")
    parser.add_argument("--write", action="store_true", help="put the table into the docs")
    given = parser.parse_args()
    start = time.monotonic()
    todo = proofs(given.kills, given.configs, given.step, given.errors, given.parts)
    with (
        tempfile.TemporaryDirectory(prefix="torture-") as room,
        ThreadPoolExecutor(given.jobs) as pool,
    ):
        found = list(pool.map(lambda proof: run(proof, Path(room)), todo))
    text = table(list(zip(todo, found, strict=True)), (time.monotonic() - start) / 60)
    print(text)
    if given.write:
        into_page(text)
    return int(any(one["problems"] for one in found))


if __name__ == "__main__":
    sys.exit(main())
