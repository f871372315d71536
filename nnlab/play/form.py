"""The controls of a page, made from the schema of the config.

A control is a key of `--set`. Each family of a catalogue is a menu, and the settings of its members
are fields, so a new member appears by itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_origin

from nnlab.config.annotations import allowed, choices, hints, item_hint, options, required_fields
from nnlab.config.describe import docstring_parts
from nnlab.config.dump import flow, settings_of
from nnlab.config.families import LAYER, SOURCE, Family, family_of, inline_parts, record_of
from nnlab.config.schema import Config
from nnlab.core.layers.activations import ACTIVATIONS
from nnlab.data.dataset import UserFile
from nnlab.data.memory import TableSource
from nnlab.run.settings import BESIDE_TRAINING

TITLES = {"seed": "Seed", "init": "Initial weights"}  # where the key is no good title
# Keys that change nothing that a page shows.
WITHOUT = frozenset(
    {"name", *BESIDE_TRAINING, "training.checkpoint_every", "training.record_steps"}
    | {"training.monitor", "data.seed"}
)
# What may change while the network trains: the next update takes the new value.
LIVE = frozenset(
    {"schedule", "data.noise", "training.batch_size", "training.epochs", "training.shuffle"}
    | {"training.drop_last"}
)
LIVE_SETTINGS = ("optimizer.", "schedule.")


def is_live(key: str) -> bool:
    """Whether a setting may change while the network trains."""
    return key in LIVE or key.startswith(LIVE_SETTINGS)


def members_for_page(family: Family, start: Config) -> tuple[str, ...]:
    """The members that a page may choose: no data set from a file, but the one of the start."""
    if family is not SOURCE:
        return tuple(family.members)
    own = SOURCE.name_of(start.data.source)
    made = (name for name, cls in SOURCE.members.items() if is_generated(cls))
    return tuple(dict.fromkeys([*([] if is_generated(type(start.data.source)) else [own]), *made]))


def _choosable(family: Family, start: Config, member: str) -> Iterator[str]:
    """The members of a menu: without those that need a setting which only a config can give."""
    for name in members_for_page(family, start):
        if family is SOURCE or name == member or not required_fields(family.members[name]):
            yield name


def is_generated(source: type[Any]) -> bool:
    """Whether a data set needs no file of the user's and no download."""
    return source.files is None and not issubclass(source, UserFile | TableSource)


def page_families() -> dict[str, Family]:
    """The families that a page chooses from, by their key."""
    families: dict[str, Family] = {}
    for key, hint in hints(Config).items():
        record = record_of(hint)
        inline = map(family_of, inline_parts(record).values()) if record else ()
        if family := next(filter(None, inline), None) or family_of(hint):
            families[key] = family
    return families


def page_keys(start: Config) -> set[str]:
    """Every key that a page may set."""
    keys = {"network", *page_families()}
    for key, family in page_families().items():
        for member in members_for_page(family, start):
            if family is not SOURCE or is_generated(family.members[member]):
                keys |= {name for name, _, _ in _settings(family.members[member], f"{key}.")}
    return keys | {name for name, _, _ in _settings(Config, "")}


def sections(config: Config, start: Config) -> list[dict[str, Any]]:
    """The controls for a config, as JSON: for each key the settings below it.

    member: the chosen member of its family, '' without one. live: whether a change needs no reset.
    """
    families, own, values = page_families(), [*_settings(Config, "")], settings_of(config)
    meanings = docstring_parts(Config)[1] | {"seed": ""}
    controls = []
    for key in sorted(hints(Config), key=lambda key: key != "seed"):
        family = families.get(key)
        fields = [entry for entry in own if f"{entry[0]}.".startswith(f"{key}.")]
        member = ""
        names: tuple[str, ...] = ()
        if family is not None:
            member = str(values[key].get("name", ""))
            names = tuple(_choosable(family, start, member))
            cls = family.members.get(member)
            if cls is not None and (family is not SOURCE or is_generated(cls)):
                fields = [*_settings(cls, f"{key}."), *fields]
        if family is None and not fields:
            continue
        controls.append(
            {
                "key": "" if key == "seed" else key,
                "title": TITLES.get(key, key.capitalize()),
                "member": member,
                "members": names,
                "meaning": meanings.get(key, ""),
                "live": is_live(key),
                "fields": _fields(fields, values),
            }
        )
    return controls


def layer_kinds() -> dict[str, Any]:
    """For each kind of layer its settings, and whether it is an activation."""
    return {
        name: {
            "activation": name in ACTIVATIONS,
            "meaning": "".join(docstring_parts(cls)[0][:1]).strip(),
            "fields": [
                field | {"required": field["name"] in required_fields(cls)}
                for field in _fields([*_settings(cls, "")], {})
            ],
        }
        for name, cls in LAYER.members.items()
    }


Setting = tuple[str, Any, str]  # its key, its annotation, its meaning


def _settings(cls: type[Any], prefix: str) -> Iterator[Setting]:
    """The plain settings of a class, and of the records in it."""
    inline, meanings = inline_parts(cls), docstring_parts(cls)[1]
    for name, hint in hints(cls).items():
        key = f"{prefix}{name}"
        record = record_of(hint)
        if key in WITHOUT or family_of(hint) is not None:
            continue
        if record is not None and type(None) not in options(hint):
            yield from _settings(record, prefix if name in inline else f"{key}.")
        elif record is None and _is_plain(hint):
            yield key, hint, meanings.get(name, "")


def _is_plain(hint: Any) -> bool:
    """Whether a text field can hold the setting: no list and no mapping alone."""
    known = [option for option in options(hint) if option is not type(None)]
    listed = [option for option in known if item_hint(option) is not None]
    return len(listed) < len(known)


def _fields(settings: list[Setting], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Settings with their values as text; choices: a menu's words, none for a field to type in."""
    return [
        {
            "key": key,
            "name": key.rpartition(".")[2],
            "value": flow(value_at(values, key)),
            "choices": _menu(hint),
            "allowed": allowed(hint),
            "meaning": meaning,
            "live": is_live(key),
        }
        for key, hint, meaning in settings
    ]


def value_at(values: Mapping[str, Any], key: str) -> Any:
    """The value at a dotted key; None where there is none."""
    value: Any = values
    for step in key.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _menu(hint: Any) -> tuple[str, ...]:
    """The words of a setting that has no other values; null where it may be absent."""
    known = options(hint)
    is_menu = all(o in (bool, type(None)) or get_origin(o) is Literal for o in known)
    words = choices(hint)
    if not is_menu or not words:
        return ()
    return (*words, *(["null"] if type(None) in known else []))
