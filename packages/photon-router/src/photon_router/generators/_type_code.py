"""Types as code: scalars, enumerations, unions and defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import attrs

from photon_openapi.document import OpenApi

from ._code_layout import literal

Kind: TypeAlias = Literal[
    "any",
    "none",
    "str",
    "int",
    "float",
    "bool",
    "list",
    "dict",
    "literal",
    "class",
    "file",
    "other",
]

_FORMATS: Final = {
    "date": "datetime.date",
    "date-time": "datetime.datetime",
    "time": "datetime.time",
    "uuid": "UUID",
    "decimal": "Decimal",
}
_BOUNDS: Final = (
    ("minimum", "ge"),
    ("exclusiveMinimum", "gt"),
    ("maximum", "le"),
    ("exclusiveMaximum", "lt"),
    ("multipleOf", "multiple_of"),
)
_LENGTHS: Final = {
    "str": ("minLength", "maxLength"),
    "list": ("minItems", "maxItems"),
    "dict": ("minProperties", "maxProperties"),
}


@attrs.frozen
class TypeCode:
    """A type, as code.

    Attributes:
        text: The type, without ``None``.
        kind: The kind of its values.
        param: The arguments of its `Param`, as code.
        is_nullable: True if ``None`` is a value, too.
    """

    text: str
    kind: Kind = "other"
    param: Mapping[str, str] = attrs.field(factory=dict)
    is_nullable: bool = False

    @property
    def annotation(self) -> str:
        """The annotation of values of the type."""
        text = self.text
        if self.param:
            arguments = ", ".join(f"{name}={value}" for name, value in self.param.items())
            text = f"Annotated[{text}, Param({arguments})]"
        if not self.is_nullable or self.kind in ("any", "none"):
            return text
        return f"{text} | None"

    def named(self, wire_name: str) -> TypeCode:
        """Return the type with a name on the wire."""
        return attrs.evolve(self, param={"name": literal(wire_name), **self.param})

    def nullable(self) -> TypeCode:
        """Return the type with ``None``."""
        return attrs.evolve(self, is_nullable=True)


ANY: Final = TypeCode("Any", "any")
MAPPING: Final = TypeCode("dict[str, Any]", "dict")


def union_of(types: Sequence[TypeCode]) -> TypeCode:
    """Return the union of several types."""
    present = [each for each in types if each.kind != "none"]
    is_nullable = len(present) < len(types) or any(each.is_nullable for each in present)
    if not present:
        return TypeCode("None", "none")
    if any(each.kind == "any" for each in present):
        return ANY
    if len(present) == 1:
        return attrs.evolve(present[0], is_nullable=is_nullable)
    texts = list(dict.fromkeys(_joined_literals(present)))
    if "float" in texts:
        texts = [text for text in texts if text != "int"]
    kinds = {each.kind for each in present}
    kind: Kind = kinds.pop() if len(texts) == 1 else "other"
    return TypeCode(" | ".join(texts), kind, is_nullable=is_nullable)


def default_code(value: object, type_: TypeCode, *, is_member: bool = False) -> str:
    """Return the default of an optional value as code; ``None`` where it cannot be written."""
    kinds: dict[type, tuple[Kind, ...]] = {
        str: ("str", "literal"),
        bool: ("bool", "literal"),
        int: ("int", "float", "literal"),
        float: ("float",),
    }
    if type(value) in kinds and type_.kind in kinds[type(value)]:
        return literal(value)
    is_plain = isinstance(value, list) and type_.text in ("list[str]", "list[int]", "list[Any]")
    if is_member and isinstance(value, list) and type_.kind == "list" and (is_plain or not value):
        return "attrs.field(factory=list)" if not value else _factory(value)
    if is_member and value == {} and type_.kind == "dict":
        return "attrs.field(factory=dict)"
    return "None"


def _factory(value: object) -> str:
    return f"attrs.field(factory=lambda: {literal(value)})"


def _joined_literals(types: Sequence[TypeCode]) -> Iterator[str]:
    """Yield the texts of types, all literals joined in one."""
    bare = [each for each in types if each.kind == "literal" and each.text.startswith("Literal[")]
    values = [each.text.removeprefix("Literal[")[:-1] for each in bare]
    for each in types:
        if each in bare:
            if each is bare[0]:
                yield f"Literal[{', '.join(dict.fromkeys(values))}]"
        else:
            yield attrs.evolve(each, is_nullable=False).annotation


def choices_of(values: Sequence[Any]) -> TypeCode:
    """Return the type of an enumeration."""
    present = [value for value in values if value is not None]
    is_nullable = len(present) < len(values)
    if not present:
        return TypeCode("None", "none")
    if any(not isinstance(value, str | int | bool) for value in present):
        if all(isinstance(value, int | float) for value in present):
            return TypeCode("float", "float", is_nullable=is_nullable)
        return ANY
    texts = dict.fromkeys(map(literal, present))
    return TypeCode(f"Literal[{', '.join(texts)}]", "literal", is_nullable=is_nullable)


def scalar_of(kind: str, schema: OpenApi) -> TypeCode:
    if kind == "null":
        return TypeCode("None", "none")
    if kind == "boolean":
        return TypeCode("bool", "bool")
    if kind in ("integer", "number"):
        name: Kind = "int" if kind == "integer" else "float"
        return TypeCode(name, name, _bounds(schema))
    if schema.get("contentEncoding") == "base64":
        return TypeCode("bytes")
    known = _FORMATS.get(str(schema.get("format")))
    if known is not None:
        return TypeCode(known)
    param = lengths_of("str", schema)
    if isinstance(schema.get("pattern"), str):
        param["pattern"] = literal(schema["pattern"])
    return TypeCode("str", "str", param)


def _bounds(schema: OpenApi) -> dict[str, str]:
    bounds = {name: schema.get(keyword) for keyword, name in _BOUNDS}
    return {
        name: literal(value)
        for name, value in bounds.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def lengths_of(kind: str, schema: OpenApi) -> dict[str, str]:
    lengths = dict(zip(("min_length", "max_length"), map(schema.get, _LENGTHS[kind]), strict=True))
    present = {name: int(value) for name, value in lengths.items() if value is not None}
    if present.get("min_length", 0) > present.get("max_length", 1 << 62):
        return {}
    return {name: literal(value) for name, value in present.items() if value or name[1] == "a"}
