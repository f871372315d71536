"""The families a config chooses from: a name is looked up in a catalogue, never imported."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

from nnlab.config.hints import options
from nnlab.core.initializers import INITIALIZERS, Initializer
from nnlab.core.layers import LAYERS, Layer
from nnlab.core.losses import LOSSES
from nnlab.core.optimizers import OPTIMIZERS, Optimizer
from nnlab.core.schedules import SCHEDULES, Schedule
from nnlab.data.augment import AUGMENTATIONS, Augmentation
from nnlab.data.sources import ALIASES, SOURCES


@dataclass(frozen=True, eq=False)
class Family:
    """A catalogue, what messages call one of its members, and other names that are understood."""

    word: str
    members: Mapping[str, type[Any]]
    default: str | None = None  # the member that is meant when none is named
    other_names: Mapping[str, str] = field(default_factory=dict)
    other_keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def choice(self) -> str:
        """What may be chosen, in words: "an optimizer: sgd, adagrad, ..."."""
        article = "an" if self.word[0] in "aeiou" else "a"
        return f"{article} {self.word}: {', '.join(self.members)}"

    def name_of(self, member: object) -> str:
        """The catalogue name of an instance."""
        for name, cls in self.members.items():
            if type(member) is cls:
                return name
        raise TypeError(f"{type(member).__name__} is not in the catalogue of {self.word} names")

    def settings(self, name: str) -> tuple[str, ...]:
        """The field names of a member; none for an unknown name."""
        cls = self.members.get(name)
        return () if cls is None else tuple(field.name for field in dataclasses.fields(cls))


SOURCE = Family("data set", SOURCES, other_names=ALIASES)
LAYER = Family("layer", LAYERS)
INITIALIZER = Family("initializer", INITIALIZERS, default="xavier_uniform")
LOSS = Family("loss", LOSSES)
OPTIMIZER = Family("optimizer", OPTIMIZERS, "sgd", other_keys={"learning_rate": "lr"})
SCHEDULE = Family("schedule", SCHEDULES, default="constant")
AUGMENTATION = Family("augmentation", AUGMENTATIONS)

_BASES: dict[type[Any], Family] = {
    Initializer: INITIALIZER,
    Layer: LAYER,
    Augmentation: AUGMENTATION,
    Optimizer: OPTIMIZER,
    Schedule: SCHEDULE,
}


def family_of(hint: Any) -> Family | None:
    """The family whose members a field holds (`init: Initializer | None`), if any."""
    for option in options(hint):
        if isinstance(option, type) and option in _BASES:
            return _BASES[option]
    return None


def family_of_items(hint: Any) -> Family | None:
    """The family whose members a list holds (`augment: tuple[Augmentation, ...]`), if any."""
    return family_of(get_args(hint)[0]) if get_origin(hint) is tuple else None
