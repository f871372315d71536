"""How to repeat a run, or a sweep: the commands, the versions, the hashes."""

import hashlib
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
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
from nnlab.run.text import mapping_or_empty
from nnlab.show.figures.view import View
from nnlab.show.words import NOTHING, duration

NamedTexts = list[tuple[str, str]]
VERSIONS = (("python", "Python"), ("numpy", "NumPy"), ("blas", "BLAS"), ("nnlab", "nnlab"))

# A page names no place of this machine: the same folder gives the same page wherever it is.
AGAIN = (
    "These commands are for the run's folder, {name}, where nnlab report puts this page. The first "
    "makes the run again, as a new run beside it:"
)
VERIFY = "This trains it again and compares bit for bit, without keeping a new run:"
TRIAL_AGAIN = (
    "These commands are for the sweep's folder, {name}, where nnlab report puts this page. The "
    "first makes the first trial again, as a new run beside the sweep; the second trains it again "
    "and compares bit for bit, without keeping a new run:"
)


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
    steps = [
        ("The run was made with:", typed_command(about.get("argv"))),
        (AGAIN.format(name=name), train_again(command)),
        (VERIFY, "nnlab verify ." if command == "train" else ""),
    ]
    times = [("began", about.get("started")), ("took", duration(about.get("seconds")))]
    facts = [("seed", about.get("seed")), ("engine", about.get("engine")), *times]
    hashes = _data_hash(about)
    for file in (RESOLVED, *(f"{WEIGHTS}/{which}.npz" for which in ("initial", "best", "final"))):
        with suppress(NnlabError):  # the run has not come so far; a notice names what is missing
            content = durable.read_file(run.folder.path / file)
            hashes.append((file, hashlib.sha256(content).hexdigest()))
    return Repeat(_known(steps), [*_known(facts), *_machine(about)], hashes)


def repeat_sweep(folder: SweepFolder, about: Mapping[str, Any], trials: Sequence[str]) -> Repeat:
    """How to repeat a sweep, from sweep.yaml (`about`) and the readable run.json of its trials.

    Where trials differ, for example in their machine, a fact has all their values.
    """
    runs = []
    for name in trials:
        with suppress(NnlabError):  # a notice names it
            runs.append((folder.trial(name).read_json(RUN), name))
    runs.sort(key=lambda run: instant(run[0].get("started")) or 0.0)
    contents = [content for content, _ in runs]
    typed = dict.fromkeys(typed_command(content.get("argv")) for content in contents)
    steps = [("The trials were run with:", "\n".join(filter(None, typed)))]
    if runs:
        trial = runs[0][1]
        verify = f"nnlab verify {shlex.quote(trial)}"
        commands = f"{train_again(folder=f'{trial}/')}\n{verify}"
        steps.append((TRIAL_AGAIN.format(name=folder.name), commands))
    seeds, base = (about.get(key) for key in ("seeds", "base"))
    listed = str(seeds).strip("[]") if isinstance(seeds, list) else None
    asked = _known([("config", about.get("config")), ("seeds", listed)])
    return Repeat(
        _known(steps),
        facts=[*asked, *_together(map(_where, contents))],
        hashes=_together(map(_data_hash, contents)),
        base=to_yaml(base) if isinstance(base, dict) else "",
    )


def train_again(command: str = "train", folder: str = "") -> str:
    """The command that makes a run again beside it; typed in its folder, or above `folder`."""
    return f"nnlab {command} {shlex.quote(f'{folder}{RESOLVED}')} --runs .."


def typed_command(argv: Any) -> str:
    """The command line as `nnlab ...`; empty where it is not known."""
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        return ""
    program = PurePath(argv[0]).name
    if program not in ("nnlab", "__main__.py", "nnlab.exe"):  # a script that imported nnlab
        return shlex.join(["python", program, *argv[1:]])
    return shlex.join(["nnlab", *argv[1:]])


def _where(about: Mapping[str, Any]) -> NamedTexts:
    return [*_known([("engine", about.get("engine"))]), *_machine(about)]


def _machine(about: Mapping[str, Any]) -> NamedTexts:
    """What the same bits need: the code, and where it ran."""
    versions, platform, git, threads = (
        mapping_or_empty(about.get(key)) for key in ("versions", "platform", "git", "threads")
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
    data = mapping_or_empty(about.get("data"))
    return _known([(f"data {data.get('name', '')}".strip(), data.get("sha256"))])


def _known(facts: Sequence[tuple[str, Any]]) -> NamedTexts:
    return [(name, str(value)) for name, value in facts if value not in (None, "", NOTHING)]


def _together(facts: Iterable[NamedTexts]) -> NamedTexts:
    """The facts of several runs; those with the same name become one, with all their values."""
    values: dict[str, dict[str, None]] = {}
    for name, value in chain(*facts):
        values.setdefault(name, {})[value] = None
    return [(name, "; ".join(texts)) for name, texts in values.items()]
