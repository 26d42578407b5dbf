"""The strategy for decoding a type: which of the libraries enforce its schema.

The strategies are described in `_json`. The choice is made once for each type, at start-up.
"""

from __future__ import annotations

import dataclasses
import decimal
import enum
import typing
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from ..annotations import Param, is_foreign, origin_of, split_annotation, strip_alias
from ..document import Definitions
from ..schema import Schema, gathered, is_pydantic, members_of
from ._schema_traits import SchemaTraits

Strategy: TypeAlias = Literal["direct", "checked", "structured"]


def strategy_of(type_: Any, schema: Schema, definitions: Definitions) -> Strategy:
    """Choose the strategy for a type and its schema."""
    required = _required_strategies(type_, definitions)
    if "structured" in required or not _is_supported(type_):
        return "structured"
    if "checked" in required or SchemaTraits.of(definitions).exceeds_msgspec(schema):
        return "checked"
    return "direct"


def is_structured(type_: Any, definitions: Definitions) -> bool:
    """Return true for a type that cattrs has to convert, whatever its schema is."""
    required = _required_strategies(type_, definitions)
    return "structured" in required or not _is_supported(type_)


def _is_supported(type_: Any) -> bool:
    try:
        msgspec.json.Decoder(type_)
    except TypeError:
        return False
    return True


def _required_strategies(type_: Any, definitions: Definitions) -> frozenset[str]:
    """Return the strategies that parts of the type require; found once for each type."""
    known: dict[object, frozenset[str]] = definitions.memo.setdefault("strategies", {})
    return gathered(strip_alias(type_), _inner_types, _own_strategies, known)


def _own_strategies(part: Any) -> frozenset[str]:
    required = set()
    annotation = split_annotation(part)
    if is_pydantic(origin_of(annotation.type) or annotation.type):
        return frozenset(["structured"])
    if annotation.param is not None and annotation.param.is_constrained:
        is_own = any(isinstance(item, Param) or is_foreign(item) for item in typing.get_args(part))
        is_beyond_schemas = annotation.type is decimal.Decimal or (
            is_own and annotation.param.tz is not None
        )
        if is_beyond_schemas or is_own:
            required.add("structured" if is_beyond_schemas else "checked")
    plain = strip_alias(annotation.type)
    if isinstance(plain, type) and issubclass(plain, enum.Flag):
        required.add("structured")  # msgspec accepts bits that no member has
    if _keeps_defaults_in_class(origin_of(plain) or plain):
        required.add("structured")
    for member in members_of(annotation.type) or ():
        is_special = member.is_private or member.converts or member.is_renamed
        if is_special or member.argument is None:
            required.add("structured")
    return frozenset(required)


def _keeps_defaults_in_class(cls: Any) -> bool:
    """Return true for a dataclass without slots that has plain defaults.

    msgspec does not set a default that it finds as an attribute of the class, and does not encode
    what an object does not have itself: the member would be missing in a result.
    """
    return dataclasses.is_dataclass(cls) and any(
        each.default is not dataclasses.MISSING
        and getattr(cls, each.name, dataclasses.MISSING) is each.default
        for each in dataclasses.fields(cls)
    )


def parts_of(type_: Any) -> Iterator[Any]:
    """Yield the type and every type inside it, each once."""
    pending, seen = [strip_alias(type_)], set[object]()
    while pending:
        part = pending.pop()
        if isinstance(part, typing.Hashable):
            if part in seen:
                continue
            seen.add(part)
        yield part
        pending += reversed(_inner_types(part))


def _inner_types(type_: Any) -> list[Any]:
    if origin_of(type_) is typing.Literal:
        return []
    inner = list(typing.get_args(type_))
    if origin_of(type_) is Annotated:
        inner = inner[:1]
    if is_pydantic(origin_of(type_) or type_):
        return [strip_alias(each) for each in inner]  # it reads its members itself
    inner += [member.type for member in members_of(type_) or ()]
    return [strip_alias(each) for each in inner]
