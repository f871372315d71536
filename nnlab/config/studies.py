"""Are the named studies of a config possible? Each value is tried on the tree, without the data."""

from __future__ import annotations

from nnlab.config.construct import construct
from nnlab.config.overrides import Setting, apply
from nnlab.config.problems import Problems
from nnlab.config.schema import Config
from nnlab.config.tree import Node, find

MAX_NODES = 20_000  # that may be built for this check; a study beyond it is checked when it runs


def check(root: Node, config: Config, problems: Problems) -> None:
    """Note what a value or a fixed setting of a study makes wrong, at the place where it stands."""
    bare = root.without("sweeps")
    size = sum(1 for _ in bare.walk())
    budget = MAX_NODES // size
    for name, study in config.sweeps.items():
        node = find(root, "sweeps", name)
        fixed = find(node, "set") if study.set else Node({}, node.place)
        changes = [
            Setting(key, value, fixed.key_place(key))
            for key, value in (fixed.entries or {}).items()
        ]
        for value in find(node, "values").items or []:
            if budget == 0:
                return
            budget -= 1
            found = Problems()
            varied = apply(bare, [*changes, Setting(study.key, value, value.place)], found, [])
            construct(varied, found, config.name)
            for one in found.found:
                if one not in problems.found:
                    problems.add(one.place, one.sentence, one.allowed, one.hint)
