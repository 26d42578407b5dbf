"""The strategy for decoding a type: which of the libraries enforce its schema.

The strategies are described in `_json`. The choice is made once for each type, at start-up.
"""

from __future__ import annotations

import decimal
import enum
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from ..annotations import Param, is_foreign, origin_of, split_annotation, strip_alias
from ..schema import Schema, is_pydantic, members_of

Strategy: TypeAlias = Literal["direct", "checked", "structured"]


def strategy_of(type_: Any, schema: Schema, components: Mapping[str, Any]) -> Strategy:
    """Choose the strategy for a type and its schema."""
    required = _required_strategies(type_)
    if "structured" in required or not _is_supported(type_):
        return "structured"
    if "checked" in required or _exceeds_msgspec(schema, components, seen=set()):
        return "checked"
    return "direct"


def is_structured(type_: Any) -> bool:
    """Return true for a type that cattrs has to convert, whatever its schema is."""
    return "structured" in _required_strategies(type_) or not _is_supported(type_)


def _is_supported(type_: Any) -> bool:
    try:
        msgspec.json.Decoder(type_)
    except TypeError:
        return False
    return True


def _exceeds_msgspec(schema: Any, components: Mapping[str, Any], *, seen: set[str]) -> bool:
    """Return true if msgspec does not fully enforce the keywords of a schema."""
    if isinstance(schema, list):
        return any(_exceeds_msgspec(item, components, seen=seen) for item in schema)
    if not isinstance(schema, dict):
        return False
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        seen.add(name)
        if _exceeds_msgspec(components.get(name), components, seen=seen):
            return True
    if schema.get("additionalProperties") is False:
        return True
    named = list(schema.get("properties", {}).values())
    return _exceeds_msgspec(named, components, seen=seen) or any(
        keyword in ("pattern", "uniqueItems") or _exceeds_msgspec(value, components, seen=seen)
        for keyword, value in schema.items()
        if keyword not in ("properties", "default", "examples", "enum", "propertyNames")
    )


def is_shallow(
    schema: Any, components: Mapping[str, Any], *, within: frozenset[str] = frozenset()
) -> bool:
    """Return true if the schema limits the nesting depth of a value."""
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name:
        visited = within | {name}
        return name not in within and is_shallow(components[name], components, within=visited)
    inner = [
        *schema.get("anyOf", ()),
        *schema.get("prefixItems", ()),
        *schema.get("properties", {}).values(),
        *(schema[keyword] for keyword in ("items", "additionalProperties") if keyword in schema),
    ]
    if not inner:
        names = schema.get("type", ())
        containers = {"array", "object"}.intersection([names] if isinstance(names, str) else names)
        return "properties" in schema or bool(names and not containers)
    return all(is_shallow(part, components, within=within) for part in inner)


def _required_strategies(type_: Any) -> set[str]:
    """Return the strategies that parts of the type require."""
    required: set[str] = set()
    for part in parts_of(type_):
        annotation = split_annotation(part)
        if is_pydantic(origin_of(annotation.type) or annotation.type):
            required.add("structured")
            continue
        if annotation.param is not None and annotation.param.is_constrained:
            is_own = any(
                isinstance(item, Param) or is_foreign(item) for item in typing.get_args(part)
            )
            is_beyond_schemas = annotation.type is decimal.Decimal or (
                is_own and annotation.param.tz is not None
            )
            if is_beyond_schemas or is_own:
                required.add("structured" if is_beyond_schemas else "checked")
        plain = strip_alias(annotation.type)
        if isinstance(plain, type) and issubclass(plain, enum.Flag):
            required.add("structured")  # msgspec accepts bits that no member has
        for member in members_of(annotation.type) or ():
            is_special = member.is_private or member.converts or member.is_renamed
            if is_special or member.argument is None:
                required.add("structured")
    return required


def parts_of(type_: Any) -> Iterator[Any]:
    """Yield the type and every type inside it, each once."""
    return _parts(type_, seen=set())


def _parts(type_: Any, *, seen: set[Any]) -> Iterator[Any]:
    type_ = strip_alias(type_)
    if isinstance(type_, typing.Hashable):
        if type_ in seen:
            return
        seen.add(type_)
    yield type_
    inner = list(typing.get_args(type_))
    if origin_of(type_) is Annotated:
        inner = inner[:1]
    if origin_of(type_) is typing.Literal:
        return
    if is_pydantic(origin_of(type_) or type_):
        return  # it reads its members itself
    inner += [member.type for member in members_of(type_) or ()]
    for part in inner:
        yield from _parts(part, seen=seen)
