"""The group: help, version, what is imported, and how errors end."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from nnlab import errors
from nnlab.cli import NAMES, main
from nnlab.cli.failures import REPORT, exit_code
from tests.patience import PATIENCE

Nnlab = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]

HEAVY = ["numpy", "yaml", "pydantic", "sklearn", "scipy", "matplotlib", "rich", "platformdirs"]
PROBE = (
    "import sys, runpy\n"
    "sys.argv = ['nnlab', *sys.argv[1:]]\n"
    "try:\n    runpy.run_module('nnlab', run_name='__main__')\n"
    f"finally:\n    print('imported', [m for m in {HEAVY} if m in sys.modules])"
)


def commands() -> list[tuple[str, click.Command]]:
    """Every command with its full name."""
    context = click.Context(main)
    found = []
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", one) for inner, one in command.commands.items()]
    return found


@pytest.mark.parametrize(
    ("arguments", "imported"),
    [
        (["--help"], []),
        (["train", "--help"], []),
        (["--version"], []),
        (
            ["train", "xor", "--no-plots", "--set", "epochs=20", "--set", "training.engine=numpy"],
            ["numpy", "yaml", "pydantic"],
        ),
        (["init"], ["numpy", "yaml"]),
    ],
    ids=" ".join,
)
def test_imports(process: Process, arguments: list[str], imported: list[str]) -> None:
    result = process("-c", PROBE, *arguments)
    found = re.findall(r"imported (\[.*\])", result.stdout)
    assert found, result.stderr
    heavy = set(eval(found[0]))
    assert heavy <= set(imported)


def test_help_lists_every_command(nnlab: Nnlab) -> None:
    result = nnlab("-h")
    assert result.exit_code == 0
    listed = re.findall(r"^  (\w+) +[A-Z].*\.$", result.stdout.partition("Commands:")[2], re.M)
    assert tuple(listed) == NAMES


@pytest.mark.parametrize(("name", "command"), commands(), ids=lambda one: str(one))
def test_help_has_a_sentence_a_paragraph_and_an_example(
    nnlab: Nnlab, name: str, command: click.Command
) -> None:
    text = command.help or ""
    summary, paragraph, *rest = text.split("\n\n")
    assert summary.endswith(".")
    assert "\n" not in summary
    assert paragraph.endswith(".")
    assert f"nnlab {name}" in rest[-1]
    assert nnlab(*name.split(), "--help").exit_code == 0


def test_version(process: Process) -> None:
    result = process("-m", "nnlab", "--version")
    assert (result.stdout, result.stderr, result.returncode) == ("nnlab 0.1.0\n", "", 0)


USAGE = "Usage: nnlab [OPTIONS] COMMAND [ARGS]...\nTry 'nnlab --help' for help.\n\nError: "


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("trian", "There is no command 'trian'. Did you mean 'train'?"),
        ("zzz", "There is no command 'zzz'."),
        ("\x1b[31m", "There is no command '\\x1b[31m'."),
    ],
)
def test_unknown_command(nnlab: Nnlab, name: str, message: str) -> None:
    result = nnlab(name)
    assert (result.exit_code, result.stderr, result.stdout) == (2, f"{USAGE}{message}\n", "")


@pytest.mark.parametrize("arguments", [[], ["data"]], ids=["nnlab", "data"])
def test_a_group_alone_shows_its_help(nnlab: Nnlab, arguments: list[str]) -> None:
    result = nnlab(*arguments)
    assert result.exit_code == 2
    assert result.stderr == nnlab(*arguments, "--help").stdout


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (errors.UsageError("One."), 2, "One.\n"),
        (errors.ConfigError("a.yaml:1:2: two\n    x\n    ^"), 2, "a.yaml:1:2: two\n    x\n    ^\n"),
        (errors.DataError("A \x1b[31mred\x07 file."), 3, "A \\x1b[31mred\\x07 file.\n"),
        (errors.Diverged("Four."), 4, "Four.\n"),
        (errors.RunLocked("Five."), 5, "Five.\n"),
        (errors.RunUnreadable("Six."), 6, "Six.\n"),
        (errors.StorageError("Seven."), 7, "Seven.\n"),
        (errors.CheckFailed("Nine."), 9, "Nine.\n"),
        (errors.Interrupted("Stopped.", 143), 143, "Stopped.\n"),
        (click.FileError("a", "why"), 1, "Could not open file 'a': why\n"),
        (click.UsageError("Wrong."), 2, "Wrong.\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (click.Abort(), 130, "Interrupted.\n"),
        (PermissionError(13, "Permission denied", "/x"), 7, "/x: Permission denied.\n"),
        (OSError(28, "No space left on device"), 7, "No space left on device.\n"),
        (
            MemoryError("Unable to allocate."),
            7,
            "There is not enough memory. Unable to allocate.\n",
        ),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, BaseException) else "",
)
def test_an_error_is_a_message_and_a_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, message: str
) -> None:
    def fail() -> None:
        raise error

    assert exit_code(fail) == code
    assert capsys.readouterr() == ("", message)


def test_only_a_bug_has_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(lambda: 1 // 0) == 1
    out, message = capsys.readouterr()
    assert out == ""
    assert message.startswith("Traceback (most recent call last):\n")
    assert message.endswith(f"ZeroDivisionError: integer division or modulo by zero\n{REPORT}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs /dev/full and pipes of a shell")
def test_a_full_disk_and_closed_pipes(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    script = f"""
        cd {tmp_path}; export PYTHONPATH={root}; nnlab() {{ {sys.executable} -m nnlab "$@"; }}
        nnlab init > /dev/full; echo full $?
        nnlab init | true; echo unread ${{PIPESTATUS[0]}}
        nnlab --help | true; echo unread ${{PIPESTATUS[0]}}
        nnlab init >&-; echo closed $?
    """
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stdout == "full 7\nunread 0\nunread 0\nclosed 0\n"
    assert done.stderr == "No space left on device.\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_ends(tmp_path: Path, number: signal.Signals, code: int) -> None:
    root = Path(__file__).resolve().parents[2]
    arguments = ["train", "identity8", "--set", "epochs=1000000", "--runs", str(tmp_path)]
    child = subprocess.Popen(
        [sys.executable, "-m", "nnlab", *arguments], cwd=root, stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    before = []
    while not (line := child.stderr.readline()).startswith("epoch"):
        before.append(line)
        assert line, "".join(before)
    child.send_signal(number)
    _, rest = child.communicate(timeout=PATIENCE)
    assert child.returncode == code
    (folder,) = tmp_path.iterdir()
    message = (
        rf"{number.name}: stopped after [\d,]+ updates; the state is saved in {folder}\. "
        rf"`nnlab resume {folder}` goes on\.\n"
    )
    assert re.fullmatch(message, rest.splitlines(keepends=True)[-1])
