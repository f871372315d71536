"""Writes cli.md, config.md, config.schema.json, explain.md and man/nnlab.1 from the program.

And the table of exit codes in environment.md.

python -m docs.generate            writes them
python -m docs.generate --check    exit code 1 and the difference, if a page on disk is another
"""

import difflib
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from docs.explain import explain_page
from docs.settings import config_reference
from nnlab import __version__, errors
from nnlab.cli import main
from nnlab.config.json_schema import schema_text

HERE = Path(__file__).resolve().parent
NOTE = "<!-- Written by `make docs`; edit the program, not this page. -->\n\n"
WIDTH = 80  # of the help texts, whatever the terminal's


def cli_reference() -> str:
    """The help text of every command, in the order in which `nnlab --help` lists them."""
    sections = [
        f"## {path}\n\n```text\n{help_text.rstrip()}\n```\n" for path, help_text in help_texts()
    ]
    return NOTE + "# The command line\n\n" + "\n".join(sections)


def environment_page() -> str:
    """The page with the table of exit codes, which is written from the classes of the errors."""
    rows = {"0": ("Done.", ""), "1": ("A bug in nnlab.", "report it, with the traceback")}
    own = [cls for cls in errors.NnlabError.__subclasses__() if cls.__module__ == errors.__name__]
    for cls in sorted(own, key=lambda cls: cls.exit_code):
        code = "130, 143" if cls is errors.Interrupted else str(cls.exit_code)
        meaning = " ".join([rows.pop(code, ("", ""))[0], (cls.__doc__ or "").partition("\n")[0]])
        rows |= {code: (meaning.strip(), cls.remedy)}
    rows["130, 143"] = rows.pop("130, 143")
    table = [
        ("code", "meaning", "what to do"),
        ("---",) * 3,
        *((c, *row) for c, row in rows.items()),
    ]
    path = HERE / "environment.md"
    head, _, rest = path.read_text(encoding="utf-8").partition("\n|")
    _, _, rest = rest.partition("|\n\n")
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in table), "", rest])


def manual_page() -> str:
    """A page for `man`: the same help texts, in man(7)."""
    (_, first), *commands = help_texts()
    lines = [
        f'.TH NNLAB 1 "" "nnlab {__version__}" "User Commands"',
        ".SH NAME",
        "nnlab \\- train neural networks small enough to understand",
        ".SH SYNOPSIS",
        *_verbatim(first),
        ".SH COMMANDS",
    ]
    for path, text in commands:
        lines += [f".SS {path}", *_verbatim(text)]
    return "\n".join(lines) + "\n"


def _verbatim(text: str) -> list[str]:
    """Lines that man(7) neither fills nor reads as requests."""
    shown = text.rstrip().replace("\\", "\\e").replace("-", "\\-").splitlines()
    return [".nf", *(f"\\&{line}" if line[:1] in ".'" else line for line in shown), ".fi"]


def help_texts(
    command: click.Command = main, parent: click.Context | None = None, name: str = "nnlab"
) -> Iterator[tuple[str, str]]:
    """Each command's path with its help text, `nnlab` itself first."""
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=WIDTH,
        max_content_width=WIDTH,
        **command.context_settings,  # click remembers on the command what its help option is
    )
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            inner = command.get_command(context, child)
            if inner is not None and not inner.hidden:
                yield from help_texts(inner, context, child)


def pages() -> dict[Path, str]:
    """Each generated page with the text it should have."""
    return {
        HERE / "cli.md": cli_reference(),
        HERE / "config.md": NOTE + config_reference(),
        HERE / "explain.md": NOTE + explain_page(),
        HERE / "environment.md": environment_page(),
        HERE / "man" / "nnlab.1": manual_page(),
        HERE / "config.schema.json": schema_text(),
    }


def difference(path: Path, wanted: str) -> str:
    """What would change in `path`, as a unified diff; empty when it is current."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(
        text.splitlines(keepends=True),
        wanted.splitlines(keepends=True),
        f"docs/{path.name}",
        "generated now",
    )
    return "".join(lines)


def run(check: bool) -> int:
    """Write the pages or compare them; the exit code."""
    stale = {path: text for path, wanted in pages().items() if (text := difference(path, wanted))}
    if check:
        sys.stdout.writelines(stale.values())
        names = " and ".join(f"docs/{path.name}" for path in stale)
        print(f"Not up to date: {names}. Run `make docs`." if stale else "The docs are up to date.")
        return int(bool(stale))
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(run(check="--check" in sys.argv[1:]))
