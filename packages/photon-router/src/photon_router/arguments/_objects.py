"""Objects in parameters: the strings of their members to values.

The schema determines how the string of each member is read, regardless of the type of the argument.
The result is validated as a whole, like the same object in JSON, and then converted to the type of
the argument: a mapping is left unchanged, attrs classes and the like are made by the converter. So
an object in a parameter and the same object in a body are both accepted or both rejected.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import attrs
import cattrs

from photon_openapi.codec import (
    RuleErrors,
    json_converter,
    strings_converter,
    structuring_errors,
    takes_strings,
    text_converter,
)
from photon_openapi.document import Definitions
from photon_openapi.errors import MAX_ERRORS, ErrorDetail, Location, ValidationError
from photon_openapi.schema import (
    SchemaCheck,
    default_of,
    others_of,
    properties_of,
    type_of_schema,
)

from ._styles import Tree

_Convert: TypeAlias = Callable[[Tree], object]
_PLAIN = (dict, Any, object, Mapping)


def object_converter(
    schema: Any, definitions: Definitions, type_: Any, *, location: Location, name: str
) -> _Convert:
    """Build the function that makes the value of a parameter that is an object.

    Args:
        schema: The schema of the parameter.
        definitions: The targets of its references.
        type_: The type of the argument.
        location: The location of the parameter, for errors.
        name: The name of the parameter; an error of a member has the name ``name.member``.

    Returns:
        A function from the strings of the members. It raises ``ValidationError`` with every error.

    Raises:
        ValueError: The schema is invalid.
    """
    members = _Members(schema, definitions)
    check = SchemaCheck(schema, components=definitions, assert_formats=definitions.assert_formats)
    structure = structurer(type_, location=location, name=name)

    def convert(tree: Tree) -> object:
        errors: list[ErrorDetail] = []
        plain = members.read(
            tree, lambda path, text: errors.append(_error_detail(location, name, path, text))
        )
        if errors:
            raise ValidationError(errors)
        if not check.is_valid(plain):
            raise ValidationError(named_errors(check.errors(plain), location=location, name=name))
        return structure(plain)

    return convert


def structurer(type_: Any, *, location: Location, name: str) -> Callable[[Any], object]:
    """Return the conversion from plain JSON to a type; plain types are not converted."""
    if type_ in _PLAIN:
        return lambda plain: plain
    converter: cattrs.Converter = json_converter()
    hook = converter.get_structure_hook(type_)
    classes = RuleErrors(type_, converter)

    def structure(plain: Any) -> object:
        try:
            return hook(plain, type_)
        except Exception as error:  # split by structuring_errors
            messages = list(itertools.islice(structuring_errors(error), MAX_ERRORS))
            if classes.is_needed:
                messages = classes.listed(plain) or messages
            errors = [_error_detail(location, name, path, text) for path, text in messages]
            raise ValidationError(errors) from error

    return structure


def named_errors(errors: list[ErrorDetail], *, location: Location, name: str) -> list[ErrorDetail]:
    """Return errors of a value as errors of its parameter."""
    return [
        _error_detail(location, name, tuple(_pointer_tokens(detail.pointer or "")), detail.message)
        for detail in errors
    ] or [ErrorDetail(location, "is not allowed", name=name)]


def _pointer_tokens(pointer: str) -> Iterator[str]:
    for token in pointer.split("/")[1:]:
        yield token.replace("~1", "/").replace("~0", "~")


def _error_detail(
    location: Location, name: str, path: tuple[str | int, ...], message: str
) -> ErrorDetail:
    if message.startswith("missing required member"):
        message = "is required"
    return ErrorDetail(location, message, name=".".join([name, *map(str, path)]))


_Report: TypeAlias = Callable[[tuple[str, ...], str], object]


@attrs.define
class _Members:
    """The members of an object in its schema; compiled when they are first sent."""

    schema: Any
    definitions: Definitions
    _properties: dict[str, Any] = attrs.field(init=False)
    _others: Any = attrs.field(init=False)
    _known: dict[str, _Member] = attrs.field(init=False, factory=dict)
    _other: _Member | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._properties = properties_of(self.schema, self.definitions)
        self._others = others_of(self.schema, self.definitions)

    def read(self, tree: Tree, report: _Report, path: tuple[str, ...] = ()) -> dict[str, object]:
        """Return the values of the members, including defaults; errors go to ``report``."""
        values: dict[str, object] = {}
        for name, strings in tree.items():
            member = self._known.get(name) or self._member(name)
            try:
                values[name] = member.read(strings, report, (*path, name))
            except ValueError as error:
                report((*path, name), str(error))
        for name, schema in self._properties.items():
            if name not in values:
                default = default_of(schema, self.definitions)
                if default is not None:
                    values[name] = default
        return values

    def _member(self, name: str) -> _Member:
        if name in self._properties:
            # Cached for the next request; unknown names from clients are not.
            self._known[name] = _Member.of(self._properties[name], self.definitions)
            return self._known[name]
        if self._other is None:
            self._other = _Member.of(self._others, self.definitions)
        return self._other


@attrs.frozen
class _Member:
    """The conversion of one member's strings: an object, a list or one string."""

    members: _Members | None = None
    convert: Callable[[Any], object] = str
    is_list: bool = False

    @classmethod
    def of(cls, schema: Any, definitions: Definitions) -> _Member:
        type_ = type_of_schema(schema, definitions)
        if type_ is dict:
            return cls(_Members(schema, definitions))
        if takes_strings(type_):
            try:
                return cls(None, strings_converter(type_), True)
            except TypeError:  # a list of objects, which no style supports
                return cls(None, list, True)
        return cls(None, text_converter(type_))

    def read(self, strings: list[str] | Tree, report: _Report, path: tuple[str, ...]) -> object:
        if isinstance(strings, Mapping):
            members = self.members
            if members is None:
                raise ValueError("must be a value, not members")
            return members.read(strings, report, path)
        if self.members is not None:
            raise ValueError("must have members, not a value")
        return self.convert(strings) if self.is_list else self.convert(strings[-1])
