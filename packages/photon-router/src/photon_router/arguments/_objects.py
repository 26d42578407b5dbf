"""Objects in parameters: the texts of their members to values.

The schema says how the text of each member is read, whatever the type of the argument. What comes
out is checked as a whole, as JSON that says the same would be, and then becomes what the handler
asks for: a mapping as it is, an attrs class and its kin by the converter. So an object in a
parameter and the same object in a body are accepted or refused alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import cattrs

from photon_openapi.document import Definitions
from photon_openapi.errors import MAX_ERRORS, ErrorDetail, Location, ValidationError
from photon_openapi.schema import (
    SchemaCheck,
    default_of,
    members_of,
    others_of,
    properties_of,
    refused_by_class,
    type_of_schema,
)

from ._convert import json_converter, structuring_faults, text_converter, texts_converter
from ._styles import Tree
from ._text import takes_texts

_Convert: TypeAlias = Callable[[Tree], object]
_PLAIN = (dict, Any, object, Mapping)


def object_converter(
    schema: Any, definitions: Definitions, type_: Any, *, place: Location, name: str
) -> _Convert:
    """Build the function that makes the value of a parameter that is an object.

    Args:
        schema: The schema of the parameter.
        definitions: What it refers to.
        type_: What the argument asks for.
        place: Where the parameter stands, for faults.
        name: The name of the parameter; a fault of a member is called ``name.member``.

    Returns:
        A function from the texts of the members. It raises ``ValidationError`` with every fault.

    Raises:
        ValueError: The schema is wrong.
    """
    members = _Members(schema, definitions)
    check = SchemaCheck(schema, components=definitions, assert_formats=definitions.assert_formats)
    structure = structurer(type_, place=place, name=name)

    def convert(tree: Tree) -> object:
        faults: list[ErrorDetail] = []
        plain = members.read(
            tree, lambda path, text: faults.append(_fault(place, name, path, text))
        )
        if faults:
            raise ValidationError(faults)
        if not check.is_valid(plain):
            raise ValidationError(named_faults(check.errors(plain), place=place, name=name))
        return structure(plain)

    return convert


def structurer(type_: Any, *, place: Location, name: str) -> Callable[[Any], object]:
    """Return what makes a value of a type from plain JSON; plain types are taken as they are."""
    if type_ in _PLAIN:
        return lambda plain: plain
    converter = json_converter()
    hook = converter.get_structure_hook(type_)

    def structure(plain: Any) -> object:
        try:
            return hook(plain, type_)
        except Exception as error:  # sorted out by structuring_faults
            found = list(itertools.islice(structuring_faults(error), MAX_ERRORS))
            if [path for path, _ in found] == [()]:
                found = _refused_members(type_, plain, converter, found[0][1])
            faults = [_fault(place, name, path, text) for path, text in found]
            raise ValidationError(faults) from error

    return structure


def _refused_members(
    type_: Any, plain: Any, converter: cattrs.Converter, message: str
) -> list[tuple[tuple[str | int, ...], str]]:
    """Return the members that a class refuses by its own rules; itself where it is none of them."""
    known = [(each.name, each) for each in members_of(type_) or () if each.name in plain]
    values = {
        each.argument or name: converter.structure(plain[name], each.type) for name, each in known
    }
    refused = refused_by_class(known, values, ValueError(message))
    return [((name,) if name else (), text) for name, text in refused]


def named_faults(faults: list[ErrorDetail], *, place: Location, name: str) -> list[ErrorDetail]:
    """Return faults of a value as faults of the parameter that it stands in."""
    return [
        _fault(place, name, tuple(_steps(fault.pointer or "")), fault.message) for fault in faults
    ] or [ErrorDetail(place, "is not allowed", name=name)]


def _steps(pointer: str) -> Iterator[str]:
    for step in pointer.split("/")[1:]:
        yield step.replace("~1", "/").replace("~0", "~")


def _fault(place: Location, name: str, path: tuple[str | int, ...], message: str) -> ErrorDetail:
    if message.startswith("missing required member"):
        message = "is required"
    return ErrorDetail(place, message, name=".".join([name, *map(str, path)]))


_Tell: TypeAlias = Callable[[tuple[str, ...], str], object]


@attrs.define
class _Members:
    """The members of an object as its schema states them; looked at when they are first sent."""

    schema: Any
    definitions: Definitions
    _properties: dict[str, Any] = attrs.field(init=False)
    _others: Any = attrs.field(init=False)
    _known: dict[str, _Member] = attrs.field(init=False, factory=dict)
    _other: _Member | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._properties = properties_of(self.schema, self.definitions)
        self._others = others_of(self.schema, self.definitions)

    def read(self, tree: Tree, tell: _Tell, path: tuple[str, ...] = ()) -> dict[str, object]:
        """Return the values of the members, defaults included; faults go to ``tell``."""
        values: dict[str, object] = {}
        for name, texts in tree.items():
            member = self._known.get(name) or self._member(name)
            try:
                values[name] = member.read(texts, tell, (*path, name))
            except ValueError as error:
                tell((*path, name), str(error))
        for name, schema in self._properties.items():
            if name not in values:
                default = default_of(schema, self.definitions)
                if default is not None:
                    values[name] = default
        return values

    def _member(self, name: str) -> _Member:
        if name in self._properties:
            # Kept for the next request; names that clients invent are not.
            self._known[name] = _Member.of(self._properties[name], self.definitions)
            return self._known[name]
        if self._other is None:
            self._other = _Member.of(self._others, self.definitions)
        return self._other


@attrs.frozen
class _Member:
    """How the texts of one member are read: as an object, a list or one text."""

    members: _Members | None = None
    convert: Callable[[Any], object] = str
    is_list: bool = False

    @classmethod
    def of(cls, schema: Any, definitions: Definitions) -> _Member:
        type_ = type_of_schema(schema, definitions)
        if type_ is dict:
            return cls(_Members(schema, definitions))
        if takes_texts(type_):
            try:
                return cls(None, texts_converter(type_), True)
            except TypeError:  # a list of objects: no style writes one
                return cls(None, list, True)
        return cls(None, text_converter(type_))

    def read(self, texts: list[str] | Tree, tell: _Tell, path: tuple[str, ...]) -> object:
        if isinstance(texts, Mapping):
            members = self.members
            if members is None:
                raise ValueError("takes a value, not members")
            return members.read(texts, tell, path)
        if self.members is not None:
            raise ValueError("takes members, not a value")
        return self.convert(texts) if self.is_list else self.convert(texts[-1])
