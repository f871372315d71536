"""How to repeat a run, or a sweep: the commands, the versions, the hashes."""

import hashlib
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from pathlib import PurePath
from typing import Any

from nnlab.config.dump import to_yaml
from nnlab.errors import NnlabError
from nnlab.run import durable
from nnlab.run.folder import RESOLVED, RUN, WEIGHTS
from nnlab.run.names import instant
from nnlab.run.sweeps import SweepFolder
from nnlab.show.figures.view import View
from nnlab.show.words import NOTHING, duration

NamedTexts = list[tuple[str, str]]
VERSIONS = (("python", "Python"), ("numpy", "NumPy"), ("blas", "BLAS"), ("nnlab", "nnlab"))


@dataclass(frozen=True)
class Repeat:
    """Sentences with commands; facts and SHA-256 by name; the config of a sweep as YAML."""

    steps: NamedTexts
    facts: NamedTexts
    hashes: NamedTexts
    base: str = ""


def repeat_run(run: View, command: str = "train") -> Repeat:
    """How to repeat a run, from run.json and the files of weights.

    command: what makes the folder again from its resolved.yaml.
    """
    about, name = run.about, run.folder.name
    typed = typed_command(about.get("argv"))
    resolved = shlex.quote(f"{name}/{RESOLVED}")
    steps = [("The run was made with", typed)] if typed else []
    steps.append(
        (
            "Its folder holds all that is needed to make it again, as a new run:",
            f"nnlab {command} {resolved}",
        )
    )
    if command == "train":
        steps.append(
            (
                "This trains it again and compares bit for bit, without keeping a new run:",
                f"nnlab verify {shlex.quote(name)}",
            )
        )
    facts = _known(
        [
            ("seed", about.get("seed")),
            ("engine", about.get("engine")),
            ("began", about.get("started")),
            ("took", duration(about.get("seconds"))),
            *_machine(about),
        ]
    )
    hashes = _data_hash(about)
    for file in (RESOLVED, *(f"{WEIGHTS}/{which}.npz" for which in ("initial", "best", "final"))):
        try:
            content = durable.read_file(run.folder.path / file)
        except NnlabError:  # the run has not come so far; a notice names what is missing
            continue
        hashes.append((file, hashlib.sha256(content).hexdigest()))
    return Repeat(steps, facts, hashes)


def repeat_sweep(folder: SweepFolder, about: Mapping[str, Any], trials: Sequence[str]) -> Repeat:
    """How to repeat a sweep, from sweep.yaml (`about`) and the readable run.json of its trials.

    Where trials differ, for example in their machine, a fact has all their values.
    """
    runs = []
    for name in trials:
        with suppress(NnlabError):  # a notice names it
            runs.append((folder.trial(name).read_json(RUN), name))
    runs.sort(key=lambda run: instant(run[0].get("started")) or 0.0)
    contents = list(map(itemgetter(0), runs))
    typed = dict.fromkeys(typed_command(content.get("argv")) for content in contents)
    commands = "\n".join(filter(None, typed))
    steps = [("The trials were run with", commands)] * bool(commands)
    if runs:
        trial = f"{folder.name}/{runs[0][1]}"
        steps.append(
            (
                "Each trial's folder holds all that is needed to make it again, as a new run; the "
                "second command trains it again and compares bit for bit, without keeping a new "
                "run. For the first trial:",
                f"nnlab train {shlex.quote(f'{trial}/{RESOLVED}')}\n"
                f"nnlab verify {shlex.quote(trial)}",
            )
        )
    seeds, base = about.get("seeds"), about.get("base")
    given = [
        ("config", about.get("config")),
        ("seeds", ", ".join(map(str, seeds)) if isinstance(seeds, list) else None),
    ]
    ran = [[*_known([("engine", run.get("engine"))]), *_machine(run)] for run in contents]
    return Repeat(
        steps,
        facts=[*_known(given), *_together(ran)],
        hashes=_together([_data_hash(run) for run in contents]),
        base=to_yaml(base) if isinstance(base, dict) else "",
    )


def typed_command(argv: Any) -> str:
    """The command line as `nnlab ...`; empty where it is not known."""
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        return ""
    program = PurePath(argv[0]).name
    if program not in ("nnlab", "__main__.py", "nnlab.exe"):  # a script that imported nnlab
        return shlex.join(["python", program, *argv[1:]])
    return shlex.join(["nnlab", *argv[1:]])


def _machine(about: Mapping[str, Any]) -> NamedTexts:
    """What the same bits need: the code, and where it ran."""
    versions, platform, git, threads = (
        value if isinstance(value := about.get(key), dict) else {}
        for key in ("versions", "platform", "git", "threads")
    )
    commit = git.get("commit")
    system = [str(platform[key]) for key in ("system", "machine") if platform.get(key)]
    return _known(
        [
            *((label, versions.get(key)) for key, label in VERSIONS),
            ("git commit", f"{commit}{' (with changes)' * bool(git.get('dirty'))}" * bool(commit)),
            ("system", " ".join(system)),
            ("processor", platform.get("cpu")),
            ("BLAS threads", threads.get("blas")),
        ]
    )


def _data_hash(about: Mapping[str, Any]) -> NamedTexts:
    data = about.get("data")
    data = data if isinstance(data, dict) else {}
    return _known([(f"data {data.get('name', '')}".strip(), data.get("sha256"))])


def _known(facts: Sequence[tuple[str, Any]]) -> NamedTexts:
    return [(name, str(value)) for name, value in facts if value not in (None, "", NOTHING)]


def _together(facts: Sequence[NamedTexts]) -> NamedTexts:
    """The facts of several runs; those with the same name become one, with all their values."""
    values: dict[str, dict[str, None]] = {}
    for name, value in chain(*facts):
        values.setdefault(name, {})[value] = None
    return [(name, "; ".join(texts)) for name, texts in values.items()]
