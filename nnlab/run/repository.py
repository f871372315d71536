"""The commit of a repository and what differs from it; runs no program of it.

A repository's config and attributes name programs: filters, hooks, helpers of protocols, monitors.
`git rev-parse` runs none of them. `git status` would, so it works in an empty repository of our
own, which borrows only the index and the objects and does not read the real config.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

PATIENCE = 1.0  # seconds for each call of git; a network drive may be slow

# Settings of the comparison of files with the index; the values are single words.
COMPARED = (
    *("autocrlf", "checkstat", "eol", "filemode", "ignorecase", "longpaths"),
    *("precomposeunicode", "symlinks", "trustctime"),
)
MOST_CHANGES = 1 << 20  # bytes of a file of which changes are stored, and of all changes
QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
NO_PROTOCOL = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}


def git(folder: Path, with_changes: bool = False) -> dict[str, Any] | None:
    """The commit (None before the first) and dirty flag (None: unknown) around `folder`.

    None without git, and without a repository that git trusts. Untracked files and submodules do
    not make it dirty. Filters do not run, so a file that one changes (Git LFS) may count as dirty.
    with_changes: also `changes`, the patch of the tracked texts; empty where git cannot tell.
    """
    # No entries of PATH that depend on the current folder.
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    path = os.pathsep.join(entry for entry in folders if os.path.isabs(entry))
    program = shutil.which("git", path=path)
    if program is None or not os.path.isabs(program):
        return None
    env = {**os.environ, **QUIET, **NO_PROTOCOL, "PATH": path}
    items = ["--show-object-format", "--show-toplevel"]
    items += ["--git-path", "index", "--git-path", "objects", "HEAD"]
    try:
        answer = _run([program, "rev-parse", *items], folder, env)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    lines = _text(answer).removesuffix("\n").split("\n")
    if len(lines) != 5:  # no repository, a bare one, or a path with a line break
        return None
    kind, top, index, objects, head = lines
    # Before the first commit git repeats the word, and fails.
    commit = head if answer.returncode == 0 else None
    borrowed = {
        **{key: value for key, value in env.items() if not key.startswith("GIT_")},
        **QUIET,
        **NO_PROTOCOL,
        "GIT_WORK_TREE": top,
        "GIT_INDEX_FILE": os.path.join(folder.absolute(), index),
        "GIT_OBJECT_DIRECTORY": os.path.join(folder.absolute(), objects),
    }
    state: dict[str, Any] = {"commit": commit, "dirty": None}
    state |= {"changes": b""} if with_changes else {}
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        settings = _settings(program, folder, env)
        _compare(program, _config(kind, settings), borrowed, state)
    return state


def _settings(program: str, folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The settings of the repository, and of the user, that `COMPARED` names."""
    command = [program, "config", "-z", "--get-regexp", rf"^core\.({'|'.join(COMPARED)})$"]
    items = _text(_run(command, folder, env)).split("\0")
    pairs = (item.partition("\n") for item in items)
    return {key: value for key, _, value in pairs if value.isascii() and value.isalnum()}


def _config(kind: str, settings: Mapping[str, str]) -> str:
    """The config of our own repository; `kind` is the format of its object names."""
    core = [f"{key.partition('.')[2]} = {value}" for key, value in settings.items()]
    core.append(f"bigFileThreshold = {MOST_CHANGES}")  # the patch only says that it differs
    version = ["repositoryformatversion = 1", "[extensions]", f"objectformat = {kind}"]
    return "\n".join(["[core]", *core, *version, ""])


def _compare(program: str, config: str, env: Mapping[str, str], state: dict[str, Any]) -> None:
    """Writes into `state` whether a tracked file differs from the commit, and the changes."""
    commit, same = state["commit"], ("--no-renames", "--ignore-submodules=all")
    with tempfile.TemporaryDirectory(prefix="nnlab-git-") as name:
        own = Path(name)
        (own / "config").write_text(config, encoding="ascii")
        (own / "HEAD").write_text(f"{commit or 'ref: refs/heads/none'}\n", encoding="ascii")
        (own / "refs").mkdir()
        # The configs of the user and the system name programs too, so they are not read.
        home = {"HOME": name, "XDG_CONFIG_HOME": name, "GIT_CONFIG_NOSYSTEM": "1"}
        env = {**env, **home, "GIT_DIR": name}
        done = _run([program, "status", "--porcelain", "-uno", *same], own, env)
        state["dirty"] = bool(done.stdout) if done.returncode == 0 else None
        if "changes" in state and state["dirty"] and commit:
            options = ["--no-ext-diff", "--no-textconv", "--no-color", "--full-index"]
            done = _run([program, "diff", *same, *options, commit], own, env)
            patch = done.stdout if done.returncode == 0 else b""
            large = f"# The changes have {len(patch):,} bytes and are not stored.\n".encode()
            state["changes"] = patch if len(patch) <= MOST_CHANGES else large


def _text(done: "subprocess.CompletedProcess[bytes]") -> str:
    return done.stdout.decode("utf-8", "surrogateescape")


def _run(
    command: Sequence[str], folder: Path, env: Mapping[str, str]
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
