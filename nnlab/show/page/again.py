"""How to repeat a run, or a sweep: the commands, the versions, the hashes."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import PurePath
from typing import Any

from nnlab.config.dump import to_yaml
from nnlab.errors import NnlabError
from nnlab.run import durable
from nnlab.run.folder import RESOLVED, RUN, WEIGHTS
from nnlab.run.names import instant
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures.view import View
from nnlab.show.page.numbers import NOTHING, duration

Facts = list[tuple[str, str]]
VERSIONS = (("python", "Python"), ("numpy", "NumPy"), ("blas", "BLAS"), ("nnlab", "nnlab"))


@dataclass(frozen=True)
class Again:
    """The command that was typed; facts by name; SHA-256 of files and data by name."""

    command: str
    facts: Facts
    hashes: Facts


@dataclass(frozen=True)
class SweepAgain:
    """The same of a sweep: every command that ran trials of it, in their order.

    trial: the path of one of its trials, as seen from where the sweep's folder is; empty without.
    base: the config that all trials vary, as YAML.
    """

    commands: list[str]
    trial: str
    base: str
    facts: Facts
    hashes: Facts


def again(seen: View) -> Again:
    """All of it from run.json and the files of weights."""
    content = seen.about
    return Again(command(content.get("argv")), _facts(content), _hashes(seen, content))


def sweep_again(folder: SweepFolder, about: Mapping[str, Any], trials: Sequence[str]) -> SweepAgain:
    """All of it from sweep.yaml, which `about` is, and the run.json of the trials that can be read.

    Where trials differ, in the machine that ran them say, a fact has all its values.
    """
    found = []
    for name in trials:
        try:
            found.append((folder.trial(name).read_json(RUN), name))
        except NnlabError:  # said elsewhere
            continue
    found.sort(key=lambda one: instant(one[0].get("started")) or 0.0)
    contents = [one for one, _ in found]
    commands = dict.fromkeys(command(one.get("argv")) for one in contents)
    seeds, base = about.get("seeds"), about.get("base")
    asked = [
        ("config", about.get("config")),
        ("seeds", ", ".join(map(str, seeds)) if isinstance(seeds, list) else None),
    ]
    ran = [[*_known([("engine", one.get("engine"))]), *_machine(one)] for one in contents]
    return SweepAgain(
        commands=[one for one in commands if one],
        trial=f"{folder.name}/{found[0][1]}" if found else "",
        base=to_yaml(base) if isinstance(base, dict) else "",
        facts=[*_known(asked), *_together(ran)],
        hashes=_together([_data(one) for one in contents]),
    )


def command(argv: Any) -> str:
    """What was typed, as `nnlab ...`; empty where that is not known."""
    if not isinstance(argv, list) or not argv or not all(isinstance(one, str) for one in argv):
        return ""
    program = PurePath(argv[0]).name
    if program not in ("nnlab", "__main__.py", "nnlab.exe"):  # a script that imported nnlab
        return shlex.join(["python", program, *argv[1:]])
    return shlex.join(["nnlab", *argv[1:]])


def _facts(content: Mapping[str, Any]) -> Facts:
    return _known(
        [
            ("seed", content.get("seed")),
            ("engine", content.get("engine")),
            ("began", content.get("started")),
            ("took", duration(content.get("seconds"))),
            *_machine(content),
        ]
    )


def _machine(content: Mapping[str, Any]) -> Facts:
    """What the same bits need: the code, and where it ran."""
    versions, platform, git = (_part(content, key) for key in ("versions", "platform", "git"))
    commit = git.get("commit")
    return _known(
        [
            *((label, versions.get(key)) for key, label in VERSIONS),
            ("git commit", f"{commit}{' (with changes)' * bool(git.get('dirty'))}" * bool(commit)),
            (
                "system",
                " ".join(str(platform[key]) for key in ("system", "machine") if platform.get(key)),
            ),
            ("processor", platform.get("cpu")),
            ("BLAS threads", _part(content, "threads").get("blas")),
        ]
    )


def _data(content: Mapping[str, Any]) -> Facts:
    data = _part(content, "data")
    return _known([(f"data {data.get('name', '')}".strip(), data.get("sha256"))])


def _known(facts: Sequence[tuple[str, Any]]) -> Facts:
    """Those that are known, as text."""
    return [(name, str(value)) for name, value in facts if value not in (None, "", NOTHING)]


def _together(facts: Sequence[Facts]) -> Facts:
    """The facts of several runs: those with the same name in one, with all their values."""
    found: dict[str, dict[str, None]] = {}
    for name, value in chain(*facts):
        found.setdefault(name, {})[value] = None
    return [(name, "; ".join(values)) for name, values in found.items()]


def _hashes(seen: View, content: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = _data(content)
    for name in (RESOLVED, *(f"{WEIGHTS}/{which}.npz" for which in ("initial", "best", "final"))):
        try:
            content_of = durable.read_file(seen.folder.path / name)
        except NnlabError:  # the run has not come so far; what is missing is said elsewhere
            continue
        found.append((name, hashlib.sha256(content_of).hexdigest()))
    return found


def _part(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return value if isinstance(value, dict) else {}
