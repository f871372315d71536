"""The JSON schema of a config, for editors that complete and check YAML.

It allows all that nnlab accepts. nnlab refuses more: it compares settings with each other and with
the data.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING
from typing import Annotated, Any, Literal, get_args, get_origin

import annotated_types

from nnlab.config.annotations import item_hint, main_setting, notes_of, options
from nnlab.config.describe import Setting, settings_in
from nnlab.config.extends import EXTENDS, MEANING
from nnlab.config.families import Family, family_of, inline_parts, records_of
from nnlab.config.schema import Config

Schema = dict[str, Any]
DRAFT = "http://json-schema.org/draft-07/schema#"  # the newest that most editors know whole
TITLE = "An nnlab"
TYPES = {float: "number", int: "integer", str: "string", bool: "boolean", type(None): "null"}
# By type of limit: its attribute, and the key for a number or a text, and for a list.
LIMITS: dict[type, tuple[str, str, str]] = {
    annotated_types.Gt: ("gt", "exclusiveMinimum", ""),
    annotated_types.Ge: ("ge", "minimum", ""),
    annotated_types.Lt: ("lt", "exclusiveMaximum", ""),
    annotated_types.Le: ("le", "maximum", ""),
    annotated_types.MinLen: ("min_length", "minLength", "minItems"),
    annotated_types.MaxLen: ("max_length", "maxLength", "maxItems"),
}


def schema_text(cls: type[Any] = Config) -> str:
    """The file of a schema, of a training's config or a race's."""
    return json.dumps(json_schema(cls), indent=1, ensure_ascii=False) + "\n"


def json_schema(cls: type[Any] = Config) -> Schema:
    """The schema of a whole config; each family of members is a definition in it."""
    definitions: dict[str, Schema] = {}
    record = _record(cls, definitions)
    if cls is Config:  # the file that a config extends may hold what this one lacks
        record["properties"][EXTENDS] = {"type": "string", "description": MEANING}
        record["anyOf"] = [{"required": record.pop("required")}, {"required": [EXTENDS]}]
    title = "experiment" if cls is Config else cls.__name__.lower()
    return {"$schema": DRAFT, "title": f"{TITLE} {title}", **record, "definitions": definitions}


def _record(cls: type[Any], definitions: dict[str, Schema]) -> Schema:
    """A mapping with the settings of a dataclass, or of a member that it holds inline."""
    settings = list(settings_in(cls))
    for hint in inline_parts(cls).values():
        if family := family_of(hint):
            return _choice(family, definitions, settings)
    return _mapping(settings, definitions)


def _mapping(
    settings: Sequence[Setting],
    definitions: dict[str, Schema],
    name: str = "",
    other_keys: Mapping[str, str] | None = None,
) -> Schema:
    """A mapping with these keys only, and with the name of a member."""
    keys: dict[str, Schema] = {"name": {"const": name}} if name else {}
    keys |= {setting.key: _setting(setting, definitions) for setting in settings}
    required = ["name"] if name else []
    required += [setting.key for setting in settings if setting.is_required]
    for other, key in (other_keys or {}).items():
        if key in keys:
            keys[other] = keys[key]
            required = [name for name in required if name != key]
    schema = {"type": "object", "properties": keys, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _setting(setting: Setting, definitions: dict[str, Schema]) -> Schema:
    about = {"description": setting.meaning} if setting.meaning else {}
    simple = setting.default is None or isinstance(setting.default, str | int | float)
    if simple and setting.default is not MISSING:
        about["default"] = setting.default
    schema = _value(setting.hint, definitions)
    return about | ({"allOf": [schema]} if "$ref" in schema and about else schema)


def _value(hint: Any, definitions: dict[str, Schema]) -> Schema:
    """The values that an annotation allows, short forms included."""
    family = family_of(hint)
    parts = [_record(record, definitions) for record in records_of(hint)]
    if family is not None:
        if family.word not in definitions:
            definitions[family.word] = {}  # for a member that holds the same family
            definitions[family.word] = _choice(family, definitions)
        parts.append({"$ref": f"#/definitions/{family.word.replace(' ', '%20')}"})
    if parts:
        parts += [{"type": "null"}] if type(None) in options(hint) else []
    else:
        parts = [_plain(option, definitions) for option in options(hint)]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _plain(hint: Any, definitions: dict[str, Schema]) -> Schema:
    """A scalar, a list or a mapping, with its limits."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        schema = _value(arguments[0], definitions)
        for note in notes_of(hint):
            if type(note) in LIMITS:
                attribute, *keys = LIMITS[type(note)]
                schema[keys[schema.get("type") == "array"]] = getattr(note, attribute)
        return schema
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is tuple:
        return {"type": "array", "items": _value(item_hint(hint), definitions)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _value(item_hint(hint), definitions)}
    return {} if hint is Any else {"type": TYPES[hint]}


def _choice(family: Family, definitions: dict[str, Schema], more: Sequence[Setting] = ()) -> Schema:
    """A member of a family in every form: `relu`, `dense: 5`, `{name: dense, units: 5}`.

    more: settings that stand beside the member's own.
    """
    members = {name: family.member(name) for name in (*family.members, *family.other_names)}
    settings = {name: [*settings_in(cls), *more] for name, cls in members.items() if cls}
    alone = [name for name in settings if not any(s.is_required for s in settings[name])]
    parts: list[Schema] = [{"enum": alone}] if alone else []
    for name, own in settings.items():
        cls = members[name] or object
        about = (inspect.getdoc(cls) or "").partition("\n\n")[0].replace("\n", " ")
        whole = _mapping(own, definitions, name, family.other_keys)
        parts += [{"description": about, **whole}, _pair(name, cls, own, family, definitions)]
    if family.default is not None:
        parts.append(_mapping(settings[family.default], definitions, "", family.other_keys))
    return {"anyOf": parts}


def _pair(
    name: str,
    cls: type[Any],
    settings: Sequence[Setting],
    family: Family,
    definitions: dict[str, Schema],
) -> Schema:
    """The forms `dense: 5` and `dense: {units: 5}` of a member."""
    required = {setting.key for setting in settings if setting.is_required}
    main = [setting for setting in settings if setting.key == main_setting(cls)]
    contents = [_value(setting.hint, definitions) for setting in main if required <= {setting.key}]
    contents.append(_mapping(settings, definitions, "", family.other_keys))
    contents += [] if required else [{"type": "null"}]
    return {
        "type": "object",
        "properties": {name: {"anyOf": contents}},
        "required": [name],
        "additionalProperties": False,
    }
