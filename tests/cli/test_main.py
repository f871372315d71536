"""The group: help, version, what is imported, and how errors end."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from nnlab import errors
from nnlab.cli import COMMANDS, main
from nnlab.cli.group import REPORT, exit_code
from nnlab.config.annotations import hints
from nnlab.config.families import homes
from nnlab.config.overrides import ALIASES, RESHAPERS
from nnlab.config.schema import Config
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
    listed = []
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        listed.append((name, command))
        if isinstance(command, click.Group):
            listed += [
                (f"{name} {inner}", subcommand) for inner, subcommand in command.commands.items()
            ]
    return listed


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
    imported_modules = re.findall(r"imported (\[.*\])", result.stdout)
    assert imported_modules, result.stderr
    heavy = set(eval(imported_modules[0]))
    assert heavy <= set(imported)


def test_help_lists_every_command(nnlab: Nnlab) -> None:
    result = nnlab("-h")
    assert result.exit_code == 0
    listed = re.findall(r"^  (\w+) +[A-Z].*\.$", result.stdout.partition("Commands:")[2], re.M)
    assert listed == list(COMMANDS)


@pytest.mark.parametrize(("name", "command"), commands(), ids=str)
def test_help_has_a_sentence_a_paragraph_and_an_example(
    nnlab: Nnlab, name: str, command: click.Command
) -> None:
    text = command.help or ""
    summary, paragraph, *rest = text.split("\n\n")
    assert summary.endswith(".")
    assert summary == COMMANDS.get(name, summary)
    assert "\n" not in summary
    assert paragraph.endswith(".")
    assert f"nnlab {name}" in rest[-1]
    assert nnlab(*name.split(), "--help").exit_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of Unix")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "xor", "--optimiser", "adam"], 2),
        (["train", "xor", "--set", "optimizer=momentum"], 2),
        (["train", "identity8", "--no-plots", "--set", "epochs=2"], 0),
        (["check", "xor"], 0),
        (["init", "xor"], 0),
        (["train", "--help"], 0),
        (["--help"], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_no_word_is_broken_on_a_narrow_terminal(
    tmp_path: Path, arguments: list[str], code: int
) -> None:
    """Sentences fit into 60 columns; only a table or a path may be wider."""
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "TERM": "dumb"}
    environment.pop("COLUMNS", None)
    child = subprocess.Popen(
        [sys.executable, "-m", "nnlab", *arguments],
        cwd=tmp_path, stdout=follower, stderr=follower, stdin=follower, env=environment,
    )  # fmt: skip
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # Linux says so when the last writer is gone
        pass
    os.close(leader)
    assert child.wait() == code
    lines = shown.decode().replace("\r\n", "\n").split("\n")
    long = [line for line in lines if len(line) > 60 and " " in line.strip()]
    assert [line for line in long if "  " not in line and not line.startswith("    ")] == []
    if "--no-plots" in arguments:
        assert any(line.startswith("To see it: nnlab report") for line in lines)
    if arguments[0] == "check":  # the config is YAML, which can be broken at its items
        assert max(map(len, lines)) <= 60


@pytest.mark.parametrize(("name", "command"), [("", main), *commands()], ids=str)
def test_help_fits_into_60_columns(name: str, command: click.Command) -> None:
    """Of the examples only those of sweep, with a whole grid in a line, are wider."""
    group = click.Context(main, info_name="nnlab", terminal_width=60)
    text = command.get_help(click.Context(command, group, name, terminal_width=60))
    lines = [line for line in text.splitlines() if not line.startswith("  nnlab sweep")]
    assert [line for line in lines if len(line) > 60] == []
    assert "..." not in text.partition("Commands:")[2]


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


MEANT = [
    ("--set lr=1 train xor",
     "There is no option '--set'. It belongs after the command: nnlab train xor --set lr=1"),
    ("--runs d -q train xor",
     "There is no option '--runs'. It belongs after the command: nnlab train xor --runs d -q"),
    ("--epochs 3 train xor",
     "There is no option '--epochs'. Write nnlab train xor --set epochs=3"),
    ("--set lr=1",
     "There is no option '--set'. It belongs after the command: nnlab train ... --set lr=1"),
    ("--foo train xor", "There is no option '--foo'."),
    ("train xor --epochs 3", "There is no option '--epochs'. Write --set epochs=3."),
    ("train xor --epochs=3", "There is no option '--epochs'. Write --set epochs=3."),
    ("train xor --epocs 3", "There is no option '--epocs'. Write --set epochs=3."),
    ("train xor --batch-size 8 -q", "There is no option '--batch-size'. Write --set batch_size=8."),
    ("train xor -lr 0.1", "There is no option '-l'. Write --set lr=0.1."),
    ("train xor --lr", "There is no option '--lr'. Write --set lr=VALUE."),
    ("train xor --max-iter 3", "There is no option '--max-iter'. Write --set epochs=3."),
    ("train xor --val-split 0.2",
     "There is no option '--val-split'. Write --set data.validation=0.2."),
    ("sweep --lr 0.1,0.2", "There is no option '--lr'. Write --set lr=0.1,0.2."),
    ("resume latest --epochs 9", "There is no option '--epochs'. Write --set epochs=9."),
    ("descend beale --steps 9", "There is no option '--steps'. Write --set steps=9."),
    ("runs --lr 0.1", "There is no option '--lr'. Write --where lr=0.1."),
    ("train xor --out d", "There is no option '--out'. Did you mean '--runs'?"),
    ("train xor --output d", "There is no option '--output'. Did you mean '--runs'?"),
    ("train xor -o d", "There is no option '-o'. Did you mean '--runs'?"),
    ("train xor --gpu", "There is no option '--gpu'. nnlab computes on the processor only."),
    ("train xor --resume", "There is no option '--resume'. Write nnlab resume RUN."),
    ("train xor --dry-run", "There is no option '--dry-run'. Write nnlab check CONFIG."),
    ("plot latest --figure curves", "There is no option '--figure'. Did you mean '--only'?"),
    ("plot latest --outdir d", "There is no option '--outdir'. Did you mean '--output'?"),
    ("evaluate latest --split test", "There is no option '--split'. Did you mean '--data'?"),
    ("sweep lr --n-jobs 3", "There is no option '--n-jobs'. Did you mean '--jobs'?"),
    ("train xor --quite", "There is no option '--quite'. Did you mean '--quiet'?"),
    ("train xor --no-plot", "There is no option '--no-plot'. Did you mean '--no-plots'?"),
    ("train --config xor", "There is no option '--config'. Leave the option's name out: xor"),
    ("train xor lr=0.1", "Got unexpected extra argument (lr=0.1). Write --set lr=0.1."),
    ("train xor --set lr 0.1", "Got unexpected extra argument (0.1). Write --set lr=0.1."),
    ("train xor --set lr = 0.1", "Got unexpected extra arguments (= 0.1). Write --set lr=0.1."),
    ("train xor digits", "Got unexpected extra argument (digits)"),
    ("xor", "There is no command 'xor'. `nnlab train xor` trains a config."),
    ("my.yaml", "There is no command 'my.yaml'. `nnlab train my.yaml` trains a config."),
    ("tensorboard", "There is no command 'tensorboard'. Did you mean 'report'?"),
    ("data download mnist", "There is no command 'download'. Did you mean 'fetch'?"),
    ("fit xor", "There is no command 'fit'. Did you mean 'train'?"),
    ("help tran", "There is no command 'tran'. Did you mean 'train'?"),
    ("crosscheck xor", "Missing option '--against'. Choose from: torch, sklearn"),
    ("help train xor", "nnlab train has no commands of its own."),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), MEANT, ids=[line for line, _ in MEANT])
def test_what_a_wrong_option_must_have_meant(nnlab: Nnlab, line: str, message: str) -> None:
    result = nnlab(*line.split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.partition("Error: ")[2] == f"{message}\n"


def test_nan_is_no_number_of_an_option(nnlab: Nnlab) -> None:
    options = [
        (name, option.opts[-1])
        for name, command in commands()
        for option in command.params
        if isinstance(option.type, click.types.FloatParamType)
    ]
    assert ("grade", "--timeout") in options
    for name, option in options:
        result = nnlab(*name.split(), option, "nan")
        assert (result.exit_code, "'nan' is not a valid number." in result.stderr) == (2, True)


def test_every_short_name_of_a_setting_is_known_as_an_option(nnlab: Nnlab) -> None:
    for key in (*hints(Config), *ALIASES, *RESHAPERS, *homes(Config)):
        option = f"--{key.replace('_', '-')}"
        if option not in ("--name", "--seed"):  # options of train
            result = nnlab("train", "xor", option, "5")
            assert f"Write --set {key}=5.\n" in result.stderr or f".{key}=5.\n" in result.stderr


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
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
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
    assert done.stderr == (
        "Cannot write the results to the standard output: No space left on device.\n"
    )


@pytest.mark.parametrize("command", ["check xor", "sweep lr=0.1 xor --dry-run", "doctor xor"])
def test_seed_is_an_override_wherever_a_config_is_named(
    nnlab: Nnlab, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """After --set, so that it wins, and on either side of it."""
    monkeypatch.setattr("nnlab.cli.doctor.evidence_of_config", quit_with_seed)
    for order in (["--set", "seed=1", "--seed", "7"], ["--seed", "7", "--set", "seed=1"]):
        result = nnlab(*command.split(), *order)
        assert "seed: 7" in result.output or "seed=7" in result.output


def quit_with_seed(config: Config) -> None:
    raise errors.UsageError(f"seed={config.seed}")
