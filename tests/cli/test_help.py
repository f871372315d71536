"""The help of all commands has one form, so that a reader learns it once."""

import re
from collections.abc import Iterator

import click
import pytest

from nnlab.cli import main

LINES = 45  # of a screen
LONGER = {"nnlab", "nnlab sweep"}  # all commands, and the options of a grid and of a cluster
# Words for what a user writes; the same thing has the same word in all commands.
WORDS = {
    *("CONFIG", "RUN", "FILE", "DIR", "NAME", "COMMAND", "ARGS", "AXIS", "TARGET", "N", "X"),
    *("KEY", "VALUE", "CONDITION", "STATUS", "COLUMN", "SECONDS", "SIZE", "ADDRESS", "DECAY"),
    *("LAYER", "SWEEP", "TAG", "TEXT"),
}
# The options that many commands have stand in this order.
ORDER = [
    *("set", "seed", "runs", "name", "output", "force", "retry_failed", "dry_run", "plots"),
    *("threads", "csv", "json", "quiet", "verbose", "help"),
]


def contexts(context: click.Context) -> Iterator[click.Context]:
    yield context
    command = context.command
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            inner = click.Context(child, context, name, terminal_width=80)
            inner.help_option_names = ["-h", "--help"]
            yield from contexts(inner)


ALL = list(contexts(click.Context(main, info_name="nnlab", terminal_width=80)))
each = pytest.mark.parametrize("context", ALL, ids=lambda context: context.command_path)


def options(context: click.Context) -> list[click.Option]:
    params = context.command.get_params(context)
    return [each for each in params if isinstance(each, click.Option) and not each.hidden]


@each
def test_help_fits_on_a_screen(context: click.Context) -> None:
    lines = context.get_help().splitlines()
    assert len(lines) <= LINES or context.command_path in LONGER
    assert [line for line in lines if len(line) > 80 and "  nnlab sweep" not in line] == []
    summary = (context.command.help or "").partition("\n")[0]
    assert len(summary) <= 60


@each
def test_the_path_of_a_command_is_what_one_types(context: click.Context) -> None:
    assert re.fullmatch(r"nnlab( [a-z]+)*", context.command_path)


@each
def test_an_option_is_a_sentence_and_its_default_stands_behind_it(context: click.Context) -> None:
    for option in options(context):
        assert re.fullmatch(r"[A-Z][^\n]*\.", option.help or ""), option.name
        assert "default" not in (option.help or "").lower(), option.name
        if option.multiple:
            assert "may be repeated" in (option.help or ""), option.name
        default = None if option.is_flag else option.get_default(context)
        is_set = bool(default) and isinstance(default, int | float | str | tuple)
        assert option.show_default or not is_set, option.name


@each
def test_options_of_several_commands_have_one_order(context: click.Context) -> None:
    names = [max(option.opts, key=len).lstrip("-").replace("-", "_") for option in options(context)]
    shared = [name for name in names if name in ORDER]
    assert shared == sorted(shared, key=ORDER.index)
    last = [name for name in names if name in ORDER[-5:]]
    assert names[len(names) - len(last) :] == last


@each
def test_the_same_thing_has_the_same_word(context: click.Context) -> None:
    words = set(re.findall(r"\b[A-Z]+\b", context.get_usage().partition(" ")[2]))
    for option in options(context):
        words |= set(re.findall(r"\b[A-Z]+\b", option.metavar or ""))
    assert words - {"OPTIONS"} <= WORDS
    text = (context.command.help or "") + "".join(each.help or "" for each in options(context))
    assert not re.search(r"xit code \d+ (where|when)|for example|FOLDER|PATH", text)
