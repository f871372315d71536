"""A task: a config with blanks. A hand-in fills the blanks; all else is as the task says."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.config.dump import settings_of
from nnlab.config.families import file_settings, resolve_paths
from nnlab.config.load import from_mapping, load_config, read_document
from nnlab.config.problems import Problem, Problems
from nnlab.config.schema import Config, SavedWeights
from nnlab.config.short_forms import expand
from nnlab.config.tree import BLANK, Node, find_node
from nnlab.errors import ConfigError
from nnlab.experiment.changes import differences
from nnlab.run.settings import training_settings
from nnlab.run.text import mapping_or_empty
from nnlab.show.words import setting_value

# Settings that may differ: a name, and what depends on the machine.
FREE = ("name", "training.engine", *(".".join(path) for path in file_settings(Config)))


@dataclass(frozen=True)
class TaskConfig:
    """A config in full form, in which BLANK stands for what is left open."""

    root: Node
    name: str

    def fill(self, config: Config) -> Config:
        """The task with the blanks as in another config.

        Raises ConfigError where a blank stays open, or does not fit the rest.
        """
        given = settings_of(config)
        filled = {"name": self.name, **_fill(self.root, given)}
        full = from_mapping(filled)
        is_open = any(node.value == BLANK for node in find_node(self.root, "init").walk())
        if is_open and isinstance(full.init, SavedWeights):
            raise ConfigError("init names weights that a hand-in does not hold.")
        if full.training.engine == "auto":
            return from_mapping(filled, [f"training.engine={config.training.engine}"])
        return full


def read_task(path: str | Path) -> TaskConfig:
    """The task in a file, or the shipped config of that name. Raises ConfigError with its mistakes.

    A blank in `data` is refused: no file that a hand-in names is opened.
    """
    problems = Problems()
    file = read_document(path, problems, "train")
    problems.raise_any()
    root = resolve_paths(expand(file.root, Config), Config)
    for node in find_node(root, "data").walk() if "data" in (root.entries or {}) else ():
        if node.value == BLANK:
            problems.add(node.place, "a task says itself what its data is.")
    problems.raise_any()
    try:
        load_config(path)
    except ConfigError as error:
        if not all(isinstance(each, Problem) and each.is_blank for each in error.problems or [0]):
            raise
    return TaskConfig(root, file.name)


def changed_settings(task: Config, config: Config) -> Iterator[str]:
    """A clause per setting of a hand-in that is not as the task says."""
    want, have = (training_settings(settings_of(each)) for each in (task, config))
    for key, here, there in differences(want, have):
        if key not in FREE:
            yield f"{key} is {setting_value(there)}, the task says {setting_value(here)}"


def _fill(node: Node, given: Any) -> Any:
    """Plain values of the task; a blank is what stands at its place in `given`."""
    if node.value == BLANK:
        return given
    if node.items is not None:
        have = given if isinstance(given, list) else []
        rest = [BLANK] * len(node.items)
        return [_fill(item, value) for item, value in zip(node.items, [*have, *rest], strict=False)]
    if node.entries is None:
        return node.value
    settings = mapping_or_empty(given)
    filled = {key: _fill(inner, settings.get(key, BLANK)) for key, inner in node.entries.items()}
    is_open = find_node(node, "name").value == BLANK  # with the settings of whatever it names
    return {**settings, **filled} if is_open else filled
