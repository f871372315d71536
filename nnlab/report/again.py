"""How to repeat a run: the command, the versions, the hashes."""

import hashlib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from nnlab.errors import NnlabError
from nnlab.plots.view import View
from nnlab.report.numbers import NOTHING, duration
from nnlab.run import durable
from nnlab.run.folder import RESOLVED, WEIGHTS

VERSIONS = (("python", "Python"), ("numpy", "NumPy"), ("blas", "BLAS"), ("nnlab", "nnlab"))


@dataclass(frozen=True)
class Again:
    """The command that was typed; facts by name; SHA-256 of files and data by name."""

    command: str
    facts: list[tuple[str, str]]
    hashes: list[tuple[str, str]]


def again(seen: View) -> Again:
    """All of it from run.json and the files of weights."""
    content = seen.about
    return Again(command(content.get("argv")), _facts(content), _hashes(seen, content))


def command(argv: Any) -> str:
    """What was typed, as `nnlab ...`; empty where that is not known."""
    if not isinstance(argv, list) or not argv or not all(isinstance(one, str) for one in argv):
        return ""
    program = PurePath(argv[0]).name
    if program not in ("nnlab", "__main__.py", "nnlab.exe"):  # a script that imported nnlab
        return shlex.join(["python", program, *argv[1:]])
    return shlex.join(["nnlab", *argv[1:]])


def _facts(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    versions, platform, git = (_part(content, key) for key in ("versions", "platform", "git"))
    threads = _part(content, "threads")
    commit = git.get("commit")
    facts = [
        ("seed", content.get("seed")),
        ("engine", content.get("engine")),
        ("began", content.get("started")),
        ("took", duration(content.get("seconds"))),
        *((label, versions.get(key)) for key, label in VERSIONS),
        (
            "git commit",
            f"{commit}{' (with changes)' if git.get('dirty') else ''}" if commit else None,
        ),
        (
            "system",
            " ".join(str(platform[key]) for key in ("system", "machine") if platform.get(key)),
        ),
        ("processor", platform.get("cpu")),
        ("BLAS threads", threads.get("blas")),
    ]
    return [(name, str(value)) for name, value in facts if value not in (None, "", NOTHING)]


def _hashes(seen: View, content: Mapping[str, Any]) -> list[tuple[str, str]]:
    data = _part(content, "data")
    found = (
        [(f"data {data.get('name', '')}".strip(), str(data["sha256"]))] if "sha256" in data else []
    )
    for name in (RESOLVED, *(f"{WEIGHTS}/{which}.npz" for which in ("initial", "best", "final"))):
        try:
            content_of = durable.read(seen.folder.path / name)
        except NnlabError:  # the run has not come so far; what is missing is said elsewhere
            continue
        found.append((name, hashlib.sha256(content_of).hexdigest()))
    return found


def _part(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}
