"""The commit and dirty flag of a repository, and that asking for them runs nothing it names."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnlab.run import repository
from nnlab.run.repository import git

Attack = Callable[[Path, str], None]  # prepares a repository so that git might run a command

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture(autouse=True)
def own_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the user's git, and a home of the test's own."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setattr(repository, "PATIENCE", 60.0)  # a busy machine must not decide
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "a")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "a@example.org")


def run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def committed(folder: Path, *options: str) -> Path:
    """A repository with one committed file."""
    folder.mkdir(parents=True)
    run_git(folder, "init", "-q", *options)
    (folder / "a").write_text("1\n")
    run_git(folder, "add", "a")
    run_git(folder, "commit", "-q", "-m", "one")
    return folder


def configure(folder: Path, **settings: str) -> None:
    """Settings of .git/config, written as section__key."""
    for name, value in settings.items():
        run_git(folder, "config", name.replace("__", "."), value)


# --- what is answered -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_clean_and_dirty(tmp_path: Path, kind: str) -> None:
    folder = committed(tmp_path / "r", f"--object-format={kind}")
    commit = run_git(folder, "rev-parse", "HEAD")
    (folder / "unknown").write_text("1")
    (folder / "below").mkdir()
    assert git(folder) == git(folder / "below") == {"commit": commit, "dirty": False}
    os.utime(folder / "a", (1, 1))  # touched, with the same content
    assert git(folder) == {"commit": commit, "dirty": False}
    (folder / "a").write_text("2\n")
    assert git(folder) == git(folder / "below") == {"commit": commit, "dirty": True}
    run_git(folder, "add", "a")
    assert git(folder) == {"commit": commit, "dirty": True}


def changes(folder: Path) -> bytes:
    answer = git(folder, with_changes=True) or {}
    patch: bytes = answer["changes"]
    return patch


def test_the_changes_of_tracked_texts(tmp_path: Path) -> None:
    """Staged or not, byte for byte, also removed and added files; nothing that git ignores."""
    folder = committed(tmp_path / "r")
    for name in ("gone", "crlf", "naïve"):
        (folder / name).write_bytes(b"\xff old\r\nend")
    (folder / ".gitignore").write_text("secret\n")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-q", "-m", "two")
    assert changes(folder) == b""
    (folder / "gone").unlink()
    (folder / "secret").write_text("password")
    (folder / "unknown").write_text("password")
    (folder / "a").write_text("2\n")
    run_git(folder, "add", "a")
    (folder / "crlf").write_bytes(b"\xfe new\r\nend\r\n")
    (folder / "naïve").write_text("new")
    (folder / "added").write_text("3\n")
    run_git(folder, "add", "added")
    patch = changes(folder)
    assert b"password" not in patch
    clone = tmp_path / "clone"
    run_git(tmp_path, "clone", "-q", str(folder), str(clone))
    (tmp_path / "patch").write_bytes(patch)
    run_git(clone, "apply", str(tmp_path / "patch"))
    for name in ("a", "added", "crlf", "naïve"):
        assert (clone / name).read_bytes() == (folder / name).read_bytes()
    assert not (clone / "gone").exists()


def test_large_changes_are_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = committed(tmp_path / "r")
    monkeypatch.setattr(repository, "MOST_CHANGES", 1000)
    (folder / "a").write_text("x\n" * 600)  # a large file is not compared line by line
    assert changes(folder).endswith(b"\nBinary files a/a and b/a differ\n")
    for number in range(10):
        (folder / str(number)).write_text("y\n" * 90)
    run_git(folder, "add", ".")
    assert changes(folder).startswith(b"# The changes have 4,")
    assert changes(folder).endswith(b" bytes and are not stored.\n")


def test_changes_that_take_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = committed(tmp_path / "r")
    (folder / "a").write_text("2\n")
    run = repository._run

    def slow(command: list[str], *arguments: Any) -> "subprocess.CompletedProcess[bytes]":
        if "diff" in command:
            raise subprocess.TimeoutExpired(command, 1)
        return run(command, *arguments)

    monkeypatch.setattr(repository, "_run", slow)
    commit = run_git(folder, "rev-parse", "HEAD")
    assert git(folder, True) == {"commit": commit, "dirty": True, "changes": b""}


def test_before_the_first_commit(tmp_path: Path) -> None:
    run_git(tmp_path, "init", "-q")
    assert git(tmp_path) == {"commit": None, "dirty": False}
    (tmp_path / "a").write_text("1\n")
    run_git(tmp_path, "add", "a")
    assert git(tmp_path, True) == {"commit": None, "dirty": True, "changes": b""}


def test_a_worktree_is_its_own(tmp_path: Path) -> None:
    folder = committed(tmp_path / "r")
    run_git(folder, "worktree", "add", "-q", str(tmp_path / "w"))
    (folder / "a").write_text("2\n")
    commit = run_git(folder, "rev-parse", "HEAD")
    assert git(tmp_path / "w") == {"commit": commit, "dirty": False}
    assert git(folder) == {"commit": commit, "dirty": True}


def test_settings_that_decide_what_is_equal_count(tmp_path: Path) -> None:
    folder = committed(tmp_path / "r")
    (folder / "a").chmod(0o755)
    assert (git(folder) or {})["dirty"] is True
    configure(folder, core__fileMode="false")
    assert (git(folder) or {})["dirty"] is False
    configure(folder, core__autocrlf="true")
    (folder / "a").unlink()
    run_git(folder, "checkout", "-q", "a")
    assert (folder / "a").read_bytes() == b"1\r\n"
    touched(folder)
    assert (git(folder) or {})["dirty"] is False
    configure(folder, core__autocrlf="false")
    assert (git(folder) or {})["dirty"] is True


def test_what_git_cannot_read_is_unknown(tmp_path: Path) -> None:
    folder = committed(tmp_path / "r")
    commit = run_git(folder, "rev-parse", "HEAD")
    (folder / ".git/index").write_bytes(b"DIRC and no index")
    assert git(folder) == {"commit": commit, "dirty": None}


def test_nothing_to_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git(tmp_path) is None  # no repository
    run_git(tmp_path, "init", "-q", "--bare", "bare")
    assert git(tmp_path / "bare") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git(tmp_path) is None  # no git


def test_a_git_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "git"
    script.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(repository, "PATIENCE", 0.05)
    assert git(tmp_path) is None


def test_a_config_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = committed(tmp_path / "r")
    (folder / ".git/config").unlink()
    os.mkfifo(folder / ".git/config")
    monkeypatch.setattr(repository, "PATIENCE", 0.05)
    assert git(folder) is None


# --- what is not run --------------------------------------------------------------------------


def filtered(folder: Path, command: str, key: str = "clean") -> None:
    configure(folder, **{f"filter__x__{key}": command})
    (folder / ".gitattributes").write_text("* filter=x\n")


def filtered_by_info(folder: Path, command: str) -> None:
    configure(folder, filter__x__clean=command)
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/attributes").write_text("* filter=x\n")


def filtered_by_file(folder: Path, command: str) -> None:
    (folder / "attributes").write_text("* filter=x\n")
    configure(folder, filter__x__clean=command, core__attributesFile=str(folder / "attributes"))


def included(folder: Path, command: str) -> None:
    filtered(folder, command)
    (folder / ".git/config").rename(folder / ".git/more")
    (folder / ".git/config").write_text('[includeIf "gitdir:**"]\n\tpath = more\n')


def in_worktree_config(folder: Path, command: str) -> None:
    filtered(folder, command)
    shutil.copy(folder / ".git/config", folder / ".git/config.worktree")
    run_git(folder, "config", "--remove-section", "filter.x")
    configure(folder, core__repositoryFormatVersion="1", extensions__worktreeConfig="true")


def odd_name(folder: Path, command: str) -> None:
    """A filter whose name cannot be written on a command line of git."""
    with (folder / ".git/config").open("a") as config:
        config.write(f'[filter "a=b.c"]\n\tclean = "{command}"\n\trequired = true\n')
    (folder / ".gitattributes").write_text("* filter=a=b.c\n")


def submodule(folder: Path, command: str) -> None:
    inner = committed(folder / "inner")
    run_git(folder, "-c", "advice.addEmbeddedRepo=false", "add", "inner")
    (folder / ".gitmodules").write_text('[submodule "inner"]\n\tpath = inner\n\turl = ./inner\n')
    run_git(folder, "commit", "-q", "-m", "two")
    filtered(inner, command)
    touched(inner)


def elsewhere(folder: Path, command: str) -> None:
    """.git is a file that names another folder."""
    filtered(folder, command)
    (folder / ".git").rename(folder.parent / "real")
    (folder / ".git").write_text(f"gitdir: {folder.parent / 'real'}\n")


def monitor(folder: Path, command: str) -> None:
    configure(folder, core__fsmonitor=command, core__fsmonitorHookVersion="2")


def hooks(folder: Path, command: str) -> None:
    for name in ("post-index-change", "fsmonitor-watchman", "query-watchman", "post-checkout"):
        hook = folder / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\n{command}\n")
        hook.chmod(0o755)


def promisor(folder: Path, command: str, url: str) -> None:
    """The objects are to be fetched, by a command."""
    configure(
        folder,
        core__repositoryFormatVersion="1",
        extensions__partialClone="origin",
        remote__origin__promisor="true",
        remote__origin__url=url,
        remote__origin__uploadpack=command,
        protocol__allow="always",
        protocol__ext__allow="always",
        protocol__file__allow="always",
        core__sshCommand=command,
        core__gitProxy=command,
        core__alternateRefsCommand=command,
    )
    shutil.rmtree(folder / ".git/objects")
    (folder / ".git/objects").mkdir()


def others(folder: Path, command: str) -> None:
    """All else that a config can name."""
    configure(
        folder,
        alias__status=f"!{command}",
        core__pager=command,
        core__editor=command,
        core__askPass=command,
        core__hooksPath=str(folder / ".git/hooks"),
        credential__helper=f"!{command}",
        diff__external=command,
        diff__x__command=command,
        diff__x__textconv=command,
        gpg__program=command,
        log__showSignature="true",
        merge__x__driver=command,
        pager__status=command,
        pager__config=command,
        status__submoduleSummary="true",
        trace2__eventTarget=str(folder.parent / "marker"),
    )
    configure(folder, **{"pager__rev-parse": command})
    (folder / ".gitattributes").write_text("* diff=x merge=x\n")
    hooks(folder, command)


def touched(folder: Path) -> None:
    """The file's times do not fit the index, so that its content is looked at."""
    os.utime(folder / "a", (1, 1))


ATTACKS: dict[str, Attack] = {
    "filter.clean": filtered,
    "filter.process": lambda r, c: filtered(r, c, "process"),
    "filter in info/attributes": filtered_by_info,
    "filter in core.attributesFile": filtered_by_file,
    "filter in an included config": included,
    "filter in config.worktree": in_worktree_config,
    "filter of an odd name": odd_name,
    "filter of a submodule": submodule,
    "filter behind a .git file": elsewhere,
    "fsmonitor": monitor,
    "hooks": hooks,
    "lazy fetch by ext": lambda r, c: promisor(r, c, f"ext::{c}"),
    "lazy fetch by ssh": lambda r, c: promisor(r, c, "ssh://example.invalid/x"),
    "lazy fetch of a folder": lambda r, c: promisor(r, c, str(r.parent)),
    "all else": others,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_program_of_the_folder_is_run(tmp_path: Path, name: str) -> None:
    folder, marker, program = committed(tmp_path / "r"), tmp_path / "marker", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
    program.chmod(0o755)
    ATTACKS[name](folder, str(program))
    commit = run_git(folder, "rev-parse", "HEAD")
    touched(folder)
    answer = git(folder)
    (folder / "a").write_text("2\n")
    changed = git(folder, with_changes=True) or {}
    assert not marker.exists()
    assert answer == {"commit": commit, "dirty": None if "fetch" in name else False}
    assert (b"+2" in changed["changes"]) == ("fetch" not in name)
    subprocess.run(["git", "status"], cwd=folder, capture_output=True, check=False)
    assert marker.exists()  # the attack itself works


@pytest.mark.parametrize("entry", [".", ""])
def test_git_is_not_looked_for_in_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    folder, marker = committed(tmp_path / "r"), tmp_path / "marker"
    (folder / "git").write_text(f"#!/bin/sh\n: > {marker}\n")
    (folder / "git").chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", os.pathsep.join([entry, os.environ["PATH"]]))
    assert (git(folder) or {})["dirty"] is False
    assert (git(Path()) or {})["dirty"] is False
    assert not marker.exists()


def test_a_filter_of_the_user_is_not_run_either(tmp_path: Path) -> None:
    """It would be told what to do by the folder's attributes and its own files there."""
    folder, marker = committed(tmp_path / "r"), tmp_path / "marker"
    run_git(folder, "config", "--global", "filter.x.clean", f"touch {marker}; cat")
    (folder / ".gitattributes").write_text("* filter=x\n")
    touched(folder)
    assert (git(folder) or {})["dirty"] is False
    assert not marker.exists()


def test_nothing_is_written_into_the_repository(tmp_path: Path) -> None:
    folder = committed(tmp_path / "r")
    touched(folder)
    before = {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}
    git(folder)
    assert {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))} == before


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives away")
def test_a_repository_of_somebody_else_is_not_looked_into(tmp_path: Path) -> None:
    folder = committed(tmp_path / "r")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 12345, 12345)
    assert git(folder) is None
    run_git(folder, "config", "--global", "safe.directory", str(folder))
    assert (git(folder) or {})["dirty"] is False
