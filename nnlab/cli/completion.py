"""What the tab key offers: runs, configs, settings with their values, and names of catalogues."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from nnlab.config.overrides import Grammar

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_run(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The runs whose name begins with `begun`; else folders."""
    from nnlab.run.names import run_names, runs_folder

    names = ["latest", *run_names(runs_folder(context.params.get("runs")))]
    return _items(names, begun) or [CompletionItem(begun, type="dir")]


def complete_config(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The shipped configs for the command whose name begins with `begun`; else files."""
    return _items(_configs(context), begun) or [CompletionItem(begun, type="file")]


def complete_setting(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The keys of --set; behind KEY= the words that the setting may have."""
    from nnlab.config.overrides import TRAINING
    from nnlab.race.config import GRAMMAR

    return _items(_offered(GRAMMAR if context.info_name == "descend" else TRAINING, begun), begun)


def complete_axis(
    context: click.Context, parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """The studies of the config that is named so far, the settings, and the configs."""
    from nnlab.cli.sweep import DEFAULT
    from nnlab.config.files import is_config_name
    from nnlab.config.load import load_config
    from nnlab.errors import NnlabError

    words = [*(context.params.get("axes") or ()), context.params.get("named") or DEFAULT]
    config = next(filter(is_config_name, words))
    studies: Iterable[str] = ()
    with suppress(NnlabError):  # the command itself will print it
        studies = load_config(config).config.sweeps
    items = _items([*studies, *_configs(context)], begun)
    return [*items, *complete_setting(context, parameter, begun)]


def complete_words(words: Callable[[], Iterable[str]]) -> Completer:
    """Names of a catalogue, read when they are asked for; after a comma the next name."""

    def complete(
        context: click.Context, parameter: click.Parameter, begun: str
    ) -> list[CompletionItem]:
        head, comma, _ = begun.rpartition(",")
        return _items([head + comma + word for word in words()], begun)

    return complete


def columns_and_settings() -> list[str]:
    """What --sort and --columns name."""
    from nnlab.api.runs import column_names
    from nnlab.config.overrides import TRAINING

    return [*column_names(), *_values(TRAINING)]


def _items(words: Iterable[str], begun: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in dict.fromkeys(words) if word.startswith(begun)]


def _configs(context: click.Context) -> list[str]:
    """The shipped configs of races for `descend`, those of trainings for other commands."""
    from nnlab.config.files import shipped
    from nnlab.config.load import describes_race

    races, command = context.info_name == "descend", context.info_name
    paths = shipped()
    return [n for n in paths if command == "init" or describes_race(paths[n]) == races]


def _values(grammar: "Grammar") -> Mapping[str, tuple[str, ...]]:
    """The words of each setting by its key, the short names included."""
    from nnlab.config.families import words_by_path
    from nnlab.core.layers.activations import ACTIVATIONS

    words = words_by_path(grammar.schema)
    own = {"activation": tuple(ACTIVATIONS)}
    aliases = {name: words.get(path, ()) for name, path in grammar.aliases.items()}
    return aliases | {name: own.get(name, ()) for name in grammar.reshapers} | words


def _offered(grammar: "Grammar", begun: str) -> list[str]:
    """The words that go on after `begun`: KEY=WORD, KEY=, or KEY. where settings are below it."""
    values = _values(grammar)
    key, equals, value = begun.partition("=")
    if equals:
        head, comma, _ = value.rpartition(",")
        return [f"{key}={head}{comma}{word}" for word in values.get(key, ())]
    level = begun.count(".")
    above = {".".join(path.split(".")[: level + 1]) for path in values if path.count(".") > level}
    here = [path for path in values if path.count(".") == level]
    ends = [f"{path}=" for path in here if values[path] or path not in above]
    return ends + [f"{path}." for path in here if path in above]
